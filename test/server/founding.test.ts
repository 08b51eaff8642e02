// Founding: the steps of a good one, and then any interleaving of dials, wipes, restarts and late
// greetings, in which never two clusters live and at last everybody is in one.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { NodeId } from '../../core/raft/config.ts'
import {
  BELONGS_NOWHERE,
  considerStanding,
  membershipOf,
  standingOf,
  startFounding
} from '../../server/founding.ts'
import type { Belonging, FoundingState } from '../../server/founding.ts'
import { nameOf } from '../../transports/handshake.ts'
import type { Founding, Standing } from '../../transports/handshake.ts'
import { suite } from '../harness.ts'

const test = suite('founding')

const rounds = Number(process.env['ROUNDS'] ?? 1_500)
const fuzzing = { deadlineMs: 3_600_000 }

/** One data directory, and the process that runs on it. */
interface Host {
  readonly node: NodeId
  disk: Belonging
  state: FoundingState
}

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5']

/** Nodes and the greetings between them; a greeting may come late, twice, or never. */
class World {
  readonly names: readonly string[]
  /** Whoever runs; more than one of a name where an operator started a copy. */
  readonly hosts: Host[] = []
  readonly #lists: ReadonlyMap<string, readonly string[]>
  readonly hellos: { readonly standing: Standing; readonly to: string }[] = []
  readonly foundings = new Map<string, Founding>()
  #count = 0

  constructor(count: number, lists: ReadonlyMap<string, readonly string[]> = new Map()) {
    this.names = NAMES.slice(0, count)
    this.#lists = lists
    for (const name of this.names) this.birth(name)
  }

  /** A node with an empty disk. */
  birth(name: string): Host {
    const node = `${name}@${(++this.#count * 7919 % 97).toString(16).padStart(8, '0')}`
    const host = { node, disk: BELONGS_NOWHERE, state: this.#start(node, BELONGS_NOWHERE) }
    this.hosts.push(host)
    this.#keep(host, host.state)
    return host
  }

  host(name: string): Host {
    return this.hosts.findLast(({ node }) => nameOf(node) === name) as Host
  }

  restart(name: string): void {
    const host = this.host(name)
    this.#keep(host, this.#start(host.node, host.disk))
  }

  wipe(name: string): void {
    this.hosts.splice(this.hosts.indexOf(this.host(name)), 1)
    this.birth(name)
  }

  /** A greeting is on its way, and may be answered at any time. */
  hello(from: Host, to: string): void {
    this.hellos.push({ standing: standingOf(from.state), to })
  }

  /** A greeting arrives; its answer arrives if the one that dialled is still that process. */
  answer(at: number): void {
    const hello = this.hellos[at]
    if (hello === undefined) return
    const { standing, to } = hello
    const dialled = this.host(to)
    if (nameOf(standing.node) === to) return
    this.#consider(dialled, standing, 'accepted')
    const dialler = this.hosts.find(({ node }) => node === standing.node)
    if (dialler !== undefined) this.#consider(dialler, standingOf(dialled.state), 'dialled')
  }

  dial(from: Host, to: string): void {
    this.hello(from, to)
    this.answer(this.hellos.length - 1)
  }

  /** Foundings of which more than half of the voters live and go by it. */
  majorities(): Founding[] {
    return [...this.foundings.values()].filter(({ cluster, voters }) => {
      const live = this.hosts.filter(({ node, disk }) => {
        return voters.includes(node) && disk.founding?.cluster === cluster
      })
      return live.length * 2 > voters.length
    })
  }

  #start(node: NodeId, belonging: Belonging): FoundingState {
    const name = nameOf(node)
    const peers = (this.#lists.get(name) ?? this.names).filter(one => one !== name)
    return startFounding({ node, peers, cluster: `of ${node}`, belonging })
  }

  #consider(host: Host, theirs: Standing, side: 'dialled' | 'accepted'): void {
    this.#keep(host, considerStanding(host.state, theirs, side).state)
  }

