// Mutual TLS: who cannot show a certificate of the same authority says nothing and hears nothing.

import { connect as connectTls } from 'node:tls'
import * as assert from 'uvu/assert'
import type { TlsFiles } from '../../transports/node/tcp-options.ts'
import { encodeGreeting } from '../../transports/handshake.ts'
import { streamFrame } from '../../transports/stream-frames.ts'
import { suite } from '../harness.ts'
import { otherTls, ownTls } from './certificates.ts'
import { introductionOf, RawNode } from './raw-node.ts'
import { HOST, makeTcp, plainSocket, until } from './tcp-place.ts'
import type { Made } from './tcp-place.ts'

const test = suite('tls')

const open: Made[] = []
let considered = 0

interface Node extends Made {
  readonly port: number
}

async function start(
  name: string,
  tls: TlsFiles | null,
  peers: readonly (readonly [string, number])[] = [],
  more: Parameters<typeof makeTcp>[3] = {}
): Promise<Node> {
  const made = makeTcp(`${name}@a`, 0, peers, {
    tls,
    consider: () => {
      considered++
      return { type: 'admit' }
    },
    ...more
  })
  await made.transport.open({ received: () => assert.unreachable('a frame came') })
  open.push(made)
  return { ...made, port: made.transport.address.port }
}

test.before.each(() => {
  considered = 0
})

test.after.each(async () => {
  for (const { transport } of open.splice(0)) await transport.close()
})

const reasons = ({ notices }: Made): string[] => {
  return notices.flatMap(one => {
    return one.type === 'failed' && 'reason' in one.ending ? [one.ending.reason] : []
  })
}

const isConnected = ({ transport }: Made): boolean => transport.peers().some(one => one.connected)

test('tls: what it promises: is said by `supports`', async () => {
  assert.is((await start('n1', ownTls)).transport.supports.authentication, true)
  assert.is((await start('n2', null)).transport.supports.authentication, false)
})

test('tls: nodes of one authority: connect', async () => {
  const n1 = await start('n1', ownTls)
  const n2 = await start('n2', ownTls, [['n1', n1.port]])
  await until(() => isConnected(n1) && isConnected(n2))
  assert.equal([...reasons(n1), ...reasons(n2)], [])
})

test('tls: a node of another authority: gets no greeting, and both are told', async () => {
  const n1 = await start('n1', ownTls)
  const n2 = await start('n2', otherTls, [['n1', n1.port]])
  await until(() => reasons(n1).length > 0 && reasons(n2).length > 0)
  assert.match(reasons(n2)[0] ?? '', /certificate/)
  assert.match(reasons(n1)[0] ?? '', /^TLS: /)
  assert.is(considered, 0)
})

test('tls: a node with a certificate of another authority: is refused', async () => {
  const n1 = await start('n1', ownTls)
  const n2 = await start('n2', { ...otherTls, ca: ownTls.ca }, [['n1', n1.port]])
  await until(() => reasons(n1).length > 0 && reasons(n2).length > 0)
  assert.is(considered, 0)
  assert.not.ok(isConnected(n1) || isConnected(n2))
})

test('tls: somebody without a certificate: gets no greeting', async () => {
  const n1 = await start('n1', ownTls)
  const socket = connectTls({ port: n1.port, host: HOST, ca: ownTls.ca })
  socket.on('error', () => {})
  let heardBytes = 0
  socket.on('data', chunk => (heardBytes += chunk.length))
  const introduction = introductionOf('n2@b')
  socket.write(streamFrame(encodeGreeting({ type: 'hello', life: 1, introduction })))
  await until(() => socket.closed)
  await until(() => reasons(n1).length > 0)
  assert.equal([heardBytes, considered], [0, 0])
})

test('tls: plain and TLS: do not understand each other, and say so', async () => {
  const [plain, secure] = [await start('n1', null), await start('n2', ownTls)]
  const toSecure = await start('n3', null, [['n2', secure.port]])
  const toPlain = await start('n4', ownTls, [['n1', plain.port]])
  const all = [plain, secure, toSecure, toPlain]
  await until(() => all.every(one => reasons(one).length > 0))
  assert.match(reasons(secure)[0] ?? '', /^TLS: /)
  assert.is(considered, 0)
})

test('tls: connections that show nothing: are closed in time, or when many', async () => {
  const limits = { strangersMax: 50, handshakeTimeoutMs: 2_000 }
  const n1 = await start('n1', ownTls, [], { limits })
  const raws: RawNode[] = []
  for (let count = 0; count < 150; count++) {
    raws.push(new RawNode(await plainSocket(n1.port)))
  }
  await until(() => raws.slice(0, 100).every(({ isEnded }) => isEnded))
  const n2 = await start('n2', ownTls, [['n1', n1.port]])
  await until(() => isConnected(n1) && isConnected(n2))
  await until(() => raws.every(({ isEnded }) => isEnded))
  const told = n1.notices.filter(({ type }) => type === 'failed').length
  const untold = n1.notices.map(one => (one.type === 'untold' ? one.count : 0))
  assert.ok(told < 150 && untold.some(count => count > 0), `${told} were told`)
  assert.ok(isConnected(n1) && isConnected(n2))
})

test.run()
