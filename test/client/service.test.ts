// The client over real sockets, against nodes that stand in for the service and can misbehave.

import { spawn } from 'node:child_process'
import * as assert from 'uvu/assert'
import type { DistributedLock } from '../../client/distributed-lock.ts'
import type { LockError } from '../../client/errors.ts'
import { connect } from '../../client/node/connect.ts'
import type { ConnectOptions } from '../../client/node/connect.ts'
import { suite } from '../harness.ts'
import { certificate, privateKey } from './certificate.ts'
import { codeOf, failure, watch } from './lock-support.ts'
import { StandIn } from './stand-in.ts'
import type { StandInNode, StandInOptions } from './stand-in.ts'

const test = suite('service client')

interface Scene {
  readonly cluster: StandIn
  readonly locks: DistributedLock
  /** The node that the client has asked last. */
  asked(): StandInNode
}

async function withCluster(
  run: (scene: Scene) => Promise<void>,
  options: StandInOptions = {},
  connecting: Partial<ConnectOptions> = {},
): Promise<void> {
  const cluster = await new StandIn(options).listen()
  const locks = connect({ nodes: cluster.addresses, ...connecting })
  const asked = (): StandInNode => {
    const nodes = [...cluster.nodes].sort((a, b) => b.chunks.length - a.chunks.length)
    return nodes[0] as StandInNode
  }
  try {
    await run({ cluster, locks, asked })
  } finally {
    await locks.close()
    await cluster.close()
  }
}

