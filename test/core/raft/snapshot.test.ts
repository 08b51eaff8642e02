// Snapshots: the log is shortened behind them, and peers that need what is gone get one in chunks,
// whatever the network does to those. Ref: Raft 7, Figure 13 (BUGS: N2, N3, N5, N7, N9, N12, C12).

import * as assert from 'uvu/assert'
import type { Config } from '../../../core/raft/config.ts'
import type { MembershipChange } from '../../../core/raft/membership.ts'
import type { Message, SnapshotRequest } from '../../../core/raft/message.ts'
import { activeMembership } from '../../../core/raft/state.ts'
import { suite } from '../../harness.ts'
import {
  appendRequest,
  BASE_MS,
  Cluster,
  entry,
  messages,
  only,
  terms,
} from './kit.ts'

const test = suite('snapshot')
const THREE = ['a', 'b', 'c']
const SMALL: Partial<Config> = { snapshotKeepEntries: 0, snapshotChunkBytes: 10 }

/** `a` leads three; `c` has heard nothing; `a` has applied `count` commands and dropped them. */
function compacted(count = 5, config: Partial<Config> = SMALL): Cluster {
  const cluster = new Cluster({ voters: THREE, config })
  cluster.elect('a', ['b'])
  for (let request = 0; request < count; request++) cluster.request('a', request, `x${request}`)
  cluster.settle(['a', 'b'])
  cluster.beat('a', ['a', 'b'])
  cluster.snapshot('a')
  cluster.drop()
  cluster.take('a')
  return cluster
}

function chunkOf(cluster: Cluster): SnapshotRequest {
  const [chunk] = cluster.sent({ type: 'snapshotRequest', to: 'c' })
  assert.ok(chunk !== undefined, 'a chunk is on its way')
  return chunk
}

/** Heartbeats until `c` has all. */
function bringOn(cluster: Cluster, id = 'a', to = 'c', beats = 3): void {
  for (let beat = 0; beat < beats; beat++) cluster.beat(id)
  const { log, commit } = cluster.raft(id)
  assert.is(cluster.raft(to).log.lastIndex, log.lastIndex)
  assert.is(cluster.raft(to).commit, commit)
  const [mine, theirs] = [id, to].map((node) => cluster.member(node).state.machine)
  assert.equal(theirs, mine)
}

test('taken: the log begins behind it, and one record takes the place of all on disk', () => {
  const cluster = compacted()
  const raft = cluster.raft('a')
  assert.equal(raft.log.base, { index: 6, term: 1, stampMs: 0 })
  assert.is(raft.snapshot?.index, 6)
  const { disk } = cluster.member('a')
  assert.equal(disk, {
    hardState: { term: 1, vote: 'a' },
    snapshot: raft.snapshot,
    base: { index: 6, term: 1, stampMs: 0 },
    entries: [],
    damage: null,
  })
})

test('taken: what is not applied yet stays in the log, and on disk', () => {
  const cluster = compacted()
  cluster.request('a', 10, 'y')
  cluster.step('a', [{ type: 'snapshotWanted' }])
  cluster.settle(['a', 'b'])
  cluster.request('a', 11, 'z')
  assert.is(cluster.member('a').wanted, null, 'nothing was applied since the last')
  cluster.step('a', [{ type: 'snapshotWanted' }])
  assert.is(cluster.member('a').wanted?.index, 7)
  cluster.finishSnapshot('a')
  assert.equal(terms(cluster.raft('a')), [1])
  cluster.restart('a')
  const { raft, applied, machine } = cluster.member('a').state
  assert.equal([raft.log.base.index, raft.log.lastIndex, raft.commit, applied], [7, 8, 7, 7])
  assert.equal(machine.lines.length, 6)
})

test('taken: at so many entries since the last, one at a time, and never of nothing', () => {
  const config = { ...SMALL, snapshotEntriesMin: 4 }
  const cluster = new Cluster({ voters: ['a'], config })
  cluster.elect('a', [])
  const wants = (): number[] => only(cluster.take('a'), 'takeSnapshot').map(({ index }) => index)
  const ask = (): void => void cluster.request('a', 1, 'x')
  for (let count = 0; count < 2; count++) ask()
  assert.equal(wants(), [])
  ask()
  assert.equal(wants(), [4])
  for (let count = 0; count < 9; count++) ask()
  cluster.step('a', [{ type: 'snapshotWanted' }])
  assert.equal(wants(), [], 'the first is not finished')
  cluster.finishSnapshot('a')
  assert.equal(wants(), [13], 'and a later one is due by now')
  assert.equal(cluster.raft('a').log.base.index, 4)
  cluster.finishSnapshot('a')
  assert.equal(cluster.step('a', [{ type: 'snapshotWanted' }]), [])
})

