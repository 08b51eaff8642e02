// One at a time: ten workers add to a counter that none of them may read while another writes.

import { locks, sleep } from './lock-client.ts'

let counter = 0

async function addOne(): Promise<void> {
  await locks.withLock('counter', '10s', async () => {
    const read = counter
    await sleep(1)
    counter = read + 1
  })
}

await Promise.all(Array.from({ length: 10 }, addOne))
console.log(`the counter is ${counter}`)