  #keep(host: Host, state: FoundingState): void {
    const { founding } = host.disk
    if (founding !== null) assert.is(state.belonging.founding, founding, 'a founding was left')
    host.disk = state.belonging
    host.state = state
    const entered = state.belonging.founding
    if (entered === null) return
    const known = this.foundings.get(entered.cluster)
    assert.equal(entered, known ?? entered, 'two foundings of one id')
    this.foundings.set(entered.cluster, entered)
  }
}

/** Everybody dials everybody, over and over, until nothing changes. */
function settle(world: World): void {
  for (let round = 0; round < 12; round++) {
    for (const host of [...world.hosts]) {
      for (const name of world.names) {
        if (name !== nameOf(host.node)) world.dial(host, name)
      }
    }
  }
}

const as = (world: World): (string | undefined)[] => {
  return world.names.map(name => membershipOf(world.host(name).state)?.as)
}

test('founding: one node: founds by itself, at its start', () => {
  const world = new World(1)
  const host = world.host('n1')
  assert.equal(membershipOf(host.state)?.as, 'founder')
  assert.equal(host.disk.founding?.voters, [host.node])
})

test('founding: three empty nodes: the first counts the others, and they adopt', () => {
  const world = new World(3)
  const [n1, n2, n3] = world.names.map(name => world.host(name)) as [Host, Host, Host]
  world.dial(n2, 'n1')
  world.dial(n2, 'n3')
  world.dial(n3, 'n1')
  assert.equal(as(world), [undefined, undefined, undefined])
  world.dial(n1, 'n2')
  assert.equal(as(world), [undefined, undefined, undefined])
  world.dial(n1, 'n3')
  assert.equal(as(world), ['founder', undefined, undefined])
  const { voters, founder, cluster } = n1.disk.founding as Founding
  assert.equal(voters, [n1.node, n2.node, n3.node])
  assert.is(founder, n1.node)
  world.dial(n1, 'n2')
  world.dial(n3, 'n2')
  assert.equal(as(world), ['founder', 'voter', 'voter'])
  assert.is(n3.disk.founding?.cluster, cluster)
})

test('founding: verdicts: later before it, admit after it, and refuse another cluster', () => {
  const world = new World(3)
  const [n1, n2] = [world.host('n1'), world.host('n2')]
  const say = (to: Host, of: Host, side: 'dialled' | 'accepted') => {
    return considerStanding(to.state, standingOf(of.state), side).verdict
  }
  assert.equal(say(n2, n1, 'accepted'), { type: 'later' })
  assert.equal(say(n1, n2, 'dialled'), { type: 'later' })
  world.dial(n1, 'n2')
  world.dial(n1, 'n3')
  assert.equal(say(n1, n2, 'accepted'), { type: 'admit' })
  assert.equal(say(n1, n2, 'dialled'), { type: 'later' })
  assert.equal(say(n2, n1, 'accepted'), { type: 'admit' })
  settle(world)
  assert.equal(say(n1, n2, 'dialled'), { type: 'admit' })
  const elsewhere = new World(1)
  elsewhere.wipe('n1')
  const verdict = say(n2, elsewhere.host('n1'), 'accepted')
  assert.match(verdict.type === 'refuse' ? verdict.reason : '', /belongs to cluster of n1.*peers/)
})

test('founding: a node that lost its disk: joins, and is no voter', () => {
  const world = new World(3)
  settle(world)
  for (const name of ['n2', 'n1']) {
    const before = world.host(name).node
    world.wipe(name)
    settle(world)
    const membership = membershipOf(world.host(name).state)
    assert.is(membership?.as, 'joiner')
    assert.ok(membership?.founding.voters.includes(before))
  }
})

test('founding: a founder that lost its disk before all knew: the next one founds anew', () => {
  const world = new World(3)
  world.dial(world.host('n1'), 'n2')
  world.wipe('n1')
  settle(world)
  assert.equal(as(world), ['founder', 'voter', 'voter'])
  assert.is(world.majorities().length, 1)
})

