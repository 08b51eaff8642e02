// Answers about holdings without token: an acquire answered `expired` from memory, which took part
// in a holding that was over by then, and a release that named no token. They have no place in the
// order of the tokens, but they need room in time.

import { hasOverlap, indexEffects } from './lock-effects.ts'
import { conflict, type Conflict, type Evidence } from './lock-evidence.ts'
import type { LockOperation } from './lock-history.ts'
import { firstAnswer } from './lock-owners.ts'
import type { Terms } from './lock-sweep.ts'

/** A time in which the key was held by `owner` wherever its holdings are placed. */
interface Held {
  readonly owner: string | null
  readonly from: number
  readonly until: number
}

/**
 * Finds an answer about a holding without token for which there was no room. A holding has begun by
 * its first answer and lasts to its earliest end in every placement: the room that those of other
 * owners leave is all there is. An acquire answered `expired` needs its lease, or an instant if its
 * owner can have released or shortened it meanwhile; a release needs an instant. `ends` are the
 * earliest ends of the holdings.
 */
export function findRoomless(
  { key, holdings, owners }: Evidence,
  ends: readonly number[],
  terms: Terms
): Conflict | null {
  const held = holdings.map((holding, index): Held => {
    const until = ends[index] as number
    return { owner: holding.owner, from: firstAnswer(holding).return, until }
  })
  for (const [owner, { starts, changes, untokened }] of owners) {
    const changing = indexEffects(changes)
    for (const release of untokened) {
      if (hasRoom(release, held, owner, 0)) continue
      const told = `${owner} was told at ${terms.say(release.return)} that it released ${key}`
      const message = `${told}, which others had held since ${terms.say(release.call)}`
      return conflict(message, release)
    }
    for (const start of starts) {
      if (start.outcome !== 'ok' || start.input.type !== 'acquire') continue
      const isCut = hasOverlap(changing, start)
      const needed = isCut ? 0 : Math.max(0, terms.leaseMin(start.input.ttlMs))
      if (hasRoom(start, held, owner, needed)) continue
      const message =
        `${owner} was told at ${terms.say(start.return)} that its grant of ${key} had expired, ` +
        `but there was no room for its ${start.input.ttlMs} ms since ${terms.say(start.call)}`
      return conflict(message, start)
    }
  }
  return null
}

/** Whether `needed` units in a row within the operation are not certainly another owner's. */
function hasRoom(
  { call, return: answered }: LockOperation,
  held: readonly Held[],
  owner: string,
  needed: number
): boolean {
  let from = call
  for (let at = countEndedBy(held, call); at < held.length; at++) {
    const other = held[at] as Held
    const isObstacle = other.owner !== owner && other.owner !== null && other.from < other.until
    if (!isObstacle) continue
    if (other.from >= answered) break
    if (other.from - from >= needed) return true
    from = Math.max(from, other.until)
  }
  return answered - from >= needed
}

/** How many of the holdings have ended by `at`; their ends never fall. */
function countEndedBy(held: readonly Held[], at: number): number {
  let low = 0
  let high = held.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((held[middle] as Held).until <= at) low = middle + 1
    else high = middle
  }
  return low
}
