// What the tests of the paper's sentences share, and where each sentence is. A title quotes its
// sentence; one that only describes or argues has no test. Where we depart: docs/divergences.md.
//
// Figure 2                                                              paper-
//   State: stable storage first; initial values; what only grows; what
//     an entry holds; nextIndex and matchIndex of a new leader            rules
//   AppendEntries 1: a stale term                                         election (5.1)
//   AppendEntries 2 to 5: prevLog, conflict, append, leaderCommit         replication
//   RequestVote 1: a stale term                                           election (5.1)
//   RequestVote 2: one vote; up to date                                   election (5.2), safety
//   All servers: apply what is committed                                  rules
//   All servers: a higher term                                            election (5.1)
//   Followers: respond; time out                                          rules
//   Followers: a vote that was granted puts the timeout off               election
//   Candidates: term and vote of their own; a majority; a new leader;
//     another timeout                                                     election (5.2)
//   Candidates: their timer, whom they ask                                rules
//   Leaders: heartbeats                                                   election
//   Leaders: a command, and its answer                                    replication (5.3)
//   Leaders: send from nextIndex; success                                 rules
//   Leaders: failure                                                      replication
//   Leaders: a majority of matchIndex, of the own term                    safety
// 5.1  terms are consecutive, exchanged, out of date, stale               rules, election
//      followers are passive; RPCs are retried                            rules
//      followers redirect clients                                         clients
// 5.2  all but                                                            election
//      Election Safety                                                    rules
// 5.3  all but                                                            replication
//      Log Matching                                                       rules
// 5.4  which log is up to date; Figure 8; Leader Completeness; order      safety
//      State Machine Safety                                               rules
// 5.5  crashes; RPCs are idempotent                                       safety
// 5.6  no safety by timing; heartbeats within the timeout                 safety
// 6    joint consensus, Cnew, new servers, leaders and servers that go    membership
// 7    snapshots, Figure 13                                               compaction
// 8    whom to ask; exactly once; noop; reads                             clients

import * as assert from 'uvu/assert'
import type { AppendRequest, Message, VoteRequest } from '../../../core/raft/message.ts'
import type { JournalEffect, Packet, Turn } from './kit.ts'
import { BASE_MS, Cluster, messages, restored } from './kit.ts'

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

/**
 * Five nodes in disorder, the same at each call: messages come late, twice, in any order or never,
 * timers fire when they like, nodes restart, and two of them at a time are cut off from the rest.
 * `onTurn` sees each turn.
 */
export function disorder(onTurn: (turn: Turn) => void): void {
  const cluster = new Cluster({ voters: FIVE, onStep: onTurn })
  const { network } = cluster
  let bits = 1
  const draw = (below: number): number => {
    bits = (Math.imul(bits, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((bits / 0x100000000) * below)
  }
  const node = (): string => FIVE[draw(FIVE.length)] as string
  let cut: readonly string[] = []
  for (let move = 0; move < 10_000; move++) {
    const kind = draw(100)
    if (kind < 75 && network.length > 0) {
      const at = draw(Math.min(network.length, 12))
      const { from, to, message } = network[at] as Packet
      if (kind >= 3) network.splice(at, 1)
      if (kind >= 6 && cut.includes(from) === cut.includes(to)) cluster.receive(to, from, message)
    } else if (kind < 80) cluster.fire(node(), 'heartbeat')
    else if (kind < 90) cluster.request(node(), move, `x${move}`)
    else if (kind < 91) cluster.restart(node())
    else if (kind < 96) cluster.advance(draw(BASE_MS / 5))
    else {
      // Long enough for all to give their votes again: those that were cut off stand as well.
      cluster.drop()
      cluster.advance(BASE_MS)
      for (const candidate of [...cut, node(), node()]) cluster.fire(candidate, 'election')
      cut = [node(), node()]
    }
  }
}
