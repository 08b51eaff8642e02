// One signal for many calls.

import * as assert from 'uvu/assert'
import { onAbort } from '../../client/on-abort.ts'
import { suite } from '../harness.ts'
import { scene, watch } from './lock-support.ts'

const test = suite('on abort')

test('on abort: many that wait for one signal: each is called once', () => {
  const abort = new AbortController()
  const called: number[] = []
  const stops = [0, 1, 2, 3].map((at) => onAbort(abort.signal, () => called.push(at)))
  stops[1]?.()
  abort.abort()
  stops[2]?.()
  assert.equal(called, [0, 2, 3])
  onAbort(abort.signal, () => called.push(4))
  assert.equal(called, [0, 2, 3, 4])
})

test('on abort: a hundred locks with one signal: the process is not warned of a leak', async () => {
  const warnings: string[] = []
  const note = (warning: Error): unknown => warnings.push(warning.message)
  process.on('warning', note)
  const { clock, locks } = scene()
  const { signal } = new AbortController()
  const options = { signal, autoRefresh: true }
  const held = await Promise.all(
    Array.from({ length: 100 }, (_, at) => locks.lock(`k${at}`, '30s', options)),
  )
  const waiting = held.map(({ key }) => watch(locks.lock(key, '30s', options)))
  await clock.advance(1_000)
  await Promise.all(held.map((lock) => lock.release()))
  await clock.advance(0)
  assert.ok(waiting.every(({ state }) => state === 'done'))
  process.off('warning', note)
  assert.equal(warnings, [])
})

test.run()
