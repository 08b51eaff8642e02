// Rules of the core that no run of correct nodes puts to the test: what a node does that meets what
// cannot be, and what would only come a moment later. Mutants that break them fall here.

import * as assert from 'uvu/assert'
import type { Persist } from '../../../core/effect.ts'
import type { Event } from '../../../core/event.ts'
import { InvariantError } from '../../../core/invariant.ts'
import { lockMachine } from '../../../core/lock/machine.ts'
import { DEFAULTS } from '../../../core/raft/config.ts'
import type { Entry, Message } from '../../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../../core/raft/state.ts'
import { replica } from '../../../core/replica.ts'
import { suite } from '../../harness.ts'

const test = suite('mutants: core')
const machine = replica(lockMachine({}))
const VOTERS = ['a', 'b', 'c']

/** Node `a`, whose disk is done at once; the others are words put into their mouths. */
class NodeA {
  state = machine.initial(
    { ...DEFAULTS, cluster: 'test', group: '0', node: 'a', voters: VOTERS },
    NOTHING_RESTORED,
    1_000,
    7,
  )
  nowMs = 5_000

  get commit(): number {
    return this.state.raft.commit
  }

  step(...events: Event[]): void {
    const [state, effects] = machine.step(this.state, { now: this.nowMs, random: 7, events })
    this.state = state
    const persist = effects.find((effect): effect is Persist => effect.type === 'persist')
    if (persist !== undefined) this.step({ type: 'persisted', id: persist.id })
  }

  hear(from: string, message: Message): void {
    this.step({ type: 'received', from, message })
  }

  lead(): void {
    this.step()
    this.hear('b', { type: 'preVoteReply', term: 1, granted: true })
    this.hear('b', { type: 'voteReply', term: 1, granted: true })
    assert.is(this.state.raft.role, 'leader')
    this.accepted(1)
  }

  accepted(matchIndex: number): void {
    this.hear('b', { type: 'appendAccepted', term: 1, matchIndex, round: 0, versions: 1 })
  }
}

function append(term: number, prevIndex: number, prevTerm: number, ...terms: number[]): Message {
  const entries = terms.map((term): Entry => {
    return { term, stampMs: 0, kind: 'noop', payload: new Uint8Array(0) }
  })
  const commit = prevIndex + entries.length
  return { type: 'appendRequest', term, prevIndex, prevTerm, commit, round: 1, entries }
}

test('follower: a leader whose log ends otherwise below the commit index: it halts', () => {
  const node = new NodeA()
  node.hear('b', append(1, 0, 0, 1, 1))
  assert.is(node.commit, 2)
  assert.throws(() => node.hear('c', append(2, 2, 2)), halts)
})

test('follower: a leader with other entries below the commit index: it halts', () => {
  const node = new NodeA()
  node.hear('b', append(1, 0, 0, 1, 1))
  assert.throws(() => node.hear('c', append(2, 1, 1, 2)), halts)
})

test('members: joint consensus ends at the leader alone: all that it holds is committed', () => {
  const node = new NodeA()
  node.lead()
  const only = { type: 'change', voters: ['a'], learners: [], autoLeave: false } as const
  node.step({ type: 'changeMembership', request: 1, change: only })
  node.accepted(2)
  assert.is(node.commit, 2)
  // A command that nobody else acknowledges.
  const payload = lockMachine({}).encodeCommand({ type: 'status', key: 'k', holder: null })
  node.step({ type: 'request', request: 2, payload })
  assert.is(node.commit, 2)
  const events: Event[] = [{ type: 'changeMembership', request: 3, change: { type: 'leave' } }]
  const [after] = machine.step(node.state, { now: node.nowMs, random: 7, events })
  assert.is(after.raft.commit, 3)
})

function halts(error: unknown): boolean {
  return error instanceof InvariantError
}

test.run()
