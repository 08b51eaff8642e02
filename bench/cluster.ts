// How fast three nodes on this machine give and take locks, beside a floor of what any such service
// has to do, and beside other lock services, all in the same run. The load is a closed loop; the
// systems take turns, so that a slow minute of the machine is everybody's.

import { machine, median } from './bench.ts'
import type { Bench } from './bench.ts'
import { closedLoop, pause } from './cluster/closed-loop.ts'
import type { Figures, Load, Mode } from './cluster/closed-loop.ts'
import { failover, idle } from './cluster/failover.ts'
import type { Failover, Idle } from './cluster/failover.ts'
import { startEtcdFair, startEtcdTxn } from './cluster/etcd.ts'
import { startFloor } from './cluster/floor.ts'
import { inFolder, startLockstep } from './cluster/lockstep.ts'
import { startPostgres } from './cluster/postgres.ts'
import { startRedis, startZooKeeper } from './cluster/redis-zookeeper.ts'
import type { StartSystem, System } from './cluster/system.ts'

/** One system under one load: medians of all passes. */
export interface ClusterRow extends Figures {
  readonly system: string
  readonly clients: number
  readonly mode: Mode
}

interface SystemInfo {
  readonly system: string
  readonly version: string
  readonly commands: readonly string[]
}

interface ClusterResult {
  readonly bench: 'cluster'
  readonly rows: readonly ClusterRow[]
  readonly failover: Failover
  readonly idle: Idle
  readonly systems: readonly SystemInfo[]
  readonly passes: number
  readonly measureMs: number
  readonly machine: object
}

const OURS: readonly StartSystem[] = [
  startFloor,
  (folder) => startLockstep(folder, false),
  (folder) => startLockstep(folder, true),
]

const PEERS: readonly StartSystem[] = [
  startRedis,
  startEtcdTxn,
  startEtcdFair,
  startZooKeeper,
  startPostgres,
]

const LOADS: readonly Pick<Load, 'clients' | 'mode'>[] = [
  { clients: 1, mode: 'own' },
  { clients: 64, mode: 'own' },
  { clients: 64, mode: 'hot' },
]

/** A service runs for months: what compiles while it runs is done with that, theirs and ours. */
const WARM_UP_MS = 8_000
const FAILOVERS = 20
const IDLE_SECONDS = 20
/** Clients that do not close in time are left behind. */
const CLOSE_MS = 2_000

/** The bench. */
export const clusterBench: Bench = {
  name: 'cluster',
  summary: 'three nodes on this machine under load; --peers: other lock services in the same run',
  takes: ['quick', 'peers'],
  async run(passes, { isQuick, hasPeers }) {
    const measureMs = isQuick ? 300 : 4_000
    const warmUpMs = isQuick ? 200 : WARM_UP_MS
    const systems = new Map<string, SystemInfo>()
    const figures = new Map<string, { row: ClusterRow; all: Figures[] }>()
    const starts = hasPeers ? [...OURS, ...PEERS] : OURS
    for (let pass = 0; pass < (isQuick ? 1 : passes); pass++) {
      for (const start of starts) {
        await inFolder(async (folder) => {
          const system = await start(folder)
          const { name, version, commands } = system
          systems.set(name, { system: name, version, commands })
          try {
            for (const load of LOADS) {
              if (name === 'floor' && load.mode === 'hot') continue
              const found = await under({ ...load, warmUpMs, measureMs }, system)
              const key = `${name} ${load.clients} ${load.mode}`
              const all = [...(figures.get(key)?.all ?? []), found]
              figures.set(key, { row: { system: name, ...load, ...middleOf(all) }, all })
            }
          } finally {
            await system.stop()
          }
        })
      }
    }
    const result: ClusterResult = {
      bench: 'cluster',
      rows: [...figures.values()].map(({ row }) => row),
      failover: await inFolder((folder) => failover(folder, isQuick ? 1 : FAILOVERS)),
      idle: await inFolder((folder) => idle(folder, isQuick ? 1 : IDLE_SECONDS)),
      systems: [...systems.values()],
      passes: isQuick ? 1 : passes,
      measureMs,
      machine: machine(),
    }
    return result
  },
  lines(result) {
    const { rows, systems, failover: gap, idle: rest } = result as ClusterResult
    const floor = (load: ClusterRow): ClusterRow | undefined => {
      return rows.find(({ system, clients }) => system === 'floor' && clients === load.clients)
    }
    return [
      'system, clients, keys: pairs/s (of the floor), acquire p50 and p99 ms, fairness',
      ...rows.map((row) => {
        const { system, clients, mode, pairsPerSecond, acquireMs, handOverMs, fairness } = row
        const least = mode === 'own' ? floor(row)?.pairsPerSecond : undefined
        const share = least === undefined ? '' : ` (${(pairsPerSecond / least).toFixed(2)})`
        const hand = handOverMs === null ? '' : `, hand-over p50 ${handOverMs.p50}`
        const wrong = row.errors === 0 ? '' : `, ${row.errors} errors: ${row.firstError}`
        const times = `p50 ${acquireMs.p50} p99 ${acquireMs.p99}${hand}, fairness ${fairness}`
        return `${system}, ${clients}, ${mode}: ${pairsPerSecond}${share}, ${times}${wrong}`
      }),
      `the leader is killed: next grant after ${gap.gapMs.p50} ms (p99 ${gap.gapMs.p99}), ` +
        `${gap.rounds} times`,
      `idle: leader ${rest.leaderPercent} %, follower ${rest.followerPercent} % of a core, ` +
        `${rest.residentMb} MB`,
      ...systems.flatMap(({ system, version, commands }) => [
        `${system}: ${version}`,
        ...commands.map((command) => `  ${command}`),
      ]),
    ]
  },
}

async function under(load: Load, system: System): Promise<Figures> {
  const opened = Array.from({ length: load.clients }, (_, at) => system.open(at))
  const clients = await Promise.all(opened)
  const figures = await closedLoop(clients, load)
  await Promise.race([Promise.allSettled(clients.map((one) => one.close())), pause(CLOSE_MS)])
  return figures
}

/** Figure by figure the median of all passes. */
function middleOf(all: readonly Figures[]): Figures {
  const of = (pick: (one: Figures) => number): number => median(all.map(pick))
  const isHot = all.every(({ handOverMs }) => handOverMs !== null)
  return {
    pairsPerSecond: of((one) => one.pairsPerSecond),
    acquireMs: { p50: of((one) => one.acquireMs.p50), p99: of((one) => one.acquireMs.p99) },
    handOverMs: isHot
      ? {
          p50: of((one) => one.handOverMs?.p50 ?? NaN),
          p99: of((one) => one.handOverMs?.p99 ?? NaN),
        }
      : null,
    fairness: of((one) => one.fairness),
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
    firstError: all.find(({ firstError }) => firstError !== null)?.firstError ?? null,
  }
}