test('taken: entries before it are kept for those a little behind: no snapshot is sent', () => {
  const cluster = new Cluster({ voters: THREE, config: { ...SMALL, snapshotKeepEntries: 3 } })
  cluster.elect('a')
  for (let request = 0; request < 9; request++) {
    cluster.request('a', request, 'x')
    cluster.settle(request < 6 ? THREE : ['a', 'b'])
  }
  cluster.snapshot('a')
  assert.is(cluster.raft('a').snapshot?.index, 10)
  assert.is(cluster.raft('a').log.base.index, 7)
  assert.is(cluster.raft('c').log.lastIndex, 7)
  bringOn(cluster)
  assert.is(cluster.raft('c').log.base.index, 0)
})

test('taken: handed in late, when a later one came from the leader: changes nothing', () => {
  const cluster = compacted()
  cluster.receive('c', 'a', appendRequest({ entries: [entry(1, null)], commit: 1 }))
  cluster.step('c', [{ type: 'snapshotWanted' }])
  bringOn(cluster)
  const before = cluster.raft('c')
  cluster.finishSnapshot('c')
  assert.equal(cluster.raft('c').snapshot, before.snapshot)
  assert.equal(cluster.raft('c').log.base, before.log.base)
})

test('members: those as of its last entry, not those that came behind it', () => {
  const cluster = new Cluster({ voters: ['a'], running: ['a', 'b'], config: SMALL })
  cluster.elect('a', [])
  const wish = (learners: string[]): MembershipChange => {
    return { type: 'change', voters: ['a'], learners, autoLeave: true }
  }
  cluster.change('a', 1, wish(['x']))
  cluster.step('a', [{ type: 'snapshotWanted' }])
  cluster.change('a', 2, wish(['y']))
  cluster.finishSnapshot('a')
  const { snapshot, memberships } = cluster.raft('a')
  assert.equal(snapshot?.membership.learners, ['x'])
  assert.equal(memberships.map(({ index }) => index), [2, 3])
  cluster.restart('a')
  const after = cluster.raft('a').memberships
  assert.equal(after.map(({ membership }) => membership.learners), [['x'], ['y']])
  cluster.advance(2 * BASE_MS)
  cluster.elect('a', [])
  cluster.change('a', 3, wish(['b']))
  cluster.beat('a')
  cluster.snapshot('a')
  assert.equal(cluster.raft('a').snapshot?.membership.learners, ['b'], 'and so in the next one')
})

test('members: come with an installed snapshot: a voter that it made a learner stands no \
more', () => {
  const cluster = compacted(2)
  cluster.change('a', 50, {
    type: 'change', voters: ['a', 'b'], learners: ['c'], autoLeave: true,
  })
  cluster.settle(['a', 'b'])
  cluster.snapshot('a')
  bringOn(cluster)
  assert.equal(activeMembership(cluster.raft('c')), {
    voters: ['a', 'b'], outgoing: null, learners: ['c'], autoLeave: false,
  })
  cluster.restart('c')
  cluster.fire('c', 'election')
  assert.is(cluster.raft('c').role, 'follower')
})

test('chunks: in order, each after the answer to the last, and all of them make the state', () => {
  const cluster = compacted()
  const size = cluster.raft('a').snapshot?.bytesCount ?? 0
  cluster.fire('a', 'heartbeat')
  cluster.deliver({ type: 'appendRequest', to: 'c' })
  cluster.deliver({ type: 'appendRejected', from: 'c' })
  let expected = 0
  for (; cluster.sent({ type: 'snapshotRequest' }).length > 0; expected += 10) {
    assert.is(cluster.sent({ type: 'snapshotRequest' }).length, 1, 'one at a time')
    assert.is(chunkOf(cluster).offset, expected)
    assert.is(chunkOf(cluster).bytes.length, Math.min(10, size - expected))
    cluster.deliver({ type: 'snapshotRequest', to: 'c' })
    cluster.deliver({ from: 'c' })
  }
  assert.is(expected, Math.ceil(size / 10) * 10)
  assert.is(cluster.raft('c').commit, 6)
  assert.is(cluster.progress('a', 'c').mode, 'replicate')
  bringOn(cluster)
})

test('chunks: each counts as a heartbeat, and its answer as a sign of life', () => {
  const cluster = compacted(40)
  for (let round = 0; round < 12; round++) {
    cluster.advance(BASE_MS / 3)
    for (const node of ['a', 'c']) cluster.step(node)
    const [chunk] = cluster.drop({ type: 'snapshotRequest' })
    cluster.drop()
    if (chunk === undefined) cluster.beat('a', ['a', 'c'])
    else {
      cluster.receive('c', 'a', chunk.message)
      cluster.deliver({ from: 'c', to: 'a' })
    }
  }
  assert.is(cluster.leader('a').term, 1, 'by the answers of c alone')
  assert.is(cluster.raft('c').role, 'follower')
})

