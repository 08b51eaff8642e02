// A cluster that is lost for good, and a new one that goes on from its backup: real processes, and
// the commands of the operator.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { jsonOf, lockstep } from '../cli/support.ts'
import type { Outcome } from '../cli/support.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { http, NodeCluster } from '../support/node-cluster.ts'
import type { Json, Place } from '../support/node-cluster.ts'
import { waitsAt } from './process-support.ts'

const test = suite('process: restore')
const clusters: NodeCluster[] = []

test.after.each(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close()
})
test.after(removeTemporaryFolders)

async function made(count = 3): Promise<NodeCluster> {
  const cluster = await NodeCluster.make({ count, args: ['--log-level', 'warn'] })
  clusters.push(cluster)
  return cluster
}

/** Starts all of them on empty directories. */
async function running(count = 3): Promise<NodeCluster> {
  const cluster = await made(count)
  for (const place of cluster.places) cluster.start(place)
  await cluster.ready()
  return cluster
}

function operate({ root, places }: NodeCluster, ...words: readonly string[]): Outcome {
  const nodes = places.map(({ port }) => `127.0.0.1:${port}`).join(',')
  return lockstep(root, ['cluster', ...words, '--nodes', nodes])
}

async function granted({ url }: Place, key: string, owner: string, more = {}): Promise<number> {
  const body = { key, owner, ttl: '10m', request_id: owner, ...more }
  const { status, body: said } = await http(`${url}/locks/acquire`, body)
  assert.is(status, 200, JSON.stringify(said))
  return (said['lock'] as Json)['fencing_token'] as number
}

test('process: all nodes lost: a new cluster holds what was held, by higher tokens', async () => {
  const old = await running()
  const held = await granted(old.at(0), 'held', 'me')
  const shared = await granted(old.at(1), 'read', 'r1', { mode: 'shared' })
  await granted(old.at(2), 'read', 'r2', { mode: 'shared' })
  const file = join(temporaryFolder(), 'backup.bin')
  assert.is(operate(old, 'backup', file).code, 0)
  const later: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    later.push(await granted(old.at(turn % 3), `l${turn}`, 'me'))
  }
  for (const place of old.places) {
    await old.kill(place)
    old.wipe(place)
  }

  const anew = await made()
  const [first, ...rest] = anew.places as [Place, Place, Place]
  const words = ['cluster', 'restore', file, '--data-dir', first.folder, '--id', first.id, '--json']
  const restored = lockstep(anew.root, words)
  assert.is(restored.code, 0, restored.stderr)
  const above = jsonOf(restored)['tokens_above'] as number
  for (const place of anew.places) anew.start(place)
  await anew.ready([first])
  for (const { id } of rest) {
    await waitsAt(first, id)
    for (const verb of ['add', 'promote']) {
      const { code, stderr } = operate(anew, verb, id)
      assert.is(code, 0, `${verb} ${id}: ${stderr}`)
    }
  }
  await anew.ready()
  // The one that was restored is not needed any more: the others have it all.
  await anew.kill(first)
  await anew.leader()
  for (const { url } of rest) {
    const { status, body } = await http(`${url}/locks/acquire`, { key: 'held', owner: 'other' })
    assert.is(status, 423)
    assert.equal([body['holder'], body['fencing_token']], ['me', held])
    const holders = (await http(`${url}/locks/read/holders`)).body['holders'] as Json[]
    assert.equal(holders.map(({ owner }) => owner), ['r1', 'r2'])
  }
  const { url } = rest[0] as Place
  const renewal = { key: 'held', owner: 'me', token: held, ttl: '10m' }
  assert.is((await http(`${url}/locks/renew`, renewal)).status, 200)
  const release = { key: 'read', owner: 'r1', token: shared }
  assert.is((await http(`${url}/locks/release`, release)).status, 200)
  const token = await granted(rest[1] as Place, 'l0', 'someone else')
  assert.ok(token > above && token > Math.max(held, ...later), `${token} after ${later.at(-1)}`)
})

test('process: restore: what cannot be: said in a line, exit 2, nothing written', async () => {
  const alone = await running(1)
  const folder = temporaryFolder()
  const file = join(folder, 'backup.bin')
  assert.is(operate(alone, 'backup', file).code, 0)
  const bytes = readFileSync(file)
  const damaged = join(folder, 'damaged.bin')
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(damaged, bytes)
  const target = join(folder, 'data')
  const restore = (...words: readonly string[]): Outcome => {
    return lockstep(alone.root, ['cluster', 'restore', ...words])
  }
  const to = ['--data-dir', target]
  for (const [words, says] of [
    [[damaged, ...to], /damaged\.bin: it is damaged: its checksum is wrong/],
    [[join(alone.root, 'package.json'), ...to], /package\.json: it is no backup of lockstep/],
    [[join(folder, 'absent'), ...to], /absent cannot be read: ENOENT/],
    [[file, ...to, '--id', 'a b'], /--id wants 1 to 64 letters/],
    [[file, ...to, '--tokens-above', '0'], /may hold tokens up to \d+: new ones cannot/],
    [[file, ...to, '--tokens-above', 'x'], /--tokens-above wants an integer/],
    [[file, ...to, '--nodes', 'localhost:1'], /cluster restore takes no --nodes/],
    [[], /cluster restore wants a file/],
    [[file, '--data-dir', alone.at(0).folder], /it is not empty/],
  ] as const) {
    const { code, stderr } = restore(...words)
    assert.is(code, 2, `${words.join(' ')}: ${stderr}`)
    assert.match(stderr, says)
    assert.not.match(stderr, /\n {4}at /)
    assert.is(existsSync(target), false)
  }
  const info = operate(alone, 'info', '--data-dir', target)
  assert.is(info.code, 2)
  assert.match(info.stderr, /cluster info takes no --data-dir/)
})

test.run()
