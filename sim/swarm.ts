// Swarm testing: the seed first draws what kind of world this is (size, timeouts, which faults and
// how hard), then the schedule of faults and what the clients do. Ref: Groce et al., ISSTA 2012.

import { windowEntriesMin } from './catch-up.ts'
import type { ClockError } from './clock.ts'
import type { RandomStream, Streams } from './random.ts'
import { EPSILON_PPM, FAULT_KINDS } from './scenario.ts'
import type { ClientStep, CrashPoint, Fault, FaultKind, Scenario, Target } from './scenario.ts'

/** What a user may fix; the seed draws the rest. */
export interface SwarmOptions {
  /** 1 to 7; drawn when left out. */
  readonly nodes?: number
  readonly clients: number
  /** `swarm`: each kind is in or out by the seed. A list: just these. Empty: none. */
  readonly faults: 'swarm' | readonly FaultKind[]
  readonly fireMs: number
}

const ALL_CRASH_POINTS: readonly CrashPoint[] = [
  'now',
  'persist',
  'synced',
  'voted',
  'acknowledged',
  'won',
]

/** Draws a scenario. `drawOperation` says what one client asks for. */
export function drawScenario<Operation>(
  seed: string,
  streams: Streams,
  options: SwarmOptions,
  drawOperation: (random: RandomStream, client: number) => Operation,
): Scenario<Operation> {
  const random = streams.stream('swarm')
  const nodes = options.nodes ?? drawNodes(random)
  const kinds = drawKinds(streams, options.faults)
  const electionTimeoutMs = random.pick([100, 150, 150, 150, 200, 300])
  const delayMinUs = random.pick([50, 200, 500, 1_000])
  const syncMinUs = random.pick([50, 200, 1_000])
  const spares = drawSpares(streams, kinds, nodes)
  const members = nodes + spares
  const clocks: ClockError[] = []
  for (let at = 0; at < members + options.clients; at++) clocks.push(drawClock(random, kinds))
  // Without use: what it once chose was halved again. The draws of old capsules go on fitting.
  random.chance(512)
  const dead = drawDead(random, members)
  const appendBytesMax = random.pick([1, 200, 65_536])
  const window = random.pick([1, 3, 20, 1_024])
  const delayMaxUs = delayMinUs * random.pick([2, 5, 10])
  const syncMaxUs = syncMinUs * random.pick([2, 10])
  const windowMin = windowEntriesMin(options.clients, { delayMaxUs, syncMaxUs })
  return {
    seed,
    nodes,
    spares,
    electionTimeoutMs,
    heartbeatIntervalMs: Math.floor(electionTimeoutMs / 3),
    appendBytesMax,
    inFlightMessagesMax: Math.max(windowMin, window),
    ...drawSettings(streams, kinds, windowMin),
    delayMinUs,
    delayMaxUs,
    syncMinUs,
    syncMaxUs,
    clocks,
    faults: drawFaults(streams, kinds, { nodes, spares }, options),
    clients: drawClients(streams, options, drawOperation),
    fireMs: options.fireMs,
    dead: kinds.has('crash') ? dead : [],
  }
}

function drawNodes(random: RandomStream): number {
  return random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7])
}

/** Drawn from a stream of their own each, so that the worlds of old seeds and capsules stay. */
const LATER_KINDS: readonly FaultKind[] = [
  'syncerror',
  'membership',
  'transfer',
  'forget',
  'compaction',
  'rot',
  'upgrade',
  'raise',
]
/** Upgrades run a machine that is dearer: in so many of 1024 worlds. */
const UPGRADE_PART = 400
/** And in so many of those operators want the new rules before all is healed. */
const RAISE_PART = 950
/** Whether operators forget those that wait to be taken in: in so many of 1024 worlds. */
const FORGETS = 'upgrade/forgets'
const FORGETS_PART = 512
const FIRST_KINDS = FAULT_KINDS.filter((kind) => !LATER_KINDS.includes(kind))

function drawKinds(streams: Streams, faults: SwarmOptions['faults']): ReadonlySet<FaultKind> {
  if (faults !== 'swarm') return new Set(faults)
  const random = streams.stream('swarm')
  // Each world leaves out some kinds: what is always present can hide what it masks.
  const part = random.pick([512, 700, 900])
  const kinds = new Set<FaultKind>()
  for (const kind of FIRST_KINDS) if (random.chance(part)) kinds.add(kind)
  while (kinds.size < 7) kinds.add(random.pick(FIRST_KINDS))
  for (const kind of LATER_KINDS) {
    const stream = `faults/${kind}`
    const chance = kind === 'upgrade' ? UPGRADE_PART : kind === 'raise' ? RAISE_PART : part
    if (!streams.knows(stream) || !streams.stream(stream).chance(chance)) continue
    // A damaged voter needs a leader to be repaired, who must not need its vote.
    if (kind === 'rot' && kinds.has('membership')) continue
    if (kind === 'raise' && !kinds.has('upgrade')) continue
    kinds.add(kind)
  }
  return kinds
}

