// Three nodes on this machine that hold many locks: their memory, what a snapshot does to those who
// take other locks meanwhile, and how long a restart takes. The load is an open loop, so that all
// of a pause is seen.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '../client/index.ts'
import { machine } from './bench.ts'
import type { Bench } from './bench.ts'
import { pause } from './cluster/closed-loop.ts'
import { takeLocks } from './cluster/fill.ts'
import { Cluster, inFolder } from './cluster/lockstep.ts'
import { openLoop } from './cluster/open-loop.ts'
import type { OpenFigures } from './cluster/open-loop.ts'

/** Of the leader, and of the follower that has more; MB. */
interface Memory {
  readonly leader: number
  readonly follower: number
}

interface SnapshotFigures extends OpenFigures {
  /** Until the last of the nodes has it on its disk. */
  readonly tookMs: number
}

interface HeldResult {
  readonly bench: 'held'
  readonly locks: number
  readonly fill: { readonly seconds: number; readonly locksPerSecond: number }
  readonly residentMb: {
    readonly filled: Memory
    readonly afterSnapshots: Memory
    readonly afterRestart: Memory
    /** At any time before the restart. */
    readonly most: Memory
  }
  /** Locks taken and given back while the nodes rest, and while these take a snapshot. */
  readonly quiet: OpenFigures
  readonly leaderSnapshot: SnapshotFigures
  readonly allSnapshot: SnapshotFigures
  readonly snapshotMb: number
  /** From the start of the processes until they are ready; milliseconds. */
  readonly restartMs: { readonly follower: number; readonly all: number }
  readonly machine: object
}

const LOCKS = 1_000_000
const LOCKS_QUICK = 2_000
const EVERY_MS = 10
const SNAPSHOT_MS_MAX = 120_000

/** The bench. */
export const heldBench: Bench = {
  name: 'held',
  summary: 'three nodes with many locks held: memory, snapshots, restart; --locks N (a million)',
  takes: ['quick', 'locks'],
  async run(_, { isQuick, locks }) {
    const count = locks ?? (isQuick ? LOCKS_QUICK : LOCKS)
    return inFolder((folder) => measure(folder, count, isQuick ? 200 : 10_000))
  },
  lines(result) {
    const { locks, fill, residentMb, restartMs, snapshotMb, ...loads } = result as HeldResult
    const figures = (name: string, found: OpenFigures): string => {
      const { count, acquireMs, errors, firstError } = found
      const wrong = errors === 0 ? '' : `, ${errors} errors: ${firstError}`
      const { p50, p99, most } = acquireMs
      return `acquire, ${name}: p50 ${p50} p99 ${p99} most ${most} ms, ${count} times${wrong}`
    }
    const memory = ({ leader, follower }: Memory): string => `${leader}, follower ${follower}`
    const { quiet, leaderSnapshot, allSnapshot } = loads
    return [
      `${locks} locks taken in ${fill.seconds} s, ${fill.locksPerSecond}/s`,
      `resident MB: filled ${memory(residentMb.filled)}; after snapshots ` +
        `${memory(residentMb.afterSnapshots)}; most ${memory(residentMb.most)}; ` +
        `restarted ${memory(residentMb.afterRestart)}`,
      figures('quiet', quiet),
      figures(`the leader takes a snapshot (${leaderSnapshot.tookMs} ms)`, leaderSnapshot),
      figures(`all take a snapshot (${allSnapshot.tookMs} ms)`, allSnapshot),
      `a snapshot and what follows it: ${snapshotMb} MB`,
      `restart until ready: a follower ${restartMs.follower} ms, all nodes ${restartMs.all} ms`,
    ]
  },
}

