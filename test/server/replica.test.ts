// The host of a replica: three of them over a hub and disks in memory, on the real event loop.

import * as assert from 'uvu/assert'
import { DEFAULTS } from '../../core/raft/config.ts'
import type { Config, NodeId } from '../../core/raft/config.ts'
import { lockService } from '../../core/lock/machine.ts'
import type { LockService } from '../../core/lock/machine.ts'
import type { LockRequest } from '../../core/lock/command.ts'
import type { SessionCommand } from '../../core/session/command.ts'
import type { LockCommand } from '../../core/lock/command.ts'
import { keepRaisingVersion } from '../../server/raise-version.ts'
import { startReplica } from '../../server/replica.ts'
import type { RunningReplica } from '../../server/replica.ts'
import { systemTime } from '../../server/time.ts'
import type { Time } from '../../server/time.ts'
import type { Disk } from '../../storage/disk.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import type { Receiver, Transport } from '../../transports/transport.ts'
import { suite } from '../harness.ts'
import { until } from '../support/until.ts'

const test = suite('replica host')
type Command = SessionCommand<LockCommand>
type Running = RunningReplica<ReturnType<LockService['initial']>, Command, Reply>
type Reply = ReturnType<LockService['decodeReply']> & object

/** A disk in memory whose syncs end by themselves, until it is told to `fail` or to `stall`. */
function memoryDisk(): { disk: Disk; fail: () => void; stall: () => void } {
  const memory = new MemoryDisk()
  let failure: Error | null = null
  let isStalled = false
  const sync: Disk['sync'] = (done) => {
    memory.sync(done)
    if (!isStalled) setImmediate(() => memory.flush(failure))
  }
  const disk: Disk = {
    list: () => memory.list(),
    read: (file) => memory.read(file),
    write: (file, offset, bytes) => memory.write(file, offset, bytes),
    truncate: (file, size) => memory.truncate(file, size),
    remove: (file) => memory.remove(file),
    sync,
  }
  const fail = (): void => void (failure = new Error('no space left'))
  return { disk, fail, stall: () => void (isStalled = true) }
}

/** Transports that hand frames over in the next round of the event loop. */
function hub(): (node: NodeId) => Transport {
  const receivers = new Map<NodeId, Receiver>()
  return (node) => ({
    supports: { order: true, authentication: true, frameBytesMax: Infinity },
    open: (receiver) => Promise.resolve(void receivers.set(node, receiver)),
    send: (to, frame) => {
      setImmediate(() => {
        if (receivers.has(node)) receivers.get(to)?.received(node, frame)
      })
    },
    flush: () => undefined,
    close: () => Promise.resolve(void receivers.delete(node)),
  })
}

const VOTERS = ['a@00000001', 'b@00000002', 'c@00000003']

function configOf(node: NodeId, voters: readonly NodeId[] = VOTERS): Config {
  return { ...DEFAULTS, cluster: 'test', group: '0', node, voters }
}

function acquire(key: string, owner: string, requestId: string, waitMs = 0): Command {
  const terms = { mode: 'exclusive', ttlMs: 60_000, waitMs, reentrant: false } as const
  const command: LockRequest = {
    type: 'acquire',
    key,
    owner,
    requestId,
    lockDelayMs: 0,
    metadata: '',
    ...terms,
  }
  return { type: 'plain', command }
}

async function cluster(
  time: Time = systemTime,
): Promise<{ replicas: Running[]; disks: ReturnType<typeof memoryDisk>[] }> {
  const connect = hub()
  const disks = VOTERS.map(() => memoryDisk())
  const replicas = await Promise.all(
    VOTERS.map((node, index) => {
      const { disk } = disks[index] as ReturnType<typeof memoryDisk>
      const transport = connect(node)
      const config = configOf(node)
      return startReplica({ machine: lockService(), config, transport, disk, time })
    }),
  )
  return { replicas: replicas as Running[], disks }
}

const leaderOf = (replicas: readonly Running[]): Promise<Running> =>
  until('a leader that all know', () => {
    const leader = replicas.find((one) => one.status().role === 'leader')
    const agree = replicas.every((one) => one.status().leader === leader?.config.node)
    return agree ? leader : undefined
  })

