// A task that takes longer than its lease: the lock is refreshed while it runs, and the task stops
// at the next step when the lock is lost all the same.

import { locks, sleep } from './lock-client.ts'

const steps = await locks.withLock('index', '1s', async ({ signal, fencingToken, lock }) => {
  lock.on('renewed', ({ ttlMs }) => console.log(`renewed for ${ttlMs} ms`))
  let done = 0
  for (; done < 8; done++) {
    // Whatever takes a signal should be given it, as in fetch(url, { signal }).
    signal.throwIfAborted()
    await sleep(100)
  }
  // And what is written should carry the token, for the store to refuse lesser ones.
  console.log(`write the index with a token above 0: ${fencingToken > 0}`)
  return done
})
console.log(`${steps} steps under one lock`)
