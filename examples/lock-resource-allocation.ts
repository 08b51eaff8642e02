// More workers than machines: each takes whichever is free, or waits a little and looks again.

import type { LockHandle } from 'lockstep/client'
import { locks, sleep } from './lock-client.ts'

const MACHINES = ['gpu-0', 'gpu-1', 'gpu-2']

async function anyMachine(): Promise<LockHandle> {
  for (;;) {
    for (const machine of MACHINES) {
      const lock = await locks.tryLock(`machine:${machine}`, '10s')
      if (lock !== null) return lock
    }
    await sleep(10)
  }
}

let busy = 0
let busyMost = 0

async function work(): Promise<void> {
  const lock = await anyMachine()
  busy += 1
  busyMost = Math.max(busyMost, busy)
  await sleep(20)
  busy -= 1
  await lock.release()
}

await Promise.all(Array.from({ length: 8 }, work))
console.log(`8 workers have run, at most ${busyMost} at once`)
