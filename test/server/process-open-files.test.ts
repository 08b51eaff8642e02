// A node with few open files, on whose ports others hold as many connections as they can: its log
// goes on, it counts in its cluster, and it serves again when they have gone.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { Flood } from '../support/flood.ts'
import { LockLoad } from '../support/lock-load.ts'
import { http } from '../support/node-cluster.ts'
import type { Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf, granted } from './process-support.ts'

const test = suite('process: open files')
const { make } = clustersOf(test)
/** The least that a node of three starts under. */
const FILES_MAX = 128
/** Far more than that. */
const CONNECTIONS = 300
const KEEP_ALIVE = 'GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n'

/** The newest file of its log: each snapshot begins the next. */
function generation({ folder }: Place): number {
  const numbers = readdirSync(join(folder, 'log')).map((file) => Number(/\d+$/.exec(file)?.[0]))
  return Math.max(0, ...numbers)
}

function moreSnapshots(place: Place, count: number): Promise<true> {
  const enough = generation(place) + count
  return until(`${place.id} to begin ${count} more files`, () => {
    assert.ok(place.process?.isRunning(), `it has ended: ${place.process?.stderr()}`)
    return generation(place) >= enough ? true : undefined
  })
}

function linesOf(place: Place, what: string): number {
  return (place.process?.stdout() ?? '').split('\n').filter((line) => line.includes(what)).length
}

test(
  'open files: few, and both ports flooded: the node writes on, counts, and serves again',
  async () => {
    const cluster = await make({ args: ['--log-level', 'warn', '--snapshot-interval', '200ms'] })
    const [few, second, third] = cluster.places as [Place, Place, Place]
    cluster.start(few, { shell: `ulimit -n ${FILES_MAX}` })
    cluster.start(second)
    cluster.start(third)
    await cluster.ready()
    const urls = [second.url, third.url]
    const load = new LockLoad({ urls, clients: 4, keys: 3, ttlMs: 20_000 })
    const floods: Flood[] = []
    const startMs = performance.now()
    try {
      await load.during(async () => {
        await load.moreGrants(20)
        floods.push(new Flood(few.port, CONNECTIONS, KEEP_ALIVE))
        floods.push(new Flood(few.raftPort, CONNECTIONS, ''))
        await until('both ports to be full', () => {
          return floods.every(({ closedCount }) => closedCount > CONNECTIONS) ? true : undefined
        })
        await moreSnapshots(few, 3)
        await load.moreGrants(20)
        // Now a majority needs the flooded one, and then it has to meet the other one again.
        assert.is(await cluster.stop(third), 0)
        await load.moreGrants(20)
        await moreSnapshots(few, 2)
        cluster.start(third)
        await cluster.ready([third])
        await load.moreGrants(20)
      })
      for (const flood of floods) flood.end()
      const lock = await granted([few], 'after', 'me')
      assert.is(lock['owner'], 'me')
      assert.is((await http(`${few.url}/cluster/health`)).status, 200)
    } finally {
      for (const flood of floods) flood.end()
    }
    assert.is(load.verdict().verdict, 'ok', JSON.stringify(load.verdict()))
    assert.is(load.count('info') + load.count('fail'), 0)
    // All those that were closed, in a line every ten seconds.
    const linesMax = 2 + (performance.now() - startMs) / 10_000
    for (const kind of ['too many HTTP connections', 'too many connections of strangers']) {
      const count = linesOf(few, kind)
      assert.ok(count >= 1 && count <= linesMax, `${count} lines: ${kind}`)
    }
    assert.is(await cluster.stop(few), 0)
  },
  { deadlineMs: 180_000 },
)

test('open files: fewer than a node needs: it says what to do, and ends with 2', async () => {
  const cluster = await make()
  // With the fewest, Node cannot even load it.
  for (const [limit, said] of [
    [127, /^lockstep: the limit of open files is 127, and this node needs 128: raise it with /],
    [45, /^lockstep: too many open files: raise their limit with /],
  ] as const) {
    const one = cluster.start(cluster.at(0), { shell: `ulimit -n ${limit}` })
    assert.is(await one.ended, 2)
    assert.match(one.stderr(), said)
    assert.is(one.stderr().split('\n').length, 2)
  }
})

test.run()
