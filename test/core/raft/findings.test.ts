// What an attack on the core found: minimal reproductions, each with the rule that it breaks.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { encodeText } from './journal.ts'
import {
  appendRejected,
  appendRequest,
  Cluster,
  entries,
  entry,
  machine,
  only,
  restored,
} from './kit.ts'

const test = suite('findings')
const THREE = ['a', 'b', 'c']

test('due: the last one proposed was lost with its leadership: the next leadership proposes \
anew', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.request('a', 0, 'due 10')
  cluster.settle()
  // Entries 3 and 4 and the tick at 5 never leave `a`.
  cluster.request('a', 1, 'x')
  cluster.request('a', 2, 'y')
  cluster.advance(20)
  cluster.step('a')
  assert.is(cluster.leader('a').log.lastIndex, 5)
  cluster.drop()
  // `b` puts its noop at 3; `a` leads again and puts its own at 4: both are committed.
  cluster.elect('b', ['c'])
  cluster.fire('b', 'heartbeat')
  cluster.settle()
  cluster.elect('a', ['c'])
  assert.is(cluster.leader('a').commit >= 4, true)
  cluster.advance(20)
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  assert.equal(cluster.member('a').state.machine.dues, [], 'the tick of log time 10 was applied')
})

test('in flight: messages beyond the last acknowledged one: never more than \
inFlightMessagesMax', () => {
  const cluster = new Cluster({ voters: THREE, config: { inFlightMessagesMax: 2 } })
  cluster.elect('a')
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  for (const count of [3, 4, 5]) {
    const payload = encodeText('x')
    cluster.step('a', Array.from({ length: count }, (_, at) => {
      return { type: 'request' as const, request: count * 10 + at, payload }
    }))
  }
  for (const { nextIndex, matchIndex } of cluster.leader('a').progress) {
    assert.is(nextIndex - 1 - matchIndex, 3 + 4, 'the third message waits')
  }
})

test('acknowledgement: overwritten within its own turn: never leaves, no disk ever held its \
entries', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'], diskAtOnce: false })
  const effects = cluster.receive(
    'a', 'b',
    appendRequest({ term: 1, entries: entries(1, 1, 1) }),
    appendRequest({ term: 2, entries: entries(2) }),
  )
  assert.equal(only(effects, 'persist').map((one) => one.entries.map(({ term }) => term)), [[2]])
  const acks = only(effects, 'sendAfter').map(({ message }) => message)
  assert.equal(acks, [{ type: 'appendAccepted', term: 2, matchIndex: 1, round: 0, versions: 1 }])
})

test('disk: slower than an election timeout: a single voter still elects itself', () => {
  // Each write takes 400 ms: by then the next election has made the vote one of an older term.
  const cluster = new Cluster({ voters: ['a'], diskAtOnce: false })
  const due: { readonly id: number; readonly atMs: number }[] = []
  let leads = false
  for (let ms = 0; ms < 10_000 && !leads; ms += 10) {
    cluster.advance(10)
    const done = due.filter(({ atMs }) => atMs <= cluster.nowMs)
    due.splice(0, done.length)
    for (const { id } of done) cluster.persist('a', id)
    cluster.step('a')
    const atMs = cluster.nowMs + 400
    for (const { id } of only(cluster.take('a'), 'persist')) due.push({ id, atMs })
    leads = cluster.raft('a').role === 'leader'
  }
  assert.ok(leads, `no leader after ten seconds, and term ${cluster.raft('a').term}`)
})

test('timerFired: due before its log time: its command finds log time to have come', () => {
  // "Does what passing that deadline does, whatever the clock says": an explorer that fires it must
  // see the lease expire, or it proposes without end and never explores an expiry.
  const cluster = new Cluster({ voters: ['a'] })
  cluster.elect('a', [])
  cluster.request('a', 0, 'due 40')
  cluster.fire('a', 'due')
  assert.equal(cluster.member('a').state.machine.dues, [])
})

test('refusal: of an index beyond the log: moves nothing, and no term of -1 leaves', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a', 'b'] })
  cluster.elect('a')
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  cluster.receive('a', 'c', {
    type: 'appendAccepted',
    term: 1,
    matchIndex: 1,
    round: 0,
    versions: 1,
  })
  cluster.receive('a', 'c', appendRejected({ term: 1, prevIndex: 90, hintIndex: 90, hintTerm: 1 }))
  cluster.fire('a', 'heartbeat')
  for (const { prevTerm } of cluster.sent({ type: 'appendRequest', to: 'c' })) {
    assert.ok(prevTerm >= 0, `prevTerm ${prevTerm}`)
  }
})

test('restart: a log whose last term is above the hard state\'s: is no disk of ours', () => {
  const config = new Cluster({ voters: THREE }).configOf('a')
  const broken = restored({ term: 1, vote: null }, 1, 2)
  assert.throws(() => machine.initial(config, broken, 0, 1), /./)
})

test('append: entries of a term above the message\'s own: are refused, and change nothing', () => {
  // Taken in, they would make the sender's next entry fall in term and stop this node later.
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  const before = cluster.raft('a')
  const effects = cluster.receive('a', 'b', appendRequest({ term: 1, entries: [entry(9)] }))
  const refused = { type: 'refused', from: 'b', reason: 'badEntries' } as const
  assert.equal(effects, [{ type: 'trace', trace: refused }])
  assert.equal({ ...cluster.raft('a'), timers: null }, { ...before, timers: null })
})

test.run()
