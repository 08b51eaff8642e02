// The words of history files, whatever their format: events as clients report them, and of an
// operation what was asked and what was told. Knows no format and no model.

/**
 * Data as files hold it. Keywords, symbols and characters are strings (a keyword's has no colon).
 * Integers beyond 2^53 are bigint, so that none loses a digit. A map whose keys are all names or
 * strings is an object with those fields; any other map is a Map.
 */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Plain[]
  | PlainMap
  | ReadonlySet<Plain>
  | ReadonlyMap<Plain, Plain>
  | Tagged

/** A map with names as its keys: an ordinary object. */
export interface PlainMap {
  readonly [name: string]: Plain
}

/** A value with a tag that is given no meaning here, such as EDN's `#inst "..."`. */
export class Tagged {
  readonly tag: string
  readonly value: Plain

  constructor(tag: string, value: Plain) {
    this.tag = tag
    this.value = value
  }
}

/** Whether `value` is a map with names as its keys. */
export function isPlainMap(value: Plain): value is PlainMap {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  return !(value instanceof Set || value instanceof Map || value instanceof Tagged)
}

/** One line of a history: an invocation or how it ended, in Jepsen's words. */
export interface HistoryEvent {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly process: number
  readonly f: string
  /** The object that is meant, of several; undefined: there is one. */
  readonly key?: Plain
  readonly value: Plain
  /**
   * Nanoseconds, when the file has them; beyond 2^53 rounded to the nearest double (since 1970: to
   * 256 ns). The order of events in the file is the real-time order, whatever this says.
   */
  readonly time?: number
}

/** What was asked, as files say it. */
export interface Asked {
  readonly f: string
  readonly key?: Plain
  readonly value: Plain
  readonly process: number
  /** Position of the invocation among the events of the history, unless its instant says that. */
  readonly position?: number
  /** Nanoseconds of the invocation and of the answer (Infinity: none), when the file has them. */
  readonly time?: number
  readonly timeReturned?: number
}

/** What was answered. */
export interface Told {
  readonly value: Plain
  readonly failed?: boolean
}