/** How many nodes wait to be taken in; none where the members never change. */
function drawSpares(streams: Streams, kinds: ReadonlySet<FaultKind>, nodes: number): number {
  if (!kinds.has('membership')) return 0
  const spares = streams.stream('spares').pick([0, 1, 1, 2])
  return nodes === 1 ? Math.max(1, spares) : spares
}

/** What capsules of earlier days say nothing of: then it is as it was. */
type Settings = Pick<
  Scenario<never>,
  | 'diskTimeoutMs'
  | 'inFlightBytesMax'
  | 'uncommittedBytesMax'
  | 'snapshotEntriesMin'
  | 'snapshotKeepEntries'
  | 'snapshotChunkBytes'
  | 'forwarding'
  | 'leaseReads'
>

const EARLIER_SETTINGS: Settings = {
  diskTimeoutMs: 60_000,
  inFlightBytesMax: 1_048_576,
  uncommittedBytesMax: 16_777_216,
  snapshotEntriesMin: 1_000_000,
  snapshotKeepEntries: 0,
  snapshotChunkBytes: 65_536,
  forwarding: false,
  leaseReads: false,
}

function drawSettings(
  streams: Streams,
  kinds: ReadonlySet<FaultKind>,
  windowMin: number,
): Settings {
  if (!streams.knows('settings')) return EARLIER_SETTINGS
  const random = streams.stream('settings')
  const entriesMin = random.pick([5, 20, 100])
  return {
    diskTimeoutMs: random.pick([200, 1_500]),
    // Commands have up to a hundred bytes: what is on its way must carry what clients ask.
    inFlightBytesMax: random.pick([200 * windowMin, 1_048_576]),
    uncommittedBytesMax: random.pick([1_000, 16_777_216, 16_777_216]),
    snapshotEntriesMin: kinds.has('compaction') ? entriesMin : 1_000_000,
    snapshotKeepEntries: random.pick([0, 3, 50]),
    snapshotChunkBytes: random.pick([100, 1_000, 65_536]),
    forwarding: random.chance(512),
    leaseReads: random.chance(400),
  }
}

function drawClock(random: RandomStream, kinds: ReadonlySet<FaultKind>): ClockError {
  const offset = random.below(10_000_000)
  const drift = random.between(-EPSILON_PPM, EPSILON_PPM)
  return {
    offsetMs: kinds.has('skew') ? offset : 0,
    driftPpm: kinds.has('drift') ? drift : 0,
  }
}

/** Nodes that stay dead after the fire: any set that leaves a majority, half the time none. */
function drawDead(random: RandomStream, nodes: number): readonly number[] {
  const dead: number[] = []
  if (random.chance(512)) return dead
  for (let node = 0; node < nodes; node++) {
    if ((dead.length + 1) * 2 < nodes && random.chance(400)) dead.push(node)
  }
  return dead
}

