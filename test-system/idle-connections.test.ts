// Ten thousand clients that connect and then say nothing, and thousands of strangers on the port
// for the other nodes: those who work go on, the node keeps its size, and lets go of all at the
// end.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import { clustersOf } from '../test/server/process-support.ts'
import { LockLoad } from '../test/support/lock-load.ts'
import type { Place } from '../test/support/node-cluster.ts'
import { killed, startProcess } from '../test/support/processes.ts'
import type { Process } from '../test/support/processes.ts'
import { repositoryRoot } from '../test/support/source-files.ts'
import { until } from '../test/support/until.ts'

const test = suite('idle connections')
const { running } = clustersOf(test)
const HOLDER = fileURLToPath(new URL('hold-connections.ts', import.meta.url))
const HOLDERS = 5
const EACH = 2_000
/** Open files of a node that has no clients; its log, its peers, and what the runtime needs. */
const FILES_SPARE = 100
/** More than a node keeps of those that have not said who they are. */
const STRANGERS_MAX = 1_100
const BYTES_EACH_MAX = 20_000
const KEEP_ALIVE = 'GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n'
const CONNECTED_MS_MAX = 60_000

const holding: Process[] = []

test.after.each(async () => {
  for (const one of holding.splice(0)) await killed(one, [])
})

function hold(port: number, count: number, text: string): Process {
  const words = [process.execPath, '--import', 'tsx', HOLDER, `${port}`, `${count}`, text]
  const one = startProcess(words, { folder: repositoryRoot, environment: process.env })
  holding.push(one)
  return one
}

function openOf(holder: Process): number {
  return Number(/open (\d+)\n$/.exec(holder.stdout())?.[1] ?? 0)
}

const pidOf = (place: Place): number => place.process?.pid ?? 0
const filesOf = (place: Place): number => readdirSync(`/proc/${pidOf(place)}/fd`).length

function residentBytes(place: Place): number {
  const status = readFileSync(`/proc/${pidOf(place)}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024
}

test(
  `idle connections: ${HOLDERS * EACH} at once, and strangers: the others are served`,
  async () => {
    const cluster = await running()
    const place = await cluster.leader()
    const urls = cluster.places.map(({ url }) => url)
    const load = new LockLoad({ urls, clients: 6, keys: 4, ttlMs: 20_000 })
    await load.during(async () => {
      await load.moreGrants(50)
      const before = { bytes: residentBytes(place), files: filesOf(place) }
      const holders = Array.from({ length: HOLDERS }, () => hold(place.port, EACH, KEEP_ALIVE))
      const strangers = hold(place.raftPort, EACH, '')
      const silent = hold(place.port, EACH, '')
      await until(
        'all to be open at once',
        () => (holders.every((one) => openOf(one) === EACH) ? true : undefined),
        CONNECTED_MS_MAX,
      )
      await load.moreGrants(200)
      const grown = residentBytes(place) - before.bytes
      console.log(`    ${filesOf(place)} open files, ${(grown / 2 ** 20).toFixed(0)} MiB more`)
      assert.ok(grown < HOLDERS * EACH * BYTES_EACH_MAX, `${grown} bytes more`)
      await until('most strangers to be closed', () => {
        return openOf(strangers) < STRANGERS_MAX ? true : undefined
      })
      await until('the silent to be closed', () => (openOf(silent) === 0 ? true : undefined))
      assert.ok(holders.every((one) => openOf(one) === EACH))
      for (const one of holding.splice(0)) await killed(one, [])
      await until('the node to let go of them', () => {
        return filesOf(place) < before.files + FILES_SPARE ? true : undefined
      })
      await load.moreGrants(50)
    })
    const verdict = load.verdict()
    assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
    assert.is(load.count('info') + load.count('fail'), 0)
    assert.ok(cluster.places.every(({ process: one }) => one?.isRunning()))
  },
  { deadlineMs: 240_000 },
)

test.run()
