// Properties of the core's contract, with fast-check: old states stay as they were, time can be
// shifted, equal inputs give equal outputs, and no network of replicas breaks Raft's safety.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { canonical } from '../../core/canonical.ts'
import { equalBytes } from '../../core/bytes.ts'
import type { Event, TimerName } from '../../core/event.ts'
import type { Log } from '../../core/raft/log.ts'
import {
  append,
  emptyLog,
  entryAt,
  lastIndexUpToTerm,
  slice,
  termAt,
  truncate,
} from '../../core/raft/log.ts'
import type { Entry } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import { suite } from '../harness.ts'
import { journal } from './raft/journal.ts'
import type { State, Turn } from './raft/kit.ts'
import { Cluster, deepFreeze, entry, machine } from './raft/kit.ts'
import type { Move } from './raft/soup.ts'
import { MOVE_KIND_MAX, Soup } from './raft/soup.ts'
import type { Tally } from './raft/watch.ts'
import { NO_TALLY } from './raft/watch.ts'

const test = suite('properties')
const SEED = 20_261_121
console.log(`  properties: fast-check seed ${SEED}`)

/** Always so many, since a move of kind 0 is none: what shrinks turns into zeros. */
function moves(count: number, kindMax = MOVE_KIND_MAX): fc.Arbitrary<Move[]> {
  const anyMove: fc.Arbitrary<Move> = fc.tuple(fc.nat(kindMax), fc.nat(0xffff), fc.nat(0xffff))
  return fc.array(anyMove, { minLength: count, maxLength: count, size: 'max' })
}

/** Like fc.assert, with a report that leaves idle moves out. */
function check<Values>(property: fc.IProperty<Values>, runs: number): void {
  // The limit is for shrinking: what holds is through in a fraction of it.
  const found = fc.check(property, { seed: SEED, numRuns: runs, interruptAfterTimeLimit: 12_000 })
  if (!found.failed) return
  const { errorInstance: error, counterexample, numShrinks } = found
  const moved = JSON.stringify(counterexample).replaceAll(/\[0,\d+,\d+\],?/g, '')
  const cause = error instanceof Error ? (error.stack ?? error.message) : String(error)
  throw new Error(`seed ${SEED}, shrunk ${numShrinks} times to ${moved}\n${cause}`)
}

function bytesOf(state: State, originMs = 0): Uint8Array {
  return canonical(journal, state, originMs)
}

/** Plays `some` on a small cluster; gives the turns of all its nodes. */
function play(size: number, some: readonly Move[]): Turn[] {
  const soup = new Soup(size)
  for (const move of some) soup.move(move)
  return soup.turns
}

/** Turns of one node from its start to its first restart, its first state included. */
function firstLife(size: number, some: readonly Move[], node: string): Turn[] {
  const life: Turn[] = []
  for (const turn of play(size, some)) {
    if (turn.node !== node) continue
    const last = life.at(-1)
    if (last !== undefined && turn.before !== last.after) break
    life.push(turn)
  }
  return life
}

test('log: any graph of appends and truncations: every version stays what naive arrays say', () => {
  const edit = fc.record({
    from: fc.nat(),
    keep: fc.nat(),
    truncates: fc.boolean(),
    count: fc.constantFrom(0, 1, 2, 30, 64, 65, 130),
    rises: fc.boolean(),
  })
  const edits = fc.array(edit, { minLength: 1, maxLength: 40, size: 'max' })
  let forks = 0
  check(fc.property(edits, (graph) => {
    const versions: { readonly log: Log; readonly naive: readonly Entry[] }[] = []
    versions.push({ log: emptyLog(), naive: [] })
    const used = new Set<number>()
    for (const [number, { from, keep, truncates, count, rises }] of graph.entries()) {
      const at = from % versions.length
      if (used.has(at)) forks++
      used.add(at)
      let { log, naive } = versions[at] as (typeof versions)[number]
      if (truncates) {
        const last = keep % (naive.length + 1)
        log = truncate(log, last)
        naive = naive.slice(0, last)
      }
      const term = (naive.at(-1)?.term ?? 1) + (rises ? 1 : 0)
      for (let added = 0; added < count; added++) {
        const next = entry(term, `${number} ${added}`)
        log = append(log, next)
        naive = [...naive, next]
      }
      versions.push({ log, naive })
    }
    for (const { log, naive } of versions) {
      assert.is(log.lastIndex, naive.length)
      assert.is(log.lastTerm, naive.at(-1)?.term ?? 0)
      const found = slice(log, 1, log.lastIndex)
      assert.ok(found.every((one, place) => one === naive[place]))
      for (const index of [1, 64, 65, naive.length].filter((some) => some <= naive.length)) {
        if (index === 0) continue
        for (const upTo of [0, 1, 2, log.lastTerm]) {
          const last = naive.slice(0, index).findLastIndex((one) => one.term <= upTo)
          assert.is(lastIndexUpToTerm(log, index, upTo), last + 1)
        }
        assert.is(entryAt(log, index), naive[index - 1])
      }
      assert.is(termAt(log, naive.length + 1), -1)
      assert.is(termAt(log, 0), 0)
    }
  }), 60)
  assert.ok(forks > 300, 'versions were forked')
})

