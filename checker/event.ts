// The words of history files, whatever their format: events as clients report them, and of an
// operation what was asked and what was told. Knows no model.

/** A map of a file: its keys are strings. */
export interface PlainMap {
  readonly [name: string]: Plain
}

/** A set of a file: its elements in any order. */
export interface PlainSet {
  readonly set: readonly Plain[]
}

/** Data as files hold it. Integers beyond 2^53 are bigint. */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Plain[]
  | PlainSet
  | PlainMap

/** One line of a history: an invocation or how it ended, in Jepsen's words. */
export interface HistoryEvent {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly process: number
  readonly f: string
  /** The object that is meant, of several; undefined: there is one. */
  readonly key?: Plain
  readonly value: Plain
  /** Nanoseconds, when the file has them. The order of events is the real-time order. */
  readonly time?: number
}

/** What was asked, as files say it. */
export interface Asked {
  readonly f: string
  readonly key?: Plain
  readonly value: Plain
  readonly process: number
  /** Position of the invocation among the events of the history. */
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