test('chunks: lost, and their answers too: sent again with the next heartbeat', () => {
  const cluster = compacted()
  cluster.beat('a', ['a', 'b'])
  for (let beat = 0; beat < 60 && cluster.raft('c').commit === 0; beat++) {
    cluster.fire('a', 'heartbeat')
    if (beat % 3 === 0) cluster.drop({ to: 'c' })
    cluster.deliver({ to: 'c' })
    if (beat % 3 === 1) cluster.drop({ from: 'c' })
    cluster.deliver({ to: 'a' })
  }
  bringOn(cluster)
})

test('chunks: twice and out of order: none is joined where it does not belong', () => {
  const cluster = compacted()
  const chunks: SnapshotRequest[] = []
  cluster.fire('a', 'heartbeat')
  for (let beat = 0; beat < 30 && cluster.raft('c').commit === 0; beat++) {
    cluster.deliver({ type: 'appendRequest', to: 'c' })
    for (const { message } of cluster.drop({ type: 'snapshotRequest' })) {
      chunks.push(message as SnapshotRequest)
      // The whole past again, backwards, and the new one twice in the midst of it.
      const past = [...chunks].reverse()
      for (const old of [...past, ...chunks.slice(-1), ...past]) cluster.receive('c', 'a', old)
    }
    cluster.drop({ type: 'appendRequest' })
    cluster.deliver({ from: 'c' })
  }
  bringOn(cluster)
})

test('chunks: the receiver restarts half-way: begins again, and says so', () => {
  const cluster = compacted()
  cluster.fire('a', 'heartbeat')
  cluster.deliver({ type: 'appendRequest', to: 'c' })
  cluster.deliver({ from: 'c' })
  for (let chunk = 0; chunk < 3; chunk++) {
    cluster.deliver({ type: 'snapshotRequest' })
    cluster.deliver({ from: 'c' })
  }
  assert.is(chunkOf(cluster).offset, 30)
  cluster.restart('c')
  cluster.deliver({ type: 'snapshotRequest' })
  const [answer] = cluster.sent({ type: 'snapshotReply' })
  assert.is(answer?.offset, 0)
  cluster.deliver({ from: 'c' })
  assert.is(chunkOf(cluster).offset, 0)
  bringOn(cluster)
})

test('chunks: the leader changes half-way: what the first has sent is not joined to the \
next', () => {
  const cluster = compacted()
  cluster.snapshot('b')
  cluster.fire('a', 'heartbeat')
  cluster.deliver({ type: 'appendRequest', to: 'c' })
  cluster.deliver({ from: 'c' })
  cluster.deliver({ type: 'snapshotRequest' })
  assert.is(cluster.raft('c').incoming?.receivedBytes, 10)
  cluster.transfer('a', 90, 'b')
  cluster.settle(['a', 'b'])
  assert.is(cluster.leader('b').term, 2)
  cluster.fire('b', 'heartbeat')
  cluster.deliver({ type: 'appendRequest', to: 'c' })
  cluster.deliver({ from: 'c' })
  cluster.deliver({ type: 'snapshotRequest' })
  const { incoming } = cluster.raft('c')
  assert.equal([incoming?.leaderTerm, incoming?.receivedBytes], [2, 10])
  bringOn(cluster, 'b')
})

test('chunks: the last one twice: the second is answered with what is committed', () => {
  const cluster = compacted()
  let last: Message | null = null
  cluster.fire('a', 'heartbeat')
  for (let beat = 0; beat < 30 && cluster.raft('c').commit === 0; beat++) {
    last = cluster.sent({ type: 'snapshotRequest' })[0] ?? last
    cluster.deliver({ to: 'c' })
    cluster.deliver({ from: 'c' })
  }
  assert.ok(last !== null)
  const before = cluster.member('c').state
  const effects = cluster.receive('c', 'a', last)
  assert.equal(messages(effects).map(({ type }) => type), ['appendAccepted'])
  assert.equal(only(effects, 'persist'), [])
  assert.equal(cluster.member('c').state.machine, before.machine)
  assert.equal(cluster.raft('c').log, before.raft.log)
})

test('brought on: a later snapshot was taken while the earlier one was on its way', () => {
  const cluster = compacted()
  cluster.fire('a', 'heartbeat')
  cluster.deliver({ type: 'appendRequest', to: 'c' })
  cluster.deliver({ type: 'appendRejected', from: 'c' })
  assert.is(chunkOf(cluster).snapshot.index, 6)
  const parked = cluster.drop({ to: 'c' })
  for (let request = 10; request < 15; request++) cluster.request('a', request, 'y')
  cluster.settle(['a', 'b'])
  cluster.snapshot('a')
  assert.is(cluster.raft('a').log.base.index, 11)
  cluster.drop()
  for (const { message } of parked) cluster.receive('c', 'a', message)
  bringOn(cluster)
})

test.run()