async function measure(folder: string, locks: number, quietMs: number): Promise<HeldResult> {
  const cluster = await Cluster.start(folder)
  try {
    const startMs = performance.now()
    await takeLocks(cluster.nodes, locks)
    const seconds = (performance.now() - startMs) / 1e3
    const fill = { seconds: tenth(seconds), locksPerSecond: Math.round(locks / seconds) }
    const leader = await cluster.leader()
    const filled = memoryOf(cluster, leader, 'residentMb')
    const client = connect({ nodes: cluster.nodes })
    const all = cluster.nodes.map((_, at) => at)
    // The nodes end what the filling has begun, such as a snapshot by themselves.
    await pause(quietMs / 2)
    const quiet = await openLoop(client, EVERY_MS, pause(quietMs))
    const leaderSnapshot = await duringSnapshot(cluster, client, [leader], folder)
    await pause(quietMs / 10)
    const allSnapshot = await duringSnapshot(cluster, client, all, folder)
    const afterSnapshots = memoryOf(cluster, leader, 'residentMb')
    const most = memoryOf(cluster, leader, 'mostResidentMb')
    await client.close()
    const snapshotMb = tenth(statSync(newestLog(logFolder(folder, leader)).path).size / 1e6)
    const restartMs = await restarts(cluster, leader)
    const afterRestart = memoryOf(cluster, await cluster.leader(), 'residentMb')
    const residentMb = { filled, afterSnapshots, most, afterRestart }
    const loads = { quiet, leaderSnapshot, allSnapshot, snapshotMb }
    return { bench: 'held', locks, fill, residentMb, ...loads, restartMs, machine: machine() }
  } finally {
    await cluster.stop()
  }
}

/** The load while some nodes take a snapshot, each by itself and all at once. */
async function duringSnapshot(
  cluster: Cluster,
  client: ReturnType<typeof connect>,
  nodes: readonly number[],
  folder: string,
): Promise<SnapshotFigures> {
  const fromMs = performance.now()
  let tookMs = 0
  const taken = Promise.all(nodes.map((at) => snapshot(cluster, at, logFolder(folder, at))))
  const figures = await openLoop(client, EVERY_MS, taken.then(() => {
    tookMs = Math.round(performance.now() - fromMs)
  }))
  return { ...figures, tookMs }
}

/** Asks a node for a snapshot, and resolves once it is on its disk in place of the last. */
async function snapshot(cluster: Cluster, at: number, folder: string): Promise<void> {
  const before = newestLog(folder).generation
  const endMs = performance.now() + SNAPSHOT_MS_MAX
  const url = `http://${cluster.nodes[at]}/cluster/snapshot`
  const { ok } = await fetch(url, { method: 'POST' })
  if (!ok) throw new Error('a node takes no snapshot')
  for (;;) {
    const { generation, isOnly } = newestLog(folder)
    if (generation > before && isOnly) return
    if (performance.now() > endMs) throw new Error(`no snapshot after ${SNAPSHOT_MS_MAX} ms`)
    await pause(20)
  }
}

/** Kills a follower, then all nodes, and starts them again. */
async function restarts(cluster: Cluster, leader: number): Promise<HeldResult['restartMs']> {
  const restart = async (nodes: readonly number[]): Promise<number> => {
    await Promise.all(nodes.map((at) => cluster.kill(at)))
    const fromMs = performance.now()
    for (const at of nodes) cluster.restart(at)
    await cluster.ready()
    return Math.round(performance.now() - fromMs)
  }
  const follower = await restart([leader === 0 ? 1 : 0])
  const all = await restart(cluster.nodes.map((_, at) => at))
  return { follower, all }
}

function memoryOf(
  cluster: Cluster,
  leader: number,
  name: 'residentMb' | 'mostResidentMb',
): Memory {
  const all = cluster.nodes.map((_, at) => cluster.usage(at)[name])
  const followers = all.filter((_, at) => at !== leader)
  return { leader: all[leader] ?? NaN, follower: Math.max(...followers) }
}

function logFolder(folder: string, at: number): string {
  return join(folder, `node${at + 1}`, 'log')
}

/** The newest file of a log, and whether it is the only one. */
function newestLog(folder: string): { generation: number; path: string; isOnly: boolean } {
  const names = readdirSync(folder).filter((name) => /^log-.*-\d+$/.test(name))
  const generations = names.map((name) => Number(name.slice(name.lastIndexOf('-') + 1)))
  const generation = Math.max(...generations)
  const name = names[generations.indexOf(generation)] ?? ''
  return { generation, path: join(folder, name), isOnly: names.length === 1 }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}
