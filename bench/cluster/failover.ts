// What a client sees of the death of a leader, and what a cluster takes while nobody asks anything.

import { connect } from '../../client/index.ts'
import { pause, percentiles } from './closed-loop.ts'
import { Cluster } from './lockstep.ts'

/** From the kill of the leader to the next grant; milliseconds. */
export interface Failover {
  readonly rounds: number
  readonly gapMs: { readonly p50: number; readonly p99: number }
}

/** Shares of one core, and memory, of the leader and of the follower that took more. */
export interface Idle {
  readonly seconds: number
  readonly leaderPercent: number
  readonly followerPercent: number
  readonly residentMb: number
}

const TTL_MS = 30_000

/** Kills the leader `rounds` times, each time once all are back and locks were granted. */
export async function failover(folder: string, rounds: number): Promise<Failover> {
  const cluster = await Cluster.start(folder)
  const gapsMs: number[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      await cluster.ready()
      const leader = await cluster.leader()
      const locks = connect({ nodes: cluster.nodes })
      const take = async (): Promise<number> => {
        const lock = await locks.lock('failover', TTL_MS)
        const nowMs = performance.now()
        await lock.release()
        return nowMs
      }
      await take()
      const killedMs = performance.now()
      await cluster.kill(leader)
      gapsMs.push((await take()) - killedMs)
      await locks.close()
      cluster.restart(leader)
    }
  } finally {
    await cluster.stop()
  }
  return { rounds, gapMs: percentiles(gapsMs) }
}

/** Leaves three nodes alone for a while. */
export async function idle(folder: string, seconds: number): Promise<Idle> {
  const cluster = await Cluster.start(folder)
  try {
    const leader = await cluster.leader()
    const before = cluster.nodes.map((_, at) => cluster.usage(at))
    await pause(seconds * 1_000)
    const after = cluster.nodes.map((_, at) => cluster.usage(at))
    const percents = after.map(({ cpuSeconds }, at) => {
      return Math.round(((cpuSeconds - (before[at]?.cpuSeconds ?? 0)) / seconds) * 1_000) / 10
    })
    return {
      seconds,
      leaderPercent: percents[leader] ?? NaN,
      followerPercent: Math.max(...percents.filter((_, at) => at !== leader)),
      residentMb: Math.max(...after.map(({ residentMb }) => residentMb)),
    }
  } finally {
    await cluster.stop()
  }
}
