// Whom a leader that stops hands over to.

import * as assert from 'uvu/assert'
import type { PeerStatus, ReplicaStatus } from '../../core/status.ts'
import { successorOf } from '../../server/hand-over.ts'
import { suite } from '../harness.ts'

const test = suite('hand over')

function peer(name: string, matchIndex: number, other: Partial<PeerStatus> = {}): PeerStatus {
  return {
    peer: name,
    isVoter: true,
    mode: 'replicate',
    matchIndex,
    nextIndex: matchIndex + 1,
    inFlightMessages: 0,
    inFlightBytes: 0,
    isPaused: false,
    isHeard: true,
    versions: 1,
    snapshot: null,
    ...other,
  }
}

function status(peers: readonly PeerStatus[], role: ReplicaStatus['role'] = 'leader') {
  return { node: 'a', role, peers } as ReplicaStatus
}

test('hand over: the voter with most of the log, of those that were heard', () => {
  assert.is(successorOf(status([peer('b', 7), peer('c', 9)])), 'c')
  assert.is(successorOf(status([peer('b', 7), peer('c', 9, { isHeard: false })])), 'b')
  assert.is(successorOf(status([peer('b', 7), peer('c', 9, { isVoter: false })])), 'b')
  assert.is(successorOf(status([peer('b', 7), peer('c', 9, { mode: 'snapshot' })])), 'b')
})

test('hand over: nobody is able, or it does not lead: to none', () => {
  assert.is(successorOf(status([])), null)
  assert.is(successorOf(status([peer('b', 7, { isHeard: false })])), null)
  assert.is(successorOf(status([peer('b', 7)], 'follower')), null)
})

test.run()
