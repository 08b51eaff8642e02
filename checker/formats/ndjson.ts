// NDJSON: Jepsen's fields as one JSON object a line.

import type { HistoryEvent } from '../event.ts'
import { EventFields, fieldAt } from './event-fields.ts'
import type { Field } from './event-fields.ts'
import type { Format, HistoryReader, Place, ReadOptions } from './format.ts'
import { JsonScanner } from './json-scanner.ts'
import { writeJson } from './json-writer.ts'
import { code } from './text-scanner.ts'
import { WholeLines } from './whole-lines.ts'

/** `{"process":0,"type":"invoke","f":"write","value":1}`, one a line. */
export const ndjson: Format = {
  name: 'ndjson',
  recognise: (head) => /^\s*\{\s*("([^"\\]|\\.)*"\s*:|\}|$)/.test(head),
  reader: (options) => new JsonEvents(options ?? {}),
  write: ({ type, process, f, key, value, time }) => {
    const keyText = key === undefined ? '' : `"key":${writeJson(key)},`
    const timeText = time === undefined ? '' : `,"time":${writeJson(time)}`
    const head = `{"process":${process},"type":"${type}","f":${writeJson(f)},`
    return `${head}${keyText}"value":${writeJson(value)}${timeText}}\n`
  }
}

class JsonEvents implements HistoryReader {
  readonly #scanner = new JsonScanner()
  readonly #lines = new WholeLines()
  readonly #fields: EventFields
  #starts: number[] = []

  constructor(options: ReadOptions) {
    this.#fields = new EventFields(options, (at, what) => this.#scanner.fail(at, what))
  }

  push(text: string): readonly HistoryEvent[] {
    return this.#read(this.#lines.push(text))
  }

  end(): readonly HistoryEvent[] {
    const events = this.#read(`${this.#lines.rest()}\n`)
    this.#fields.end(this.#lines.end)
    return events
  }

  placeOf(index: number): Place {
    return this.#scanner.placeOf(this.#starts[index] ?? 0)
  }

  #read(lines: string): HistoryEvent[] {
    const scanner = this.#scanner
    const events: HistoryEvent[] = []
    const starts: number[] = []
    this.#starts = starts
    scanner.load(lines, this.#lines.start)
    while (scanner.at < lines.length) {
      const next = scanner.skipBlank()
      const start = scanner.at
      if (next !== code.newline) {
        const event = this.#readEvent(next, start)
        if (event !== undefined) {
          events.push(event)
          starts.push(start)
        }
        if (scanner.skipBlank() !== code.newline) scanner.unexpected(scanner.at, 'a new line')
      }
      scanner.at += 1
    }
    return events
  }

  #readEvent(next: number, start: number): HistoryEvent | undefined {
    const scanner = this.#scanner
    const fields = this.#fields
    if (next !== code.openCurly) scanner.unexpected(start, 'a JSON object')
    scanner.at += 1
    fields.begin(start)
    if (scanner.skipBlank() === code.closeCurly) scanner.at += 1
    else {
      do {
        const name = readFieldName(scanner)
        scanner.take(code.colon)
        scanner.skipBlank()
        const valueAt = scanner.at
        fields.set(name, scanner.value(), valueAt)
      } while (scanner.goesOn(code.closeCurly, '"," or "}"'))
    }
    return fields.finish()
  }
}

function readFieldName(scanner: JsonScanner): Field {
  if (scanner.skipBlank() !== code.quote) scanner.unexpected(scanner.at, 'a field name in quotes')
  const { text } = scanner
  const from = scanner.at + 1
  let to = from
  while (isLetter(text.charCodeAt(to))) to += 1
  if (text.charCodeAt(to) === code.quote) {
    scanner.at = to + 1
    return fieldAt(text, from, to)
  }
  const name = scanner.string()
  return fieldAt(name, 0, name.length)
}

function isLetter(character: number): boolean {
  return character >= 0x61 && character <= 0x7a
}
