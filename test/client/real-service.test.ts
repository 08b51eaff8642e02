// The client against real nodes over real sockets: the conformance suite, and what befalls locks
// while leaders come and go.

import * as assert from 'uvu/assert'
import type { LockBackend } from '../../client/backend.ts'
import { systemClock } from '../../client/clock.ts'
import { backendConformance } from '../../client/conformance.ts'
import type { BackendPlace } from '../../client/conformance-place.ts'
import { connect, serviceBackend } from '../../client/node/connect.ts'
import { mapEntries, mapSize } from '../../core/ordered-map.ts'
import { suite } from '../harness.ts'
import { serve } from '../server/http/support.ts'
import type { Node, Served } from '../server/http/support.ts'
import { until } from '../support/until.ts'

const test = suite('client of a real service')

function addresses({ nodes }: Served): string[] {
  return nodes.map(({ url }) => new URL(url).host)
}

async function place(): Promise<BackendPlace> {
  const served = await serve(3)
  const backends: LockBackend[] = []
  return {
    client: () => {
      const backend = serviceBackend({ nodes: addresses(served) })
      backends.push(backend)
      return backend
    },
    now: () => systemClock.now(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close: async () => {
      await Promise.all(backends.map((backend) => backend.close?.()))
      await served.close()
    },
  }
}

const supports = { fencing: 'strict', wait: 'push', fair: true, shared: true } as const
backendConformance({ test: (title, body) => test(title, body), place, supports })

test('ten workers on one client: the counter is exactly 10', async () => {
  const served = await serve(3)
  const locks = connect({ nodes: addresses(served) })
  try {
    let counter = 0
    const worker = (): Promise<void> =>
      locks.withLock('counter', '10s', async () => {
        const read = counter
        await new Promise((resolve) => setImmediate(resolve))
        counter = read + 1
      })
    await Promise.all(Array.from({ length: 10 }, worker))
    assert.is(counter, 10)
  } finally {
    await locks.close()
    await served.close()
  }
})

/** Whether all that a client asks goes to the leader: nothing is passed on by the others. */
async function asksOnly({ nodes, leader }: Served, call: () => Promise<unknown>): Promise<boolean> {
  const asked: Node[] = []
  for (const node of nodes) {
    const { replica } = node
    replica.ask = (...terms) => {
      asked.push(node)
      Object.getPrototypeOf(replica).ask.apply(replica, terms)
    }
  }
  for (let calls = 0; calls < 10; calls++) await call()
  return asked.length >= 10 && asked.every((node) => node === leader)
}

test('after a few calls all of them go to the leader, and to the next one after that', async () => {
  const served = await serve(3)
  const nodes = addresses(served)
  // The ring of each begins at a node of its own, at the leader only once.
  const clients = [0, 1, 2].map((at) => {
    return connect({ nodes: [...nodes.slice(at), ...nodes.slice(0, at)] })
  })
  const goTo = async (leader: Node): Promise<void> => {
    for (const locks of clients) {
      const call = (): Promise<unknown> => locks.withLock('k', '10s', () => 0)
      const terms = { ...served, leader }
      await until('all go to the leader', async () => (await asksOnly(terms, call)) || undefined)
    }
  }
  try {
    await goTo(served.leader)
    const next = served.nodes.find((node) => node !== served.leader) as Node
    await served.leader.replica.transferLeadership(next.replica.config.node)
    await goTo(next)
  } finally {
    for (const locks of clients) await locks.close()
    await served.close()
  }
})

test('500 pairs on three nodes: no node remembers a request, nor any call but a few', async () => {
  const served = await serve(3)
  const locks = connect({ nodes: addresses(served) })
  try {
    const worker = async (_: unknown, at: number): Promise<void> => {
      for (let pair = 0; pair < 50; pair++) await (await locks.lock(`k${at}`, '10s')).release()
    }
    await Promise.all(Array.from({ length: 10 }, worker))
    const { machine } = served.leader.replica.state()
    assert.is(machine.inner.memosCount, 0)
    const sessions = [...mapEntries(machine.sessions)].map(([, session]) => session)
    assert.is(sessions.length, 1)
    assert.ok(mapSize((sessions[0] as (typeof sessions)[0]).calls) <= 20)
    await locks.close()
    await until('its session is closed', () => {
      const { sessions: left } = served.leader.replica.state().machine
      return mapSize(left) === 0 || undefined
    })
  } finally {
    await locks.close()
    await served.close()
  }
})

test('the leader dies in the middle of re-entries: each counts once', async () => {
  const served = await serve(3)
  const locks = connect({ nodes: addresses(served) })
  try {
    const first = await locks.lock('k', '60s')
    const handles = [first]
    let isOver = false
    const taking = (async () => {
      while (!isOver) handles.push(await first.reenter())
    })()
    await until('some are made', () => handles.length > 5 || undefined)
    const { leader } = served
    leader.fastify.server.closeAllConnections()
    await leader.fastify.close()
    await leader.replica.close()
    const before = handles.length
    await until('they go on', () => handles.length > before + 5 || undefined)
    isOver = true
    await taking
    for (const handle of handles) {
      assert.ok((await locks.status('k')).locked)
      await handle.release()
    }
    assert.not((await locks.status('k')).locked)
  } finally {
    await locks.close()
    await served.close()
  }
})

test('the leader dies under withLock with a TTL of 3 s: it goes on', async () => {
  const served = await serve(3)
  const locks = connect({ nodes: addresses(served) })
  try {
    let renewals = 0
    locks.on('renewed', () => renewals++)
    await locks.withLock('k', '3s', async ({ signal, lock }) => {
      const { leader } = served
      leader.fastify.server.closeAllConnections()
      await leader.fastify.close()
      await leader.replica.close()
      await until('it is renewed twice', () => (renewals >= 2 ? true : undefined))
      assert.not(signal.aborted)
      assert.ok(lock.isValid())
    })
    assert.not((await locks.status('k')).locked)
  } finally {
    await locks.close()
    await served.close()
  }
})

test.run()
