// The fields of one event while it is read, and the event they make. The same for every format
// with Jepsen's fields. Which text they come from, it does not know: places are offsets.

import { Tagged } from '../event.ts'
import type { HistoryEvent, Plain } from '../event.ts'
import { FormatError } from './format.ts'
import type { Place, ReadOptions } from './format.ts'

/** Which field of an event is meant: one bit each, or `none` for a field that is of no use here. */
export const field = { none: 0, type: 1, process: 2, f: 4, key: 8, value: 16, time: 32 } as const

/** One of the bits of `field`. */
export type Field = (typeof field)[keyof typeof field]

/** Which field has the name `text.slice(from, to)`. */
export function fieldAt(text: string, from: number, to: number): Field {
  switch (to - from) {
    case 1:
      return text.charCodeAt(from) === 0x66 ? field.f : field.none
    case 3:
      return text.startsWith('key', from) ? field.key : field.none
    case 4:
      if (text.startsWith('type', from)) return field.type
      return text.startsWith('time', from) ? field.time : field.none
    case 5:
      return text.startsWith('value', from) ? field.value : field.none
    case 7:
      return text.startsWith('process', from) ? field.process : field.none
    default:
      return field.none
  }
}

/** Throws a FormatError that names the place at this offset. */
export type Fail = (at: number, what: string) => never

/** Collects the fields of one event after another. */
export class EventFields {
  readonly #isIndependent: boolean
  readonly #fail: Fail
  #hasEvents = false
  #seen = 0
  #start = 0
  #type: Plain = null
  #typeAt = 0
  #process: Plain = null
  #processAt = 0
  #f: Plain = null
  #fAt = 0
  #key: Plain = null
  #value: Plain = null
  #valueAt = 0
  #time: Plain = null
  #timeAt = 0

  constructor(options: ReadOptions, fail: Fail) {
    this.#isIndependent = options.independent ?? false
    this.#fail = fail
  }

  /** A new event begins at this offset. */
  begin(start: number): void {
    this.#seen = 0
    this.#start = start
    this.#value = null
    this.#time = null
  }

  /** Its next field, with the offset of the value. */
  set(name: Field, value: Plain, at: number): void {
    if (name === field.none) return
    if ((this.#seen & name) !== 0) this.#fail(at, 'the field is given twice, expected each once')
    this.#seen |= name
    switch (name) {
      case field.type:
        this.#type = value
        this.#typeAt = at
        return
      case field.process:
        this.#process = value
        this.#processAt = at
        return
      case field.f:
        this.#f = value
        this.#fAt = at
        return
      case field.key:
        this.#key = value
        return
      case field.value:
        this.#value = value
        this.#valueAt = at
        return
      case field.time:
        this.#time = value
        this.#timeAt = at
    }
  }

  /** The event is complete. Undefined: it is the nemesis's, and to be passed over. */
  finish(): HistoryEvent | undefined {
    const process = this.#takeProcess()
    if (process === undefined) return undefined
    const type = this.#takeType()
    const f = this.#takeF()
    if (this.#isIndependent || this.#value instanceof Tagged) this.#splitTuple(type)
    const value = this.#value
    const key = this.#key
    const time = this.#takeTime()
    this.#hasEvents = true
    // Spelled out: a spread costs many times as much.
    if ((this.#seen & field.key) === 0) {
      return time === undefined ? { type, process, f, value } : { type, process, f, value, time }
    }
    if (time === undefined) return { type, process, f, key, value }
    return { type, process, f, key, value, time }
  }

  /** The file ends at `place`. With no event there is nothing to judge, and ok would be wrong. */
  end(place: Place): void {
    if (this.#hasEvents) return
    const what = 'the file ends with no event of a client in it, expected one'
    throw new FormatError(place, what, true)
  }

  #takeProcess(): number | undefined {
    this.#need(field.process, 'process')
    const process = this.#process
    if (typeof process === 'number' && Number.isSafeInteger(process)) return process
    if (process === 'nemesis') return undefined
    const expected = 'expected an integer below 2^53, or nemesis'
    return this.#fail(this.#processAt, `a process that is no integer, ${expected}`)
  }

  #takeType(): HistoryEvent['type'] {
    this.#need(field.type, 'type')
    const type = this.#type
    if (type === 'invoke' || type === 'ok' || type === 'fail' || type === 'info') return type
    const what = typeof type === 'string' ? `an unknown type "${type}"` : 'a type that is no name'
    return this.#fail(this.#typeAt, `${what}, expected invoke, ok, fail or info`)
  }

  #takeF(): string {
    this.#need(field.f, 'f')
    if (typeof this.#f === 'string') return this.#f
    return this.#fail(this.#fAt, 'an f that is no name, expected one such as read')
  }

  #takeTime(): number | undefined {
    const time = this.#time
    if (time === null) return undefined
    if (typeof time === 'number' && Number.isFinite(time)) return time
    if (typeof time === 'bigint') return Number(time)
    return this.#fail(this.#timeAt, 'a time that is no number, expected nanoseconds')
  }

  #need(name: Field, text: string): void {
    if ((this.#seen & name) !== 0) return
    this.#fail(this.#start, `an event without ${text}, expected process, type, f and value`)
  }

  /** Makes `[key value]` a key and a value. An answer that tells nothing may have no key. */
  #splitTuple(type: HistoryEvent['type']): void {
    const tuple = tupleOf(this.#value)
    if (tuple !== null) {
      if ((this.#seen & field.key) !== 0) {
        this.#fail(this.#valueAt, 'a tuple besides the field key, expected one key')
      }
      this.#seen |= field.key
      this.#key = tuple[0]
      this.#value = tuple[1]
    } else if (this.#isIndependent && (type === 'invoke' || type === 'ok')) {
      const at = (this.#seen & field.value) === 0 ? this.#start : this.#valueAt
      this.#fail(at, 'a value that is no tuple, expected [key value]')
    }
  }
}

/** A list of two, or one with a tag such as `jepsen.independent.Tuple`; else null. */
function tupleOf(value: Plain): readonly [Plain, Plain] | null {
  const isTagged = value instanceof Tagged
  if (isTagged && !/(^|[./])(Tuple|MapEntry)$/.test(value.tag)) return null
  const items = isTagged ? value.value : value
  return Array.isArray(items) && items.length === 2 ? (items as [Plain, Plain]) : null
}
