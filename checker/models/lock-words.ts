// The words that files have for plain locks, and what the models of locks share.

import type { Asked, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import type { LockWords } from '../mutex-monitors.ts'
import { isSame, partitionByKey, type NamedModel } from './named-model.ts'
import { keyOf, ownerOf, showKey } from './plain.ts'

/** What a plain lock is asked. `owner` is the process, unless the file names one. */
export interface PlainLockInput {
  readonly type: 'acquire' | 'release'
  readonly key: string
  readonly owner: string
}

/**
 * Whether it took effect. False: at some instant of the operation it was refused: an acquire since
 * the lock was held, a release since its owner did not hold it.
 */
export type PlainLockOutput = boolean

/** Makes the file's words an input of a plain lock. */
export function askLock(asked: Asked): PlainLockInput | null {
  const type = lockWord(asked.f)
  return type === null ? null : { type, key: keyOf(asked), owner: ownerOf(asked) }
}

/** The kind of operation that a word of a file means, or null. */
export function lockWord(f: string): 'acquire' | 'release' | null {
  if (f === 'acquire' || f === 'lock') return 'acquire'
  return f === 'release' || f === 'unlock' ? 'release' : null
}

/** Makes the file's answer an output of a plain lock. */
export function tellLock(_input: unknown, { failed }: Told): PlainLockOutput {
  return failed !== true
}

/** A refused operation changes nothing. */
export function isRefused(_input: unknown, output: unknown): boolean {
  return output === false
}

/** What the judgements of locks without a search ask of an operation. */
export const words: LockWords<PlainLockInput> = {
  stepOf: ({ type }) => type,
  ownerOf: ({ owner }) => owner
}

/** Whether something was refused: that nobody but a search judges. */
export function hasRefused(part: readonly Operation<unknown, unknown>[]): boolean {
  return part.some(({ outcome, output }) => outcome === 'ok' && output === false)
}

/** Says an operation of a plain lock: `process 3: acquire L -> ok`. */
export function describePlainLock(
  { type, key, owner }: PlainLockInput,
  output: PlainLockOutput | undefined
): string {
  const answer = output === undefined ? '?' : output ? 'ok' : 'refused'
  return `${owner}: ${type}${showKey(key)} -> ${answer}`
}

type Shared = 'isObserver' | 'equal' | 'partition' | 'ask' | 'tell' | 'describe'

/** The members that models of plain locks with a state of one word or number share. */
export const plainLock: Pick<
  NamedModel<string | number, PlainLockInput, PlainLockOutput>,
  Shared
> = {
  isObserver: isRefused,
  equal: isSame,
  partition: partitionByKey,
  ask: askLock,
  tell: tellLock,
  describe: describePlainLock
}
