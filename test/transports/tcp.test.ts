// The TCP transport beyond the conformance suite: its handshake, whom it dials and keeps, what it
// tells an operator, and that nobody who misbehaves disturbs another.

import fc from 'fast-check'
import { createServer, Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import type { NodeId } from '../../core/raft/config.ts'
import { FRAME_KIND, FRAME_VERSION } from '../../transports/codec.ts'
import type { Introduction, Verdict } from '../../transports/handshake.ts'
import { readAddress } from '../../transports/node/tcp-options.ts'
import type { TcpOptions } from '../../transports/node/tcp-options.ts'
import { suite } from '../harness.ts'
import { introductionOf, RawNode } from './raw-node.ts'
import { freePort, HOST, makeTcp, pause, plainSocket, standingOf, until } from './tcp-place.ts'
import type { Made } from './tcp-place.ts'

const test = suite('tcp')

const rounds = Number(process.env['ROUNDS'] ?? 60)
const fuzzing = { deadlineMs: 3_600_000 }

interface Node extends Made {
  readonly port: number
  readonly received: { readonly from: NodeId; readonly frame: Uint8Array }[]
}

const open: Node[] = []

async function start(
  node: NodeId,
  peers: readonly (readonly [string, number])[] = [],
  more: Partial<TcpOptions> = {},
  port = 0
): Promise<Node> {
  const made = makeTcp(node, port, peers, more)
  const received: Node['received'] = []
  await made.transport.open({ received: (from, frame) => void received.push({ from, frame }) })
  const started = { ...made, received, port: made.transport.address.port }
  open.push(started)
  return started
}

test.after.each(async () => {
  for (const { transport } of open.splice(0)) await transport.close()
})

const frame = (number: number): Uint8Array => {
  return Uint8Array.of(FRAME_VERSION, FRAME_KIND.replica, number)
}

function isConnected(node: Node, name: string): boolean {
  return node.transport.peers().some(peer => peer.name === name && peer.connected)
}

const connected = (node: Node, name: string): Promise<void> => until(() => isConnected(node, name))

async function sends(from: Node, to: Node, id: NodeId): Promise<void> {
  const before = to.received.length
  await until(() => {
    from.transport.send(id, frame(1))
    from.transport.flush()
    return to.received.length > before
  })
}

const reasons = ({ notices }: Node): string[] => {
  return notices.flatMap(notice => {
    const ending = notice.type === 'failed' || notice.type === 'disconnected' ? notice.ending : null
    return ending !== null && 'reason' in ending ? [ending.reason] : []
  })
}

test('tcp: one that dials: is reached by that connection, and dialled later', async () => {
  const member = await start('n1@a')
  const joiner = await start('n4@d', [['n1', member.port]])
  await sends(member, joiner, 'n4@d')
  await sends(joiner, member, 'n1@a')
  assert.is(member.received[0]?.from, 'n4@d')
  assert.is(member.transport.heard('n4')?.address, `${HOST}:${joiner.port}`)
  assert.is(member.transport.heard('n9'), null)
  await joiner.transport.close()
  await until(() => !isConnected(member, 'n4'))
  // It comes back without a peer to dial: who knew it finds it.
  const again = await start('n4@d', [], {}, joiner.port)
  await sends(member, again, 'n4@d')
})

test('tcp: peers: are told with what is known of them', async () => {
  const port = await freePort()
  const node = await start('n1@a', [['n2', port]])
  const [before] = node.transport.peers()
  const address = `${HOST}:${port}`
  const quiet = { url: null, queuedBytes: 0 }
  assert.equal(before, { name: 'n2', node: null, address, connected: false, ...quiet })
  const other = await start('n2@b', [], {}, port)
  const joiner = await start('n0@z', [['n1', node.port]])
  await connected(node, 'n2')
  await connected(node, 'n0')
  const [first, second] = node.transport.peers()
  const joined = { name: 'n0', node: 'n0@z', address: `${HOST}:${joiner.port}`, ...quiet }
  assert.equal(first, { ...joined, connected: true })
  assert.equal(second, { name: 'n2', node: 'n2@b', address, connected: true, ...quiet })
  node.transport.send('n2@b', frame(1))
  assert.is(node.transport.peers()[1]?.queuedBytes, 11)
  node.transport.flush()
  await until(() => other.received.length === 1)
})

test('tcp: later: is dialled again until both admit', async () => {
  let verdict: Verdict = { type: 'later' }
  let considered = 0
  const consider = (): Verdict => {
    considered++
    return verdict
  }
  const n2 = await start('n2@b', [], { consider })
  const n1 = await start('n1@a', [['n2', n2.port]])
  await until(() => considered >= 3)
  assert.not.ok(isConnected(n1, 'n2'))
  assert.is(n1.transport.heard('n2')?.node, 'n2@b')
  verdict = { type: 'admit' }
  await connected(n1, 'n2')
  assert.equal(reasons(n1), [])
})

test('tcp: something new to say: dialAll says it at once', async () => {
  const sides: string[] = []
  let verdict: Verdict = { type: 'later' }
  const n2 = await start('n2@b', [], { consider: () => verdict })
  const n1 = await start('n1@a', [['n2', n2.port]], {
    consider: (_, side) => {
      sides.push(side)
      return { type: 'admit' }
    },
    limits: { retryMinMs: 1_000_000, retryMaxMs: 1_000_000 }
  })
  await until(() => sides.length === 1)
  await until(() => {
    verdict = { type: 'admit' }
    n1.transport.dialAll()
    return isConnected(n1, 'n2')
  })
  assert.ok(sides.every(side => side === 'dialled'))
})

test('tcp: an answer: says what the node is after it has considered', async () => {
  let cluster: string | null = null
  const heard: (Introduction | null)[] = []
  const n2 = await start('n2@b', [], {
    introduce: () => standingOf('n2@b', cluster),
    consider: theirs => {
      cluster = theirs.cluster
      return { type: 'admit' }
    }
  })
  const n1 = await start('n1@a', [['n2', n2.port]], {
    consider: theirs => {
      heard.push(theirs)
      return { type: 'admit' }
    }
  })
  await connected(n1, 'n2')
  assert.is(heard[0]?.cluster, 'c1')
  assert.is(heard[0]?.address, `${HOST}:${n2.port}`)
})

test('tcp: where clients reach a node: is told to others, and kept by them', async () => {
  const url = 'http://10.0.0.2:8001'
  const n2 = await start('n2@b', [], { url: () => url })
  const n1 = await start('n1@a', [['n2', n2.port]])
  await connected(n1, 'n2')
  await connected(n2, 'n1')
  const urls = (node: typeof n1): (string | null)[] => node.transport.peers().map(one => one.url)
  assert.equal([urls(n1), urls(n2)], [[url], [null]])
  await n2.transport.close()
  await until(() => !isConnected(n1, 'n2'))
  assert.equal(urls(n1), [url])
})

const refusals: readonly (readonly [string, 'dialled' | 'accepted'])[] = [
  ['who dials', 'dialled'],
  ['who is dialled', 'accepted']
]

for (const [who, side] of refusals) {
  test(`tcp: ${who} refuses: both are told why, once, and no frame passes`, async () => {
    const reason = 'cluster c1 is not cluster c2'
    const refusing = { consider: (): Verdict => ({ type: 'refuse', reason }) }
    const n2 = await start('n2@b', [], side === 'accepted' ? refusing : {})
    const dials = side === 'dialled' ? refusing : {}
    const n1 = await start('n1@a', [['n2', n2.port]], dials)
    await until(() => reasons(n1).length > 0 && reasons(n2).length > 2)
    assert.equal(reasons(n1), [reason])
    assert.is(reasons(n2)[0], reason)
    const [notice] = n1.notices
    const by = side === 'dialled' ? 'us' : 'them'
    assert.is(notice?.type === 'failed' && notice.ending.type === 'refused' && notice.ending.by, by)
    assert.not.ok(isConnected(n1, 'n2') || isConnected(n2, 'n1'))
  })
}

test('tcp: a node under a name that is not its own: is refused, and both names said', async () => {
  const n2 = await start('n2@b')
  const n1 = await start('n1@a', [['n3', n2.port]])
  await until(() => reasons(n1).length > 0)
  assert.is(reasons(n1)[0], `${HOST}:${n2.port} was dialled for n3, and n2 answered`)
  const twin = await start('n2@c', [['n2', n2.port]])
  await until(() => reasons(twin).length > 0)
  assert.is(reasons(twin)[0], 'n2 is the name of both ends of this connection')
})

test('tcp: a build of other versions: is refused, and the versions said', async () => {
  const node = await start('n1@a')
  const raw = await RawNode.dial(node.port)
  const introduction = introductionOf('n2@b', { versionMin: 2, versionMax: 3 })
  raw.say({ type: 'hello', life: 1, introduction })
  await until(() => raw.isEnded)
  assert.match(reasons(node)[0] ?? '', /n2@b speaks frame versions 2 to 3, and n1@a 1 to 1/)
  const [answer] = raw.greetings
  assert.is(answer?.type === 'answer' && answer.verdict.type, 'refuse')
})

test('tcp: a new incarnation: is another peer beside the old one', async () => {
  const node = await start('n1@a')
  const older = await RawNode.join(node.port, introductionOf('n2@b'), 1)
  const newer = await RawNode.join(node.port, introductionOf('n2@c'), 2)
  await until(() => node.transport.peers().length === 2)
  node.transport.send('n2@b', frame(1))
  node.transport.send('n2@c', frame(2))
  node.transport.flush()
  await until(() => older.frames.length === 1 && newer.frames.length === 1)
  assert.equal([older.frames[0], newer.frames[0]], [frame(1), frame(2)])
  assert.equal(node.transport.peers().map(peer => peer.node), ['n2@b', 'n2@c'])
  older.end()
  await until(() => node.transport.peers().length === 1)
  newer.end()
})

test('tcp: a peer that dials anew: is sent to by its new connection', async () => {
  const node = await start('n1@a')
  for (const life of [1, 2]) {
    const older = await RawNode.join(node.port, introductionOf('n2@b'), 1)
    const newer = await RawNode.join(node.port, introductionOf('n2@b'), life)
    await until(() => older.isEnded)
    node.transport.send('n2@b', frame(life))
    node.transport.flush()
    await until(() => newer.frames.length === 1)
    newer.end()
    await until(() => !isConnected(node, 'n2'))
  }
})

test('tcp: both have dialled: a frame by the second connection ends the first', async () => {
  const port = await freePort()
  const node = await start('n1@a', [['n2', port]])
  const server = createServer().listen(port, HOST)
  const accepted = await new Promise<Socket>(resolve => void server.on('connection', resolve))
  const first = new RawNode(accepted)
  await until(() => first.greetings.length === 1)
  const introduction = introductionOf('n2@b')
  first.say({ type: 'answer', life: 1, introduction, verdict: { type: 'admit' } })
  await connected(node, 'n2')
  const second = await RawNode.join(node.port, introduction, 1)
  first.frame(frame(1))
  await until(() => node.received.length === 1)
  await pause()
  assert.not.ok(first.isEnded || second.isEnded)
  second.frame(frame(2))
  await until(() => node.received.length === 2 && first.isEnded)
  node.transport.send('n2@b', frame(3))
  node.transport.flush()
  await until(() => second.frames.length === 1)
  second.end()
  server.close()
})

test('tcp: the frames of a turn: leave in one write to each peer', async () => {
  const node = await start('n1@a')
  const raws = [
    await RawNode.join(node.port, introductionOf('n2@b')),
    await RawNode.join(node.port, introductionOf('n3@c'))
  ]
  await until(() => node.transport.peers().length === 2)
  const write = Socket.prototype.write
  let writes = 0
  Socket.prototype.write = function (this: Socket, ...args: Parameters<Socket['write']>) {
    writes++
    return write.apply(this, args)
  } as Socket['write']
  try {
    for (let number = 0; number < 20; number++) {
      for (const id of ['n2@b', 'n3@c']) node.transport.send(id, frame(number))
    }
    assert.is(writes, 0)
    node.transport.flush()
    node.transport.flush()
    assert.is(writes, 2)
  } finally {
    Socket.prototype.write = write
  }
  const expected = Array.from({ length: 20 }, (_, number) => frame(number))
  for (const raw of raws) {
    await until(() => raw.frames.length === 20)
    assert.equal(raw.frames, expected)
    raw.end()
  }
})

test('tcp: a peer that does not read: is kept no more for than the cap', async () => {
  const queuedBytesMax = 300_000
  const node = await start('n1@a', [], { limits: { queuedBytesMax } })
  const raw = await RawNode.join(node.port, introductionOf('n2@b'))
  await connected(node, 'n2')
  raw.socket.pause()
  const big = new Uint8Array(60_000).fill(1)
  let most = 0
  for (let turn = 0; turn < 500; turn++) {
    for (let count = 0; count < 4; count++) node.transport.send('n2@b', big)
    most = Math.max(most, node.transport.peers()[0]?.queuedBytes ?? 0)
    node.transport.flush()
  }
  assert.ok(most > queuedBytesMax / 2 && most <= queuedBytesMax + 100, String(most))
  raw.socket.resume()
  await until(() => {
    node.transport.send('n2@b', frame(9))
    node.transport.flush()
    return raw.frames.at(-1)?.length === 3
  })
  raw.end()
})

test('tcp: a frame that cannot be carried: is dropped, and the connection kept', async () => {
  const n2 = await start('n2@b')
  const n1 = await start('n1@a', [['n2', n2.port]], { limits: { frameBytesMax: 100 } })
  await connected(n1, 'n2')
  const bad = [[], [1], [1, 16, 1], [1, 19], new Array<number>(101).fill(1)]
  for (const bytes of bad) n1.transport.send('n2@b', Uint8Array.from(bytes))
  n1.transport.send('n2@b', frame(7))
  n1.transport.flush()
  await until(() => n2.received.length === 1)
  assert.equal(n2.received[0]?.frame, frame(7))
})

/** A way between two ends that can go dark: nothing passes, and nothing is closed. */
async function darkening(to: number): Promise<{ port: number; goDark(): void; end(): void }> {
  const sockets: Socket[] = []
  const server = createServer(async near => {
    const far = await plainSocket(to)
    sockets.push(near, far)
    near.on('error', () => {})
    near.pipe(far).pipe(near)
  }).listen(0, HOST)
  await until(() => server.listening)
  return {
    port: (server.address() as AddressInfo).port,
    goDark: () => {
      for (const socket of sockets) socket.unpipe().pause()
    },
    end: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

test('tcp: a way that goes dark: is noticed by both ends, and taken anew', async () => {
  const limits = { silenceTimeoutMs: 600 }
  const n2 = await start('n2@b', [], { limits })
  const way = await darkening(n2.port)
  const n1 = await start('n1@a', [['n2', way.port]], { limits })
  await connected(n1, 'n2')
  way.goDark()
  const lost = (node: Node): boolean => node.notices.some(({ type }) => type === 'disconnected')
  await until(() => lost(n1) && lost(n2))
  assert.match(reasons(n1)[0] ?? '', /nothing was heard of it for too long/)
  await sends(n1, n2, 'n2@b')
  way.end()
})

test('tcp: an idle connection: lives on by the beats of both', async () => {
  const limits = { silenceTimeoutMs: 600 }
  const n2 = await start('n2@b', [], { limits })
  const n1 = await start('n1@a', [['n2', n2.port]], { limits })
  await connected(n1, 'n2')
  // Someone who never beats is given up in the meantime.
  const silent = await RawNode.join(n2.port, introductionOf('n3@c'))
  await connected(n2, 'n3')
  await until(() => silent.isEnded)
  await until(() => n2.notices.some(({ type }) => type === 'disconnected'))
  assert.not.ok(n1.notices.some(({ type }) => type === 'disconnected'))
  assert.equal([n1.received, n2.received], [[], []])
})

const misdeeds: readonly (readonly [string, RegExp, (raw: RawNode) => void])[] = [
  ['an HTTP request', /length that none has/, raw => raw.socket.write('GET / HTTP/1.1\r\n\r\n')],
  ['zeros', /length that none has/, raw => raw.socket.write(new Uint8Array(64))],
  ['a changed frame', /a changed frame/, raw => raw.socket.write('\x02\0\0\0aaaabb')],
  ['a frame before the handshake', /does not parse/, raw => raw.frame(frame(1))],
  ['a body that does not parse', /does not parse/, raw => raw.frame(Uint8Array.of(1, 16, 1))],
  ['a beat before the handshake', /beat out of turn/, raw => raw.say({ type: 'beat' })],
  [
    'a verdict before the hello',
    /verdict out of turn/,
    raw => raw.say({ type: 'verdict', verdict: { type: 'admit' } })
  ],
  ['a long hello', /length that none has/, raw => raw.frame(new Uint8Array(70_000))],
  ['nothing', /did not end in time/, () => {}],
  [
    'a hello byte by byte',
    /did not end in time/,
    raw => {
      const drip = setInterval(() => raw.socket.write('\x01'), 400)
      raw.socket.write(Uint8Array.of(255, 0, 0, 0))
      raw.socket.on('close', () => clearInterval(drip))
    }
  ]
]

test('tcp: strangers who misbehave: are closed and named, and disturb nobody', async () => {
  const limits = { handshakeTimeoutMs: 1_000 }
  const node = await start('n1@a', [], { limits })
  const peer = await start('n2@b', [['n1', node.port]])
  await connected(node, 'n2')
  for (const [what, reason, misbehave] of misdeeds) {
    const raw = await RawNode.dial(node.port)
    const count = node.notices.length
    misbehave(raw)
    await until(() => raw.isEnded && node.notices.length > count)
    const notice = node.notices.at(-1)
    assert.is(notice?.type, 'failed', what)
    assert.match(reasons(node).at(-1) ?? '', reason, what)
    await sends(peer, node, 'n1@a')
  }
  assert.ok(isConnected(peer, 'n1') && reasons(peer).length === 0)
})

test('tcp: a peer that misbehaves: is closed, and disturbs nobody', async () => {
  const node = await start('n1@a', [], { limits: { frameBytesMax: 1_000 } })
  const peer = await start('n2@b', [['n1', node.port]])
  await connected(node, 'n2')
  const acts: readonly ((raw: RawNode) => void)[] = [
    raw => raw.frame(new Uint8Array(1_001).fill(1)),
    raw => raw.socket.write('\x02\0\0\0aaaabb'),
    raw => raw.say({ type: 'hello', life: 1, introduction: introductionOf('n3@c') })
  ]
  const lostCount = (): number => node.notices.filter(one => one.type === 'disconnected').length
  for (const [number, act] of acts.entries()) {
    const raw = await RawNode.join(node.port, introductionOf('n3@c'))
    await connected(node, 'n3')
    raw.frame(frame(5))
    act(raw)
    raw.frame(frame(6))
    await until(() => raw.isEnded && lostCount() === number + 1)
    assert.equal(node.received.filter(({ from }) => from === 'n3@c').map(one => one.frame[2]), [5])
    node.received.length = 0
  }
  await sends(peer, node, 'n1@a')
})

test('tcp: strangers without end: the oldest are closed, and a peer gets in', async () => {
  const node = await start('n1@a', [], { limits: { strangersMax: 100 } })
  const raws: RawNode[] = []
  for (let count = 0; count < 400; count++) raws.push(await RawNode.dial(node.port))
  await until(() => raws.filter(({ isEnded }) => isEnded).length === 300)
  assert.ok(raws.slice(0, 300).every(({ isEnded }) => isEnded))
  const peer = await start('n2@b', [['n1', node.port]])
  await sends(peer, node, 'n1@a')
  const closedCount = (): number => {
    const counts = node.notices.map(one => (one.type === 'crowded' ? one.closedCount : 0))
    return counts.reduce((sum, one) => sum + one, 0)
  }
  // The peer's own connection was one too many as well.
  await until(() => closedCount() === 301)
  for (const raw of raws) raw.end()
})

test('tcp: any bytes on the port: are answered by closing, and disturb nobody', async () => {
  const node = await start('n1@a', [], { limits: { handshakeTimeoutMs: 1_000_000 } })
  const peer = await start('n2@b', [['n1', node.port]])
  await connected(node, 'n2')
  const bytes = fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 4 })
  const run = async (bodies: readonly Uint8Array[], framed: boolean): Promise<void> => {
    const raw = await RawNode.dial(node.port)
    if (framed) for (const body of bodies) raw.frame(Uint8Array.from([1, 16, ...body]))
    else for (const body of bodies) raw.socket.write(body)
    raw.socket.end()
    await until(() => raw.isEnded)
    assert.equal(raw.frames, [])
  }
  await fc.assert(fc.asyncProperty(bytes, fc.boolean(), run), { numRuns: rounds })
  await sends(peer, node, 'n1@a')
  assert.ok(reasons(peer).length === 0)
}, fuzzing)

test('tcp: nobody there: is said once for as long as it is so', async () => {
  const port = await freePort()
  const node = await start('n1@a', [['n2', port]])
  await until(() => node.notices.length > 0)
  for (let count = 0; count < 40; count++) await pause()
  assert.is(node.notices.length, 1)
  const [notice] = node.notices
  assert.is(notice?.type === 'failed' && notice.name, 'n2')
  assert.match(reasons(node)[0] ?? '', /ECONNREFUSED/)
})

test('tcp: open: fails with what could not be had, and what to do', async () => {
  const holder = await start('n1@a')
  const failure = (more: Partial<TcpOptions>): Promise<string> => {
    const { transport } = makeTcp('n2@b', 0, [], more)
    return transport.open({ received: () => {} }).then(
      () => '',
      (error: Error) => error.message
    )
  }
  const at = (host: string, port: number): Partial<TcpOptions> => ({ listen: { host, port } })
  const taken = await failure(at(HOST, holder.port))
  assert.match(taken, new RegExp(`cannot listen on ${HOST}:${holder.port}: the port is in use`))
  assert.match(await failure(at('192.0.2.1', 0)), /192.0.2.1:0: this machine has no such address/)
  const tls = { cert: 'no', key: 'certificate', ca: '' }
  assert.match(await failure({ tls }), /the TLS certificate, key or CA cannot be used: /)
  const twice = await holder.transport.open({ received: () => {} }).then(() => '', String)
  assert.match(twice, /opened or closed before/)
})

test('tcp: close while it opens: opens nothing', async () => {
  const { transport } = makeTcp('n1@a', 0, [])
  const opening = transport.open({ received: () => {} }).then(() => 'opened', String)
  await transport.close()
  assert.match(await opening, /closed while it opened/)
})

test('tcp: addresses: are read as they are written', () => {
  const read = ['[::1]:80', 'host.example:7000', '1.2.3.4:1'].map(readAddress)
  assert.equal(read, [
    { host: '::1', port: 80 },
    { host: 'host.example', port: 7000 },
    { host: '1.2.3.4', port: 1 }
  ])
  for (const bad of ['', 'host', 'host:', ':80', '::1:80', 'host:0', 'host:65536', 'a b:1']) {
    assert.is(readAddress(bad), null, bad)
  }
})


test.run()
