// Judges histories of locks that can be held several times at once, without a search: by many in
// shared mode, or by one that enters again. As with any lock that has owners, a holding lasts at
// least from the answer of its acquire to the call of its release; each rule is exact. Where an
// owner goes on after it gave up waiting for an answer, there is no judgement.

import { conflict } from './block-monitor.ts'
import type { Operation } from './history.ts'
import type { Judged } from './model.ts'
import { endOf, holdingsOf, overlap } from './mutex-monitors.ts'
import type { Holding, LockWords } from './mutex-monitors.ts'
import { orderBy } from './order-by.ts'

type Operations<Input, Output> = readonly Operation<Input, Output>[]

/** What a model says of an operation of a lock with modes. */
export interface RwLockWords<Input> extends LockWords<Input> {
  /** Of a release: null when it names no mode. */
  isSharedOf(input: Input): boolean | null
}

/**
 * A lock that many hold in shared mode, or one alone. What happens is possible when the span of one
 * that holds it alone overlaps no other.
 */
export function judgeRwLock<Input, Output>(
  operations: Operations<Input, Output>,
  words: RwLockWords<Input>,
): Judged<Input, Output> | null {
  const paired = holdingsOf(operations, words)
  if (!Array.isArray(paired)) return paired
  const holdings: Holding<Input, Output>[] = []
  for (const { acquire, release } of paired) {
    const mode = release === null ? null : words.isSharedOf(release.input)
    const isOther = mode !== null && mode !== words.isSharedOf(acquire.input)
    if (isOther && release?.outcome === 'ok') {
      return conflict('it releases what it holds in another mode', [acquire, release])
    }
    // An unanswered release in another mode has not happened.
    holdings.push({ acquire, release: isOther ? null : release })
  }
  return judgeShared(holdings, (input) => words.isSharedOf(input) === true)
}

function judgeShared<Input, Output>(
  holdings: readonly Holding<Input, Output>[],
  isShared: (input: Input) => boolean,
): Judged<Input, Output> {
  const count = holdings.length
  // The releases come first: who holds it lets go before another one enters.
  const instants = new Float64Array(2 * count)
  for (const [at, holding] of holdings.entries()) {
    instants[at] = endOf(holding)
    instants[count + at] = holding.acquire.return
  }
  const order: Operation<Input, Output>[] = []
  let sharing = 0
  let alone: Holding<Input, Output> | null = null
  for (const event of orderBy(instants)) {
    const holding = holdings[event % count] as Holding<Input, Output>
    const { acquire, release } = holding
    const mayShare = isShared(acquire.input)
    if (event < count) {
      if (release !== null) order.push(release)
      if (mayShare) sharing -= 1
      else alone = null
      continue
    }
    if (alone !== null) return overlap(alone, holding)
    if (!mayShare && sharing > 0) return overlap(sharerAt(holdings, holding), holding)
    order.push(acquire)
    if (mayShare) sharing += 1
    else alone = holding
  }
  return { type: 'ordered', order }
}

/** Another holding that lasts when this one begins. */
function sharerAt<Input, Output>(
  holdings: readonly Holding<Input, Output>[],
  { acquire }: Holding<Input, Output>,
): Holding<Input, Output> {
  const instant = acquire.return
  return holdings.find((one) => {
    return one.acquire !== acquire && one.acquire.return <= instant && endOf(one) > instant
  }) as Holding<Input, Output>
}

/** What a model says of an operation of a lock with levels. */
export interface ReentrantWords<Input, Output> extends LockWords<Input> {
  /** The level that it led to; null: it was not told. */
  levelOf(output: Output | undefined): number | null
  readonly levelMax: number
}

/** A holding from the first level to the last release. */
interface Levels<Input, Output> extends Holding<Input, Output> {
  readonly operations: Operation<Input, Output>[]
}

/** A lock that only its owner releases, as often as it has acquired it. */
export function judgeReentrantMutex<Input, Output>(
  operations: Operations<Input, Output>,
  words: ReentrantWords<Input, Output>,
): Judged<Input, Output> | null {
  const byCall = operations.filter(({ outcome }) => outcome !== 'fail')
  byCall.sort((a, b) => a.call - b.call)
  if (!isPlain(byCall, words.ownerOf)) return null
  const holdings = levelsOf(byCall, words)
  if (!Array.isArray(holdings)) return holdings
  holdings.sort((a, b) => a.acquire.return - b.acquire.return)
  for (const [at, other] of holdings.entries()) {
    const one = holdings[at - 1]
    if (one !== undefined && other.acquire.return < endOf(one)) return overlap(one, other)
  }
  return { type: 'ordered', order: holdings.flatMap((one) => one.operations) }
}

function levelsOf<Input, Output>(
  byCall: Operations<Input, Output>,
  { stepOf, ownerOf, levelOf, levelMax }: ReentrantWords<Input, Output>,
): Levels<Input, Output>[] | Judged<Input, Output> {
  const holdings: Levels<Input, Output>[] = []
  const held = new Map<string | number, { level: number; all: Operation<Input, Output>[] }>()
  for (const operation of byCall) {
    const { input, output, outcome } = operation
    const isRelease = stepOf(input) === 'release'
    const owner = ownerOf(input)
    const own = held.get(owner) ?? { level: 0, all: [] }
    const level = own.level + (isRelease ? -1 : 1)
    // Unanswered: its owner asks for nothing more, so all it could do is free the lock.
    if (outcome === 'info' && level !== 0) continue
    const [last] = own.all.slice(-1)
    const both = last === undefined ? [operation] : [last, operation]
    if (level < 0) return conflict('it releases what it does not hold', both)
    if (level > levelMax) return conflict(`it holds it ${levelMax} times already`, both)
    const told = levelOf(output) ?? level
    if (told !== level) return conflict(`it held it ${level} times then`, both)
    own.level = level
    own.all.push(operation)
    held.set(owner, own)
    if (level > 0) continue
    held.delete(owner)
    const [acquire] = own.all as [Operation<Input, Output>]
    holdings.push({ acquire, release: operation, operations: own.all })
  }
  for (const { all } of held.values()) {
    const [acquire] = all as [Operation<Input, Output>]
    holdings.push({ acquire, release: null, operations: all })
  }
  return holdings
}

/** Whether each owner does one thing after the other, and nothing after what it gave up. */
function isPlain<Input, Output>(
  byCall: Operations<Input, Output>,
  ownerOf: (input: Input) => string | number,
): boolean {
  const busyUntil = new Map<string | number, number>()
  for (const { input, call, return: answered, outcome } of byCall) {
    const owner = ownerOf(input)
    if (call <= (busyUntil.get(owner) ?? -Infinity)) return false
    busyUntil.set(owner, outcome === 'ok' ? answered : Infinity)
  }
  return true
}
