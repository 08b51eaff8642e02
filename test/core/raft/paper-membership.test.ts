// The rules of the Raft paper (extended version), one test each, its sentence in the title: section
// 6, cluster membership changes.

import * as assert from 'uvu/assert'
import type { MembershipChange } from '../../../core/raft/membership.ts'
import { activeMembership } from '../../../core/raft/state.ts'
import { suite } from '../../harness.ts'
import { BASE_MS, Cluster } from './kit.ts'
import { FIVE, onlyMessage, THREE, voteRequest } from './paper.ts'

const test = suite('paper-membership')

/** Three founders led by `a`; `d` and `e` run outside of them. */
function leading(): Cluster {
  const cluster = new Cluster({ voters: THREE, running: FIVE })
  cluster.elect('a', ['b', 'c'])
  cluster.beat('a')
  for (const node of FIVE) cluster.take(node)
  return cluster
}

function to(voters: readonly string[], learners: readonly string[] = []): MembershipChange {
  return { type: 'change', voters, learners, autoLeave: true }
}

test('6: "log entries are replicated to all servers in both configurations"', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  assert.equal(cluster.network.map((packet) => packet.to).sort(), ['b', 'c', 'd', 'e'])
})

test('6: "any server from either configuration may serve as leader"', () => {
  for (const next of ['b', 'd']) {
    const cluster = leading()
    cluster.change('a', 1, { ...to(['a', 'd', 'e']), autoLeave: false } as MembershipChange)
    cluster.settle()
    cluster.elect(next, FIVE.filter((node) => node !== next && node !== 'a'))
    assert.is(cluster.leader(next).term, 2)
  }
})

test('6: "agreement (for elections and entry commitment) requires separate majorities from both \
the old and new configurations"', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  assert.is(cluster.raft('a').commit, 1, 'all of the old configuration')
  for (let trip = 0; trip < 3; trip++) {
    cluster.deliver({ to: 'd' })
    cluster.deliver({ to: 'a', from: 'd' })
  }
  assert.ok(cluster.raft('a').commit >= 2, 'and two of three of the new one')
})

test('6: "once a given server adds the new configuration entry to its log, it uses that \
configuration for all future decisions (a server always uses the latest configuration in its log, \
regardless of whether the entry is committed)"', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  assert.equal(activeMembership(cluster.raft('a')).outgoing, THREE)
  cluster.deliver({ to: 'b' })
  assert.is(cluster.raft('b').commit, 1)
  assert.equal(activeMembership(cluster.raft('b')).voters, ['a', 'd', 'e'])
  cluster.drop()
  cluster.advance(2 * BASE_MS)
  cluster.fire('b', 'election')
  assert.equal(cluster.network.map((packet) => packet.to), ['a', 'c', 'd', 'e'])
})

test('6: "if the leader crashes, a new leader may be chosen under either Cold or Cold,new": under \
Cold it is as if nobody had asked', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  cluster.drop()
  cluster.elect('b', ['c'])
  cluster.beat('b', THREE)
  cluster.beat('b', THREE)
  for (const node of THREE) {
    assert.equal(activeMembership(cluster.raft(node)), {
      voters: THREE, outgoing: null, learners: [], autoLeave: false,
    })
  }
})

test('6: "once Cold,new has been committed, [...] it is now safe for the leader to create a log \
entry describing Cnew": and not before', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  cluster.beat('a', THREE)
  assert.is(cluster.raft('a').log.lastIndex, 2)
  cluster.beat('a')
  assert.is(cluster.raft('a').log.lastIndex, 3)
  assert.is(activeMembership(cluster.raft('a')).outgoing, null)
})

test('6: "when the new configuration has been committed under the rules of Cnew, the old \
configuration is irrelevant and servers not in the new configuration can be shut down"', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  cluster.settle()
  cluster.beat('a')
  const left = ['a', 'd', 'e']
  cluster.request('a', 2, 'x')
  cluster.settle(left)
  assert.is(cluster.replies('a').at(-1)?.[1].type, 'done')
  cluster.elect('d', ['e'])
  assert.is(cluster.leader('d').commit, cluster.raft('d').log.lastIndex)
})

test('6: "new servers [...] join the cluster as non-voting members (the leader replicates log \
entries to them, but they are not considered for majorities)"', () => {
  const cluster = leading()
  cluster.change('a', 1, to(THREE, ['d', 'e']))
  cluster.settle()
  cluster.request('a', 2, 'x')
  cluster.deliver({ to: 'd' })
  cluster.deliver({ to: 'e' })
  cluster.deliver({ to: 'a' })
  assert.is(cluster.raft('d').log.lastIndex, 3)
  assert.is(cluster.raft('a').commit, 2, 'three hold it, of whom one votes')
})

test('6: "the leader steps down (returns to follower state) once it has committed the Cnew log \
entry", and "while it is committing Cnew [...] it does not count itself in majorities"', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['b', 'd', 'e']))
  cluster.settle(['a', 'b', 'd'])
  assert.is(cluster.raft('a').role, 'follower', 'b and d')
  const other = leading()
  other.change('a', 1, to(['b', 'c']))
  for (const node of ['b', 'c', 'a']) other.deliver({ to: node })
  other.deliver({ to: 'b' })
  other.deliver({ to: 'a', from: 'b' })
  assert.is(other.raft('a').role, 'leader', 'a and b are two of three, but one of the new two')
  assert.is(other.raft('a').commit, 2)
})

