// The version of the machine's rules: raised by an entry once every member knows it, kept in
// snapshots, and what stops a node that does not know it.

import * as assert from 'uvu/assert'
import type { Outcome, RefusalReason } from '../../../core/effect.ts'
import { InvariantError, UnknownVersionError } from '../../../core/invariant.ts'
import { foundedBy } from '../../../core/raft/membership.ts'
import type { Entry } from '../../../core/raft/message.ts'
import { activeMembership } from '../../../core/raft/state.ts'
import { decodeVersion, encodeVersion } from '../../../core/raft/version.ts'
import { suite } from '../../harness.ts'
import { journal } from './journal.ts'
import { appendRequest, Cluster, logOf, only, restored } from './kit.ts'
import type { ClusterOptions } from './kit.ts'

const test = suite('version')
const THREE = ['a', 'b', 'c']
const NEW = { a: 2, b: 2, c: 2 }

/** Node `a` leads, and its noop is committed everywhere. */
function leading(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ voters: THREE, ...options })
  cluster.elect('a')
  cluster.beat('a')
  for (const id of options.running ?? THREE) cluster.take(id)
  return cluster
}

/** What is appended is committed, and all know that it is. */
function work(cluster: Cluster, nodes: readonly string[] = THREE): void {
  cluster.settle(nodes)
  cluster.beat('a', nodes)
}

function refused(reason: RefusalReason): Outcome<string> {
  return { type: 'refused', reason }
}

/** An entry that raises the version, made by hand. */
function raising(term: number, payload: Uint8Array): Entry {
  return { term, stampMs: 0, kind: 'version', payload }
}

function versionsOf(cluster: Cluster): number[] {
  return THREE.map((id) => cluster.member(id).state.version)
}

/** What each node has applied, without places. */
function linesOf(cluster: Cluster, id: string): string[] {
  return cluster.member(id).state.machine.lines.map((line) => line.replace(/^\S+ /, ''))
}

test('version: a group whose builds know more: goes by the first until it is raised', () => {
  const cluster = leading({ versions: NEW })
  cluster.request('a', 1, 'x')
  work(cluster)
  assert.equal(versionsOf(cluster), [1, 1, 1])
  assert.equal(linesOf(cluster, 'c'), ['x'])
})

test('version: raised: commands before go by the old, commands behind by the new, on all', () => {
  const cluster = leading({ versions: NEW })
  cluster.request('a', 1, 'x')
  cluster.raise('a', 2, 2)
  cluster.request('a', 3, 'y')
  assert.is(cluster.member('a').state.version, 1, 'not before it is committed')
  work(cluster)
  const answers = cluster.replies('a').filter(([id]) => id === 2)
  assert.equal(answers, [[2, { type: 'changed', index: 3 }]])
  assert.equal(versionsOf(cluster), [2, 2, 2])
  for (const id of THREE) assert.equal(linesOf(cluster, id), ['x', 'v2 y'])
  cluster.restart('b')
  assert.is(cluster.member('b').state.version, 1, 'nothing is applied yet')
  cluster.beat('a')
  assert.equal(linesOf(cluster, 'b'), ['x', 'v2 y'])
})

test('raise: some member does not know the version: refused, until its build does', () => {
  for (const old of THREE) {
    const cluster = leading({ versions: { ...NEW, [old]: 1 } })
    cluster.raise('a', 1, 2)
    assert.equal(cluster.replies('a'), [[1, refused('versionUnsupported')]], old)
    assert.equal(logOf(cluster.raft('a')).map(({ kind }) => kind), ['noop'])
    cluster.install(old, 2)
    cluster.restart(old)
    cluster.advance(cluster.configOf(old).electionTimeoutMs)
    cluster.elect('a')
    cluster.beat('a')
    cluster.take('a')
    cluster.raise('a', 2, 2)
    work(cluster)
    assert.equal(versionsOf(cluster), [2, 2, 2], old)
  }
})

test('raise: a learner does not know the version: refused', () => {
  const cluster = leading({ running: [...THREE, 'd'], versions: NEW })
  cluster.change('a', 1, { type: 'change', voters: THREE, learners: ['d'], autoLeave: true })
  cluster.beat('a')
  cluster.raise('a', 2, 2)
  assert.equal(cluster.replies('a').at(-1), [2, refused('versionUnsupported')])
})

test('raise: a member that this leader has not heard of in its term: refused', () => {
  const cluster = new Cluster({ voters: THREE, versions: NEW })
  cluster.elect('a', ['b'])
  cluster.beat('a', ['a', 'b'])
  cluster.raise('a', 1, 2)
  assert.equal(cluster.replies('a'), [[1, refused('versionUnsupported')]])
  cluster.beat('a')
  cluster.raise('a', 2, 2)
  cluster.beat('a')
  assert.equal(cluster.replies('a').at(-1), [2, { type: 'changed', index: 2 }])
})

