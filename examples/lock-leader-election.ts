// One of several does the duties; when it goes, or is cut off, the next takes over.

import { LockError } from 'lockstep/client'
import { locks, sleep } from './lock-client.ts'

async function candidate(name: string, resign: AbortSignal): Promise<void> {
  while (!resign.aborted) {
    try {
      // It waits as long as it takes, and its lease is refreshed while it leads.
      const options = { ttl: '3s', timeout: 0, metadata: { name }, signal: resign }
      await locks.withLock('leader', options, ({ signal }) => lead(name, signal, resign))
    } catch (error) {
      if (!(error instanceof LockError)) throw error
      if (error.code === 'LOST') console.log(`${name}: leadership lost`)
      // The service is away, say: try again in a while.
      else if (error.code !== 'ABORTED') await sleep(500)
    }
  }
}

/** What a leader does, until it resigns or the lock is lost. */
async function lead(name: string, lost: AbortSignal, resign: AbortSignal): Promise<void> {
  console.log(`${name} leads`)
  while (!lost.aborted && !resign.aborted) await sleep(20)
  if (resign.aborted) console.log(`${name} resigns`)
}

const [first, second] = [new AbortController(), new AbortController()]
const running = [candidate('first', first.signal)]
await sleep(50)
running.push(candidate('second', second.signal))
await sleep(100)
first.abort()
await sleep(100)
second.abort()
await Promise.all(running)
