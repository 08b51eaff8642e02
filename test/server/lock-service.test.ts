// The service under all front ends, on three replicas over memory: what it does when leaders change
// and clients go.

import * as assert from 'uvu/assert'
import type { Acquire, LockRequest } from '../../core/lock/command.ts'
import { lockServiceOn } from '../../server/lock-service.ts'
import type { LockService, LockServiceOptions } from '../../server/lock-service.ts'
import { ParkedWaits } from '../../server/parked-waits.ts'
import { suite } from '../harness.ts'
import { until } from '../support/until.ts'
import { Hub, leaderOf, startReplicas } from './support.ts'
import type { Fed } from './support.ts'

const test = suite('lock service')

interface Started {
  readonly hub: Hub
  readonly all: readonly Fed[]
  readonly leader: Fed
  serviceOf(one: Fed): LockService
  close(): Promise<void>
}

async function start(options: LockServiceOptions = {}): Promise<Started> {
  const hub = new Hub()
  const all = await startReplicas(3, hub)
  const leader = await leaderOf(all)
  const services = new Map(all.map((one) => [one, lockServiceOn(one.replica, options)]))
  const serviceOf = (one: Fed): LockService => services.get(one) as LockService
  const close = async (): Promise<void> => {
    for (const service of services.values()) service.close()
    await Promise.all(all.map(({ replica }) => replica.close()))
  }
  return { hub, all, leader, serviceOf, close }
}

function acquire(key: string, owner: string, waitMs = 0): Acquire {
  return {
    type: 'acquire',
    key,
    owner,
    requestId: `${owner} ${key}`,
    mode: 'exclusive',
    ttlMs: 60_000,
    waitMs,
    reentrant: true,
    lockDelayMs: 0,
    metadata: '',
  }
}

const other = ({ all, leader }: Started): Fed => all.find((one) => one !== leader) as Fed

async function waiters(service: LockService, key: string): Promise<number> {
  const answer = await service.query({ type: 'listWaiters', key, after: null, max: 10 })
  if (answer.type !== 'reply' || answer.reply.type !== 'waiters') return -1
  return answer.reply.waiters.length
}

test('lock service: the leader is cut off: a follower asks on, and it happens once', async () => {
  const started = await start({ requestTimeoutMs: 20_000, leaderlessMsMax: 10_000 })
  const { hub, leader, serviceOf, close } = started
  const service = serviceOf(other(started))
  hub.cut.add(leader.replica.config.node)
  const answer = await service.request(acquire('k', 'me')).answer
  assert.ok(answer.type === 'reply' && answer.reply.type === 'granted', JSON.stringify(answer))
  assert.is(answer.reply.count, 1)
  const read = await service.query({ type: 'status', key: 'k', holder: null })
  assert.ok(read.type === 'reply' && read.reply.type === 'status' && read.reply.count === 1)
  await close()
})

test('lock service: a wait: outlives its leader', async () => {
  const started = await start({ leaderlessMsMax: 10_000 })
  const { hub, all, leader, serviceOf, close } = started
  const service = serviceOf(other(started))
  await service.request(acquire('k', 'first')).answer
  const waiting = service.request(acquire('k', 'second', 40_000)).answer
  await until('it waits', async () => ((await waiters(service, 'k')) === 1 ? true : undefined))
  hub.cut.add(leader.replica.config.node)
  await leaderOf(all.filter((one) => one !== leader))
  const terms = { token: null, all: false, requestId: 'release' }
  const release: LockRequest = { type: 'release', key: 'k', owner: 'first', ...terms }
  await service.request(release).answer
  const answer = await waiting
  assert.ok(answer.type === 'reply' && answer.reply.type === 'granted', JSON.stringify(answer))
  await close()
})

test('lock service: what was passed on is lost: it is asked again, and happens once', async () => {
  const started = await start({ attemptTimeoutMs: 30, leaderlessMsMax: 10_000 })
  const { hub, serviceOf, close } = started
  const follower = other(started)
  const service = serviceOf(follower)
  for (const waitMs of [0, 30_000]) {
    hub.cut.add(follower.replica.config.node)
    const pending = service.request(acquire(`k${waitMs}`, 'me', waitMs))
    // The frame leaves in the next rounds of the event loop, long before anybody is missed.
    for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve))
    hub.cut.clear()
    const answer = await pending.answer
    assert.ok(answer.type === 'reply' && answer.reply.type === 'granted', JSON.stringify(answer))
    assert.is(answer.reply.count, 1)
  }
  await close()
})

test('lock service: a stopped replica: no quorum, within the grace', async () => {
  const started = await start({ leaderlessMsMax: 100 })
  const { leader, serviceOf, close } = started
  await leader.replica.close()
  const answer = await serviceOf(leader).request(acquire('k', 'me')).answer
  assert.equal(answer, { type: 'noQuorum' })
  assert.equal(await serviceOf(leader).query({ type: 'countLocks', prefix: '' }), answer)
  await close()
})

test('lock service: its client is gone and asks at another node: it keeps its place', async () => {
  const started = await start({ waiterGraceMs: 300 })
  const { leader, serviceOf, close } = started
  const [here, there] = [serviceOf(leader), serviceOf(other(started))]
  await here.request(acquire('k', 'first')).answer
  const pending = here.request(acquire('k', 'second', 40_000))
  await until('it waits', async () => ((await waiters(here, 'k')) === 1 ? true : undefined))
  pending.abandon()
  assert.is((await pending.answer).type, 'queued')
  assert.is(here.hasParked, true)
  const again = there.request(acquire('k', 'second', 40_000)).answer
  await until('the first node has heard of it', () => (here.hasParked ? undefined : true))
  await here.request({ type: 'release', key: 'k', owner: 'first', ...TERMS }).answer
  const answer = await again
  assert.ok(answer.type === 'reply' && answer.reply.type === 'granted', JSON.stringify(answer))
  await close()
})

const TERMS = { token: null, all: false, requestId: 'release' }

test('lock service: a client that is gone for good: its wait is cancelled', async () => {
  const started = await start({ waiterGraceMs: 50 })
  const service = started.serviceOf(other(started))
  await service.request(acquire('k', 'first')).answer
  const pending = service.request(acquire('k', 'second', 40_000))
  await until('it waits', async () => ((await waiters(service, 'k')) === 1 ? true : undefined))
  pending.abandon()
  await until('it does not', async () => ((await waiters(service, 'k')) === 0 ? true : undefined))
  await started.close()
})

test('lock service: parked twice: the end of the first park ends not the second', () => {
  let nowMs = 0
  const timers = new Set<() => void>()
  const cancelled: string[] = []
  const parked = new ParkedWaits({
    graceMs: 10,
    time: {
      now: () => nowMs,
      random: () => 0,
      soon: (then) => then(),
      at: (_, then) => {
        timers.add(then)
        return () => timers.delete(then)
      },
    },
    cancel: ({ key }) => cancelled.push(key),
  })
  const leave = parked.park(acquire('k', 'me', 1))
  parked.asked(acquire('k', 'me', 1))
  assert.is(parked.size, 0)
  parked.park(acquire('k', 'me', 1))
  leave()
  assert.is(parked.size, 1)
  nowMs = 10
  for (const then of [...timers]) then()
  assert.equal(cancelled, ['k'])
  assert.is(parked.size, 0)
})

test.run()