test('raise: a version in force, or below it: refused', () => {
  const cluster = leading({ versions: { a: 3, b: 3, c: 3 } })
  cluster.raise('a', 1, 1)
  cluster.raise('a', 2, 3)
  cluster.beat('a')
  cluster.raise('a', 3, 3)
  cluster.raise('a', 4, 2)
  const inForce = refused('versionInForce')
  const [first, second, ...rest] = cluster.replies('a')
  assert.equal([first, second], [[1, inForce], [2, { type: 'changed', index: 2 }]])
  assert.equal(rest, [[3, inForce], [4, inForce]])
})

test('raise: another is under way: refused; of an earlier leader: not before that is known', () => {
  const cluster = leading({ versions: { a: 3, b: 3, c: 3 } })
  cluster.raise('a', 1, 2)
  cluster.raise('a', 2, 3)
  assert.equal(cluster.replies('a'), [[2, refused('pending')]])
  cluster.settle()
  cluster.elect('b', ['c'])
  cluster.beat('b')
  assert.is(cluster.raft('b').log.lastIndex, 3)
  cluster.raise('b', 3, 3)
  cluster.settle()
  cluster.beat('b')
  assert.equal(versionsOf(cluster), [3, 3, 3])
})

test('raise: nothing of its own term is applied: refused', () => {
  const cluster = new Cluster({ voters: THREE, versions: NEW })
  cluster.fire('a', 'election')
  cluster.deliver({ type: 'preVoteRequest' })
  cluster.deliver({ type: 'preVoteReply' })
  cluster.deliver({ type: 'voteRequest' })
  cluster.deliver({ type: 'voteReply' })
  cluster.leader('a')
  cluster.raise('a', 1, 2)
  assert.equal(cluster.replies('a'), [[1, refused('notCommittedInTerm')]])
})

test('raise: no leader, or one that hands over: not done', () => {
  const cluster = leading({ versions: NEW })
  cluster.raise('b', 1, 2)
  assert.equal(cluster.replies('b'), [[1, { type: 'notLeader', leader: 'a' }]])
  cluster.transfer('a', 2, 'b')
  cluster.raise('a', 3, 2)
  assert.equal(cluster.replies('a').at(-1), [3, refused('transferring')])
})

test('raise: the leadership is lost meanwhile: unknown', () => {
  const cluster = leading({ versions: NEW })
  cluster.raise('a', 1, 2)
  cluster.drop()
  cluster.elect('b', ['c'])
  cluster.beat('b')
  assert.equal(cluster.replies('a'), [[1, { type: 'unknown' }]])
  assert.equal(versionsOf(cluster), [1, 1, 1])
})

/** Node `a` leads by version 2; `d` is a learner, if it is in `learners`. */
function byTheNew(dKnows: number, learners: readonly string[] = ['d']): Cluster {
  const nodes = [...THREE, 'd']
  const cluster = leading({ running: nodes, versions: { ...NEW, d: dKnows } })
  cluster.raise('a', 1, 2)
  work(cluster)
  cluster.change('a', 2, { type: 'change', voters: THREE, learners, autoLeave: true })
  work(cluster)
  return cluster
}

/** What `a` answers at once to giving `d` a vote. */
function promoted(cluster: Cluster): Outcome<string> | undefined {
  cluster.take('a')
  const voters = [...THREE, 'd']
  cluster.change('a', 7, { type: 'change', voters, learners: [], autoLeave: true })
  return cluster.replies('a').at(-1)?.[1]
}

test('promote: a learner that has not said what it knows: refused, until it has', () => {
  const cluster = byTheNew(2)
  const last = cluster.raft('a').log.lastIndex
  assert.equal(promoted(cluster), refused('versionUnsupported'), 'nothing was heard of it')
  assert.is(cluster.raft('a').log.lastIndex, last)
  cluster.beat('a', [...THREE, 'd'])
  cluster.beat('a', [...THREE, 'd'])
  assert.is(promoted(cluster), undefined, 'under way')
  assert.equal(activeMembership(cluster.raft('a')).voters, [...THREE, 'd'])
})

test('promote: who is no learner yet: refused where a version was raised', () => {
  assert.equal(promoted(byTheNew(2, [])), refused('versionUnsupported'))
  assert.is(promoted(leading()), undefined, 'the first version is known to all')
})

test('promote: a version that is on its way: asked for as if it were in force', () => {
  const cluster = leading({ versions: NEW })
  cluster.raise('a', 1, 2)
  assert.is(cluster.member('a').state.version, 1)
  assert.equal(promoted(cluster), refused('versionUnsupported'))
})

