// The snapshots of one replica, a follower whose leader, disk and event loop are the test's.

import * as assert from 'uvu/assert'
import { DEFAULTS } from '../../core/raft/config.ts'
import type { Message } from '../../core/raft/message.ts'
import { startReplica } from '../../server/replica.ts'
import type { Time } from '../../server/time.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { frameEncoder } from '../../transports/codec.ts'
import type { Receiver, Transport } from '../../transports/transport.ts'
import { suite } from '../harness.ts'
import { adder } from '../sim/adder.ts'
import { entry, snapshotAt } from '../storage/support.ts'

const test = suite('snapshots of the replica host')
const config = { ...DEFAULTS, cluster: 'c1', group: '0', node: '0', voters: ['0', 'n2'] }

/** Node 0, whose leader is `n2`. It does the next thing when it is told to. */
async function following() {
  const disk = new MemoryDisk()
  const soon: (() => void)[] = []
  const time: Time = {
    now: () => 0,
    random: () => 0,
    soon: (then) => void soon.push(then),
    at: () => () => undefined,
  }
  let receiver: Receiver | undefined
  const transport: Transport = {
    supports: { order: true, authentication: true, frameBytesMax: Infinity },
    open: (own) => Promise.resolve(void (receiver = own)),
    send: () => undefined,
    flush: () => undefined,
    close: () => Promise.resolve(),
  }
  const started = startReplica({ machine: adder(), config, transport, disk, time })
  disk.flush()
  const replica = await started
  const encode = frameEncoder({ cluster: 'c1', group: '0', from: 'n2', to: '0' })
  const receive = (message: Message): void => receiver?.received('n2', encode(message))
  /** Does one thing that is to be done soon. */
  const next = (): void => soon.shift()?.()
  /** Does all that there is to do. */
  const settle = (): void => {
    while (soon.length > 0 || disk.syncsWaiting > 0) {
      if (soon.length > 0) next()
      else disk.flush()
    }
  }
  return { replica, disk, receive, next, settle }
}

test("snapshot: the leader's comes while its own is encoded: no file of that is left", async () => {
  const { replica, disk, receive, next, settle } = await following()
  const term = 1
  const place = { prevIndex: 0, prevTerm: 0, commit: 1 }
  receive({ type: 'appendRequest', term, ...place, round: 1, entries: [entry(1, 5)] })
  settle()
  replica.takeSnapshot()
  next()
  const { bytes, ...snapshot } = snapshotAt(3, 1, 9, 0)
  receive({ type: 'snapshotRequest', term, round: 2, snapshot, offset: 0, bytes })
  settle()
  assert.equal([replica.status().snapshotIndex, replica.state().machine], [3, 9])
  assert.equal(disk.list(), ['log-0-2'], "the leader's alone")
  await replica.close()
})

test.run()
