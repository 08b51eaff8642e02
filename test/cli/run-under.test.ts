// A command under a lock: what it is told, how it ends, and that it never outlives the lease. Real
// processes and clocks; the lock is one in memory.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { runUnder } from '../../cli/run-under.ts'
import { DistributedLock } from '../../client/distributed-lock.ts'
import { LockError } from '../../client/errors.ts'
import type { LockHandle } from '../../client/lock-handle.ts'
import { MemoryStore } from '../../client/memory.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { until } from '../support/until.ts'

const test = suite('run under a lock')
test.after(removeTemporaryFolders)

const store = new MemoryStore()
const client = new DistributedLock(store.backend(), { keepProcessAlive: true })
/** Another client's: its renewals never arrive. */
const cutOff = new DistributedLock(
  {
    ...methodsOf(store),
    renew: () => Promise.reject(new LockError('UNAVAILABLE', 'no node answers')),
  },
  { keepProcessAlive: true },
)

function methodsOf(from: MemoryStore) {
  const backend = from.backend()
  return {
    supports: backend.supports,
    acquire: backend.acquire.bind(backend),
    release: backend.release.bind(backend),
    status: backend.status.bind(backend),
  }
}

async function run(
  handle: LockHandle,
  script: string,
  graceMs = 200,
): Promise<{ code: number; said: string[] }> {
  const said: string[] = []
  const words = ['sh', '-c', script]
  const complain = (text: string): void => void said.push(text)
  return { code: await runUnder({ handle, words, graceMs, complain }), said }
}

test('run under: a command that ends: its exit code, and the lock is free', async () => {
  const handle = await client.lock('a', '30s', { autoRefresh: true })
  const file = join(temporaryFolder(), 'env')
  const script = `echo "$LOCKSTEP_KEY $LOCKSTEP_TOKEN" > ${file}; exit 7`
  assert.equal(await run(handle, script), { code: 7, said: [] })
  assert.is(readFileSync(file, 'utf8'), `a ${handle.fencingToken}\n`)
  assert.not((await client.status('a')).locked)
})

test('run under: a command that a signal ended, one that is not there: as shells say', async () => {
  const killed = await run(await client.lock('b', '30s'), 'kill -TERM $$')
  assert.is(killed.code, 128 + 15)
  const handle = await client.lock('b', '30s')
  const words = ['/no/such/command']
  const complain = (): void => undefined
  assert.is(await runUnder({ handle, words, graceMs: 100, complain }), 127)
  assert.not((await client.status('b')).locked)
})

test('run under: a lease that cannot be renewed: SIGTERM in time, and 76', async () => {
  const handle = await cutOff.lock('c', '1s', { autoRefresh: true })
  const file = join(temporaryFolder(), 'end')
  const script = `trap 'echo ended > ${file}; exit 0' TERM; while :; do sleep 0.01; done`
  const { code, said } = await run(handle, script, 400)
  assert.is(code, 76)
  assert.is(readFileSync(file, 'utf8'), 'ended\n')
  assert.match(said[0] as string, /lock c was lost/)
})

test('run under: a command deaf to SIGTERM: gone before the next grant, children too', async () => {
  const handle = await cutOff.lock('d', '800ms', { autoRefresh: true })
  const file = join(temporaryFolder(), 'beats')
  writeFileSync(file, '')
  const next = client.lock('d', '30s').then(async (granted) => {
    const beats = readFileSync(file, 'utf8')
    // Whoever still runs would write on.
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.is(readFileSync(file, 'utf8'), beats, 'the command outlived its lease')
    await granted.release()
    return beats.length
  })
  const beat = `while :; do echo x >> ${file}; sleep 0.01; done`
  const { code } = await run(handle, `trap '' TERM; (trap '' TERM; ${beat}) & ${beat}`, 200)
  assert.is(code, 76)
  assert.ok((await next) > 10)
})

test('run under: a lease that is renewed: the command runs on past its first end', async () => {
  const handle = await client.lock('e', '600ms', { autoRefresh: true })
  assert.equal(await run(handle, 'sleep 1.5; exit 3', 100), { code: 3, said: [] })
})

test('run under: SIGTERM to this process: goes to the command, whose code counts', async () => {
  const handle = await client.lock('f', '30s')
  const file = join(temporaryFolder(), 'ready')
  const script = `trap 'exit 9' TERM; echo > ${file}; while :; do sleep 0.01; done`
  const running = run(handle, script)
  await until('the command', () => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return undefined
    }
  })
  process.emit('SIGTERM')
  assert.is((await running).code, 9)
})

test.run()
