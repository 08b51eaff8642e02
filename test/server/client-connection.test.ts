// Connections of client libraries over real sockets: the upgrade, requests in frames, and what a
// connection may not do to the others.

import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { LockError } from '../../client/errors.ts'
import { connect as connectClient } from '../../client/node/connect.ts'
import { lockService } from '../../core/lock/machine.ts'
import type { Acquire, LockCommand } from '../../core/lock/command.ts'
import type { LockReply } from '../../core/lock/reply.ts'
import type { ServiceCommand, ServiceReply } from '../../server/lock-replica.ts'
import { decodeClientReply, encodeClientRequest } from '../../transports/client-codec.ts'
import type { ClientReply } from '../../transports/client-codec.ts'
import { FrameReader, streamFrame } from '../../transports/stream-frames.ts'
import { suite } from '../harness.ts'
import { until } from '../support/until.ts'
import { ask, post, serve } from './http/support.ts'
import type { Served } from './http/support.ts'

const test = suite<{ served: Served }>('client connections')
const machine = lockService()
const ROUNDS = Number(process.env['ROUNDS'] ?? 1)
const fuzzing = { deadlineMs: 3_600_000 }

test.before(async (context) => {
  context.served = await serve(3, { waiterGraceMs: 100 })
})
test.after((context) => context.served.close())

type Headers = Record<string, string>
type Upgrade = { readonly response: IncomingMessage; readonly socket: Socket | null }

const UPGRADE: Headers = { connection: 'Upgrade', upgrade: 'lockstep/1' }

