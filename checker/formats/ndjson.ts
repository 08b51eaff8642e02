// Histories as JSON, one event a line, with Jepsen's fields.

import type { HistoryEvent, Plain } from '../event.ts'
import type { Format } from './format.ts'
import { eventType, FormatError, lineReader } from './format.ts'

/** `{"process":0,"type":"invoke","f":"write","value":1}`, one a line. */
export const ndjson: Format = {
  name: 'ndjson',
  recognise: (head) => /^\s*\{\s*"/.test(head),
  reader: () => lineReader(readJsonLine),
  write: (event) => `${JSON.stringify(event)}\n`,
}

function readJsonLine(line: string, number: number): HistoryEvent | null {
  if (line.trim() === '') return null
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1]
    const column = at === undefined ? line.length + 1 : Number(at) + 1
    throw new FormatError(number, column, 'this is no JSON; an object on one line was expected')
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw new FormatError(number, 1, 'this is no object; {"process":0,"type":...} was expected')
  }
  const lost = lostInteger(read)
  if (lost !== null) {
    const at = Math.max(0, line.search(/\d{16}/))
    throw new FormatError(number, at + 1, `an integer near ${lost}, beyond 2^53: write it as text`)
  }
  const { process, type, f, key, value, time } = read as Readonly<Record<string, Plain>>
  if (typeof process !== 'number') return null
  const known = eventType(type)
  if (known === null) {
    const expected = '"invoke", "ok", "fail" or "info" was expected'
    throw new FormatError(number, 1, `"type" is ${JSON.stringify(type)}; ${expected}`)
  }
  if (typeof f !== 'string') {
    const expected = 'the name of what is asked was expected'
    throw new FormatError(number, 1, `"f" is ${JSON.stringify(f)}; ${expected}`)
  }
  const event = { process, type: known, f, value: value ?? null }
  const keyed = key === undefined || key === null ? event : { ...event, key }
  return typeof time === 'number' ? { ...keyed, time } : keyed
}

/** An integer within that JSON could not read to the last digit, or null. */
function lostInteger(value: unknown): number | null {
  if (typeof value === 'number') {
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? value : null
  }
  if (typeof value !== 'object' || value === null) return null
  for (const one of Object.values(value)) {
    const lost = lostInteger(one)
    if (lost !== null) return lost
  }
  return null
}
