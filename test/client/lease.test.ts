// What a holder may believe: each rule by name, and never longer than the service keeps the lock,
// in worlds where the clocks of both drift apart.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  expired,
  granted,
  isValid,
  reentered,
  releaseSent,
  renewAnswered,
  renewFailed,
  renewSent,
  renewUnknown,
  safeEndMs,
  safeUntilMs,
} from '../../client/lease.ts'
import type { Lease } from '../../client/lease.ts'
import { InvariantError } from '../../core/invariant.ts'
import { suite } from '../harness.ts'
import { Driver, done, readingMs, trueUsOf } from './support.ts'
import type { DriftingClock } from './support.ts'

const test = suite('lease')

/** Token 5, sent at 1 000, TTL 10 000, granted at once, ε 500 ppm: safe until 10 989. */
function fresh(ttlMs = 10_000): Lease {
  const lease = granted({ token: 5, firstSentMs: 1_000, grantedAfterMs: 0, ttlMs, now: 1_001 })
  assert.not.type(lease, 'string')
  return lease as Lease
}

const reentry = { token: 5, firstSentMs: 2_000, ttlMs: 10_000, now: 2_001 }

test('lease: a grant: safe until first sending + (D + TTL) (1 - 2e) - 1, exclusive', () => {
  const grant = { token: 5, firstSentMs: 1_000, grantedAfterMs: 4_000, ttlMs: 6_000, now: 5_000 }
  const lease = granted(grant) as Lease
  assert.is(safeUntilMs(lease), 1_000 + 9_990 - 1)
  assert.ok(isValid(lease, 10_988))
  assert.not(isValid(lease, 10_989))
})

test('lease: rounding: down, whatever the fraction, exactly even for ages', () => {
  assert.is(safeEndMs(0, 1_000, 500), 998)
  assert.is(safeEndMs(0, 1_001, 500), 998)
  assert.is(safeEndMs(0, 1_999, 500), 1_996)
  assert.is(safeEndMs(0, 1_000, 0), 999)
  assert.is(safeEndMs(0, 0, 500), -1)
  for (const spanMs of [1, 999_999, 1_000_000, 1_000_001, 2 ** 45 + 1]) {
    for (const ppm of [0, 1, 499, 500, 100_000]) {
      const exact = (BigInt(spanMs) * BigInt(1_000_000 - 2 * ppm)) / 1_000_000n
      assert.is(safeEndMs(0, spanMs, ppm), Number(exact) - 1)
    }
  }
})

test('lease: a grant past its safe end on arrival: too late', () => {
  const grant = { token: 5, firstSentMs: 1_000, grantedAfterMs: 0, ttlMs: 10_000 }
  assert.is(granted({ ...grant, now: 10_989 }), 'tooLate')
  assert.is.not(granted({ ...grant, now: 10_988 }), 'tooLate')
})

test('lease: a drift out of range: throws', () => {
  const grant = { token: 5, firstSentMs: 0, grantedAfterMs: 0, ttlMs: 10, now: 0 }
  const isInvariant = (error: Error): boolean => error instanceof InvariantError
  assert.throws(() => granted({ ...grant, driftPpm: 500_000 }), isInvariant)
  assert.throws(() => granted({ ...grant, driftPpm: -1 }), isInvariant)
})

test('lease: a renew that shortens: lowers when sent, not when answered', () => {
  const lease = renewSent(fresh(), 1, 2_000, 1_000)
  assert.is(safeUntilMs(lease), 2_998)
  assert.is(safeUntilMs(renewAnswered(lease, 1, 5, 2_500)), 2_998)
})

test('lease: a renew that prolongs: raises only when answered, from its first sending', () => {
  const sent = renewSent(fresh(), 1, 2_000, 20_000)
  assert.is(safeUntilMs(sent), 10_989)
  const again = renewSent(sent, 1, 3_000, 20_000)
  assert.is(again, sent, 'sending it again starts no second renew')
  assert.is(safeUntilMs(renewAnswered(again, 1, 5, 4_000)), 2_000 + 19_980 - 1)
})

test('lease: renewed with another token, or for an unknown renew: changes nothing', () => {
  const lease = renewSent(fresh(), 1, 2_000, 20_000)
  assert.is(renewAnswered(lease, 1, 6, 3_000), lease)
  assert.is(renewAnswered(lease, 2, 5, 3_000), lease)
})