function upgrade(url: string, headers: Headers = UPGRADE, path = '/client'): Promise<Upgrade> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(`${url}${path}`, { headers, agent: false })
    asked.on('upgrade', (response, socket) => resolve({ response, socket: socket as Socket }))
    asked.on('response', (response) => {
      response.resume()
      resolve({ response, socket: null })
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** A client that counts its requests, and keeps what it is answered. */
class Client {
  readonly socket: Socket
  readonly replies = new Map<number, ClientReply['outcome']>()
  #next = 1
  readonly #reader = new FrameReader(1 << 24)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk, (body) => {
        const decoded = decodeClientReply(body)
        if (decoded.type === 'reply') this.replies.set(decoded.reply.request, decoded.reply.outcome)
      })
    })
  }

  frame(command: ServiceCommand, read = false): Uint8Array {
    const payload = machine.encodeCommand(command)
    return streamFrame(encodeClientRequest({ request: this.#next++, read, payload }))
  }

  async reply(request: number): Promise<ClientReply['outcome']> {
    return until(`the answer to ${request}`, () => this.replies.get(request))
  }

  /** Opens a session: its id. */
  async open(): Promise<number> {
    const request = this.#next
    this.socket.write(this.frame({ type: 'openSession', ttlMs: 60_000 }))
    const outcome = await this.reply(request)
    if (outcome.type !== 'done') throw new Error(`not done: ${outcome.type}`)
    const reply = machine.decodeReply(outcome.reply) as ServiceReply
    if (reply.type !== 'opened') throw new Error(`not opened: ${reply.type}`)
    return reply.session
  }

  async ask(command: LockCommand, read = false): Promise<LockReply> {
    const request = this.#next
    this.socket.write(this.frame({ type: 'plain', command }, read))
    return lockReply(await this.reply(request))
  }
}

function lockReply(outcome: ClientReply['outcome']): LockReply {
  if (outcome.type !== 'done') throw new Error(`not done: ${outcome.type}`)
  const reply = machine.decodeReply(outcome.reply) as ServiceReply
  if (reply.type !== 'replied') throw new Error(`not replied: ${reply.type}`)
  return reply.reply
}

async function connect(url: string, headers: Headers = {}): Promise<Client> {
  const { socket } = await upgrade(url, { ...UPGRADE, ...headers })
  if (socket === null) throw new Error('not upgraded')
  return new Client(socket)
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
    reentrant: false,
    lockDelayMs: 0,
    metadata: '',
  }
}

test('client connections: any node: says its name, and answers by number', async ({ served }) => {
  for (const [index, node] of served.nodes.entries()) {
    const { response, socket } = await upgrade(node.url)
    assert.is(response.statusCode, 101)
    assert.is(response.headers['lockstep-node'], `node${index + 1}`)
    const client = new Client(socket as Socket)
    const key = `any ${index}`
    assert.is((await client.ask(acquire(key, 'me'))).type, 'granted')
    const status = await client.ask({ type: 'status', key, holder: null }, true)
    assert.is(status.type === 'status' && status.owner, 'me')
    client.socket.destroy()
  }
})

test('client connections: many in one write: answered in few', async ({ served }) => {
  let writes = 0
  served.leader.fastify.server.once('connection', (socket) => {
    const write = socket.write.bind(socket) as (bytes: Uint8Array) => boolean
    socket.write = (bytes: Uint8Array) => {
      writes++
      return write(bytes)
    }
  })
  const client = await connect(served.leader.url)
  const count = 500
  const frames = Array.from({ length: count }, (_, index) => {
    return client.frame({ type: 'plain', command: acquire(`many ${index}`, 'me') })
  })
  client.socket.write(Buffer.concat(frames))
  await until('all are answered', () => (client.replies.size === count ? true : undefined))
  assert.ok(writes > 0 && writes < count / 10, `${writes} writes`)
  for (const outcome of client.replies.values()) assert.is(lockReply(outcome).type, 'granted')
  client.socket.destroy()
})

test('client connections: bytes one by one: the same answer', async ({ served }) => {
  const client = await connect(served.leader.url)
  for (const byte of client.frame({ type: 'plain', command: acquire('bytes', 'me') })) {
    client.socket.write(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.is(lockReply(await client.reply(1)).type, 'granted')
  client.socket.destroy()
})

test('client connections: a malformed frame: closes that connection alone', async ({ served }) => {
  const bad = [
    Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    streamFrame(Uint8Array.of(99, 99)),
    // One number twice, both unanswered.
    Buffer.concat([1, 1].map(() => streamFrame(encodeClientRequest({
      request: 1,
      read: false,
      payload: machine.encodeCommand({ type: 'plain', command: acquire('twice', 'me') }),
    })))),
  ]
  const other = await connect(served.leader.url)
  for (const bytes of bad) {
    const client = await connect(served.leader.url)
    client.socket.write(bytes)
    await until('it is closed', () => (client.socket.destroyed ? true : undefined))
  }
  assert.is((await other.ask(acquire('other', 'me'))).type, 'granted')
  other.socket.destroy()
})

test('client connections: no command: told so, and the connection goes on', async ({ served }) => {
  const client = await connect(served.leader.url)
  const payload = Uint8Array.of(200, 1, 2)
  client.socket.write(streamFrame(encodeClientRequest({ request: 77, read: false, payload })))
  assert.equal(await client.reply(77), { type: 'malformed' })
  assert.is((await client.ask(acquire('goes on', 'me'))).type, 'granted')
  client.socket.destroy()
})

const CALL = { session: 3, sequence: 1, acknowledged: 0 }

const PAYLOADS: readonly Uint8Array[] = (
  [
    { type: 'openSession', ttlMs: 10_000 },
    { type: 'keepAlive', session: 3 },
    { type: 'closeSession', session: 3 },
    { type: 'expireSessions', max: 3 },
    { type: 'plain', command: acquire('fuzz', 'me', 1) },
    { type: 'plain', command: { type: 'expire', max: 2 } },
    { type: 'plain', command: { type: 'status', key: 'fuzz', holder: null } },
    { type: 'plain', command: { type: 'listLocks', prefix: '', after: null, max: 3 } },
    { type: 'plain', command: { type: 'cancel', key: 'fuzz', owner: 'me', requestId: 'r' } },
    { type: 'call', ...CALL, bound: true, command: acquire('call', 'me') },
    { type: 'call', ...CALL, bound: false, command: acquire('call', 'me') },
  ] as const
).map((command) => machine.encodeCommand(command))

/** Bytes of a command of which some were changed, or any bytes. */
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 50 }),
  fc
    .tuple(fc.constantFrom(...PAYLOADS), fc.array(fc.tuple(fc.nat(60), fc.nat(255))))
    .map(([bytes, edits]) => {
      const edited = Uint8Array.from(bytes)
      for (const [at, byte] of edits) edited[at % edited.length] = byte
      return edited
    }),
)

