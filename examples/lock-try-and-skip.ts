// A job that each of several servers starts at the same time, and one of them should run.

import { locks, sleep } from './lock-client.ts'

async function nightly(server: string): Promise<void> {
  const report = await locks.tryWithLock('nightly-report', '1m', async () => {
    await sleep(20)
    return `${server} has run the report`
  })
  console.log(report.ran ? report.value : `${server} skips it: another is at it`)
}

await Promise.all([nightly('a'), nightly('b'), nightly('c')])