test('lease: renewed after the safe end: late, and not taken back', () => {
  const lease = renewAnswered(renewSent(fresh(), 1, 2_000, 20_000), 1, 5, 10_989)
  assert.equal(lease, { type: 'ended', token: 5, reason: 'late' })
})

test('lease: a renew that failed: what it lowered is lifted', () => {
  const lease = renewSent(fresh(), 1, 2_000, 1_000)
  assert.is(safeUntilMs(renewFailed(lease, 1)), 10_989)
})

test('lease: a renew of unknown end: stays lowered', () => {
  const lease = renewUnknown(renewSent(fresh(), 1, 2_000, 1_000), 1)
  assert.is(safeUntilMs(lease), 2_998)
  assert.is(safeUntilMs(renewAnswered(lease, 1, 5, 2_500)), 2_998, 'its answer is not awaited')
})

test('lease: a renew of unknown end, then one answered: it counts from the later sending', () => {
  const doubtful = renewUnknown(renewSent(fresh(), 1, 2_000, 10_000), 1)
  const lease = renewAnswered(renewSent(doubtful, 2, 5_000, 10_000), 2, 5, 5_001)
  assert.is(safeUntilMs(lease), 14_989, 'equal TTLs cost nothing')
  const short = renewUnknown(renewSent(fresh(), 1, 2_000, 4_000), 1)
  const capped = renewAnswered(renewSent(short, 2, 5_000, 10_000), 2, 5, 5_001)
  assert.is(safeUntilMs(capped), 5_000 + 3_996 - 1, 'it may come after the answered one')
})

test('lease: two renews under way together: the shorter counts, whichever is answered last', () => {
  const both = renewSent(renewSent(fresh(), 1, 2_000, 3_000), 2, 2_100, 20_000)
  for (const [first, second] of [[1, 2], [2, 1]] as const) {
    const one = renewAnswered(both, first, 5, 2_200)
    assert.is(safeUntilMs(renewAnswered(one, second, 5, 2_300)), 2_100 + 2_997 - 1)
  }
})

test('lease: a renew after another was answered: has its own TTL in full', () => {
  const short = renewAnswered(renewSent(fresh(), 1, 2_000, 3_000), 1, 5, 2_100)
  const lease = renewAnswered(renewSent(short, 2, 2_200, 20_000), 2, 5, 2_300)
  assert.is(safeUntilMs(lease), 2_200 + 19_980 - 1)
})

test('lease: re-entry: raises, never lowers', () => {
  assert.is(safeUntilMs(reentered(fresh(), reentry)), 2_000 + 9_990 - 1)
  assert.is(safeUntilMs(reentered(fresh(), { ...reentry, ttlMs: 10 })), 10_989)
})

test('lease: re-entry with another token: changes nothing', () => {
  const lease = fresh()
  assert.is(reentered(lease, { ...reentry, token: 6 }), lease)
})

test('lease: re-entry answered after the safe end: late', () => {
  const lease = reentered(fresh(), { ...reentry, now: 10_989 })
  assert.equal(lease, { type: 'ended', token: 5, reason: 'late' })
})

test('lease: a renew answered during a re-entry: the re-entry does not raise', () => {
  const lease = renewAnswered(renewSent(fresh(), 1, 1_900, 3_000), 1, 5, 2_100)
  assert.is(reentered(lease, { ...reentry, now: 2_200 }), lease)
})

test('lease: a release: ends validity when sent; nothing brings it back', () => {
  const lease = releaseSent(fresh())
  assert.not(isValid(lease, 0))
  assert.is(safeUntilMs(lease), -Infinity)
  assert.is(renewSent(lease, 1, 2_000, 10), lease)
  assert.is(renewAnswered(lease, 1, 5, 2_000), lease)
  assert.is(renewFailed(lease, 1), lease)
  assert.is(renewUnknown(lease, 1), lease)
  assert.is(reentered(lease, reentry), lease)
  assert.is(expired(lease), lease)
  assert.is(releaseSent(lease), lease)
})

test('lease: expired: lost', () => {
  assert.equal(expired(fresh()), { type: 'ended', token: 5, reason: 'expired' })
})