/** Frames that are sent at a time. */
const BATCH = 20

test('client connections: any payload: is answered, and the node goes on', async ({ served }) => {
  const client = await connect(served.leader.url)
  const other = await connect(served.leader.url)
  let request = 1_000_000
  const check = async (batch: readonly (readonly [Uint8Array, boolean])[]): Promise<void> => {
    for (const [payload, read] of batch) {
      const frame = encodeClientRequest({ request: request++, read, payload })
      client.socket.write(streamFrame(frame))
    }
    // A mutated acquire may wait for long, and rightly: then the one behind it is answered.
    const status: LockCommand = { type: 'status', key: 'fuzz', holder: null }
    // On a machine that is busy with other tests the leader may change meanwhile.
    const said = await until('a status', () => other.ask(status, true).catch(() => undefined))
    assert.is(said.type, 'status')
  }
  const sent = fc.tuple(payloads, fc.boolean())
  const property = fc.asyncProperty(fc.array(sent, { minLength: BATCH, maxLength: BATCH }), check)
  await fc.assert(property, { numRuns: (200 / BATCH) * ROUNDS, includeErrorInReport: true })
  assert.not(client.socket.destroyed)
  assert.is((await client.ask(acquire('after', 'me'))).type, 'granted')
  client.socket.destroy()
  other.socket.destroy()
}, fuzzing)

/** Waits until so many wait for a key. */
function untilWaiting(url: string, key: string, count: number): Promise<true> {
  return until(`${count} to wait for ${key}`, async () => {
    const { json } = await ask(`${url}/locks/${key}/waiters`)
    return (json['waiters'] as unknown[]).length === count ? true : undefined
  })
}

test('client connections: it breaks: its waits end after the grace', async ({ served }) => {
  const url = served.nodes[0]?.url ?? ''
  await post(`${url}/locks/acquire`, { key: 'broken', owner: 'first' })
  const client = await connect(url)
  client.socket.write(client.frame({ type: 'plain', command: acquire('broken', 'gone', 60_000) }))
  await untilWaiting(url, 'broken', 1)
  client.socket.destroy()
  await untilWaiting(url, 'broken', 0)
})

test('client connections: it breaks: waits of calls end after the grace', async ({ served }) => {
  const url = served.nodes[1]?.url ?? ''
  await post(`${url}/locks/acquire`, { key: 'calls', owner: 'first' })
  const client = await connect(url)
  const session = await client.open()
  const terms = { type: 'call', session, acknowledged: 0 } as const
  const bound = { ...terms, sequence: 1, bound: true, command: acquire('calls', 'a', 60_000) }
  const unbound = { ...terms, sequence: 2, bound: false, command: acquire('calls', 'b', 60_000) }
  client.socket.write(Buffer.concat([client.frame(bound), client.frame(unbound)]))
  await untilWaiting(url, 'calls', 2)
  client.socket.destroy()
  await untilWaiting(url, 'calls', 1)
  const { json } = await ask(`${url}/locks/calls/waiters`)
  const [left] = json['waiters'] as { owner: string }[]
  assert.is(left?.owner, 'a', 'that of the session is let go when that ends')
})

test('client connections: a lock as long as its session: no end to wait for', async ({
  served,
}) => {
  const { url } = served.leader
  const client = await connect(url)
  const session = await client.open()
  const command = { ...acquire('unending', 'me'), ttlMs: null }
  const call = { type: 'call', session, sequence: 1, acknowledged: 0, bound: true } as const
  client.socket.write(client.frame({ ...call, command }))
  assert.is(lockReply(await client.reply(2)).type, 'granted')
  const { json } = await ask(`${url}/locks/unending`)
  assert.is((json['lock'] as { remaining_ms: unknown }).remaining_ms, null)
  const soft = await post(`${url}/locks/force-release`, { key: 'unending' })
  assert.equal([soft.status, soft.json['code']], [409, 'no_deadline'])
  const hard = await post(`${url}/locks/force-release`, { key: 'unending', now: true })
  assert.equal([hard.status, hard.json['holders']], [200, 1])
  client.socket.destroy()
})