test('founding: a founder that lost its disk when one knew: joins that one', () => {
  const world = new World(3)
  world.dial(world.host('n1'), 'n2')
  world.dial(world.host('n1'), 'n3')
  world.dial(world.host('n1'), 'n3')
  world.wipe('n1')
  world.dial(world.host('n1'), 'n2')
  assert.equal(as(world), [undefined, undefined, 'voter'])
  settle(world)
  assert.equal(as(world), ['joiner', 'voter', 'voter'])
})

test('founding: a restart before it: forgets no promise', () => {
  const world = new World(3)
  world.dial(world.host('n1'), 'n2')
  const { promise } = world.host('n2').disk
  assert.is(promise?.founder, world.host('n1').node)
  world.restart('n2')
  world.restart('n1')
  assert.equal(world.host('n2').state.belonging.promise, promise)
  world.dial(world.host('n1'), 'n3')
  assert.is(world.foundings.size, 0)
  world.dial(world.host('n1'), 'n2')
  assert.is(world.foundings.size, 1)
})

test('founding: a greeting from a founder that is gone: cannot undo the next one', () => {
  const world = new World(3)
  const first = world.host('n1')
  world.hello(first, 'n2')
  world.wipe('n1')
  const second = world.host('n1')
  world.dial(second, 'n2')
  world.dial(second, 'n3')
  assert.is(world.foundings.size, 1)
  world.answer(0)
  settle(world)
  assert.equal(as(world), ['founder', 'voter', 'voter'])
})

/** A node in the middle of it, as its disk says. */
function stateOf(node: NodeId, belonging: Belonging): FoundingState {
  const peers = ['n1', 'n2', 'n3'].filter(name => name !== nameOf(node))
  return startFounding({ node, peers, cluster: `of ${node}`, belonging })
}

const promising = (round: number, founder: NodeId): Belonging => {
  return { founding: null, promise: { round, founder } }
}

const founded: Founding = {
  cluster: 'c',
  voters: ['n1@a', 'n2@p', 'n3@q'],
  founder: 'n1@a',
  round: 1
}

function heard(
  state: FoundingState,
  node: NodeId,
  belonging: Belonging,
  side: 'dialled' | 'accepted'
): Belonging {
  return considerStanding(state, standingOf(stateOf(node, belonging)), side).state.belonging
}

test('founding: a promise: is kept against earlier attempts, and goes to later ones', () => {
  const state = stateOf('n2@p', promising(2, 'n1@b'))
  assert.equal(heard(state, 'n1@a', promising(1, 'n1@a'), 'accepted'), state.belonging)
  assert.equal(heard(state, 'n1@a', promising(2, 'n1@a'), 'accepted'), state.belonging)
  assert.equal(heard(state, 'n1@c', promising(2, 'n1@c'), 'accepted'), promising(2, 'n1@c'))
  assert.equal(heard(state, 'n1@a', promising(3, 'n1@a'), 'accepted'), promising(3, 'n1@a'))
})

test('founding: a promise: is given to whoever dials, and has a smaller name', () => {
  const state = stateOf('n2@p', BELONGS_NOWHERE)
  assert.equal(heard(state, 'n1@a', promising(1, 'n1@a'), 'dialled'), BELONGS_NOWHERE)
  assert.equal(heard(state, 'n3@q', promising(1, 'n3@q'), 'accepted'), BELONGS_NOWHERE)
  assert.equal(heard(state, 'n3@q', promising(1, 'n1@a'), 'accepted'), BELONGS_NOWHERE)
})

test('founding: a founder: counts answers alone, and those of this attempt', () => {
  const state = stateOf('n1@a', promising(2, 'n1@a'))
  assert.is(state.belonging.promise?.round, 2)
  const promised = (round: number, side: 'dialled' | 'accepted'): number => {
    const standing = standingOf(stateOf('n2@p', promising(round, 'n1@a')))
    return considerStanding(state, standing, side).state.promised.size
  }
  assert.is(promised(2, 'dialled'), 1)
  assert.is(promised(1, 'dialled'), 0)
  assert.is(promised(2, 'accepted'), 0)
})

