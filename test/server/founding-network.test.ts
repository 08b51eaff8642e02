// Founding over real sockets: three empty nodes find each other, one that lost its disk comes back
// as a joiner, and a node of another cluster is refused.

import * as assert from 'uvu/assert'
import type { NodeId } from '../../core/raft/config.ts'
import {
  BELONGS_NOWHERE,
  considerStanding,
  membershipOf,
  standingOf,
  startFounding
} from '../../server/founding.ts'
import type { FoundingState } from '../../server/founding.ts'
import type { TcpTransport } from '../../transports/node/tcp.ts'
import { nameOf } from '../../transports/handshake.ts'
import { suite } from '../harness.ts'
import { freePort, makeTcp, until } from '../transports/tcp-place.ts'
import type { Made } from '../transports/tcp-place.ts'

const test = suite('founding over TCP')

const open: TcpTransport[] = []

test.after.each(async () => {
  for (const transport of open.splice(0)) await transport.close()
})

interface Running extends Made {
  state(): FoundingState
}

async function start(node: NodeId, ports: ReadonlyMap<string, number>): Promise<Running> {
  const name = nameOf(node)
  const others = [...ports].filter(([peer]) => peer !== name)
  const peers = others.map(([peer]) => peer)
  const cluster = `of ${node}`
  let state = startFounding({ node, peers, cluster, belonging: BELONGS_NOWHERE })
  const made = makeTcp(node, ports.get(name) as number, others, {
    introduce: () => standingOf(state),
    consider: (theirs, side) => {
      const before = membershipOf(state)
      const considered = considerStanding(state, theirs, side)
      state = considered.state
      // A node that has just entered a cluster has something new to say.
      if (before === null && membershipOf(state) !== null) {
        setImmediate(() => made.transport.dialAll())
      }
      return considered.verdict
    }
  })
  await made.transport.open({ received: () => {} })
  open.push(made.transport)
  return { ...made, state: () => state }
}

async function portsOf(...names: string[]): Promise<Map<string, number>> {
  const ports = new Map<string, number>()
  for (const name of names) ports.set(name, await freePort())
  return ports
}

const as = (running: readonly Running[]): (string | undefined)[] => {
  return running.map(({ state }) => membershipOf(state())?.as)
}

const areAllConnected = (running: readonly Running[]): boolean => {
  return running.every(({ transport }) => {
    return transport.peers().filter(one => one.connected).length >= running.length - 1
  })
}

test('founding over TCP: three empty nodes, one late: found one cluster', async () => {
  const ports = await portsOf('n1', 'n2', 'n3')
  const [n1, n2] = [await start('n1@a', ports), await start('n2@b', ports)]
  await until(() => n1.transport.heard('n2') !== null && n2.transport.heard('n1') !== null)
  assert.equal(as([n1, n2]), [undefined, undefined])
  const n3 = await start('n3@c', ports)
  await until(() => areAllConnected([n1, n2, n3]))
  assert.equal(as([n1, n2, n3]), ['founder', 'voter', 'voter'])
  assert.equal(membershipOf(n3.state())?.founding.voters, ['n1@a', 'n2@b', 'n3@c'])
})

test('founding over TCP: a node without its disk, and a new one: join', async () => {
  const ports = await portsOf('n1', 'n2', 'n3')
  const three = [
    await start('n1@a', ports),
    await start('n2@b', ports),
    await start('n3@c', ports)
  ] as const
  await until(() => areAllConnected(three))
  await three[0].transport.close()
  const wiped = await start('n1@f', ports)
  const more = new Map([...ports, ...(await portsOf('n0'))])
  const joiner = await start('n0@e', more)
  await until(() => areAllConnected([wiped, joiner, three[1], three[2]]))
  assert.equal(as([wiped, joiner]), ['joiner', 'joiner'])
  assert.is(membershipOf(joiner.state())?.founding.founder, 'n1@a')
})

test('founding over TCP: a node of another cluster: is refused, and told why', async () => {
  const ports = await portsOf('n1', 'n2', 'n3')
  const alone = await start('n3@x', new Map([['n3', ports.get('n3') as number]]))
  const [n1, n2] = [await start('n1@a', ports), await start('n2@b', ports)]
  // Two that are empty go by the cluster that there is, and so does whoever is asked next.
  await until(() => areAllConnected([n1, n2, alone]))
  assert.equal(as([alone, n1, n2]), ['founder', 'joiner', 'joiner'])
  const stranger = await start('n0@y', new Map([['n0', await freePort()]]))
  const dialling = makeTcp('n0@y', 0, [['n1', ports.get('n1') as number]], {
    introduce: () => standingOf(stranger.state())
  })
  await dialling.transport.open({ received: () => {} })
  open.push(dialling.transport)
  await until(() => dialling.notices.length > 0)
  const [notice] = dialling.notices
  const ending = notice?.type === 'failed' ? notice.ending : null
  assert.is(ending?.type, 'refused')
  const reason = ending?.type === 'refused' ? ending.reason : ''
  assert.match(reason, /n0@y belongs to cluster of n0@y, and n1@a to of n3@x/)
})

test.run()
