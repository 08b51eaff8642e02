// A rolling restart while clients take and give back locks: none of them notices more than a pause,
// and the checker finds nothing wrong with what they were told.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { LockLoad } from '../support/lock-load.ts'
import { clustersOf } from './process-support.ts'

const test = suite('process: rolling restart')
const { running } = clustersOf(test)
const GRANTS_BETWEEN = 20

test('rolling restart: under load: every node ends with 0, every request is answered', async () => {
  const cluster = await running()
  const { places } = cluster
  const urls = places.map(({ url }) => url)
  const load = new LockLoad({ urls, clients: 6, keys: 4, ttlMs: 20_000 })
  await load.during(async () => {
    for (const place of places) {
      await load.moreGrants(GRANTS_BETWEEN)
      assert.is(await cluster.stop(place), 0)
      await load.moreGrants(GRANTS_BETWEEN)
      cluster.start(place)
      await cluster.ready([place])
    }
    await load.moreGrants(GRANTS_BETWEEN)
  })
  const verdict = load.verdict()
  assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
  assert.is(load.count('info') + load.count('fail'), 0)
})

test.run()