test('6: "servers disregard RequestVote RPCs when they believe a current leader exists": within \
the minimum election timeout of hearing from it, and the term does not move', () => {
  const cluster = leading()
  cluster.beat('a')
  cluster.advance(BASE_MS - 1)
  assert.equal(cluster.receive('b', 'x', voteRequest(50, 50, 50)), [])
  assert.is(cluster.raft('b').term, 1)
  cluster.advance(1)
  assert.is(onlyMessage(cluster.receive('b', 'x', voteRequest(50, 50, 50))).term, 50)
})

test('6: "this does not affect normal elections, where each server waits at least a minimum \
election timeout before starting an election"', () => {
  const cluster = leading()
  cluster.elect('b', ['c'])
  assert.is(cluster.leader('b').term, 2)
})

test('6: "Cnew cannot make unilateral decisions during this period": its votes elect nobody, and \
neither do those of Cold alone', () => {
  const camps: [string, readonly string[], string][] = [
    ['d', ['a', 'e'], 'b'],
    ['b', ['a', 'c'], 'd'],
  ]
  for (const [node, camp, other] of camps) {
    const cluster = leading()
    cluster.change('a', 1, { ...to(['a', 'd', 'e']), autoLeave: false } as MembershipChange)
    cluster.settle()
    cluster.advance(2 * BASE_MS)
    cluster.fire(node, 'election')
    const preVote = { type: 'preVoteReply', term: 2, granted: true } as const
    for (const peer of camp) cluster.receive(node, peer, preVote)
    assert.is(cluster.raft(node).role, 'precandidate', 'nor may it stand')
    cluster.receive(node, other, preVote)
    const vote = { type: 'voteReply', term: 2, granted: true } as const
    for (const peer of camp) cluster.receive(node, peer, vote)
    assert.is(cluster.raft(node).role, 'candidate')
    cluster.receive(node, other, vote)
    assert.is(cluster.raft(node).role, 'leader')
  }
})

test('6: "Cnew cannot make unilateral decisions during this period": all of it commits nothing \
without Cold', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  for (let beat = 0; beat < 3; beat++) cluster.beat('a', ['a', 'd', 'e'])
  assert.is(cluster.progress('a', 'd').matchIndex, 2)
  assert.is(cluster.progress('a', 'e').matchIndex, 2)
  assert.is(cluster.raft('a').commit, 1)
})

test('6: "only servers with the Cold,new log entry can be elected as leader": once it is \
committed', () => {
  const cluster = leading()
  cluster.change('a', 1, { ...to(['a', 'd', 'e']), autoLeave: false } as MembershipChange)
  for (let beat = 0; beat < 3; beat++) cluster.beat('a', ['a', 'b', 'd'])
  assert.is(cluster.raft('a').commit, 2)
  for (let attempt = 0; attempt < 5; attempt++) {
    cluster.advance(2 * BASE_MS)
    cluster.fire('c', 'election')
    cluster.settle(['b', 'c', 'd', 'e'])
    assert.is.not(cluster.raft('c').role, 'leader', 'by Cold it asks a and b')
  }
  cluster.elect('b', ['c', 'd', 'e'])
})

test('6: "again, this configuration will take effect on each server as soon as it is seen": \
Cnew', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  cluster.beat('a', ['a', 'b', 'c'])
  while (activeMembership(cluster.raft('a')).outgoing !== null) {
    cluster.fire('a', 'heartbeat')
    assert.ok(cluster.deliver({ to: 'd' }) > 0)
    cluster.deliver({ to: 'a', from: 'd' })
  }
  cluster.deliver({ to: 'd' })
  const { commit, log } = cluster.raft('d')
  assert.is(log.lastIndex, 3)
  assert.ok(commit < 3)
  assert.is(activeMembership(cluster.raft('d')).outgoing, null)
})

test('6: "once the new servers have caught up with the rest of the cluster, the reconfiguration \
can proceed as described above": when that is, the operator says', () => {
  // The additional phase is one of its own, and not required: docs/divergences.md, Membership.
  const cluster = leading()
  cluster.change('a', 1, to(THREE, ['d', 'e']))
  cluster.settle()
  cluster.beat('a')
  assert.equal(cluster.raft('d').log.lastIndex, 2)
  cluster.change('a', 2, to(FIVE))
  for (const node of ['b', 'd', 'e']) cluster.deliver({ to: node })
  cluster.deliver({ to: 'a' })
  assert.ok(cluster.raft('a').commit >= 3, 'one round trip')
  const hasty = leading()
  hasty.change('a', 1, to(FIVE))
  assert.equal(activeMembership(hasty.raft('a')).voters, FIVE)
})

test('6: "these servers will not receive heartbeats, so they will time out and start new \
elections": and the leader that they are to be removed by leads on', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'd', 'e']))
  for (let beat = 0; beat < 3; beat++) cluster.beat('a')
  cluster.fire('a', 'heartbeat')
  assert.equal(cluster.network.map((packet) => packet.to), ['d', 'e'])
  cluster.settle()
  cluster.advance(BASE_MS - 1)
  for (let attempt = 0; attempt < 5; attempt++) {
    for (const node of ['b', 'c']) cluster.fire(node, 'election')
    cluster.settle()
    cluster.receive('d', 'b', voteRequest(99, 99, 99))
  }
  assert.is(cluster.leader('a').term, 1)
  assert.is(cluster.raft('d').term, 1)
})

test.run()