/** Pauses between faults of one kind, and how long each lasts: from short flaps to long outages. */
function drawFaults(
  streams: Streams,
  kinds: ReadonlySet<FaultKind>,
  { nodes, spares }: { readonly nodes: number; readonly spares: number },
  options: SwarmOptions,
): readonly Fault[] {
  const faults: Fault[] = []
  const members = nodes + spares
  for (const kind of FAULT_KINDS) {
    if (!kinds.has(kind) || isLasting(kind)) continue
    const random = streams.stream(LATER_KINDS.includes(kind) ? `faults/${kind}` : 'faults')
    if (kind === 'upgrade') {
      const forgets = streams.knows(FORGETS) && streams.stream(FORGETS).chance(FORGETS_PART)
      faults.push(...drawUpgrades(random, forgets ? nodes : members, options.fireMs))
      continue
    }
    const everyMs = random.pick([600, 1_500, 4_000, 8_000])
    const lastsMs = random.pick([150, 500, 1_500, 4_000])
    for (let atMs = random.below(everyMs); atMs < options.fireMs; ) {
      const forMs = random.between(1, lastsMs)
      faults.push(drawFault(random, kind, kinds, { atMs, forMs }, members, options.clients))
      atMs += forMs + random.between(1, everyMs * 2)
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** A rolling restart: each node once, in any order. The heal completes what the fire leaves. */
function drawUpgrades(random: RandomStream, nodes: number, fireMs: number): readonly Fault[] {
  const faults: Fault[] = []
  const waiting = Array.from({ length: nodes }, (_, node) => node)
  const everyMs = random.pick([300, 2_000, 8_000])
  const lastsMs = random.pick([50, 300, 1_500])
  for (let atMs = random.below(Math.max(1, fireMs >>> 1)); atMs < fireMs; ) {
    const [node] = waiting.splice(random.below(Math.max(1, waiting.length)), 1)
    if (node === undefined) break
    const forMs = random.between(1, lastsMs)
    faults.push({ type: 'upgrade', atMs, forMs, node })
    atMs += forMs + random.between(1, everyMs)
  }
  return faults
}

/** Kinds that are in the whole world or not, and have no times of their own. */
type LastingKind = 'torn' | 'skew' | 'drift' | 'compaction'

function isLasting(kind: FaultKind): kind is LastingKind {
  return kind === 'torn' || kind === 'skew' || kind === 'drift' || kind === 'compaction'
}

function drawFault(
  random: RandomStream,
  kind: Exclude<FaultKind, LastingKind | 'upgrade'>,
  kinds: ReadonlySet<FaultKind>,
  span: { readonly atMs: number; readonly forMs: number },
  nodes: number,
  clients: number,
): Fault {
  const per1024 = random.pick([10, 60, 200, 500])
  const upToUs = random.pick([5_000, 50_000, 400_000, 3_000_000])
  switch (kind) {
    case 'loss':
      return { type: kind, ...span, per1024 }
    case 'delay':
    case 'duplicate':
      return { type: kind, ...span, per1024, upToUs }
    case 'reorder':
      return { type: kind, ...span, per1024, upToUs: random.pick([2_000, 20_000, 100_000]) }
    case 'partition':
    case 'oneway': {
      const side: number[] = []
      for (let at = 0; at < nodes + clients; at++) if (random.chance(400)) side.push(at)
      return { type: kind, ...span, side, withLeader: random.chance(512) }
    }
    case 'partial':
      return { type: kind, ...span, ...drawPair(random, nodes) }
    case 'isolate':
      return { type: kind, ...span }
    case 'crash': {
      const point = random.chance(400) ? 'now' : random.pick(ALL_CRASH_POINTS)
      const power = random.chance(800)
      const torn = kinds.has('torn') && random.chance(700)
      const node = drawTarget(random, nodes)
      const forMs = random.chance(512) ? random.between(1, 100) : span.forMs
      return { type: kind, atMs: span.atMs, forMs, node, point, power, torn }
    }
    case 'pause':
      return { type: kind, ...span, node: drawTarget(random, nodes), midTurn: random.chance(512) }
    case 'clientpause':
      return { type: kind, ...span, client: random.below(Math.max(1, clients)) }
    case 'slowdisk': {
      const addUs = random.pick([5_000, 50_000, 300_000])
      return { type: kind, ...span, node: drawTarget(random, nodes), addUs }
    }
    case 'rot':
    case 'syncerror': {
      const node = drawTarget(random, nodes)
      const forMs = random.chance(512) ? random.between(1, 100) : span.forMs
      return { type: kind, atMs: span.atMs, forMs, node }
    }
    case 'membership':
      return { type: kind, ...span, ...drawMembers(random, nodes) }
    case 'transfer':
      return { type: kind, ...span, to: random.below(nodes) }
    case 'forget':
      return { type: kind, ...span, node: random.below(nodes) }
    case 'raise':
      return { type: kind, ...span }
  }
}

/** Any members: mostly voters, since a cluster of few of them stands still at their first crash. */
function drawMembers(
  random: RandomStream,
  nodes: number,
): { voters: readonly number[]; learners: readonly number[]; explicit: boolean } {
  const voters: number[] = []
  const learners: number[] = []
  const part = random.pick([400, 700, 900])
  for (let node = 0; node < nodes; node++) {
    if (random.chance(part)) voters.push(node)
    else if (random.chance(400)) learners.push(node)
  }
  // Now and then nobody is left to vote: then the leader must refuse.
  return { voters, learners, explicit: random.chance(200) }
}

/** Two nodes, different ones unless there is but one; the injector sees to it for a leader. */
function drawPair(random: RandomStream, nodes: number): { a: Target; b: number } {
  const a = drawTarget(random, nodes)
  const b = random.below(nodes)
  return { a, b: a === b ? (b + 1) % nodes : b }
}

function drawTarget(random: RandomStream, nodes: number): Target {
  return random.chance(400) ? 'leader' : random.below(nodes)
}

function drawClients<Operation>(
  streams: Streams,
  options: SwarmOptions,
  drawOperation: (random: RandomStream, client: number) => Operation,
): readonly (readonly ClientStep<Operation>[])[] {
  const clients: (readonly ClientStep<Operation>[])[] = []
  for (let client = 0; client < options.clients; client++) {
    const random = streams.stream(`client/${client}`)
    const steps: ClientStep<Operation>[] = []
    const pauseMaxMs = random.pick([50, 100, 250])
    let atMs = 0
    while (atMs < options.fireMs) {
      const pauseMs = random.between(1, pauseMaxMs)
      steps.push({ pauseMs, operation: drawOperation(random, client) })
      atMs += pauseMs
    }
    clients.push(steps)
  }
  return clients
}