/** Clocks within ε, the extremes often. */
const clock: fc.Arbitrary<DriftingClock> = fc.record({
  ppm: fc.oneof(fc.constantFrom(-500, 500), fc.integer({ min: -500, max: 500 })),
  offsetUs: fc.integer({ min: 0, max: 10_000_000 }),
})
const delayUs = fc.oneof(fc.constantFrom(0, 1, 999, 1_000), fc.nat({ max: 200_000 }))

const acquire = fc.record({
  client: clock,
  leader: clock,
  lostCount: fc.nat({ max: 5 }),
  goneUs: fc.nat({ max: 100_000 }),
  thereUs: delayUs,
  waitMs: fc.oneof(fc.constant(0), fc.nat({ max: 600_000 })),
  backUs: delayUs,
  ttlMs: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 3_600_000 })),
  isFirstApplied: fc.boolean(),
})

type Acquire = typeof acquire extends fc.Arbitrary<infer Value> ? Value : never

/**
 * Acquires through the real request machine, whose first attempts' answers are lost. Returns by
 * how many true microseconds belief outlives the lock (negative: it ends before); null: too late.
 */
function outlivesUs(world: Acquire): number | null {
  const { client, leader, ttlMs, waitMs } = world
  const driver = new Driver({ attemptTimeoutMs: 100, retryPauseMs: 10 })
  let atUs = world.goneUs
  driver.now = readingMs(client, atUs)
  driver.call(1, { timeoutMs: Infinity })
  const firstUs = atUs
  for (let lost = 0; lost < world.lostCount; lost++) {
    atUs = trueUsOf(client, driver.deadlineMs)
    driver.now = readingMs(client, atUs)
    driver.step()
  }
  // The entry came of the first attempt or of the last; the answer goes to the last.
  const stampMs = readingMs(leader, (world.isFirstApplied ? firstUs : atUs) + world.thereUs)
  const freedUs = trueUsOf(leader, stampMs + waitMs + ttlMs)
  const grantUs = trueUsOf(leader, stampMs + waitMs)
  const arrivedUs = Math.max(grantUs, atUs + world.thereUs) + world.backUs
  driver.now = readingMs(client, arrivedUs)
  driver.reply(driver.sent.length, done())
  const result = driver.results[0]?.result
  if (result?.type !== 'done') throw new Error('the acquire was not answered')
  const { firstSentMs } = result
  const grant = { token: 5, firstSentMs, grantedAfterMs: waitMs, ttlMs, now: driver.now }
  const lease = granted(grant)
  if (lease === 'tooLate') return null
  return trueUsOf(client, safeUntilMs(lease)) - freedUs
}

test('lease: drifting clocks: a grant is never believed in longer than it lasts', () => {
  const property = fc.property(acquire, (world) => {
    const us = outlivesUs(world)
    assert.ok(us === null || us <= 0, `outlives the lock by ${us} us`)
  })
  fc.assert(property, { numRuns: 20_000, seed: 20260103 })
})

test('lease: drifting clocks at their worst: little is given away', () => {
  const client = { ppm: -500, offsetUs: 0 }
  const leader = { ppm: 500, offsetUs: 999 }
  const world = { client, leader, lostCount: 0, goneUs: 0, thereUs: 0, waitMs: 0, backUs: 0 }
  const us = outlivesUs({ ...world, ttlMs: 600_000, isFirstApplied: true })
  assert.ok(us !== null && us <= 0 && us > -3_000, `${us} us`)
})

const operation = fc.record({
  type: fc.constantFrom('renew' as const, 'renew' as const, 'reenter' as const),
  sentUs: fc.nat({ max: 3_000_000 }),
  ttlMs: fc.integer({ min: 1, max: 2_000 }),
  /** Until it is applied; null: never. */
  appliedAfterUs: fc.option(fc.oneof(delayUs, fc.nat({ max: 2_000_000 })), { freq: 8 }),
  /** From then, or from its sending if never applied, until the client learns how it ended. */
  endedAfterUs: delayUs,
  /** The client gives up at once at the sending, so that the end is `unknown`. */
  isGivenUp: fc.boolean(),
  isSentTwice: fc.boolean(),
})

type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never

/** The service's lock, and its holder's belief, in one true time. */
class LeaseWorld {
  lease: Lease
  private deadlineMs: number
  private isFreed = false
  private readonly client: DriftingClock
  private readonly leader: DriftingClock

