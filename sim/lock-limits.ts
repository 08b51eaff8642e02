// Limits of the lock machine that are low enough to be reached, and how long a client may go on
// asking under them. What a world leaves out is as in production, and out of reach.

import { LIMITS } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import type { RandomStream } from './random.ts'

/**
 * How long a request can be under way, from its sending to its entry in a log, in a world that is
 * drawn: a delay of 3 s, the reordering and the usual delay together 0.2 s, a stall of the node of
 * 4 s, and another one in its next turn. Once it is in a log it may lie there for as long as it
 * likes: entries keep the order and the stamps of their appending, and by those a memo lives.
 */
export const UNDER_WAY_MS = 12_000

/**
 * A client that is told `overloaded` over and over must be done before the shortest bound on
 * answers after the heal: 20 maximum election timeouts of 200 ms.
 */
const OVERLOADED_MS = 3_000

/**
 * How long a client may go on asking for one request: no attempt may come into a log after the
 * answer to another one is forgotten, for it would have its effect once more. The usual memory is
 * longer and larger than any run needs.
 */
export function patienceMs({ memoLifeMs, memosPerOwnerMax }: Partial<Limits>): number {
  const overloadedMs = memosPerOwnerMax === undefined ? Infinity : OVERLOADED_MS
  return Math.min((memoLifeMs ?? Infinity) - UNDER_WAY_MS, overloadedMs)
}

/**
 * The limits that a world may lower, and how far. Under others, or lower ones, an honest machine
 * would have to refuse what clients ask, the fresh operation after the heal too: it is asked again
 * every `OVERLOADED_MS`, for 7.5 s at most in a world that is drawn, and each try may leave its own
 * memo and that of a grant that came late and was given back.
 */
const LEAST: Partial<Limits> = {
  locksPerOwnerMax: 1,
  waitersPerKeyMax: 1,
  keysMax: 1,
  countMax: 1,
  expireMax: 1,
  memoLifeMs: UNDER_WAY_MS + OVERLOADED_MS,
  memosPerOwnerMax: 10,
  memosDroppedMax: 1,
}

type Drawn = { -readonly [Name in keyof Limits]?: Limits[Name] }

/** Draws the limits of a world: none in half of them, else some and seldom all. */
export function drawLimits(random: RandomStream): Partial<Limits> {
  const limits: Drawn = {}
  if (random.chance(512)) return limits
  if (random.chance(400)) limits.locksPerOwnerMax = random.pick([1, 2, 3])
  if (random.chance(400)) limits.waitersPerKeyMax = random.pick([1, 2, 3])
  if (random.chance(400)) limits.keysMax = random.pick([1, 2, 3])
  if (random.chance(400)) limits.countMax = random.pick([1, 2, 3])
  if (random.chance(400)) limits.expireMax = random.pick([1, 2])
  if (!random.chance(400)) return limits
  // A share that fills within seconds, and a life that lets the fire see it emptied again.
  limits.memoLifeMs = random.pick([15_000, 20_000])
  limits.memosPerOwnerMax = random.pick([40, 100])
  limits.memosDroppedMax = random.pick([1, 8])
  return limits
}

/** Why these are no limits for a simulated lock service, as a sentence, or null. */
export function limitsProblem(limits: Partial<Limits>): string | null {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(LIMITS, name)) return `there is no limit ${name}`
    const least = Object.entries(LEAST).find(([lowered]) => lowered === name)?.[1]
    if (least === undefined) return `${name} cannot be other than usual: clients rely on it`
    if (!Number.isSafeInteger(value) || value < least) {
      return `${name} must be an integer of ${least} or more`
    }
  }
  return null
}