test('step: an old state: steps of any kind from it and after it leave it as it was', () => {
  check(fc.property(moves(250), fc.nat(), (some, pick) => {
    const turns = play(3, some)
    const before = turns.map((turn) => bytesOf(turn.before))
    for (const [at, turn] of turns.entries()) {
      const other = turns[(at * 31 + pick) % turns.length] as Turn
      try {
        machine.step(turn.before, other.input)
      } catch (error) {
        // The inputs of another node or another time may break an invariant, but no old state.
        assert.is((error as Error).name, 'InvariantError')
      }
    }
    for (const [at, turn] of turns.entries()) {
      const same = equalBytes(bytesOf(turn.before), before[at] as Uint8Array)
      assert.ok(same, 'canonical is unchanged')
    }
  }), 40)
})

test('step: the same state and input: the same effects and an equal state, whatever came \
between', () => {
  check(fc.property(moves(250), (some) => {
    const turns = play(3, some)
    for (const { before, input, after, effects } of turns.reverse()) {
      const [again, moreEffects] = machine.step(before, input)
      assert.ok(equalBytes(bytesOf(again), bytesOf(after)))
      assert.equal([...moreEffects], [...effects])
    }
  }), 40)
})

test('step: a whole life played again: equal at each turn', () => {
  check(fc.property(moves(300), (some) => {
    const first = play(3, some)
    const second = play(3, some)
    assert.is(second.length, first.length)
    const end = (turns: Turn[]) => turns.slice(-9).map(({ after }) => bytesOf(after))
    assert.equal(end(second), end(first))
  }), 10)
})

test('time: one constant added to every time of the node: no effect changes', () => {
  const shifts = fc.constantFrom(-1_000, 1, 977, 86_400_000, 1e12)
  check(fc.property(moves(300), shifts, fc.nat(2), (some, shiftMs, which) => {
    const life = firstLife(3, some, String(which))
    const [start] = life
    // The kit starts its nodes at 1 000 ms, and their first draws are 1, 2 and 3.
    if (start === undefined || start.before.raft.timers.nowMs !== 1_000) return
    const { config, timers } = start.before.raft
    const origin = timers.nowMs + shiftMs
    let state = machine.initial(config, NOTHING_RESTORED, origin, which + 1)
    assert.ok(equalBytes(bytesOf(state, shiftMs), bytesOf(start.before)))
    for (const { input, after, effects } of life) {
      const { now, random, events } = input
      const [next, shifted] = machine.step(state, { now: now + shiftMs, random, events })
      assert.equal([...shifted], [...effects])
      assert.ok(equalBytes(bytesOf(next, shiftMs), bytesOf(after)))
      assert.is(machine.deadlineMs(next), machine.deadlineMs(after) + shiftMs)
      state = next
    }
  }), 40)
})

test('time: a now below the last one: is read as the last one', () => {
  check(fc.property(moves(250), fc.nat(100_000), (some, backMs) => {
    for (const { before, input } of play(3, some)) {
      const last = before.raft.timers.nowMs
      const { random, events } = input
      const [still, effects] = machine.step(before, { now: last, random, events })
      const [back, moreEffects] = machine.step(before, { now: last - 1 - backMs, random, events })
      assert.ok(equalBytes(bytesOf(still), bytesOf(back)))
      assert.equal([...moreEffects], [...effects])
    }
  }), 25)
})

const TIMERS: readonly (readonly [TimerName, keyof State['raft']['timers']])[] = [
  ['election', 'electionAtMs'],
  ['heartbeat', 'heartbeatAtMs'],
  ['quorum', 'quorumAtMs'],
  ['disk', 'diskAtMs'],
  ['transfer', 'transferAtMs'],
  ['asked', 'askedAtMs'],
]

