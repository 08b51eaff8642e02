// At most three calls a minute, counted over all servers: each takes one of three locks that are
// named after the minute, and nobody gives one back. They end with their leases.

import { locks } from './lock-client.ts'

const CALLS_PER_MINUTE = 3

async function mayCall(user: string, minute: number): Promise<boolean> {
  for (let slot = 0; slot < CALLS_PER_MINUTE; slot++) {
    if ((await locks.tryLock(`rate:${user}:${minute}:${slot}`, '1m')) !== null) return true
  }
  return false
}

const minute = Math.floor(Date.now() / 60_000)
for (let call = 1; call <= 5; call++) {
  console.log(`call ${call}: ${(await mayCall('ann', minute)) ? 'made' : 'too many this minute'}`)
}
console.log(`another user: ${(await mayCall('bob', minute)) ? 'made' : 'too many this minute'}`)