test('client connections: it breaks, and a call comes back: its wait goes on', async () => {
  const served = await serve(1, { waiterGraceMs: 3_000 })
  const { url } = served.leader
  await post(`${url}/locks/acquire`, { key: 'back', owner: 'first' })
  const first = await connect(url)
  const session = await first.open()
  const terms = { type: 'call', session, sequence: 1, acknowledged: 0, bound: false } as const
  const call = { ...terms, command: acquire('back', 'second', 60_000) }
  first.socket.write(first.frame(call))
  await untilWaiting(url, 'back', 1)
  first.socket.destroy()
  const second = await connect(url)
  second.socket.write(second.frame(call))
  await post(`${url}/locks/release`, { key: 'back', owner: 'first' })
  assert.is(lockReply(await second.reply(1)).type, 'granted')
  await served.close()
})

test('client connections: it breaks and comes back: its wait goes on', async () => {
  const served = await serve(1, { waiterGraceMs: 3_000 })
  const { url } = served.leader
  await post(`${url}/locks/acquire`, { key: 'back', owner: 'first' })
  const first = await connect(url)
  const command = acquire('back', 'second', 60_000)
  first.socket.write(first.frame({ type: 'plain', command }))
  await untilWaiting(url, 'back', 1)
  first.socket.destroy()
  const second = await connect(url)
  const granted = second.ask(command)
  await post(`${url}/locks/release`, { key: 'back', owner: 'first' })
  assert.is((await granted).type, 'granted')
  await served.close()
})

test('client connections: more requests than may be open: overloaded, at once', async () => {
  const served = await serve(1, { clientConnections: { openMax: 2 } })
  const client = await connect(served.leader.url)
  await post(`${served.leader.url}/locks/acquire`, { key: 'k', owner: 'me' })
  const frames = ['a', 'b', 'c'].map((owner) => {
    return client.frame({ type: 'plain', command: acquire('k', owner, 60_000) })
  })
  client.socket.write(Buffer.concat(frames))
  assert.equal(await client.reply(3), { type: 'overloaded' })
  assert.is(client.replies.size, 1)
  await served.close()
})

test('client connections: a client that does not read: is not read from', async () => {
  const limits = { backlogBytesMax: 10_000, openMax: 1_000_000 }
  const served = await serve(1, { clientConnections: limits })
  const { url } = served.leader
  const metadata = 'm'.repeat(4_000)
  const wide = { ...(acquire('wide', 'me') as object), metadata } as LockCommand
  const client = await connect(url)
  await client.ask(wide)
  client.socket.pause()
  const query: ServiceCommand = {
    type: 'plain',
    command: { type: 'status', key: 'wide', holder: null },
  }
  const count = 3_000
  for (let sent = 0; sent < count; sent++) client.socket.write(client.frame(query, true))
  // Whether and when it is held back is up to the buffers of the system; others are served.
  const other = await connect(url)
  assert.is((await other.ask(acquire('other', 'me'))).type, 'granted')
  client.socket.resume()
  await until('all are answered', () => (client.replies.size === count + 1 ? true : undefined))
  await served.close()
})

test('client connections: more than there may be: 503', async () => {
  const served = await serve(1, { clientConnections: { connectionsMax: 1 } })
  const client = await connect(served.leader.url)
  const { response } = await upgrade(served.leader.url)
  assert.is(response.statusCode, 503)
  client.socket.destroy()
  await until('there is room', async () => {
    const { socket } = await upgrade(served.leader.url)
    return socket ?? undefined
  })
  await served.close()
})

test('client connections: no upgrade of ours: a clear error', async ({ served }) => {
  const { url } = served.leader
  const websocket = await upgrade(url, { connection: 'Upgrade', upgrade: 'websocket' })
  assert.is(websocket.response.statusCode, 400)
  const elsewhere = await upgrade(url, UPGRADE, '/elsewhere')
  assert.is(elsewhere.response.statusCode, 404)
  const plain = await ask(`${url}/client`)
  assert.is(plain.status, 404)
})

