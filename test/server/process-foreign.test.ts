// A node on a directory that is of another cluster or of a newer build, amid clusters that serve: a
// clear error, nothing of the directory is touched, and nobody else notices.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { crc32c } from '../../core/crc32.ts'
import { DATA_FORMAT_VERSION } from '../../server/data-directory.ts'
import { LOG_FORMAT_VERSION } from '../../storage/record.ts'
import { suite } from '../harness.ts'
import { LockLoad } from '../support/lock-load.ts'
import { http } from '../support/node-cluster.ts'
import type { Json, NodeCluster, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf, granted } from './process-support.ts'

const test = suite('process: foreign directory')
const { running } = clustersOf(test)

/** The files of a data directory with what they hold; none of them is of the lock on it. */
function filesOf(folder: string): ReadonlyMap<string, string> {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = all.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  return new Map(files.sort().map((path) => [path, readFileSync(path).toString('base64')]))
}

/** Runs `work` while clients lock and release in the cluster, and judges what they were told. */
async function undisturbed(cluster: NodeCluster, work: () => Promise<void>): Promise<void> {
  const urls = cluster.places.map(({ url }) => url)
  const load = new LockLoad({ urls, clients: 3, keys: 2, ttlMs: 20_000 })
  await load.during(async () => {
    await load.moreGrants(5)
    await work()
    await load.moreGrants(20)
  })
  const verdict = load.verdict()
  assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
  assert.is(load.count('info') + load.count('fail'), 0)
}

/** That the lock which was granted in our cluster is held, as this node tells. */
async function isHeld({ url }: Place): Promise<void> {
  const { body } = await http(`${url}/locks/held`)
  assert.is((body['lock'] as Json)['owner'], 'me')
}

async function termOf({ url }: Place): Promise<unknown> {
  return (await http(`${url}/cluster/info`)).body['term']
}

/** The options of a node in its place, but for whom it takes for its peers. */
function argsWith(cluster: NodeCluster, place: Place, peers: readonly Place[]): readonly string[] {
  const own = cluster.argsOf(place)
  const at = own.indexOf('--peers')
  const rest = at === -1 ? own : [...own.slice(0, at), ...own.slice(at + 2)]
  return [...rest, '--peers', peers.map((one) => `${one.id}:127.0.0.1:${one.raftPort}`).join(',')]
}

test(
  'foreign: peers of another cluster: refused by both sides, and both clusters go on',
  async () => {
    const ours = await running()
    const theirs = await running({ count: 1 })
    await granted(ours.places, 'held', 'me')
    const [first, lost, third] = ours.places as [Place, Place, Place]
    const alone = theirs.at(0)
    const said = (one: string, another: string): RegExp =>
      new RegExp(`${one}@\\w+ belongs to cluster \\w+, and ${another}@\\w+ to \\w+: one of the two`)
    const says = (place: Place, what: RegExp): Promise<true> =>
      until(`${place.id} to say that the other is refused`, () => {
        return what.test(place.process?.stdout() ?? '') ? true : undefined
      })
    const term = await termOf(alone)
    await ours.stop(lost)
    await undisturbed(ours, async () => {
      await undisturbed(theirs, async () => {
        ours.start(lost, { args: argsWith(ours, lost, [alone]) })
        await says(lost, said('node[12]', 'node[12]'))
        await says(alone, said('node[12]', 'node[12]'))
        // Its own cluster dials it: it serves what it belongs to.
        await ours.ready([lost])
        await isHeld(lost)
        assert.is(await ours.stop(lost), 0)
      })
      assert.is(await termOf(alone), term)
      await theirs.stop(alone)
      theirs.start(alone, { args: argsWith(theirs, alone, [lost, third]) })
      await says(alone, said('node[13]', 'node[13]'))
      await says(third, said('node[13]', 'node[13]'))
      const seen = await http(`${first.url}/cluster/info`)
      assert.equal((seen.body['nodes'] as Json[]).map(({ id }) => id), ['node1', 'node2', 'node3'])
    })
    ours.start(lost)
    await ours.ready([lost])
    await isHeld(lost)
  },
  { deadlineMs: 120_000 },
)

/** The file of a log as if its header were of the next format version. */
function ofNextVersion(log: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(log)
  const view = new DataView(bytes.buffer)
  bytes[16] = LOG_FORMAT_VERSION + 1
  const end = 16 + view.getUint32(8, true)
  view.setUint32(12, crc32c(bytes, 16, end, crc32c(bytes, 8, 12)), true)
  return bytes
}

test(
  'foreign: a directory or a log of a newer format: exit code 2, and not touched',
  async () => {
    const cluster = await running()
    const place = cluster.at(0)
    await granted([place], 'held', 'me')
    assert.is(await cluster.stop(place), 0)
    const format = join(place.folder, 'format')
    const log = join(place.folder, 'log', 'log-0-1')
    const newer: readonly (readonly [string, Uint8Array])[] = [
      [format, Buffer.from(`lockstep data directory, format ${DATA_FORMAT_VERSION + 1}\n`)],
      [log, ofNextVersion(readFileSync(log))],
    ]
    await undisturbed(cluster, async () => {
      for (const [path, bytes] of newer) {
        const whole = readFileSync(path)
        writeFileSync(path, bytes)
        const before = filesOf(place.folder)
        const refused = cluster.start(place)
        assert.is(await refused.ended, 2, refused.stdout() + refused.stderr())
        assert.match(refused.stderr(), /^lockstep: .*newer.*\n$/)
        assert.equal(filesOf(place.folder), before)
        writeFileSync(path, whole)
      }
    })
    cluster.start(place)
    await cluster.ready([place])
  },
  { deadlineMs: 120_000 },
)

test.run()
