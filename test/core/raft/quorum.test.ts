// The arithmetic of members and progress, against naive twins: majorities of one configuration and
// of two, changes of members, the log behind a base, and what is in flight.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { NodeId } from '../../../core/raft/config.ts'
import type { Log } from '../../../core/raft/log.ts'
import {
  append,
  compact,
  emptyLog,
  entryAt,
  lastIndexUpToTerm,
  termAt,
  truncate,
} from '../../../core/raft/log.ts'
import {
  changed,
  decodeMembership,
  encodeMembership,
  isVoter,
  membersOf,
  membershipProblem,
} from '../../../core/raft/membership.ts'
import type { Membership, MembershipChange } from '../../../core/raft/membership.ts'
import type { Entry } from '../../../core/raft/message.ts'
import { accepted, answered, newProgress, probing, sent } from '../../../core/raft/progress.ts'
import type { Progress } from '../../../core/raft/progress.ts'
import { isQuorum, quorumSize, quorumValue } from '../../../core/raft/quorum.ts'
import { suite } from '../../harness.ts'
import { entry } from './kit.ts'

const test = suite('quorum')
const RUNS = { seed: 20_261_125, numRuns: 500 }
const NODES = ['', '0', 'a', 'b', 'c', 'd', 'e', 'f']

const someNodes = fc.array(fc.constantFrom(...NODES), { maxLength: 7 })
const sortedNodes = (least: number): fc.Arbitrary<NodeId[]> => {
  return fc.uniqueArray(fc.constantFrom(...NODES.slice(1)), { minLength: least }).map((nodes) => {
    return nodes.sort()
  })
}
const memberships: fc.Arbitrary<Membership> = fc
  .tuple(sortedNodes(1), fc.option(sortedNodes(1)), sortedNodes(0), fc.boolean())
  .map(([voters, outgoing, others, auto]) => {
    const learners = others.filter((node) => !voters.includes(node))
    return { voters, outgoing, learners, autoLeave: outgoing !== null && auto }
  })

/** More than half, the plain way. */
function majority(voters: readonly NodeId[], has: (node: NodeId) => boolean): boolean {
  return voters.filter(has).length > voters.length / 2
}

test('size: of 1 to 9 voters: more than half, and the least that is', () => {
  for (let voters = 1; voters <= 9; voters++) {
    assert.ok(quorumSize(voters) > voters / 2)
    assert.ok(quorumSize(voters) - 1 <= voters / 2)
  }
})

test('isQuorum: any members and votes: a majority of each configuration', () => {
  fc.assert(fc.property(memberships, someNodes, (membership, yes) => {
    const has = (node: NodeId): boolean => yes.includes(node)
    const { voters, outgoing } = membership
    const naive = majority(voters, has) && (outgoing === null || majority(outgoing, has))
    assert.is(isQuorum(membership, has), naive)
  }), RUNS)
})

test('isQuorum: two disjoint sets of votes: never both win', () => {
  fc.assert(fc.property(memberships, someNodes, (membership, yes) => {
    const has = (node: NodeId): boolean => yes.includes(node)
    assert.not(isQuorum(membership, has) && isQuorum(membership, (node) => !has(node)))
  }), RUNS)
})

test('quorumValue: the highest that a majority of each configuration reaches', () => {
  const values = fc.array(fc.nat(6), { minLength: NODES.length, maxLength: NODES.length })
  fc.assert(fc.property(memberships, values, (membership, reached) => {
    const valueOf = (node: NodeId): number => reached[NODES.indexOf(node)] as number
    const naive = [0, 1, 2, 3, 4, 5, 6].filter((value) => {
      return isQuorum(membership, (node) => valueOf(node) >= value)
    })
    assert.is(quorumValue(membership, valueOf), naive.at(-1))
  }), RUNS)
})

test('membership: any: is what its bytes say, and names each member once', () => {
  fc.assert(fc.property(memberships, (membership) => {
    assert.is(membershipProblem(membership), null)
    assert.equal(decodeMembership(encodeMembership(membership)), membership)
    const members = membersOf(membership)
    assert.equal(members, [...new Set(members)].sort())
    for (const node of NODES) {
      const { voters, outgoing, learners } = membership
      const votes = voters.includes(node) || (outgoing ?? []).includes(node)
      assert.is(isVoter(membership, node), votes)
      assert.is(members.includes(node), votes || learners.includes(node))
    }
  }), RUNS)
})

test('membership: any bytes: are members that make sense, or null', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const membership = decodeMembership(bytes)
    if (membership !== null) assert.is(membershipProblem(membership), null)
  }), { ...RUNS, numRuns: 3_000 })
})

test('changed: any wish: keeps one configuration in common, or says why not', () => {
  const wish: fc.Arbitrary<MembershipChange> = fc.oneof(
    fc.constant({ type: 'leave' } as const),
    fc.record({
      type: fc.constant('change' as const),
      voters: someNodes,
      learners: someNodes,
      autoLeave: fc.boolean(),
    }),
  )
  fc.assert(fc.property(memberships, wish, (before, change) => {
    const after = changed(before, change)
    if (typeof after === 'string') {
      assert.is(after === 'notJoint', change.type === 'leave' && before.outgoing === null)
      assert.is(after === 'isJoint', change.type === 'change' && before.outgoing !== null)
      return
    }
    assert.is(membershipProblem(after), null)
    if (change.type === 'leave') {
      assert.equal(after, { ...before, outgoing: null, autoLeave: false })
      return
    }
    assert.equal(after.voters, [...change.voters].sort())
    assert.equal(after.learners, [...change.learners].sort())
    const same = before.voters.join() === after.voters.join()
    assert.equal(after.outgoing, same ? null : before.voters)
    assert.is(after.autoLeave, !same && change.autoLeave)
  }), RUNS)
})

