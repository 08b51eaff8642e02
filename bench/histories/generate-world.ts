// What the generator of histories and its servers know of each other.

import type { Plain } from '../../checker/event.ts'

/** What the server is. `lock` has fencing tokens and owners; the stores of strings are `kv`. */
export type HistoryKind =
  | 'lock'
  | 'mutex'
  | 'semaphore'
  | 'rw-lock'
  | 'register'
  | 'register-unique'
  | 'cas-register'
  | 'kv'
  | 'kv-append'
  | 'queue'
  | 'set'

export type Lie =
  | 'double-grant'
  | 'early-token'
  | 'same-token'
  | 'stale-read'
  | 'lost-write'
  | 'phantom-read'
  | 'duplicate-item'
  | 'out-of-order'
  | 'phantom-item'

export interface GenerateOptions {
  readonly kind: HistoryKind
  /** Invocations. */
  readonly operations: number
  readonly seed?: number
  /** 10 when not given. */
  readonly clients?: number
  /** 1 when not given: then events have no key. */
  readonly keys?: number
  /** Share of operations whose answer never comes; 0 when not given. */
  readonly crashRate?: number
  readonly lie?: Lie
  /** Share of the operations before the lie is told, at the first occasion; 0.9 when not given. */
  readonly lieAt?: number
  /** Of a semaphore; 3 when not given. */
  readonly permits?: number
  /** How many values small registers have; 5 when not given. */
  readonly values?: number
}

/** How an operation ends for its client, other than well. */
export type Fate = 'answered' | 'lostRequest' | 'lostAnswer' | 'lateRequest'

/** One operation on its way. */
export interface Job {
  readonly client: number
  readonly process: number
  readonly key: number
  readonly f: string
  readonly value: Plain
  readonly fate: Fate
  readonly position: number
  readonly called: number
  /** When its client had the answer; Infinity before. */
  returned: number
  answer: Plain
  failed: boolean
  /** What the service notes of it. */
  note: unknown
}

export interface Asking {
  readonly key: number
  readonly f: string
  readonly value: Plain
  /** What the service notes of it. */
  readonly note?: unknown
  /** Fates that would leave the service stuck become others. */
  readonly kind: 'plain' | 'acquire' | 'release'
}

/** The one server, and what its clients want of it. */
export interface Service {
  /** What a client asks next; null: it waits a little. */
  next(client: number): Asking | null
  called(job: Job): void
  /** The request is there: true when it is answered at once. */
  arrive(job: Job): boolean
  /** Its client has the answer. May still change it. */
  deliver(job: Job): void
  /** Its client gave it up. */
  giveUp(job: Job): void
  /** Something the service has put off. */
  later(note: unknown): void
}

/** What a service may do. */
export interface World {
  readonly options: Required<Omit<GenerateOptions, 'lie'>>
  below(limit: number): number
  /** The lie that is to be told now, or null. */
  lieNow(): Lie | null
  /** The lie is told, in the answer to `job`. */
  told(job: Job, lie: Lie): void
  /** Answers a job that had to wait. */
  answer(job: Job): void
  putOff(note: unknown): void
  /** Instant of the event that is handled. */
  now(): number
}