test('replica host: three nodes: elect a leader, and any of them takes a request', async () => {
  const { replicas } = await cluster()
  await leaderOf(replicas)
  let tokens = 0
  for (const [index, one] of replicas.entries()) {
    const key = `k${index}`
    const outcome = await one.propose(acquire(key, 'o', `r${index}`))
    if (outcome.type !== 'done') throw new Error(`not answered: ${outcome.type}`)
    assert.is(outcome.reply.type, 'replied')
    const query: Command = { type: 'plain', command: { type: 'status', key, holder: null } }
    const read = await one.read(query)
    if (read.type !== 'done' || read.reply.type !== 'replied') throw new Error('no reply')
    const { reply } = read.reply
    if (reply.type !== 'status') throw new Error('no status')
    assert.is(reply.owner, 'o')
    assert.ok(reply.token > tokens)
    tokens = reply.token
    assert.equal(one.readStale(query)?.type, 'replied')
  }
  await Promise.all(replicas.map((one) => one.close()))
})

test('replica host: a follower is behind: it goes on at once, and waits for no timer', async () => {
  let nowMs = 0
  let waitedFor = 0
  const time: Time = {
    ...systemTime,
    now: () => (nowMs = systemTime.now()),
    at: (atMs, then) => {
      if (atMs <= nowMs) waitedFor++
      return systemTime.at(atMs, then)
    },
  }
  const { replicas } = await cluster(time)
  const leader = await leaderOf(replicas)
  const asked = Array.from({ length: 200 }, (_, at) => acquire(`k${at}`, 'o', `r${at}`))
  await Promise.all(asked.map((command) => leader.propose(command)))
  const { applied } = leader.state()
  await until('all that is committed, applied', () => {
    return replicas.every((one) => one.state().applied >= applied) ? true : undefined
  })
  assert.is(waitedFor, 0)
  await Promise.all(replicas.map((one) => one.close()))
})

test('replica host: the leader is closed: what waits is unknown, another leads on', async () => {
  const { replicas } = await cluster()
  const leader = await leaderOf(replicas)
  const rest = replicas.filter((one) => one !== leader)
  await leader.propose(acquire('k', 'first', 'r1'))
  const waiting = leader.propose(acquire('k', 'second', 'r2', 60_000))
  await until('it waits', () => {
    const query: Command = { type: 'plain', command: { type: 'status', key: 'k', holder: null } }
    const stale = leader.readStale(query)
    const isQueued =
      stale?.type === 'replied' && stale.reply.type === 'status' && stale.reply.waiters === 1
    return isQueued ? true : undefined
  })
  assert.equal(await leader.close(), { type: 'closed' })
  assert.equal(await waiting, { type: 'unknown' })
  assert.equal(await leader.propose(acquire('k', 'x', 'r3')), { type: 'notLeader', leader: null })
  const next = await leaderOf(rest)
  const again = await next.propose(acquire('k', 'first', 'r1'))
  assert.is(again.type, 'done')
  await Promise.all(rest.map((one) => one.close()))
})

test('replica host: a sync fails: it stops and says so, and the others go on', async () => {
  const { replicas, disks } = await cluster()
  const leader = await leaderOf(replicas)
  disks[replicas.indexOf(leader)]?.fail()
  const outcome = await leader.propose(acquire('k', 'o', 'r'))
  assert.is(outcome.type, 'unknown')
  const reason = await leader.stopped
  assert.is(reason.type, 'diskFailed')
  const rest = replicas.filter((one) => one !== leader)
  await leaderOf(rest)
  await Promise.all(rest.map((one) => one.close()))
})

test('replica host: the first sync fails: it does not start, and says so', async () => {
  const node = VOTERS[0] as string
  const { disk, fail } = memoryDisk()
  fail()
  const transport = hub()(node)
  const started = startReplica({ machine: lockService(), config: configOf(node), transport, disk })
  let said: string | undefined
  started.catch((error: Error) => (said = error.message))
  await until('it to say why it does not start', () => said)
  assert.is(said, 'the disk failed: no space left')
})

test('replica host: a disk stalls: what its leader held back is let go with the lead', async () => {
  const { replicas, disks } = await cluster()
  const leader = await leaderOf(replicas)
  disks[replicas.indexOf(leader)]?.stall()
  void leader.propose(acquire('k', 'o', 'first'))
  await until('its record is on its way', () =>
    leader.status().pendingPersists.length > 0 ? true : undefined,
  )
  const held = await leader.propose(acquire('k2', 'o', 'held'))
  assert.ok(held.type === 'notLeader' || held.type === 'done', held.type)
  assert.is.not(leader.status().role, 'leader')
  await Promise.all(replicas.map((one) => one.close()))
})

