// Locks of parts and of the whole: a process of a user shares the user, and is alone in its part;
// who needs all of the user waits for its processes.

import { locks, sleep } from './lock-client.ts'

async function inProcess(id: number): Promise<void> {
  await locks.withLock('user:7', { ttl: '10s', mode: 'shared' }, () =>
    locks.withLock(`user:7:process:${id}`, '10s', async () => {
      console.log(`process ${id} begins`)
      await sleep(20)
      console.log(`process ${id} ends`)
    }),
  )
}

const processes = [inProcess(42), inProcess(43)]
await sleep(5)
const all = locks.withLock('user:7', '10s', () => console.log('alone with the user'))
await Promise.all([...processes, all])
