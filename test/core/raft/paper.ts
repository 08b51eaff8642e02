// What the tests of the paper's sentences share.

import * as assert from 'uvu/assert'
import type { AppendRequest, Message, VoteRequest } from '../../../core/raft/message.ts'
import type { JournalEffect } from './kit.ts'
import { Cluster, messages, restored } from './kit.ts'

export const THREE: readonly string[] = ['a', 'b', 'c']
export const FIVE: readonly string[] = ['a', 'b', 'c', 'd', 'e']

/** Node `a` of three, alone with its test, with a past. */
export function solo(term = 1, ...log: number[]): Cluster {
  const past = restored({ term, vote: null }, ...log)
  return new Cluster({ voters: THREE, running: ['a'], restored: { a: past } })
}

export function voteRequest(term: number, lastTerm: number, lastIndex: number): VoteRequest {
  return { type: 'voteRequest', term, lastTerm, lastIndex, transfer: false }
}

export function onlyMessage(effects: readonly JournalEffect[]): Message {
  const all = messages(effects)
  assert.is(all.length, 1)
  return all[0] as Message
}

/** What `a` answers to `request` of `b`. */
export function answerTo(cluster: Cluster, request: AppendRequest): Message {
  return onlyMessage(cluster.receive('a', 'b', request))
}
