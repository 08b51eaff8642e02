// Histories in EDN: one vector or list of maps, as Jepsen stores them, or one map after another, as
// the log of the key-value store that Porcupine is tested with. The nemesis is passed over.

import type { HistoryEvent } from '../event.ts'
import { EdnReader } from './edn-reader.ts'
import type { EdnScanner } from './edn-scanner.ts'
import { writeEdn, writeName } from './edn-writer.ts'
import { EventFields, field, fieldAt } from './event-fields.ts'
import type { Field } from './event-fields.ts'
import type { Format, HistoryReader, Place, ReadOptions } from './format.ts'
import { code } from './text-scanner.ts'

/** `{:process 0, :type :invoke, :f :write, :value 1}`, and as many as there are. */
export const jepsenEdn: Format = {
  name: 'edn',
  recognise: (head) => {
    return /^([\s,]|;.*\n|#_)*(#[\w.]+[\s,]*)?[[({]([\s,]|;.*\n)*([{:#\])};]|$)/.test(head)
  },
  reader: (options) => new EdnEvents(options ?? {}),
  write: ({ type, process, f, key, value, time }) => {
    const keyText = key === undefined ? '' : `:key ${writeEdn(key)}, `
    const timeText = time === undefined ? '' : `, :time ${writeEdn(time)}`
    const head = `{:process ${process}, :type :${type}, :f ${writeName(f)}, `
    return `${head}${keyText}:value ${writeEdn(value)}${timeText}}\n`
  }
}

/** Porcupine's log: get, put and append, with keys and values that are strings; no times. */
export const porcupineKv: Format = {
  name: 'porcupine-kv',
  recognise: (head) => {
    const line = /^\{:process \d+, :type :\w+, :f :(get|put|append), :key "[^\n]*\}(\r?\n|$)/
    return line.test(head)
  },
  reader: (options) => new EdnEvents(options ?? {}),
  write: ({ type, process, f, key, value }) => {
    if (!/^(get|put|append)$/.test(f)) throw new TypeError(`porcupine-kv has no operation ${f}`)
    if (typeof key !== 'string') throw new TypeError('porcupine-kv has only keys that are strings')
    if (typeof value !== 'string' && value !== null) {
      throw new TypeError('porcupine-kv has only values that are strings')
    }
    return jepsenEdn.write({ type, process, f, key, value })
  }
}

class EdnEvents implements HistoryReader {
  readonly #edn: EdnReader<HistoryEvent>
  readonly #fields: EventFields

  constructor(options: ReadOptions) {
    this.#edn = new EdnReader((scanner) => readEvent(scanner, this.#fields))
    const { scanner } = this.#edn
    this.#fields = new EventFields(options, (at, what) => scanner.fail(at, what))
  }

  push(text: string): readonly HistoryEvent[] {
    return this.#edn.push(text)
  }

  end(): readonly HistoryEvent[] {
    const events = this.#edn.end()
    this.#fields.end(this.placeOf(events.length))
    return events
  }

  placeOf(index: number): Place {
    return this.#edn.placeOf(index)
  }
}

/** Reads one map (or record) as an event, with no map in between. */
function readEvent(scanner: EdnScanner, fields: EventFields): HistoryEvent | undefined {
  const start = scanner.at
  if (scanner.text.charCodeAt(start) === code.hash) openRecord(scanner, start)
  if (scanner.text.charCodeAt(scanner.at) !== code.openCurly) {
    scanner.form()
    scanner.fail(start, 'a form that is no map, expected an event {:process 0, :type :invoke, ...}')
  }
  scanner.at += 1
  fields.begin(start)
  for (;;) {
    const next = scanner.skipBlank()
    if (next === code.closeCurly) break
    if (next === -1) scanner.ended('a map', start)
    const name = readFieldName(scanner, next)
    const after = scanner.skipBlank()
    const valueAt = scanner.at
    if (after === code.closeCurly) scanner.fail(valueAt, 'a key without a value, expected both')
    if (after === -1) scanner.ended('a map', start)
    fields.set(name, scanner.form(), valueAt)
  }
  scanner.at += 1
  return fields.finish()
}

function openRecord(scanner: EdnScanner, start: number): void {
  if (scanner.text.charCodeAt(start + 1) === code.openCurly) return
  scanner.tag()
  if (scanner.skipBlank() === -1) scanner.ended('a tagged value', start)
}

function readFieldName(scanner: EdnScanner, next: number): Field {
  if (next === code.colon) {
    const from = scanner.at + 1
    const to = scanner.tokenEnd(from)
    if (to > from) {
      scanner.at = to
      return fieldAt(scanner.text, from, to)
    }
  }
  const name = scanner.form()
  return typeof name === 'string' ? fieldAt(name, 0, name.length) : field.none
}