test('time: timerFired: does what passing that deadline does, in every role', () => {
  const roles = new Set<string>()
  check(fc.property(moves(250), (some) => {
    for (const { after } of play(3, some)) {
      const now = after.raft.timers.nowMs
      for (const [timer, field] of TIMERS) {
        const raft = { ...after.raft, timers: { ...after.raft.timers, [field]: now } }
        const passed = machine.step({ ...after, raft }, { now, random: 7, events: [] })
        const events: Event[] = [{ type: 'timerFired', timer }]
        const fired = machine.step(after, { now, random: 7, events })
        assert.ok(equalBytes(bytesOf(fired[0]), bytesOf(passed[0])), `${after.raft.role} ${timer}`)
        assert.equal([...fired[1]], [...passed[1]])
        if (passed[1].length > 0) roles.add(`${after.raft.role} ${timer}`)
      }
    }
  }), 15)
  for (const role of ['follower', 'precandidate', 'candidate']) {
    assert.ok(roles.has(`${role} election`))
  }
  for (const timer of ['heartbeat', 'quorum', 'disk', 'transfer']) {
    assert.ok(roles.has(`leader ${timer}`), timer)
  }
})

test('time: timerFired due at its deadline: the same as the step alone', () => {
  let dues = 0
  check(fc.property(moves(300), (some) => {
    for (const { after } of play(1, some)) {
      const now = machine.deadlineMs(after)
      const plain = machine.step(after, { now, random: 7, events: [] })
      if (plain[0].dueIndex === after.dueIndex) continue
      dues++
      const events: Event[] = [{ type: 'timerFired', timer: 'due' }]
      const fired = machine.step(after, { now, random: 7, events })
      assert.ok(equalBytes(bytesOf(fired[0]), bytesOf(plain[0])))
      assert.equal([...fired[1]], [...plain[1]])
    }
  }), 40)
  assert.ok(dues > 10, `${dues} dues`)
})

test('canonical: order of votes: says nothing; any other difference shows', () => {
  const voters = ['a', 'b', 'c', 'd', 'e']
  const asked = (...order: string[]) => {
    const cluster = new Cluster({ voters, running: ['a'] })
    cluster.fire('a', 'election')
    cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
    cluster.receive('a', 'c', { type: 'preVoteReply', term: 1, granted: true })
    const before = cluster.member('a').state
    const { raft } = before
    assert.is(raft.role, 'candidate')
    return bytesOf({ ...before, raft: { ...raft, votes: order } as typeof raft })
  }
  assert.equal(asked('a', 'd'), asked('d', 'a'))
  assert.not.equal(asked('a', 'd'), asked('a', 'e'))
})

test('canonical: frozen states and inputs: nothing is edited', () => {
  check(fc.property(moves(200), (some) => {
    for (const { before, input } of play(3, some)) {
      machine.step(deepFreeze(before), deepFreeze(input))
    }
  }), 10)
})

/** Plays and heals; what goes wrong throws. */
function survive(soup: Soup, some: readonly Move[], total: Tally): void {
  for (const move of some) soup.move(move)
  soup.heal()
  for (const name of Object.keys(total) as (keyof Tally)[]) total[name] += soup.tally[name]
}

for (const size of [1, 2, 3, 4, 5]) {
  const least = { leaders: 50, committed: 900, truncated: size > 2 ? 9 : 0, restarts: 80 }
  test(`soup: ${size} replicas, loss, disorder, restarts: safe, and live once healed`, () => {
    const total = { ...NO_TALLY }
    check(fc.property(moves(300 + 300 * size, 99), (some) => {
      survive(new Soup(size, 0), some, total)
    }), 30)
    for (const name of Object.keys(least) as (keyof typeof least)[]) {
      assert.ok(total[name] >= least[name], `${total[name]} ${name}`)
    }
  })
}

for (const [size, outside, leaseReads] of [[1, 2, false], [2, 2, true], [3, 2, false], [3, 1, true],
  [5, 1, false]] as const) {
  const how = leaseReads ? 'leases' : 'rounds'
  test(`soup: ${size} founders and ${outside} more, changes, transfers, snapshots, reads by \
${how}: \
safe, and live once healed`, () => {
    const total = { ...NO_TALLY }
    check(fc.property(moves(400 + 400 * size), (some) => {
      survive(new Soup(size, outside, leaseReads), some, total)
    }), 30)
    const least = { leaders: 40, committed: 500, truncated: 3, restarts: 20, changed: 10 }
    const more = { taken: 100, installed: 10, transferred: 20, reads: 300, forwarded: 20 }
    for (const [name, count] of Object.entries({ ...least, ...more })) {
      assert.ok(total[name as keyof Tally] >= count, `${total[name as keyof Tally]} ${name}`)
    }
  })
}

test.run()
