// The snapshots of one simulated machine, a follower whose leader and time are the test's.

import * as assert from 'uvu/assert'
import type { Message } from '../../core/raft/message.ts'
import { replica } from '../../core/replica.ts'
import { EventQueue, KIND } from '../../sim/event-queue.ts'
import type { Kind } from '../../sim/event-queue.ts'
import { SimulatedNode } from '../../sim/node.ts'
import type { Surroundings } from '../../sim/node-parts.ts'
import { openStreams } from '../../sim/random.ts'
import { referenceWire } from '../../sim/wire.ts'
import { suite } from '../harness.ts'
import { entry, snapshotAt } from '../storage/support.ts'
import { adder } from './adder.ts'
import type { Added } from './adder.ts'
import { configOf } from './support.ts'

const test = suite('sim/node-snapshot')

/** Node 0, whose leader is `n2`; no timer of it goes off. */
function following() {
  const queue = new EventQueue()
  let timeUs = 0
  const nothing = (): void => undefined
  const around: Surroundings<number, number, Added> = {
    timeUs: () => timeUs,
    schedule: (atUs, kind, target, source, payload) => {
      queue.push(atUs, kind as Kind, target, source, payload)
    },
    syncTimeUs: () => 10,
    send: nothing,
    won: nothing,
    stepped: nothing,
    leaves: nothing,
    durable: nothing,
    crashing: nothing,
    crashed: nothing,
    recovered: nothing,
    readArrived: nothing,
    answered: nothing,
    operated: nothing,
    outdated: nothing,
  }
  const machine = adder()
  const build = { machine, replica: replica(machine) }
  const streams = openStreams('1', false, null)
  const parts = {
    index: 0,
    members: ['0', 'n2'],
    config: configOf('0', ['0', 'n2']),
    clock: { offsetMs: 0, driftPpm: 0 },
    builds: [build, build] as const,
    wire: referenceWire(),
    query: null,
    byReference: false,
    random: streams.stream('node/0'),
    diskRandom: streams.stream('disk/0'),
  }
  const node = new SimulatedNode(parts, around, nothing)
  /** Lets all happen that is due, up to the first event of `kind`. */
  const settle = (kind?: Kind): void => {
    for (let event = queue.pop(); event !== undefined; event = queue.pop()) {
      timeUs = event.timeUs
      if (event.kind === KIND.synced) node.synced(event.source)
      if (event.kind === KIND.turn) node.turn(event.source)
      if (event.kind === KIND.snapshot) node.goOnWithSnapshot(event.source)
      if (event.kind === kind) return
    }
  }
  const receive = (message: Message): void => node.receive(1, message)
  node.boot()
  settle()
  return { node, receive, settle }
}

test("snapshot: the leader's comes while its own is encoded: no file of that is left", () => {
  const { node, receive, settle } = following()
  const term = 1
  const place = { prevIndex: 0, prevTerm: 0, commit: 1 }
  receive({ type: 'appendRequest', term, ...place, round: 1, entries: [entry(1, 5)] })
  settle()
  node.operate({ type: 'snapshotWanted' })
  settle(KIND.snapshot)
  const { bytes, ...snapshot } = snapshotAt(3, 1, 9, 0)
  receive({ type: 'snapshotRequest', term, round: 2, snapshot, offset: 0, bytes })
  settle()
  assert.equal([node.state?.raft.snapshot?.index, node.state?.machine], [3, 9])
  assert.equal(node.disk.list(), ['log-0-2'], "the leader's alone")
})

test.run()
