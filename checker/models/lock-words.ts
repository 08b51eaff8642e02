// The words that files have for plain locks, and what the models of locks share.

import { AskedTable } from '../asked-table.ts'
import type { Asked, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import { holdingsOf, type Holding, type HoldingRules } from '../holdings.ts'
import type { LockWords } from '../mutex-monitors.ts'
import { isSame, partitionByKey, type NamedModel } from './named-model.ts'
import { turnsOf, type TurnWords } from './lock-units.ts'
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

/** Makes one object of inputs that recur: a client of a lock asks for the same over and over. */
export function shared<Input>(ask: (asked: Asked) => Input | null): (asked: Asked) => Input | null {
  const table = new AskedTable(ask)
  return (asked) => table.get(asked)
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

/** Whether an operation was refused, which says that somebody holds the lock, or does not. */
function isLook({ output }: Operation<unknown, unknown>): boolean {
  return output === false
}

/** The groups of a lock that its owner holds once, and frees with one release. */
export function turns<Input extends { readonly type: string; readonly owner: string }, Output>(
  part: readonly Operation<Input, Output>[]
): readonly (readonly Operation<Input, Output>[])[] {
  const turnWords: TurnWords<Input, Output> = {
    ownerOf: ({ owner }) => owner,
    levelsOf: ({ input }) => (input.type === 'acquire' ? 1 : null),
    isLook
  }
  return turnsOf(part, turnWords)
}

/** Whether each asks for one thing after another, and for sure has what it gives back. */
function givesBackItsOwn<Input extends PermitInput, Output>(
  part: readonly Operation<Input, Output>[],
  levelsOf: (operation: Operation<Input, Output>) => number
): boolean {
  const owners = new Map<string, { levels: number; until: number }>()
  const byCall = part.filter((one) => !isLook(one)).sort((a, b) => a.call - b.call)
  return byCall.every((operation) => {
    const { input, outcome, call } = operation
    const own = owners.get(input.owner) ?? { levels: 0, until: -Infinity }
    const isSequential = call > own.until
    // An unanswered acquire may not have happened.
    const isSure = outcome === 'ok' || input.type === 'release'
    if (isSure) own.levels += levelsOf(operation)
    own.until = outcome === 'ok' ? operation.return : call
    owners.set(input.owner, own)
    return isSequential && own.levels >= 0
  })
}

interface PermitInput {
  readonly type: 'acquire' | 'release'
  readonly owner: string
  /** One when not given. */
  readonly permits?: number
}

/**
 * Of what anybody gives back: if nobody gives back what it does not have, the turns of each. Else
 * the unanswered acquires, when nobody releases, and the unanswered releases, when nobody acquires;
 * others may be what made way for what is left.
 */
export function turnsOfAnybody<Input extends PermitInput, Output>(
  part: readonly Operation<Input, Output>[]
): readonly (readonly Operation<Input, Output>[])[] {
  const levelsOf = ({ input: { type, permits = 1 } }: Operation<Input, Output>): number => {
    return type === 'acquire' ? permits : -permits
  }
  const turnWords: TurnWords<Input, Output> = { ownerOf: ({ owner }) => owner, levelsOf, isLook }
  if (givesBackItsOwn(part, levelsOf)) return turnsOf(part, turnWords)
  if (part.some(isLook)) return []
  const unanswered = part.filter(({ outcome }) => outcome === 'info')
  return (['acquire', 'release'] as const).flatMap((type) => {
    if (part.some(({ input }) => input.type !== type)) return []
    return unanswered.map((operation) => [operation])
  })
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

/** A holding as an operation of a plain lock begins or ends it. */
interface PlainStep {
  readonly label?: string
  readonly isShared?: boolean
  readonly level?: number
}

/** Follows who holds a lock; `more` says of an operation what a plain lock has not. */
export function plainHoldings<Input extends PlainLockInput, Output>(
  part: readonly Operation<Input, Output>[],
  rules: Omit<HoldingRules<Input, Output>, 'stepOf'> = {},
  more?: (operation: Operation<Input, Output>) => PlainStep
): readonly Holding<Input, Output>[] {
  return holdingsOf(part, {
    ...rules,
    stepOf: (operation) => {
      if (operation.output === false) return null
      const { type, key, owner } = operation.input
      const step = { type: type === 'acquire' ? 'take' : 'give', lock: key, owner } as const
      return more === undefined ? step : { ...step, ...more(operation) }
    }
  })
}

type Shared = 'isObserver' | 'equal' | 'partition' | 'tell' | 'describe'

/** The members that models of plain locks with a state of one word or number share. */
export const plainLock: Pick<
  NamedModel<string | number, PlainLockInput, PlainLockOutput>,
  Shared
> = {
  isObserver: isRefused,
  equal: isSame,
  partition: partitionByKey,
  tell: tellLock,
  describe: describePlainLock
}
