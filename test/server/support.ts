// Replicas of the lock service over memory, on the real event loop, for tests of what stands on
// them.

import type { Limits } from '../../core/lock/limits.ts'
import { lockService } from '../../core/lock/machine.ts'
import { DEFAULTS } from '../../core/raft/config.ts'
import type { Config, NodeId } from '../../core/raft/config.ts'
import { LockFeed } from '../../server/lock-feed.ts'
import type { LockReplica } from '../../server/lock-replica.ts'
import { startReplica } from '../../server/replica.ts'
import type { Disk } from '../../storage/disk.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import type { Receiver, Transport } from '../../transports/transport.ts'
import { until } from '../support/until.ts'

/** Long enough that leaders change only where a test sees to it, also on a busy machine. */
const PATIENT = { electionTimeoutMs: 500 }

/** A disk in memory whose syncs end by themselves. */
export function memoryDisk(): Disk {
  const memory = new MemoryDisk()
  return {
    list: () => memory.list(),
    read: (file) => memory.read(file),
    write: (file, offset, bytes) => memory.write(file, offset, bytes),
    truncate: (file, size) => memory.truncate(file, size),
    remove: (file) => memory.remove(file),
    sync: (done) => {
      memory.sync(done)
      setImmediate(() => memory.flush(null))
    },
  }
}

/** Transports that hand frames over in the next round of the event loop, to whom is not cut off. */
export class Hub {
  readonly cut: Set<NodeId> = new Set()
  readonly #receivers = new Map<NodeId, Receiver>()

  transport(node: NodeId): Transport {
    return {
      supports: { order: true, authentication: true, frameBytesMax: Infinity },
      open: (receiver) => Promise.resolve(void this.#receivers.set(node, receiver)),
      send: (to, frame) => {
        setImmediate(() => {
          if (this.cut.has(node) || this.cut.has(to)) return
          if (this.#receivers.has(node)) this.#receivers.get(to)?.received(node, frame)
        })
      },
      flush: () => undefined,
      close: () => Promise.resolve(void this.#receivers.delete(node)),
    }
  }
}

/** One replica and what it feeds. */
export interface Fed {
  readonly replica: LockReplica
  readonly feed: LockFeed
}

/** Starts replicas that found a cluster together. */
export async function startReplicas(
  count: number,
  hub: Hub = new Hub(),
  config: Partial<Config> = {},
  limits: Partial<Limits> = {},
): Promise<Fed[]> {
  const names = Array.from({ length: count }, (_, index) => `node${index + 1}@0000000${index + 1}`)
  return Promise.all(names.map((node) => startOne(node, names, hub, config, limits)))
}

export async function startOne(
  node: NodeId,
  voters: readonly NodeId[],
  hub: Hub,
  config: Partial<Config> = {},
  limits: Partial<Limits> = {},
): Promise<Fed> {
  const feed = new LockFeed()
  const replica = await startReplica({
    machine: lockService(limits),
    config: { ...DEFAULTS, ...PATIENT, cluster: 'test', group: '0', node, voters, ...config },
    transport: hub.transport(node),
    disk: memoryDisk(),
    onTrace: feed.traced,
    onApplied: feed.applied,
  })
  return { replica, feed }
}

/** Waits until one leads and all know it. */
export function leaderOf(all: readonly Fed[]): Promise<Fed> {
  return until('a leader that all know', () => {
    const leader = all.find(({ replica }) => replica.status().role === 'leader')
    const id = leader?.replica.config.node
    const agree = all.every(({ replica }) => replica.status().leader === id)
    return agree ? leader : undefined
  })
}
