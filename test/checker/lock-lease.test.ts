// The earliest expiry of a holding against the definition: every order of what set its deadline,
// each operation at the earliest instant that the order leaves it.

import * as assert from 'uvu/assert'
import type { LockOperation } from '../../checker/lock-history.ts'
import { expiryOf } from '../../checker/lock-lease.ts'
import { suite } from '../harness.ts'
import { chanceOf, type Chance } from './chance.ts'

const test = suite('lock lease')

const leaseMin = (ttlMs: number): number => ttlMs - 2

/** Operations that all can take effect at or after `start`. */
function drawOperations(chance: Chance, start: number): LockOperation[] {
  return Array.from({ length: 1 + chance.below(5) }, (_, process): LockOperation => {
    const call = chance.below(20)
    const answered = Math.max(call, start) + chance.below(15)
    const named = { key: 'L', owner: 'a', ttlMs: chance.pick([1, 5, 20, 40]) }
    const acquire = { type: 'acquire', ...named, waitMs: 0 } as const
    const renew = { type: 'renew', ...named, token: 6 } as const
    const instants = { process, call, return: answered, outcome: 'ok' } as const
    switch (chance.below(5)) {
      case 0:
        return { process, input: renew, call, return: Infinity, outcome: 'info' }
      case 1:
      case 2: {
        const output = { type: 'renewed', token: 6, ttlMs: named.ttlMs } as const
        return { ...instants, input: renew, output }
      }
      default:
        return { ...instants, input: acquire, output: { type: 'granted', token: 6, count: 1 } }
    }
  })
}

/** The least deadline that any order leads to; an unanswered renew may be left out. */
function leastDeadline(operations: readonly LockOperation[], start: number): number {
  let least = Infinity
  const place = (left: readonly LockOperation[], now: number, deadline: number): void => {
    if (left.every(({ outcome }) => outcome === 'info')) least = Math.min(least, deadline)
    for (const next of left) {
      const at = Math.max(now, next.call)
      if (next.outcome === 'ok' && at > next.return) continue
      const { input } = next
      const own = at + leaseMin('ttlMs' in input ? input.ttlMs : 0)
      const rest = left.filter(other => other !== next)
      place(rest, at, input.type === 'acquire' ? Math.max(deadline, own) : own)
    }
  }
  place(operations, start, -Infinity)
  return least
}

test('lock lease: random operations of one holding: the earliest expiry as by definition', () => {
  const seen = { renewed: 0, unanswered: 0 }
  for (let seed = 1; seed <= 4000; seed++) {
    const chance = chanceOf(seed)
    const start = chance.below(25)
    const operations = drawOperations(chance, start)
    const of = (type: string, outcome: string): LockOperation[] => {
      return operations.filter(one => one.input.type === type && one.outcome === outcome)
    }
    const grants = of('acquire', 'ok')
    const renewals = of('renew', 'ok')
    const unanswered = of('renew', 'info')
    if (renewals.length > 0) seen.renewed += 1
    if (unanswered.length > 0) seen.unanswered += 1
    const isSet = grants.length + renewals.length > 0
    const expected = isSet ? leastDeadline(operations, start) : -Infinity
    const { at } = expiryOf(grants, renewals, unanswered, leaseMin)(start)
    assert.is(at, expected, `seed ${seed}: ${JSON.stringify({ start, operations })}`)
  }
  assert.ok(seen.renewed > 1000 && seen.unanswered > 1000)
})

test('lock lease: a later start: never an earlier expiry', () => {
  for (let seed = 1; seed <= 1000; seed++) {
    const chance = chanceOf(seed)
    const operations = drawOperations(chance, 20).filter(({ outcome }) => outcome === 'ok')
    const grants = operations.filter(({ input }) => input.type === 'acquire')
    const renewals = operations.filter(({ input }) => input.type === 'renew')
    const expiry = expiryOf(grants, renewals, [], leaseMin)
    for (let start = 1; start <= 20; start++) {
      assert.ok(expiry(start).at >= expiry(start - 1).at, `seed ${seed}, start ${start}`)
    }
  }
})

test.run()
