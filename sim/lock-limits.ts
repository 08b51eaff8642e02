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
export function patienceMs({ memoLifeMs, memosMax, memosPerOwnerMax }: Partial<Limits>): number {
  const isTight = memosMax !== undefined || memosPerOwnerMax !== undefined
  return Math.min((memoLifeMs ?? Infinity) - UNDER_WAY_MS, isTight ? OVERLOADED_MS : Infinity)
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
    if (!Number.isSafeInteger(value) || value < 1) return `${name} must be an integer of 1 or more`
  }
  if (patienceMs(limits) < 1) return `memoLifeMs must be above ${UNDER_WAY_MS}`
  return null
}
