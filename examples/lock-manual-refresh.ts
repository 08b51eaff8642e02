// A lock in one's own hands: taken, looked at, refreshed where the work says so, and given back.

import { locks, sleep } from './lock-client.ts'

const lock = await locks.lock('import', '1s', { metadata: { job: 'import', step: 'customers' } })
try {
  for (const table of ['customers', 'orders', 'invoices']) {
    if (!lock.isValid()) throw new Error('lost: stop before another begins')
    await sleep(400)
    await lock.refresh('1s')
    console.log(`${table} imported`)
  }
  const { locked, metadata } = await locks.status('import')
  console.log(`locked: ${locked}, job: ${metadata['job']}`)
} finally {
  console.log(`released: ${await lock.release()}`)
}
