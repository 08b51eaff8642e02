// The formats of Jepsen: histories in EDN, one vector of maps or one map a line; and its log of
// plain text.

import type { HistoryEvent, Plain } from '../event.ts'
import type { EdnForm } from './edn.ts'
import { EdnReader } from './edn.ts'
import type { Format } from './format.ts'
import { eventType, FormatError, lineReader } from './format.ts'

/** Whole histories as data: `{:process 0, :type :invoke, :f :write, :value 1}`. */
export const jepsenEdn: Format = {
  name: 'edn',
  recognise: (head) => /^\s*(;[^\n]*\n\s*)*[[({#]/.test(head) && /:(type|process)\b/.test(head),
  reader: () => {
    const edn = new EdnReader()
    const events = (forms: readonly EdnForm[]): HistoryEvent[] => {
      return forms.flatMap((form) => eventOf(form) ?? [])
    }
    return { push: (text) => events(edn.push(text)), end: () => events(edn.end()) }
  },
  write: ({ process, type, f, key, value, time }) => {
    const fields = [`:process ${process}`, `:type :${type}`, `:f :${f}`]
    if (key !== undefined) fields.push(`:key ${edn(key)}`)
    fields.push(`:value ${edn(value)}`)
    if (time !== undefined) fields.push(`:time ${time}`)
    return `{${fields.join(', ')}}\n`
  },
}

/** Lines as `INFO  jepsen.util - 0 :invoke :write 1`, with tabs; others say nothing. */
export const jepsenLog: Format = {
  name: 'jepsen-log',
  recognise: (head) => /jepsen\.util - \S+\s+:(invoke|ok|fail|info)\b/.test(head),
  reader: () => lineReader(readLogLine),
  write: ({ process, type, f, value }) => {
    return `INFO  jepsen.util - ${process}\t:${type}\t:${f}\t${edn(value)}\n`
  },
}

const LOGGER = 'jepsen.util - '

function readLogLine(line: string, number: number): HistoryEvent | null {
  const start = line.indexOf(LOGGER)
  if (start < 0) return null
  const words = /^(\d+)\s+(\S+)\s*(\S*)\s*(.*)$/.exec(line.slice(start + LOGGER.length))
  // The nemesis, or what is no event.
  if (words === null) return null
  const [, process = '', type = '', f = '', value = ''] = words
  const known = eventType(type.slice(1))
  if (known === null) {
    const expected = ':invoke, :ok, :fail or :info was expected'
    throw new FormatError(number, line.indexOf(type) + 1, `the type is '${type}'; ${expected}`)
  }
  if (value === '') throw new FormatError(number, line.length + 1, 'the line ends before its value')
  return { process: Number(process), type: known, f: f.slice(1), value: one(value, number) }
}

function one(text: string, number: number): Plain {
  const reader = new EdnReader()
  // A vector of its own is read as the list of its elements: one around it keeps it whole.
  const [form] = [...reader.push(`[${text}]`), ...reader.end()]
  if (form === undefined) throw new FormatError(number, 1, `'${text}' is no value`)
  return form.value
}

function eventOf({ value, line, column }: EdnForm): HistoryEvent | null {
  const fail = (what: string): never => {
    throw new FormatError(line, column, what)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail('this is no map; an event such as {:process 0, :type :invoke, ...} was expected')
  }
  const { process, type, f, key, value: told, time } = value as Readonly<Record<string, Plain>>
  // The nemesis and its like are no clients.
  if (typeof process !== 'number') return null
  const known = eventType(type)
  if (known === null) {
    return fail(`:type is ${JSON.stringify(type)}; :invoke, :ok, :fail or :info was expected`)
  }
  if (typeof f !== 'string') return fail(`:f is ${JSON.stringify(f)}; a keyword was expected`)
  return {
    process,
    type: known,
    f,
    value: told ?? null,
    ...(key === undefined || key === null ? {} : { key }),
    ...(typeof time === 'number' ? { time } : {}),
  }
}

/** A value as EDN. */
function edn(value: Plain): string {
  if (value === null) return 'nil'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}N`
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${(value as readonly Plain[]).map(edn).join(' ')}]`
  const fields = Object.entries(value as Readonly<Record<string, Plain>>)
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)} ${edn(field)}`).join(', ')}}`
}