test('founding: a cluster without this node: is joined when it answers, not when it dials', () => {
  const belonging = { founding: founded, promise: null }
  const state = stateOf('n2@new', BELONGS_NOWHERE)
  assert.equal(heard(state, 'n1@a', belonging, 'accepted'), BELONGS_NOWHERE)
  assert.equal(heard(state, 'n1@a', belonging, 'dialled'), belonging)
})

test('founding: a cluster of an earlier attempt than was promised: waits for who knows', () => {
  const belonging = { founding: founded, promise: null }
  const state = stateOf('n2@p', promising(1, 'n1@b'))
  for (const side of ['dialled', 'accepted'] as const) {
    // The later founder may have all promises; if it has entered this cluster, it never will.
    assert.equal(heard(state, 'n1@a', belonging, side), state.belonging)
    assert.equal(heard(state, 'n3@new', belonging, side), state.belonging)
    assert.equal(heard(state, 'n1@b', belonging, side), belonging)
    assert.equal(heard(state, 'n3@q', belonging, side), belonging)
    const promised = stateOf('n2@p', promising(1, 'n1@a'))
    assert.equal(heard(promised, 'n3@new', belonging, side), belonging)
  }
})

test('founding: two copies of the founder: in no order of dials do two clusters live', () => {
  const nodes = ['n1@a', 'n1@b', 'n2@p', 'n3@q'] as const
  const states = nodes.map(node => stateOf(node, BELONGS_NOWHERE))
  const seen = new Set<string>()
  const waiting = [states]
  let both = 0
  for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
    const key = JSON.stringify(world.map(({ belonging, promised }) => [belonging, [...promised]]))
    if (seen.has(key)) continue
    seen.add(key)
    const goBy = new Map<string, number>()
    for (const { belonging } of world) {
      const cluster = belonging.founding?.cluster
      if (cluster !== undefined) goBy.set(cluster, (goBy.get(cluster) ?? 0) + 1)
    }
    if (goBy.size === 2) both++
    assert.ok([...goBy.values()].filter(count => count >= 2).length <= 1, key)
    for (let from = 0; from < 4; from++) {
      for (let to = 0; to < 4; to++) waiting.push(...dials(world, from, to))
    }
  }
  assert.ok(both > 10, `${seen.size} states, ${both} of them with two foundings`)
})

/** What comes of a dial, which may be answered, or get lost on the way back. */
function dials(world: readonly FoundingState[], from: number, to: number): FoundingState[][] {
  const [dialler, dialled] = [world[from] as FoundingState, world[to] as FoundingState]
  if (nameOf(dialler.node) === nameOf(dialled.node)) return []
  const after = [...world]
  after[to] = considerStanding(dialled, standingOf(dialler), 'accepted').state
  const answered = [...after]
  answered[from] = considerStanding(dialler, standingOf(after[to]), 'dialled').state
  const few = (list: FoundingState[]): boolean => {
    return list.every(({ belonging }) => (belonging.promise?.round ?? 0) <= 4)
  }
  return [after, answered].filter(few)
}

type Step =
  | { readonly type: 'dial' | 'hello'; readonly from: number; readonly to: number }
  | { readonly type: 'answer'; readonly at: number }
  | { readonly type: 'restart' | 'wipe' | 'copy'; readonly node: number }