test('client connections: tokens: asked for, and looked at for each key', async () => {
  const verbs = ['acquire', 'read'] as const
  const tokens = [{ token: 'jobs-token', verbs, prefixes: ['jobs/'] }]
  const served = await serve(1, { tokens })
  const { url } = served.leader
  assert.is((await upgrade(url)).response.statusCode, 401)
  const wrong = await upgrade(url, { ...UPGRADE, authorization: 'Bearer another' })
  assert.is(wrong.response.statusCode, 401)
  const client = await connect(url, { authorization: 'Bearer jobs-token' })
  assert.is((await client.ask(acquire('jobs/1', 'me'))).type, 'granted')
  const terms = { token: null, all: false, requestId: 'r' }
  const release = { type: 'release', key: 'jobs/1', owner: 'me', ...terms } as const
  const denied: ServiceCommand[] = [
    { type: 'plain', command: acquire('other', 'me') },
    { type: 'plain', command: release },
    { type: 'plain', command: { type: 'listLocks', prefix: '', after: null, max: 10 } },
    { type: 'plain', command: { type: 'expire', max: 1 } },
    { type: 'expireSessions', max: 1 },
  ]
  const session = await client.open()
  const call = { type: 'call', session, sequence: 1, acknowledged: 0, bound: false } as const
  denied.push({ ...call, command: acquire('other', 'me') }, { ...call, command: release })
  for (const [index, command] of denied.entries()) {
    client.socket.write(client.frame(command))
    assert.equal(await client.reply(index + 3), { type: 'forbidden' }, JSON.stringify(command))
  }
  await served.close()
})

test('client connections: a token that may only release: opens a session for that', async () => {
  const tokens = [{ token: 'last-token', verbs: ['release'], prefixes: [''] }] as const
  const served = await serve(1, { tokens })
  const client = await connect(served.leader.url, { authorization: 'Bearer last-token' })
  const session = await client.open()
  const terms = { key: 'k', owner: 'me', token: null, all: false, requestId: null }
  const command = { type: 'release', ...terms } as const
  const call = { type: 'call', session, sequence: 1, acknowledged: 0, bound: false } as const
  client.socket.write(client.frame({ ...call, command }))
  assert.is(lockReply(await client.reply(2)).type, 'notHolder')
  await served.close()
})

test('client connections: what a token does not allow: the client library says so', async () => {
  const tokens = [{ token: 'jobs-token', prefixes: ['jobs/'] }]
  const served = await serve(1, { tokens })
  const { host } = new URL(served.leader.url)
  const locks = connectClient({ nodes: [host], token: 'jobs-token' })
  await locks.withLock('jobs/1', '10s', () => undefined)
  try {
    await locks.lock('other', '10s')
    assert.unreachable('it was let in')
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    assert.is(error.code, 'UNAUTHORIZED')
    assert.is(error.message, 'failed to acquire lock other: the token does not allow it')
  }
  await locks.close()
  await served.close()
})

test('client connections: the server closes: they are closed, and it ends', async () => {
  const served = await serve(1)
  const client = await connect(served.leader.url)
  await client.ask(acquire('k', 'me'))
  await served.leader.fastify.close()
  await until('it is closed', () => (client.socket.destroyed ? true : undefined))
  await served.leader.replica.close()
})

test('client connections: a TTL that this node does not take: refused', async () => {
  const limits = { ttlMsMin: 1_000, ttlMsMax: 30_000 }
  const served = await serve(1, { limits })
  const client = await connect(served.leader.url)
  const refused = { type: 'rejected', reason: 'ttlOutOfRange' }
  assert.equal(await client.ask(acquire('narrow', 'o')), refused)
  const fits = { ...acquire('narrow', 'o'), ttlMs: 30_000 } as LockCommand
  assert.is((await client.ask(fits)).type, 'granted')
  for (const ttlMs of [999, 30_001]) {
    const renew = { key: 'narrow', owner: 'o', token: null, requestId: `r${ttlMs}` }
    assert.equal(await client.ask({ type: 'renew', ...renew, ttlMs }), refused)
  }
  const session = await client.open()
  const call = { type: 'call', session, sequence: 1, acknowledged: 0, bound: false } as const
  const other = new Client((await upgrade(served.leader.url)).socket as Socket)
  other.socket.write(other.frame({ ...call, command: acquire('narrow too', 'o') }))
  assert.equal(lockReply(await other.reply(1)), refused)
  await served.close()
})

test.run()
