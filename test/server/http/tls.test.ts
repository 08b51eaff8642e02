// The API and client connections under TLS and tokens, by the client that applications use.

import * as assert from 'uvu/assert'
import { LockError } from '../../../client/errors.ts'
import { connect } from '../../../client/node/connect.ts'
import { certificate, privateKey } from '../../client/certificate.ts'
import { suite } from '../../harness.ts'
import { serve } from './support.ts'

const test = suite('http tls')

test('http tls: a client with certificate and token: locks its own keys alone', async () => {
  const tokens = [{ token: 'jobs-token', prefixes: ['jobs/'] }]
  const tls = { key: privateKey, cert: certificate }
  const served = await serve(1, { tokens, server: { tls } })
  const nodes = [`localhost:${new URL(served.leader.url).port}`]
  const locks = connect({ nodes, token: 'jobs-token', tls: { ca: certificate } })
  const stranger = connect({ nodes, tls: { ca: certificate }, requestTimeout: 300 })
  try {
    const lock = await locks.tryLock('jobs/1', '10s')
    assert.ok(lock !== null && lock.isValid())
    const denied = await locks.tryLock('other', '10s').catch((error: unknown) => error)
    assert.ok(denied instanceof LockError)
    const unknown = await stranger.tryLock('jobs/2', '10s').catch((error: unknown) => error)
    assert.ok(unknown instanceof LockError)
    assert.ok((await lock.release()) !== null)
  } finally {
    await locks.close()
    await stranger.close()
    await served.close()
  }
})

test.run()