test('unknown: an entry that raises to a version that the build lacks: stops the node', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  const entries = [raising(1, encodeVersion(2))]
  cluster.receive('a', 'b', appendRequest({ entries }))
  assert.is(cluster.raft('a').log.lastIndex, 1, 'it is kept')
  const commit = appendRequest({ prevIndex: 1, prevTerm: 1, commit: 1, round: 1 })
  assert.throws(() => cluster.receive('a', 'b', commit), isUnknownVersion)
  assert.is(cluster.member('a').state.applied, 0)
  cluster.install('a', 2)
  cluster.restart('a')
  cluster.receive('a', 'b', { ...commit, round: 2 })
  assert.is(cluster.member('a').state.version, 2, 'a newer build goes on from the same disk')
})

test('unknown: a snapshot of a version that the build lacks: stops the node, at start too', () => {
  const bytes = journal.encodeSnapshot({ lines: ['x'], dues: [] })
  const place = { index: 5, term: 1, stampMs: 0, membership: foundedBy(THREE), version: 2 }
  const snapshot = { ...place, bytesCount: bytes.length }
  const whole = { type: 'snapshotRequest', term: 1, round: 0, snapshot, offset: 0, bytes } as const
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  assert.throws(() => cluster.receive('a', 'b', whole), isUnknownVersion)
  assert.is(cluster.member('a').disk.snapshot, null)
  const base = { index: 5, term: 1, stampMs: 0 }
  const disk = { ...restored({ term: 1, vote: null }), snapshot: { ...snapshot, bytes }, base }
  const start = (versions: number): Cluster => {
    const known = { versions: { a: versions }, restored: { a: disk } }
    return new Cluster({ voters: THREE, running: ['a'], ...known })
  }
  assert.throws(() => start(1), isUnknownVersion)
  assert.is(start(2).member('a').state.version, 2)
})

function isUnknownVersion(error: unknown): boolean {
  return error instanceof UnknownVersionError && error instanceof InvariantError
}

test('snapshot: the version is raised while it is encoded: it names the one as of its end', () => {
  const cluster = leading({ versions: NEW, config: { snapshotKeepEntries: 0 } })
  cluster.step('a', [{ type: 'snapshotWanted' }])
  cluster.raise('a', 1, 2)
  cluster.beat('a')
  cluster.finishSnapshot('a')
  assert.is(cluster.raft('a').snapshot?.index, 1)
  assert.is(cluster.raft('a').snapshot?.version, 1)
  cluster.snapshot('a')
  assert.is(cluster.raft('a').snapshot?.version, 2)
  cluster.restart('a')
  assert.is(cluster.member('a').state.version, 2)
})

test('snapshot: one that nobody asked for: is none', () => {
  const cluster = leading()
  const bytes = journal.encodeSnapshot({ lines: [], dues: [] })
  cluster.step('a', [{ type: 'snapshotTaken', index: 1, bytes }])
  assert.is(cluster.raft('a').snapshot, null)
})

test("snapshot: a node installs its leader's: it goes by the version that it names", () => {
  const cluster = leading({ versions: NEW, config: { snapshotKeepEntries: 0 } })
  cluster.raise('a', 1, 2)
  cluster.beat('a', ['a', 'b'])
  cluster.request('a', 2, 'x')
  cluster.beat('a', ['a', 'b'])
  cluster.snapshot('a')
  assert.is(cluster.member('c').state.version, 1)
  for (let beats = 0; beats < 3; beats++) cluster.beat('a')
  assert.ok(cluster.traces('c').includes('snapshotInstalled'))
  assert.is(cluster.member('c').state.version, 2)
})

test('received: an entry or a snapshot whose version makes no sense: is refused', () => {
  const bad = [Uint8Array.of(), Uint8Array.of(0), encodeVersion(1), Uint8Array.of(2, 2)]
  for (const payload of bad) {
    const cluster = new Cluster({ voters: THREE, running: ['a'], versions: NEW })
    const entries = [raising(1, payload)]
    const effects = cluster.receive('a', 'b', appendRequest({ entries }))
    const reasons = only(effects, 'trace').map(({ trace }) => 'reason' in trace && trace.reason)
    assert.ok(reasons.includes('badEntries'), String(payload))
    assert.is(cluster.raft('a').log.lastIndex, 0)
  }
  const bytes = journal.encodeSnapshot({ lines: [], dues: [] })
  const place = { index: 5, term: 1, stampMs: 0, membership: foundedBy(THREE), version: 0 }
  const snapshot = { ...place, bytesCount: bytes.length }
  const whole = { type: 'snapshotRequest', term: 1, round: 0, snapshot, offset: 0, bytes } as const
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  cluster.receive('a', 'b', whole)
  assert.is(cluster.raft('a').snapshot, null)
})

test('payload: a version: reads back, and nothing else does', () => {
  for (const version of [2, 3, 200, 2 ** 40]) {
    assert.is(decodeVersion(encodeVersion(version)), version)
  }
  assert.is(decodeVersion(encodeVersion(1)), null)
})

test.run()