  constructor(client: DriftingClock, leader: DriftingClock, ttlMs: number) {
    this.client = client
    this.leader = leader
    this.deadlineMs = readingMs(leader, 0) + ttlMs
    const now = readingMs(client, 0)
    const lease = granted({ token: 5, firstSentMs: now, grantedAfterMs: 0, ttlMs, now })
    this.lease = lease === 'tooLate' ? { type: 'ended', token: 5, reason: 'late' } : lease
  }

  /** Lets time pass: frees the lock at its deadline, and judges the belief then and at the end. */
  passTo(atUs: number): void {
    const freedUs = trueUsOf(this.leader, this.deadlineMs)
    if (!this.isFreed && freedUs <= atUs) {
      this.isFreed = true
      this.judge(freedUs)
    }
    this.judge(atUs)
  }

  judge(atUs: number): void {
    const now = readingMs(this.client, atUs)
    assert.not(this.isFreed && isValid(this.lease, now), `believed in when free, at ${atUs} us`)
  }

  send(atUs: number, id: number, { type, ttlMs }: Operation): void {
    const now = readingMs(this.client, atUs)
    if (type === 'renew') this.lease = renewSent(this.lease, id, now, ttlMs)
  }

  /** Whether it was applied to a lock still held. */
  apply(atUs: number, { type, ttlMs }: Operation): boolean {
    if (this.isFreed) return false
    const deadlineMs = readingMs(this.leader, atUs) + ttlMs
    this.deadlineMs = type === 'renew' ? deadlineMs : Math.max(this.deadlineMs, deadlineMs)
    return true
  }

  end(atUs: number, id: number, { type, ttlMs, sentUs, ...how }: Operation, isHeld: boolean): void {
    const now = readingMs(this.client, atUs)
    if (type === 'reenter') {
      const firstSentMs = readingMs(this.client, sentUs)
      if (isHeld) this.lease = reentered(this.lease, { token: 5, firstSentMs, ttlMs, now })
    } else if (how.isGivenUp) this.lease = renewUnknown(this.lease, id)
    else if (how.appliedAfterUs === null) this.lease = renewFailed(this.lease, id)
    else this.lease = isHeld ? renewAnswered(this.lease, id, 5, now) : expired(this.lease)
  }
}

/** Plays renews and re-entries that overtake each other; returns how often belief was raised. */
function playLease(
  client: DriftingClock,
  leader: DriftingClock,
  ttlMs: number,
  operations: readonly Operation[],
): number {
  const world = new LeaseWorld(client, leader, ttlMs)
  const held = new Set<number>()
  const queue: { readonly atUs: number; readonly run: (atUs: number) => void }[] = []
  for (const [id, each] of operations.entries()) {
    const appliedUs = each.sentUs + (each.appliedAfterUs ?? 0)
    const endedUs = (each.isGivenUp ? each.sentUs : appliedUs) + each.endedAfterUs
    queue.push({ atUs: each.sentUs, run: (atUs) => world.send(atUs, id, each) })
    if (each.isSentTwice) {
      const again = { atUs: each.sentUs + each.endedAfterUs, run: queue.at(-1)?.run ?? (() => {}) }
      if (again.atUs < endedUs) queue.push(again)
    }
    if (each.appliedAfterUs !== null) {
      const run = (atUs: number): void => void (world.apply(atUs, each) && held.add(id))
      queue.push({ atUs: appliedUs, run })
    }
    queue.push({ atUs: endedUs, run: (atUs) => world.end(atUs, id, each, held.has(id)) })
  }
  queue.sort((a, b) => a.atUs - b.atUs)
  let raisedCount = 0
  for (const { atUs, run } of queue) {
    world.passTo(atUs)
    const beforeMs = safeUntilMs(world.lease)
    run(atUs)
    if (safeUntilMs(world.lease) > beforeMs) raisedCount += 1
    world.judge(atUs)
  }
  world.passTo(60_000_000)
  return raisedCount
}

test('lease: drifting clocks, overtaking renews: never believed in when free', () => {
  let raisedCount = 0
  const ttlMs = fc.integer({ min: 1, max: 3_000 })
  const operations = fc.array(operation, { maxLength: 6, size: 'max' })
  const property = fc.property(clock, clock, ttlMs, operations, (client, leader, ttl, list) => {
    raisedCount += playLease(client, leader, ttl, list)
  })
  fc.assert(property, { numRuns: 30_000, seed: 20260104 })
  assert.ok(raisedCount > 1_000, `only ${raisedCount} raises`)
})

test.run()
