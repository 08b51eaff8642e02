// kill -9 of the leader again and again in the middle of a load, stops of whole processes, and a
// rolling restart: nothing acknowledged is lost, and there are never two holders. The checker
// judges the history of each. KILLS=100 for a long run.

import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import { removeTemporaryFolders } from '../test/support/commands.ts'
import { LockLoad } from '../test/support/lock-load.ts'
import { NodeCluster } from '../test/support/node-cluster.ts'
import { until } from '../test/support/until.ts'

const test = suite('kill -9')
const KILLS = Number(process.env['KILLS'] ?? 10)
const STOPS = 3
/** As long as a kill may take to be over, restart included. */
const ROUND_MS_MAX = 30_000
/** So many grants between two kills, so that there is a load to be in the middle of. */
const GRANTS_BETWEEN = 50
/** While a node sleeps, a client that asks it waits until it asks another one. */
const GRANTS_ASLEEP = 10

const clusters: NodeCluster[] = []

test.after.each(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close()
})
test.after(removeTemporaryFolders)

async function underLoad(
  rounds: (cluster: NodeCluster, load: LockLoad) => Promise<void>,
): Promise<LockLoad> {
  const cluster = await NodeCluster.running({ args: ['--log-level', 'warn'] })
  clusters.push(cluster)
  const urls = cluster.places.map(({ url }) => url)
  const load = new LockLoad({ urls, clients: 12, keys: 6, ttlMs: 20_000 })
  await load.during(async () => {
    await load.moreGrants(GRANTS_BETWEEN)
    await rounds(cluster, load)
  })
  const verdict = load.verdict()
  assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
  console.log(
    `    ${load.history.length} operations, ${load.grants} grants, ` +
      `${load.count('info')} without an answer, ${load.count('fail')} failed`,
  )
  return load
}

test(
  `kill -9: the leader, ${KILLS} times: the next grant comes soon, nothing is lost`,
  async () => {
    const gapsMs: number[] = []
    await underLoad(async (cluster, load) => {
      for (let kill = 0; kill < KILLS; kill++) {
        const leader = await cluster.leader()
        const killedMs = performance.now()
        await cluster.kill(leader)
        const next = await until('the next grant', () => {
          return load.grantedMs > killedMs ? load.grantedMs : undefined
        })
        gapsMs.push(next - killedMs)
        await load.moreGrants(GRANTS_BETWEEN)
        cluster.start(leader)
        await cluster.ready([leader])
      }
    })
    gapsMs.sort((a, b) => a - b)
    const middle = gapsMs[Math.floor(gapsMs.length / 2)] ?? 0
    const longest = gapsMs.at(-1) ?? 0
    console.log(`    kill to next grant: ${middle.toFixed(0)} ms, at most ${longest.toFixed(0)} ms`)
  },
  { deadlineMs: (KILLS + 1) * ROUND_MS_MAX },
)

test(
  'stopped processes: the leader sleeps and wakes: it takes nothing for granted',
  async () => {
    await underLoad(async (cluster, load) => {
      for (let stop = 0; stop < STOPS; stop++) {
        const leader = await cluster.leader()
        leader.process?.kill('SIGSTOP')
        await load.moreGrants(GRANTS_ASLEEP)
        leader.process?.kill('SIGCONT')
        await load.moreGrants(GRANTS_BETWEEN)
      }
    })
  },
  { deadlineMs: STOPS * ROUND_MS_MAX },
)

test(
  'kill -9: all at once: what was granted is granted',
  async () => {
    await underLoad(async (cluster, load) => {
      await Promise.all(cluster.places.map((place) => cluster.kill(place)))
      for (const place of cluster.places) cluster.start(place)
      await cluster.ready()
      await load.moreGrants(GRANTS_BETWEEN)
    })
  },
  { deadlineMs: 2 * ROUND_MS_MAX },
)

test.run()
