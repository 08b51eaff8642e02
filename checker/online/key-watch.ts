// What watches one lock while its history happens: told of each event once, in order, it says at
// which one the history has become impossible, or that from now on only a search can tell.

import type { Asked, HistoryEvent, Told } from '../event.ts'
import type { Operation } from '../history.ts'

/** What the models of locks are asked, as far as a watch looks at it. */
export interface LockAsked {
  readonly type: 'acquire' | 'release'
  readonly key: string
  readonly owner: string
  /** Of a semaphore. */
  readonly permits?: number
}

/** What was asked, from when its answer has not come. */
export interface Request {
  readonly event: HistoryEvent
  /** Its place among the events, from 1. */
  readonly position: number
  readonly input: LockAsked
  /** No answer will come; it may still take effect. */
  isCrashed: boolean
  /** Why it has taken effect before its answer; null: nothing calls for that. */
  used: Used | null
}

/** A release that has taken effect, since what somebody else was told calls for that. */
export interface Used {
  /** The state that it took effect in. */
  readonly state: unknown
  /** What it ended, and what was granted after it. */
  readonly held: Grant | null
  readonly next: Grant
}

/** How a request ended. */
export interface Answer {
  readonly event: HistoryEvent
  readonly position: number
}

/** A request that was granted. */
export interface Grant {
  readonly request: Request
  readonly answer: Answer
}

/** Why the history is impossible: a sentence, and the operations that show it. */
export interface Impossible {
  readonly message: string
  readonly operations: readonly FileOperation[]
}

/** An operation as files have it. */
export type FileOperation = Operation<Asked, Told>

/** What a lock has come to: its state, and the unanswered requests that may yet take effect. */
export interface Standing {
  readonly state: unknown
  readonly crashed: readonly Request[]
}

/** Watches one lock. */
export interface KeyWatch {
  /** Takes note of what is asked. False: what comes of it only a search can tell. */
  ask(request: Request): boolean
  /** What is granted; `output` as the model has it, undefined: the answer tells nothing. */
  grant(request: Request, output: unknown, answer: Answer): Impossible | null
  /** It did not happen, and will not. */
  drop(request: Request, answer: Answer): Impossible | null
  /** No answer will come. */
  crash(request: Request): void
  /** Where a search can go on from; null: nowhere but from the beginning. */
  standing(): Standing | null
}

/** The operation of a request and its end; without one it may still take effect. */
export function operationOf(
  { event, position }: Pick<Request, 'event' | 'position'>,
  answer?: Answer,
): FileOperation {
  const { process, f, key, value, time } = event
  const asked: Asked = {
    process,
    f,
    ...(key === undefined ? {} : { key }),
    value,
    position,
    ...(time === undefined ? {} : { time }),
  }
  const operation = { process, input: asked, call: position }
  if (answer === undefined) return { ...operation, return: Infinity, outcome: 'info' }
  const { position: answered, event: { type, value: told } } = answer
  if (type === 'fail') return { ...operation, return: answered, outcome: type }
  const output = { value: told, failed: false }
  return { ...operation, return: answered, outcome: 'ok', output }
}

/** Says when: by the clock of the history if it has one, else by the number of the event. */
export function sayWhen({ event: { time }, position }: Answer): string {
  if (time === undefined) return `event ${position}`
  const seconds = time / 1_000_000_000
  return `${seconds.toFixed(Number.isInteger(time / 1_000_000) ? 3 : 6)} s`
}

/** Names a lock. */
export function nameOf(key: string): string {
  return key === '' ? 'the lock' : key
}
