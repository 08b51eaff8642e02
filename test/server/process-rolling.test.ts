// A rolling restart while clients take and give back locks: none of them notices more than a pause,
// and the checker finds nothing wrong with what they were told.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { LockLoad } from '../support/lock-load.ts'
import { NodeCluster } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'

const test = suite('process: rolling restart')
let cluster: NodeCluster | null = null

test.after(async () => {
  await cluster?.close()
  removeTemporaryFolders()
})

test('rolling restart: under load: every node ends with 0, every request is answered', async () => {
  cluster = await NodeCluster.running({ args: ['--log-level', 'warn'] })
  const urls = cluster.places.map(({ url }) => url)
  const load = new LockLoad({ urls, clients: 6, keys: 4, ttlMs: 20_000 })
  const more = (): Promise<true> => {
    const before = load.grants
    return until('more grants', () => (load.grants > before + 20 ? true : undefined))
  }
  load.start()
  for (const place of cluster.places) {
    await more()
    assert.is(await cluster.stop(place), 0)
    await more()
    cluster.start(place)
    await cluster.ready([place])
  }
  await more()
  await load.stop()
  const verdict = load.verdict()
  assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
  assert.is(load.count('info') + load.count('fail'), 0)
})

test.run()
