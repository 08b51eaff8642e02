// What to do when a lock cannot be had: each reason has its own answer.

import { connect, LockError } from 'lockstep/client'
import type { DistributedLock } from 'lockstep/client'
import { locks } from './lock-client.ts'

async function priceOf(article: string, client: DistributedLock): Promise<string> {
  try {
    const options = { ttl: '5s', timeout: 100 }
    return await client.withLock(`price:${article}`, options, () => 'a price, computed anew')
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    switch (error.code) {
      case 'TIMEOUT':
        return 'the last price, as another is at it'
      case 'UNAVAILABLE':
      case 'NO_QUORUM':
        return 'the last price, as the lock service is away'
      default:
        throw error
    }
  }
}

console.log(await priceOf('chair', locks))

const held = await locks.lock('price:table', '5s')
console.log(await priceOf('table', locks))
await held.release()

// Nobody listens there.
const away = connect({ nodes: ['127.0.0.1:9'], requestTimeout: 200 })
console.log(await priceOf('lamp', away))