test('changed: from any members to any next: every majority of one meets each of the other', () => {
  fc.assert(fc.property(memberships, sortedNodes(1), someNodes, (before, voters, yes) => {
    const plain = { ...before, outgoing: null, autoLeave: false }
    const learners: NodeId[] = []
    const after = changed(plain, { type: 'change', voters, learners, autoLeave: true })
    assert.ok(typeof after !== 'string')
    const has = (node: NodeId): boolean => yes.includes(node)
    assert.not(isQuorum(plain, has) && isQuorum(after, (node) => !has(node)))
    const left = changed(after, { type: 'leave' })
    if (typeof left === 'string') return
    assert.not(isQuorum(after, has) && isQuorum(left, (node) => !has(node)))
  }), RUNS)
})

/** A log as an array: what is before the base is null, but the base's own term. */
interface Naive {
  readonly log: Log
  readonly all: readonly Entry[]
  readonly base: number
}

function checkLog({ log, all, base }: Naive): void {
  assert.is(log.lastIndex, all.length)
  assert.is(log.base.index, base)
  for (let index = 0; index <= all.length + 1; index++) {
    const known = index >= base && index <= all.length
    assert.is(termAt(log, index), known ? (all[index - 1]?.term ?? 0) : -1)
    if (index > base && known) assert.is(entryAt(log, index), all[index - 1])
    else assert.throws(() => entryAt(log, index))
  }
  for (const term of [0, 1, 2, 3, 9]) {
    for (const index of [base, all.length]) {
      const last = all.slice(0, index).findLastIndex((one) => one.term <= term) + 1
      // Below the base nothing is known but that it is not at the base.
      assert.is(lastIndexUpToTerm(log, index, term), Math.max(last, base - 1))
    }
  }
}

test('log: any graph of appends, truncations and compactions: no fork sees another\'s \
entries', () => {
  const edit = fc.record({
    from: fc.nat(),
    how: fc.constantFrom('append', 'truncate', 'compact'),
    at: fc.nat(),
    count: fc.constantFrom(1, 2, 40, 63, 64, 65, 130),
    rises: fc.boolean(),
  })
  const edits = fc.array(edit, { minLength: 1, maxLength: 30, size: 'max' })
  fc.assert(fc.property(edits, (graph) => {
    const versions: Naive[] = [{ log: emptyLog(), all: [], base: 0 }]
    for (const [number, { from, how, at, count, rises }] of graph.entries()) {
      let { log, all, base } = versions[from % versions.length] as Naive
      const index = base + (at % (all.length - base + 1))
      if (how === 'truncate') {
        log = truncate(log, index)
        all = all.slice(0, index)
      } else if (how === 'compact') {
        log = compact(log, index)
        base = index
      }
      const term = (all.at(-1)?.term ?? 1) + (rises ? 1 : 0)
      const added = how === 'append' ? count : count % 3
      for (let place = 0; place < added; place++) {
        const next = entry(term, `${number} ${place}`)
        log = append(log, next)
        all = [...all, next]
      }
      versions.push({ log, all, base })
    }
    for (const version of versions) checkLog(version)
  }), { seed: RUNS.seed, numRuns: 60 })
})

test('progress: any answers and sends: the match never falls, and in flight is what was \
sent', () => {
  const move = fc.record({
    how: fc.constantFrom('sent', 'accepted', 'answered', 'probing'),
    index: fc.nat(20),
    bytesCount: fc.nat(9),
  })
  fc.assert(fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
    let progress: Progress = newProgress('b', 5)
    let inFlight: { last: number; bytesCount: number }[] = []
    let match = 0
    for (const { how, index, bytesCount } of moves) {
      if (how === 'sent' && progress.mode !== 'snapshot') {
        if (progress.mode === 'replicate' && index > 0) {
          inFlight.push({ last: progress.nextIndex + index - 1, bytesCount })
        }
        progress = sent(progress, index, bytesCount)
      } else if (how === 'accepted') {
        // Nobody accepts what was never sent.
        const upTo = Math.min(index, progress.nextIndex - 1)
        if (progress.mode !== 'replicate') inFlight = []
        progress = accepted(progress, upTo, 0)
        match = Math.max(match, upTo)
        inFlight = inFlight.filter(({ last }) => last > match)
      } else if (how === 'answered') {
        progress = answered(progress, index)
        assert.ok(progress.heard && progress.ackedRound >= index)
      } else if (how === 'probing') {
        progress = probing(progress, match + 1)
        inFlight = []
      }
      assert.is(progress.matchIndex, match)
      assert.ok(progress.nextIndex > progress.matchIndex)
      if (progress.mode !== 'replicate') continue
      assert.equal(progress.inFlight.map(({ lastIndex }) => lastIndex), inFlight.map(({ last }) => {
        return last
      }))
      const bytes = inFlight.reduce((sum, one) => sum + one.bytesCount, 0)
      assert.is(progress.inFlightBytes, bytes)
    }
  }), RUNS)
})

test.run()