function steps(kinds: readonly ('wipe' | 'copy')[]): fc.Arbitrary<Step[]> {
  const index = fc.nat({ max: 9 })
  const type = fc.constantFrom(...(['dial', 'hello', 'dial'] as const))
  const talk = fc.record({ type, from: index, to: index })
  const answer = fc.record({ type: fc.constant('answer' as const), at: fc.nat({ max: 40 }) })
  const restart = fc.record({ type: fc.constant('restart' as const), node: index })
  const loss = fc.record({ type: fc.constantFrom(...kinds), node: index })
  return fc.array(
    fc.oneof(
      { weight: 12, arbitrary: talk },
      { weight: 5, arbitrary: answer },
      { weight: 1, arbitrary: restart },
      { weight: 1, arbitrary: loss }
    ),
    { maxLength: 60 }
  )
}

function act(world: World, step: Step): void {
  const host = (at: number): Host => world.hosts[at % world.hosts.length] as Host
  const name = (at: number): string => world.names[at % world.names.length] as string
  switch (step.type) {
    case 'dial':
      return world.dial(host(step.from), name(step.to))
    case 'hello':
      return world.hello(host(step.from), name(step.to))
    case 'answer':
      return world.answer(step.at % Math.max(1, world.hellos.length))
    case 'restart':
      return world.restart(name(step.node))
    case 'wipe':
      return world.wipe(name(step.node))
    case 'copy':
      return void world.birth(name(step.node))
  }
}

const sizes = fc.integer({ min: 1, max: 5 })

test('founding: wipes, restarts, late greetings: one cluster lives, and all get into it', () => {
  const run = (count: number, list: readonly Step[]): void => {
    const world = new World(count)
    for (const step of list) {
      act(world, step)
      assert.ok(world.majorities().length <= 1, 'two clusters live')
    }
    settle(world)
    const clusters = new Set(world.hosts.map(({ disk }) => disk.founding?.cluster))
    assert.is(clusters.size, 1, 'not all are in one cluster')
    assert.ok(!clusters.has(undefined), 'not all are in a cluster')
    for (const step of list) act(world, step.type === 'wipe' ? { ...step, type: 'restart' } : step)
    assert.is(new Set(world.hosts.map(({ disk }) => disk.founding?.cluster)).size, 1)
  }
  fc.assert(fc.property(sizes, steps(['wipe']), run), { numRuns: rounds })
}, fuzzing)

test('founding: once it lives: whoever loses its disk is no voter any more', () => {
  const run = (count: number, list: readonly Step[]): void => {
    const world = new World(count)
    settle(world)
    const voters = world.hosts.map(({ node }) => node)
    const [founding] = world.majorities()
    const lost = new Set<string>()
    for (const step of list) {
      if (step.type === 'wipe') {
        // The founding lives on as long as most of its voters do.
        lost.add(world.names[step.node % count] as string)
        if (lost.size * 2 >= count) return
      }
      act(world, step)
      assert.equal(world.majorities(), [founding])
    }
    settle(world)
    for (const { node, state } of world.hosts) {
      assert.is(membershipOf(state)?.as === 'joiner', !voters.includes(node), node)
      assert.is(membershipOf(state)?.founding.cluster, founding?.cluster)
    }
  }
  fc.assert(fc.property(sizes, steps(['wipe']), run), { numRuns: rounds })
}, fuzzing)

test('founding: copies of a node, and lists that differ: never two clusters that live', () => {
  const names = NAMES.slice(0, 3)
  const lists = fc.tuple(...names.map(() => fc.subarray(names, { minLength: 2 })))
  const run = (list: readonly Step[], peers: readonly string[][], same: boolean): void => {
    const named = new Map(names.map((name, at) => [name, peers[at] as string[]]))
    const world = new World(3, same ? new Map() : named)
    for (let copy = 0; copy < 2; copy++) world.birth('n1')
    for (const step of list) {
      act(world, step)
      const living = world.majorities()
      // Lists that differ may name clusters that have nobody in common.
      for (const one of living) {
        for (const other of living) {
          if (one === other) continue
          assert.not(one.voters.some(voter => other.voters.includes(voter)), 'two clusters live')
        }
      }
    }
  }
  fc.assert(fc.property(steps(['copy', 'wipe']), lists, fc.boolean(), run), { numRuns: rounds })
}, fuzzing)

test.run()
