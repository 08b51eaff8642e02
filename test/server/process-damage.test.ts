// Nodes whose disk is not as they left it, amid a load: a write that a crash tore, a byte that
// rotted, all of it gone. Nothing acknowledged is lost, and there are never two holders: the
// checker judges what clients were told.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { decodeHeader } from '../../storage/record.ts'
import type { GoodHeader } from '../../storage/record.ts'
import { rottable, survey } from '../../storage/survey.ts'
import { suite } from '../harness.ts'
import { LockLoad } from '../support/lock-load.ts'
import type { NodeCluster, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf, incarnationOf, operate, waitsAt } from './process-support.ts'

const test = suite('process: damage')
const { running } = clustersOf(test)
const GRANTS_BETWEEN = 20
const DEADLINE = { deadlineMs: 120_000 }
const REPAIRED = /the log has again what its disk had lost/

/** Where the last good record ends, which may do so with zeros. */
function endOf(bytes: Uint8Array): number {
  const header = decodeHeader(bytes)
  assert.is(header.type, 'header')
  const { size, crc } = header as GoodHeader
  const start = { offset: 0, end: size, sequence: 0, syncedTo: 0, term: 0 }
  return survey(bytes, crc, start, false).frames.at(-1)?.end ?? size
}

/** Changes the file of a log that is in use; `end` is that of what was written to it. */
function edit(place: Place, change: (bytes: Buffer, end: number) => void): void {
  const folder = join(place.folder, 'log')
  const path = join(folder, readdirSync(folder).sort().at(-1) ?? '')
  const bytes = readFileSync(path)
  const end = endOf(bytes)
  // What a crash leaves behind the log are zeros, and room for more.
  const whole = Buffer.concat([bytes, Buffer.alloc(1_000)])
  change(whole, end)
  writeFileSync(path, whole)
}

/** The beginning of a record that was being written. */
function tear(place: Place): void {
  edit(place, (bytes, end) => bytes.set([200, 0, 0, 0, 1, 2, 3, 4, ...Buffer.alloc(90, 7)], end))
}

/** No record is as short that has an entry: there are some that only say what is synced. */
const ENTRY_BYTES_MIN = 60

/** One byte of an entry, in the middle of what is durable. */
function rot(place: Place): void {
  edit(place, (bytes, end) => {
    const later = rottable(bytes).filter((record) => record.start >= end / 2)
    const entry = later.find((record) => record.end - record.start >= ENTRY_BYTES_MIN)
    assert.ok(entry !== undefined, 'no entry in the second half of the log')
    const at = entry.end - 10
    bytes[at] = (bytes[at] as number) ^ 0x40
  })
}

/** Runs `work` amid a load, and judges all that its clients were told. */
async function underLoad(work: (cluster: NodeCluster, load: LockLoad) => Promise<void>) {
  const cluster = await running({ args: ['--log-level', 'info'] })
  const urls = cluster.places.map(({ url }) => url)
  const load = new LockLoad({ urls, clients: 6, keys: 4, ttlMs: 20_000 })
  await load.during(async () => {
    await load.moreGrants(GRANTS_BETWEEN)
    await work(cluster, load)
    await load.moreGrants(GRANTS_BETWEEN)
  })
  const verdict = load.verdict()
  assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
}

async function followerOf(cluster: NodeCluster): Promise<Place> {
  const leader = await cluster.leader()
  return cluster.places.find((place) => place !== leader) as Place
}

test(
  'damage: torn tails on all nodes at once: they go on by themselves',
  () =>
    underLoad(async (cluster) => {
      await Promise.all(cluster.places.map((place) => cluster.kill(place)))
      for (const place of cluster.places) {
        tear(place)
        cluster.start(place)
      }
      await cluster.ready()
      for (const place of cluster.places) assert.not.match(place.process?.stdout() ?? '', REPAIRED)
    }),
  DEADLINE,
)

test(
  'damage: a byte of a follower has rotted: the others give it what it lost',
  () =>
    underLoad(async (cluster, load) => {
      const place = await followerOf(cluster)
      await cluster.kill(place)
      rot(place)
      await load.moreGrants(GRANTS_BETWEEN)
      const again = cluster.start(place)
      await until('it to be repaired', () => (REPAIRED.test(again.stdout()) ? true : undefined))
      await cluster.ready([place])
    }),
  DEADLINE,
)

test(
  'damage: a follower is wiped, and taken in anew: the others go on',
  () =>
    underLoad(async (cluster, load) => {
      const place = await followerOf(cluster)
      const leader = await cluster.leader()
      const lost = await incarnationOf(place, leader)
      await cluster.kill(place)
      cluster.wipe(place)
      cluster.start(place)
      await load.moreGrants(GRANTS_BETWEEN)
      await waitsAt(leader, place.id)
      operate(cluster, 'add', place.id)
      operate(cluster, 'promote', place.id)
      operate(cluster, 'remove', `${place.id}@${lost}`)
      await cluster.ready([place])
    }),
  DEADLINE,
)

test.run()