/** Waits for a condition, not for a time. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('service: ten workers share one connection: the counter is exactly 10', async () => {
  await withCluster(async ({ cluster, locks }) => {
    let counter = 0
    const worker = (): Promise<void> =>
      locks.withLock('counter', '10s', async () => {
        const read = counter
        await new Promise((resolve) => setImmediate(resolve))
        counter = read + 1
      })
    await Promise.all(Array.from({ length: 10 }, worker))
    assert.is(counter, 10)
    assert.is(cluster.nodes.reduce((sum, { upgrades }) => sum + upgrades, 0), 1)
  })
})

test('service: requests of one turn: leave in one write', async () => {
  await withCluster(async ({ locks, asked }) => {
    await locks.lock('warm', '10s')
    const { chunks } = asked()
    chunks.length = 0
    await Promise.all(Array.from({ length: 20 }, (_, at) => locks.lock(`k${at}`, '10s')))
    assert.equal(chunks, [20])
  })
})

test('service: a wait of 300 ms: fails no earlier', async () => {
  await withCluster(async ({ locks }) => {
    await locks.lock('k', '10s')
    const fromMs = performance.now()
    assert.is(await codeOf(locks.lock('k', '10s', { timeout: 300 })), 'TIMEOUT')
    assert.ok(performance.now() - fromMs >= 300)
  })
})

test('service: the node that is asked dies: withLock in flight goes on at another', async () => {
  await withCluster(async ({ cluster, locks, asked }) => {
    let renewals = 0
    locks.on('renewed', () => renewals++)
    const token = await locks.withLock('k', '3s', async ({ signal, fencingToken }) => {
      await asked().stop()
      await until(() => renewals >= 2)
      assert.not(signal.aborted)
      return fencingToken
    })
    assert.is(token, 2, 'the only grant, after a session was opened')
    assert.is(cluster.nodes.filter(({ upgrades }) => upgrades > 0).length, 2)
  })
})

test('service: the node that is asked falls silent: withLock goes on at another', async () => {
  await withCluster(async ({ locks, asked }) => {
    let renewals = 0
    locks.on('renewed', () => renewals++)
    await locks.withLock('k', '3s', async ({ lock }) => {
      asked().mood = { type: 'silent' }
      await until(() => renewals >= 2)
      assert.ok(lock.isValid())
    })
  })
})

test('service: a waiter at a node that dies: keeps its place, and is granted', async () => {
  await withCluster(async ({ locks, asked }) => {
    const first = await locks.lock('k', '10s')
    const order: string[] = []
    const second = locks.lock('k', '10s').then((lock) => {
      order.push('second')
      return lock
    })
    await until(async () => (await locks.status('k')).waiters === 1)
    asked().breakConnections()
    const third = locks.lock('k', '10s').then((lock) => {
      order.push('third')
      return lock
    })
    await until(async () => (await locks.status('k')).waiters === 2)
    await first.release()
    await (await second).release()
    await (await third).release()
    assert.equal(order, ['second', 'third'])
  })
})

test('service: an answer is lost: asked again, and done once', async () => {
  await withCluster(async ({ locks, asked }) => {
    const lock = await locks.lock('k', '10s')
    const node = asked()
    node.mood = { type: 'breaks' }
    const second = await lock.reenter()
    node.mood = { type: 'serves' }
    assert.ok(await lock.release())
    assert.ok((await locks.status('k')).locked, 'it was counted')
    assert.ok(await second.release())
    assert.not((await locks.status('k')).locked, 'and counted once')
  })
})

test('service: nodes that follow: their hint at the leader is heeded by its name', async () => {
  await withCluster(async ({ cluster, locks }) => {
    await Promise.all(cluster.nodes.map(() => locks.status('k')))
    const [one, two, three] = cluster.nodes as [StandInNode, StandInNode, StandInNode]
    for (const node of [one, two]) node.mood = { type: 'follows', leader: 'node3@00c0ffee' }
    for (let at = 0; at < 5; at++) await (await locks.lock(`k${at}`, '10s')).release()
    const asked = three.chunks.length
    assert.ok(asked >= 8, 'it stays with the leader')
  })
})

test('service: nodes that pass on what they are asked: the leader is found and asked', async () => {
  await withCluster(async ({ cluster, locks }) => {
    const [leader, ...others] = cluster.nodes as [StandInNode, StandInNode, StandInNode]
    leader.name = 'caf%C3%A9'
    for (const node of others) node.leader = 'café@00000001'
    await until(async () => {
      await locks.status('k')
      return leader.chunks.length > 0
    })
    const before = others.map(({ chunks }) => chunks.length)
    for (let call = 0; call < 10; call++) await locks.status('k')
    assert.equal(others.map(({ chunks }) => chunks.length), before)
  })
})

test('service: the leader is none of the nodes that were named: each is dialled once', async () => {
  await withCluster(async ({ cluster, locks }) => {
    for (const node of cluster.nodes) node.leader = 'elsewhere@00000001'
    await until(async () => {
      await locks.status('k')
      return cluster.nodes.every(({ upgrades }) => upgrades === 1)
    })
    for (let call = 0; call < 20; call++) await locks.status('k')
    assert.equal(cluster.nodes.map(({ upgrades }) => upgrades), [1, 1, 1])
    assert.is(cluster.nodes.filter(({ chunks }) => chunks.length > 0).length, 1)
  })
})

test('service: no node knows a leader: NO_QUORUM, and nothing has happened', async () => {
  await withCluster(async ({ cluster, locks }) => {
    for (const node of cluster.nodes) node.mood = { type: 'follows', leader: null }
    const error = await failure(locks.tryLock('k', '10s'))
    assert.is(error.code, 'NO_QUORUM')
    assert.ok(error.retryable)
    assert.is(cluster.commandsCount, 0)
  }, {}, { requestTimeout: 200 })
})

test('service: no node answers: UNKNOWN, and what may be held is given back later', async () => {
  await withCluster(async ({ cluster, locks }) => {
    await locks.tryLock('warm', '10s')
    for (const node of cluster.nodes) node.mood = { type: 'silent' }
    assert.is(await codeOf(locks.tryLock('k', '10s')), 'UNKNOWN')
    for (const node of cluster.nodes) node.mood = { type: 'serves' }
    const lock = await locks.lock('k', '10s', { timeout: '20s' })
    assert.ok(lock.isValid())
  }, {}, { requestTimeout: 300, attemptTimeout: 100 })
})

test('service: granted, and the answer never comes: cancelled, and given back', async () => {
  await withCluster(async ({ cluster, locks }) => {
    await locks.tryLock('warm', '10s')
    for (const node of cluster.nodes) node.mood = { type: 'breaks' }
    const trying = watch(locks.tryLock('k', '60s'))
    await until(() => trying.state !== 'pending')
    assert.is((trying.error as LockError).code, 'UNKNOWN')
    for (const node of cluster.nodes) node.mood = { type: 'serves' }
    await until(async () => !(await locks.status('k')).locked)
  }, {}, { requestTimeout: 400 })
})

test('service: too much to do: OVERLOADED, after it was tried again', async () => {
  await withCluster(async ({ cluster, locks }) => {
    for (const node of cluster.nodes) node.mood = { type: 'overloaded' }
    assert.is(await codeOf(locks.tryLock('k', '10s')), 'OVERLOADED')
  }, {}, { requestTimeout: 200 })
})

test('service: no node can be reached: UNAVAILABLE, with each node and why', async () => {
  const cluster = await new StandIn().listen()
  const nodes = cluster.addresses
  await cluster.close()
  const locks = connect({ nodes, requestTimeout: 200 })
  const error = await failure(locks.lock('k', '10s', { timeout: 100 }))
  assert.is(error.code, 'UNAVAILABLE')
  assert.is(error.key, 'k')
  assert.match(error.message, /^failed to acquire lock k: no node can be reached: /)
  for (const node of nodes) assert.match(error.message, new RegExp(`${node}: connect ECONNREFUSED`))
})

test('service: a wrong token: UNAUTHORIZED, at once', async () => {
  await withCluster(async ({ locks }) => {
    const error = await failure(locks.lock('k', '10s', { timeout: 0 }))
    assert.is(error.code, 'UNAUTHORIZED')
    assert.match(error.message, /HTTP 401 Unauthorized/)
    assert.not(error.retryable)
  }, { token: 'right' }, { token: 'wrong' })
})

test('service: the right token: let in', async () => {
  const token = 'right'
  await withCluster(async ({ locks }) => {
    assert.is(await locks.withLock('k', '10s', () => 1), 1)
  }, { token }, { token })
})

test('service: over TLS: let in with the authority, and refused without', async () => {
  const tls = { cert: certificate, key: privateKey }
  await withCluster(async ({ cluster, locks }) => {
    assert.is(await locks.withLock('k', '10s', () => 1), 1)
    const nodes = cluster.addresses
    const strict = connect({ nodes, tls: {}, requestTimeout: 200 })
    const error = await failure(strict.tryLock('k', '10s'))
    assert.is(error.code, 'UNAVAILABLE')
    assert.match(error.message, /self-signed certificate/)
    const plain = connect({ nodes, requestTimeout: 200 })
    assert.is(await codeOf(plain.tryLock('k', '10s')), 'UNAVAILABLE')
  }, { tls }, { tls: { ca: certificate } })
})

test('service: one node of three is down: never seen by the caller', async () => {
  await withCluster(async ({ cluster, locks }) => {
    await cluster.nodes[0]?.stop()
    await cluster.nodes[1]?.stop()
    for (let at = 0; at < 10; at++) await locks.withLock(`k${at}`, '10s', () => at)
  })
})

test('service: a wait is aborted: ends at once, and its place in the queue is free', async () => {
  await withCluster(async ({ locks }) => {
    const first = await locks.lock('k', '10s')
    const abort = new AbortController()
    const waiting = watch(locks.lock('k', '10s', { signal: abort.signal }))
    await until(async () => (await locks.status('k')).waiters === 1)
    abort.abort()
    await until(() => waiting.state === 'failed')
    assert.is((waiting.error as LockError).code, 'ABORTED')
    await until(async () => (await locks.status('k')).waiters === 0)
    await first.release()
    assert.not((await locks.status('k')).locked)
  })
})

test('service: closed: what waits ends, and later calls are refused', async () => {
  await withCluster(async ({ locks }) => {
    await locks.lock('k', '10s')
    const waiting = watch(locks.lock('k', '10s'))
    await until(async () => (await locks.status('k')).waiters === 1)
    await locks.close()
    await until(() => waiting.state !== 'pending')
    assert.is((waiting.error as LockError).code, 'CLOSED')
    assert.is(await codeOf(locks.status('k')), 'CLOSED')
  })
})

test('service: a program that is done with its locks: ends, and was not held up', async () => {
  const cluster = await new StandIn({ count: 1 }).listen()
  try {
    const nodes = JSON.stringify(cluster.addresses)
    const program = `
      import { connect } from './client/index.ts'
      const locks = connect({ nodes: ${nodes} })
      const lock = await locks.lock('k', '60s', { autoRefresh: true })
      await locks.withLock('other', '60s', async () => {})
      console.log('done', lock.isValid())`
    const args = ['--import', 'tsx', '--input-type=module', '-e', program]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += String(chunk)))
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.equal([code, said], [0, 'done true\n'])
  } finally {
    await cluster.close()
  }
})

test('connect: options that make no sense: INVALID, and the message names them', () => {
  const wrong = [
    [{ nodes: [] }, /nodes is empty/],
    [{ nodes: ['localhost'] }, /"localhost" is not host:port/],
    [{ nodes: ['http://localhost:8001'] }, /is not host:port/],
    [{ nodes: ['a:1', 'a:1'] }, /names one twice/],
    [{ nodes: ['a:1'], requestTimeout: 'soon' }, /requestTimeout is "soon"/],
    [{ nodes: ['a:1'], attemptTimeout: 0 }, /attemptTimeout is 0/],
  ] as const
  for (const [options, message] of wrong) {
    assert.throws(() => connect(options), (error: LockError) => {
      return error.code === 'INVALID' && message.test(error.message)
    })
  }
})

test.run()
