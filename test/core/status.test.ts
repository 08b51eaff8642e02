import * as assert from 'uvu/assert'
import { emptyMap } from '../../core/ordered-map.ts'
import { DEFAULTS } from '../../core/raft/config.ts'
import type { Config } from '../../core/raft/config.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { Message } from '../../core/raft/message.ts'
import { replica } from '../../core/replica.ts'
import { statusOf } from '../../core/status.ts'
import type { ReplicaState } from '../../core/work.ts'
import type { Event } from '../../core/event.ts'
import { suite } from '../harness.ts'
import { encodeText, textMachine } from '../transcripts/text-machine.ts'
import type { Text } from '../transcripts/text-machine.ts'

const machine = replica(textMachine)
const test = suite('core/status')

function configOf(overrides: Partial<Config> = {}): Config {
  const voters = ['1', '2', '3']
  return { cluster: 'c', group: '0', ...DEFAULTS, node: '1', voters, ...overrides }
}

function start(overrides: Partial<Config> = {}): ReplicaState<Text> {
  return machine.initial(configOf(overrides), NOTHING_RESTORED, 0, 0)
}

function after(state: ReplicaState<Text>, ...events: readonly Event[]): ReplicaState<Text> {
  for (const event of events) {
    ;[state] = machine.step(state, { now: 150, random: 1, events: [event] })
  }
  return state
}

const said = (from: string, message: Message): Event => ({ type: 'received', from, message })

/** Node 1 leads term 1; its noop is committed by 1 and 2, and 3 was never heard. */
function leader(overrides: Partial<Config> = {}): ReplicaState<Text> {
  return after(
    start(overrides),
    { type: 'timerFired', timer: 'election' },
    said('2', { type: 'preVoteReply', term: 1, granted: true }),
    { type: 'persisted', id: 1 },
    said('2', { type: 'voteReply', term: 1, granted: true }),
    { type: 'persisted', id: 2 },
    said('2', { type: 'appendAccepted', term: 1, matchIndex: 1, round: 0, versions: 1 }),
  )
}

test('core/status: a new node: all is empty, and nobody is known', () => {
  assert.equal(statusOf(start()), {
    node: '1',
    role: 'follower',
    term: 0,
    leader: null,
    commitIndex: 0,
    appliedIndex: 0,
    lastIndex: 0,
    snapshotIndex: 0,
    baseIndex: 0,
    membership: { voters: ['1', '2', '3'], outgoing: null, learners: [], autoLeave: false },
    membershipIndex: 0,
    version: 1,
    pendingPersists: [],
    peers: [],
    transferTo: null,
  })
})

test('core/status: a leader: its peers, what is in flight, the write under way', () => {
  const payload = encodeText('abc')
  const state = after(leader(), { type: 'request', request: 0, payload })
  const status = statusOf(state)
  assert.is(status.role, 'leader')
  assert.is(status.leader, '1')
  assert.is(status.commitIndex, 1)
  assert.is(status.appliedIndex, 1)
  assert.is(status.lastIndex, 2)
  assert.equal(status.pendingPersists, [3])
  const known = { isVoter: true, isHeard: true, snapshot: null }
  const none = { ...known, inFlightMessages: 0, inFlightBytes: 0 }
  const stream = { mode: 'replicate', matchIndex: 1, nextIndex: 3, isPaused: false }
  const probe = { mode: 'probe', matchIndex: 0, nextIndex: 1, isPaused: true }
  assert.equal(status.peers, [
    { ...none, peer: '2', ...stream, versions: 1, inFlightMessages: 1, inFlightBytes: 4 },
    { ...none, peer: '3', ...probe, versions: 0 },
  ])
})

test('core/status: a stream at its cap: paused', () => {
  const state = after(leader({ inFlightMessagesMax: 1 }), {
    type: 'request',
    request: 0,
    payload: encodeText('abc'),
  })
  assert.is(statusOf(state).peers[0]?.isPaused, true)
})

test('core/status: a snapshot on its way: how far it is, and what it left of the log', () => {
  const taken = after(
    leader({ snapshotKeepEntries: 0, snapshotChunkBytes: 1 }),
    { type: 'snapshotWanted' },
    { type: 'snapshotTaken', index: 1, bytes: textMachine.encodeSnapshot({ lines: ['a', 'b'] }) },
    said('3', {
      type: 'appendRejected',
      term: 1,
      prevIndex: 0,
      hintIndex: 0,
      hintTerm: 0,
      damaged: false,
      round: 0,
    }),
    { type: 'timerFired', timer: 'heartbeat' },
    said('3', { type: 'snapshotReply', term: 1, round: 1, index: 1, offset: 2 }),
  )
  const status = statusOf(taken)
  assert.is(status.snapshotIndex, 1)
  assert.is(status.baseIndex, 1)
  const peer = status.peers[1]
  assert.is(peer?.mode, 'snapshot')
  assert.equal(peer?.snapshot, { index: 1, offset: 2, bytesCount: 5 })
  assert.is(peer?.isPaused, true)
})

test('core/status: changes under way: the active members, a learner, a transfer', () => {
  const change = { type: 'change', voters: ['1', '2', '3'], learners: ['4'] } as const
  const state = after(
    leader(),
    { type: 'changeMembership', request: 0, change: { ...change, autoLeave: true } },
    { type: 'transferLeadership', request: 1, to: '2' },
  )
  const status = statusOf(state)
  assert.equal(status.membership.learners, ['4'])
  assert.is(status.membershipIndex, 2)
  assert.is(status.transferTo, '2')
  assert.equal(
    status.peers.map(({ isVoter }) => isVoter),
    [true, true, false],
  )
})

test('core/status: plain data: it survives JSON, and the state is as it was', () => {
  const state = leader()
  const status = statusOf(state)
  assert.equal(JSON.parse(JSON.stringify(status)), status)
  assert.equal(state.waiting, emptyMap())
})

test.run()
