// When a program that uses locks ends by itself.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { run } from '../support/commands.ts'
import type { CommandResult } from '../support/commands.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite('client process')

function program(options: string, text: string): CommandResult {
  const source = `
    import { DistributedLock, memoryBackend } from './client/index.ts'
    const locks = new DistributedLock(memoryBackend(), ${options})
    ${text}`
  const args = ['--import', 'tsx', '--input-type=module', '-e', source]
  return run(repositoryRoot, process.execPath, ...args)
}

const holds = `
  const lock = await locks.lock('k', '500ms')
  process.on('exit', () => console.log(lock.isValid()))`

test('process: a lock is held, and nothing else to do: it ends', () => {
  const { code, output } = program('{}', holds)
  assert.equal([code, output], [0, 'true\n'])
})

test('process: a lock is held, and is to keep it alive: it ends with the lease', () => {
  const { code, output } = program('{ keepProcessAlive: true }', holds)
  assert.equal([code, output], [0, 'false\n'])
})

test('process: it waits for a lock: it does not end before', () => {
  const { code, output } = program(
    '{}',
    `await locks.lock('k', '300ms')
    await locks.lock('k', '300ms')
    console.log('granted')`,
  )
  assert.equal([code, output], [0, 'granted\n'])
})

test('process: it waits between tries: it does not end before', () => {
  const { code, output } = program(
    '{}',
    `const backend = memoryBackend()
    const polled = { ...backend, supports: { ...backend.supports, wait: 'poll' } }
    for (const name of ['acquire', 'renew', 'release', 'status']) {
      polled[name] = (...args) => backend[name](...args)
    }
    const trying = new DistributedLock(polled)
    await trying.lock('k', '300ms')
    await trying.lock('k', '300ms')
    console.log('granted')`,
  )
  assert.equal([code, output], [0, 'granted\n'])
})

test.run()
