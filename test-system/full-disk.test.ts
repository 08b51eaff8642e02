// A disk that is really full: a small file system in memory, which only root may mount.

import { mkdirSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFileDisk } from '../storage/node/file-disk.ts'
import { suite } from '../test/harness.ts'
import { appendUntil, killAppenders, lastIndexIn } from '../test/storage/appender.ts'
import { open } from '../test/storage/support.ts'
import { mustRun, removeTemporaryFolders, temporaryFolder } from '../test/support/commands.ts'
import { LockLoad } from '../test/support/lock-load.ts'
import { http, NodeCluster } from '../test/support/node-cluster.ts'
import type { Place } from '../test/support/node-cluster.ts'
import { until } from '../test/support/until.ts'

const test = suite('full disk')
const volume = join(temporaryFolder(), 'volume')
const ballast = join(volume, 'ballast')
const GRANTS_BETWEEN = 50
/** There is no room for the second checkpoint, and one comes every 16 entries. */
const LINES_MAX = 500
let cluster: NodeCluster | null = null

/** Takes all that is free but so many bytes. */
function fill(leftBytes: number): void {
  const { bavail, bsize } = statfsSync(volume)
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)))
}

test.before.each(() => {
  mkdirSync(volume)
  mustRun('.', 'mount', '-t', 'tmpfs', '-o', 'size=4m', 'lockstep-test', volume)
})

test.after.each(async () => {
  killAppenders()
  await cluster?.close()
  mustRun('.', 'umount', volume)
  rmSync(volume, { recursive: true })
})
test.after(removeTemporaryFolders)

/** Removes what a process that was killed left of an older log: else that would make room later. */
async function tidy(folder: string): Promise<void> {
  const disk = openFileDisk(folder)
  open(disk)
  // What the log removes at the end of its first sync is gone with the one after the next.
  await new Promise(done => disk.sync(done))
  await disk.close()
}

function hasFailed(lines: readonly string[]): boolean {
  return lines.at(-1)?.startsWith('failed') === true
}

test('full disk: the log says so; with room again all that was acknowledged is there', async () => {
  const folder = join(volume, 'log')
  mkdirSync(folder)
  let last = 0
  for (const leftBytes of [100_000, 50_000, 0]) {
    await tidy(folder)
    fill(leftBytes)
    const life = await appendUntil(folder, lines => hasFailed(lines) || lines.length > LINES_MAX)
    const reason = life.lines.at(-1) ?? ''
    const full = /^failed cannot write .*log-0-\d+: ENOSPC: no space left .*; free space/
    assert.match(reason, full, `the last that it says: ${reason}`)
    rmSync(ballast)
    const least = Math.max(last, life.acknowledged)
    last = await lastIndexIn(folder)
    assert.ok(last >= least, `${least} was acknowledged, ${last} is there`)
    const next = await appendUntil(folder, lines => lines.length > 40)
    assert.match(next.lines[0] ?? '', new RegExp(`^opened ${last} \\d+ torn, whole$`))
    last = await lastIndexIn(folder)
    assert.ok(last >= next.acknowledged)
  }
})

/** Sees to it that the node in `place` leads, or that another does. */
function lead(nodes: NodeCluster, place: Place, isTo: boolean): Promise<true> {
  return until(`${place.id} ${isTo ? 'to lead' : 'to follow'}`, async () => {
    const leader = await nodes.leader()
    if ((leader === place) === isTo) return true
    const to = isTo ? place : nodes.places.find((one) => one !== place)
    await http(`${leader.url}/cluster/transfer`, { node: to?.id }).catch(() => null)
    return undefined
  })
}

/** The node in `place` ends by itself, and says why in one line for people. */
async function endsFull({ places }: NodeCluster, { process: one, id }: Place): Promise<void> {
  // The log has room ahead, for more than locks alone take within a test.
  const body = { owner: 'big', ttl: '1m', metadata: 'x'.repeat(4_096) }
  await until(`${id} to end, whose disk is full`, async () => {
    const asked = places.map(({ id: key, url }) => {
      return http(`${url}/locks/acquire`, { key, ...body }).catch(() => null)
    })
    await Promise.all(asked)
    return one?.isRunning() === true ? undefined : true
  })
  assert.is(await one?.ended, 1)
  const full = /^lockstep: the disk failed: cannot write \S+log-0-\d+: ENOSPC: .*; free space.*\n$/
  const said = one?.stderr() ?? ''
  assert.match(said, full, `what ${id} says of its end: ${said}`)
}

test(
  'full disk: of one node of three, under load: it stops and says why, and catches up with room',
  async () => {
    const nodes = await NodeCluster.make({ args: ['--log-level', 'warn'] })
    cluster = nodes
    const full = nodes.at(0)
    mkdirSync(join(volume, 'data'))
    symlinkSync(join(volume, 'data'), full.folder)
    for (const place of nodes.places) nodes.start(place)
    await nodes.ready()
    const urls = nodes.places.map(({ url }) => url)
    const load = new LockLoad({ urls, clients: 12, keys: 6, ttlMs: 20_000 })
    await load.during(async () => {
      for (const leads of [false, true]) {
        await lead(nodes, full, leads)
        await load.moreGrants(GRANTS_BETWEEN)
        fill(30_000)
        await endsFull(nodes, full)
        await load.moreGrants(GRANTS_BETWEEN)
        nodes.start(full)
        await endsFull(nodes, full)
        await load.moreGrants(GRANTS_BETWEEN)
        rmSync(ballast)
        nodes.start(full)
        await nodes.ready([full])
        await load.moreGrants(GRANTS_BETWEEN)
      }
      // What two have acknowledged needs the one that was full, once another is gone.
      await lead(nodes, full, false)
      const leader = await nodes.leader()
      await nodes.kill(leader)
      await load.moreGrants(GRANTS_BETWEEN)
      nodes.start(leader)
      await nodes.ready()
    })
    const verdict = load.verdict()
    assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
    const open = load.count('info')
    console.log(`    ${load.history.length} operations, ${load.grants} grants, ${open} open`)
  },
  { deadlineMs: 240_000 },
)

test.run()