test('replica host: followers whose disks stall: acknowledge nothing', async () => {
  const { replicas, disks } = await cluster()
  const leader = await leaderOf(replicas)
  const rest = replicas.filter((one) => one !== leader)
  for (const one of rest) disks[replicas.indexOf(one)]?.stall()
  let isDone = false
  void leader.propose(acquire('k', 'o', 'r')).then(({ type }) => (isDone = type === 'done'))
  await until('both to have been sent it', () =>
    rest.every((one) => one.status().pendingPersists.length > 0) ? true : undefined,
  )
  // An answer would be there after a few rounds of the event loop.
  for (let round = 0; round < 50; round++) await new Promise((resolve) => setImmediate(resolve))
  assert.not(isDone)
  await Promise.all(replicas.map((one) => one.close()))
})

test('replica host: newer rules are in force: an older build stops, and says why', async () => {
  const node = 'a@00000001'
  const { disk } = memoryDisk()
  const start = (versions: number): Promise<Running> => {
    const machine = { ...lockService(), versions }
    const options = { machine, config: configOf(node, [node]), transport: hub()(node), disk }
    return startReplica(options) as Promise<Running>
  }
  const newer = await start(2)
  await until('it leads', () => (newer.status().role === 'leader' ? true : undefined))
  let outcome = await newer.raiseVersion(2)
  while (outcome.type === 'refused') outcome = await newer.raiseVersion(2)
  assert.is(outcome.type, 'changed')
  assert.is(newer.status().version, 2)
  await newer.close()
  const older = await start(1)
  const reason = await older.stopped
  assert.is(reason.type, 'unknownVersion')
  assert.match('error' in reason ? reason.error.message : '', /start a newer build/)
  const again = await start(2)
  await until('it leads', () => (again.status().version === 2 ? true : undefined))
  again.takeSnapshot()
  await until('a snapshot', () => (again.status().snapshotIndex > 0 ? true : undefined))
  await until('it is durable', () =>
    again.status().pendingPersists.length === 0 ? true : undefined,
  )
  await again.close()
  const refused = await start(1).then(() => null, (error: unknown) => error)
  assert.is((refused as { readonly code?: string }).code, 'unknownVersion')
})

test('replica host: a rolling upgrade: newer rules once the last node knows them', async () => {
  const connect = hub()
  const disks = VOTERS.map(() => memoryDisk().disk)
  const start = async (at: number, versions: number): Promise<Running> => {
    const node = VOTERS[at] as string
    const machine = { ...lockService(), versions }
    const transport = connect(node)
    const options = { machine, config: configOf(node), transport, disk: disks[at] as Disk }
    const one = (await startReplica(options)) as Running
    void one.stopped.then(keepRaisingVersion(one, versions, 5))
    return one
  }
  const running = await Promise.all(VOTERS.map((_, at) => start(at, 1)))
  for (const at of VOTERS.keys()) {
    await leaderOf(running)
    assert.equal(running.map((one) => one.status().version), [1, 1, 1])
    await running[at]?.close()
    running[at] = await start(at, 2)
  }
  await until('all go by the newer rules', () =>
    running.every((one) => one.status().version === 2) ? true : undefined,
  )
  await Promise.all(running.map((one) => one.close()))
})

test('replica host: a bad configuration: refused with its reason', async () => {
  const config = { ...configOf('a@00000001'), heartbeatIntervalMs: 500 }
  const { disk } = memoryDisk()
  const started = startReplica({ machine: lockService(), config, transport: hub()('a'), disk })
  const error = await started.then(() => null, (reason: Error) => reason)
  assert.match(error?.message ?? '', /heartbeatIntervalMs must be below electionTimeoutMs/)
})

test('replica host: another log on its disk: refused, and nothing is written', async () => {
  const { disk } = memoryDisk()
  const machine = lockService()
  const first = configOf('a@00000001', ['a@00000001'])
  const one = await startReplica({ machine, config: first, transport: hub()('a'), disk })
  await one.close()
  const before = disk.list().map((file) => disk.read(file))
  const config = { ...first, cluster: 'other' }
  const started = startReplica({ machine, config, transport: hub()('a'), disk })
  const error = await started.then(() => null, (reason: Error) => reason)
  assert.match(error?.message ?? '', /the log cannot be used/)
  assert.equal(disk.list().map((file) => disk.read(file)), before)
})

test.run()
