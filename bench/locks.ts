// How fast the lock machine is by itself, on one thread and by processor time: without consensus,
// codec, network and disk. `machine.apply` gets commands as the codec has decoded them, 64 one
// after the other at one log time, then the next 64 a little later.
//
// Half of all keys are held at any time, each by one of 1 000 owners with an exclusive lease that
// does not run out. A pair is the acquire of a free key and the release of a held one, both drawn
// uniformly; they are of two keys, so that no change undoes the one before. The commands come
// outside of all sessions, so that each reply is remembered: 64 000 are, and each further command
// remembers one and forgets one. In sessions, one for each owner, commands like these come as calls
// of the lock service, each of which acknowledges the one before. Every pass starts from one state.
//
// The peer in the same run is what any such state costs at the least: two persistent B-trees, each
// of which gets or loses the key of each command, and nothing else.

import { invariant } from '../core/invariant.ts'
import type { LockCommand } from '../core/lock/command.ts'
import { snapshotParts } from '../core/lock/snapshot.ts'
import type { LockState } from '../core/lock/state.ts'
import type { OrderedMap } from '../core/ordered-map.ts'
import { emptyMap, mapDelete, mapSet, mapSize } from '../core/ordered-map.ts'
import { heapBytes, machine as machineInfo, measured, rangeOf, timed } from './bench.ts'
import type { Bench, BenchOptions, Measured } from './bench.ts'
import type { Kind, Place } from './lock-load.ts'
import {
  Clients,
  MEMOS,
  OWNERS,
  TTL_MS,
  TURN_COMMANDS,
  applyAll,
  applyCalls,
  commandsFrom,
  heldPlace,
  machine,
  sessionPairs,
  steadyPlace,
} from './lock-load.ts'

/** By the number of keys that are drawn from. */
interface ByKeys {
  readonly keys1000: number
  readonly keys1000000: number
}

interface LocksResult {
  readonly bench: 'locks'
  readonly pairsPerSecond: ByKeys
  /** Each command a call of its owner's session, at 1 000 keys. */
  readonly sessionPairsPerSecond: number
  /** Pairs of two B-trees and nothing else. */
  readonly barePairsPerSecond: ByKeys
  /** Commands of one kind alone, at 1 000 keys; a status goes through `apply` as well. */
  readonly commandsPerSecond: Readonly<Record<Kind, number>>
  /**
   * Heap of `LOCKS_MANY` held locks by the lock: keys and owners of up to 7 and 4 characters, the
   * records, and their share of the maps by key, by deadline and by owner. The locks were taken in
   * random order, by commands from the codec. No reply is remembered: that is not in it.
   */
  readonly bytesPerLock: number
  /**
   * The state never changes, so that to take hold of it for a snapshot is an assignment, which is
   * nothing to measure. `generator` is the making of `snapshotParts` that comes with it, and
   * `firstPart` what comes before its first 64 KiB are there.
   */
  readonly snapshotMicroseconds: { readonly generator: number; readonly firstPart: number }
  /** Of a snapshot of `LOCKS_MANY` held locks in parts. */
  readonly streamLocksPerSecond: number
  /** The longest time to the next part, by the clock on the wall: what others have to wait. */
  readonly longestPartMs: number
  /** Until `LOCKS_DUE` locks, all of them due, have been expired by commands of 1 000 each. */
  readonly expire100000Ms: number
  readonly work: object
  readonly spread: Readonly<Record<string, Measured>>
  readonly passes: number
  readonly machine: object
}

const KEYS_FEW = 1_000
const KEYS_MANY = 1_000_000
const LOCKS_MANY = 1_000_000
/** Of what many means, as little is enough to see that it runs. */
const QUICK_PART = 0.02
const LOCKS_DUE = 100_000
const EXPIRE_MAX = 1_000
/** Of one pass, which ends with a turn. */
const PAIRS = 800 * TURN_COMMANDS
/** From one state on: as many turns as there are free keys for, and keys held. */
const ALONE_COMMANDS = 7 * TURN_COMMANDS
const ALONE_ROUNDS = 200
const GENERATORS = 100_000
const FIRST_PARTS = 100

const TARGETS = {
  pairs1000: 250_000,
  pairs1000000: 90_000,
  bytesPerLock: 400,
  snapshotMicroseconds: 1,
  streamLocksPerSecond: 500_000,
  longestPartMs: 5,
  expire100000Ms: 300,
} as const

/** The bench of the lock machine. */
export const locksBench: Bench = {
  name: 'locks',
  summary: 'pairs per processor second, bytes per lock, snapshot, expiry: --quick',
  takes: ['quick'],
  run,
  lines: (result) => linesOf(result as LocksResult),
}

function run(passes: number, { isQuick }: BenchOptions): LocksResult {
  const part = isQuick ? QUICK_PART : 1
  // Each part with its own states alone on the heap.
  const spread: Record<string, Measured> = {
    ...measurePairs(passes),
    ...measureManyKeys(KEYS_MANY * part, passes),
    ...measureExpiry(passes),
  }
  const { state, bytesPerLock } = measureBytesPerLock(LOCKS_MANY * part)
  Object.assign(spread, measureSnapshot(state, passes))
  const medianOf = (name: string): number => {
    const values = spread[name]
    invariant(values !== undefined, `bench: nothing was measured as ${name}`)
    return values.median
  }
  return {
    bench: 'locks',
    pairsPerSecond: { keys1000: medianOf('pairs1000'), keys1000000: medianOf('pairs1000000') },
    sessionPairsPerSecond: medianOf('sessionPairs1000'),
    barePairsPerSecond: { keys1000: medianOf('bare1000'), keys1000000: medianOf('bare1000000') },
    commandsPerSecond: {
      acquire: medianOf('acquire'),
      release: medianOf('release'),
      renew: medianOf('renew'),
      status: medianOf('status'),
    },
    bytesPerLock,
    snapshotMicroseconds: {
      generator: medianOf('generatorMicroseconds'),
      firstPart: medianOf('firstPartMicroseconds'),
    },
    streamLocksPerSecond: medianOf('streamLocksPerSecond'),
    longestPartMs: medianOf('longestPartMs'),
    expire100000Ms: medianOf('expire100000Ms'),
    work: { turnCommands: TURN_COMMANDS, held: 'half', owners: OWNERS, memos: MEMOS, pairs: PAIRS },
    spread,
    passes,
    machine: machineInfo(),
  }
}

type Runs = Readonly<Record<string, () => number>>

/**
 * What the runs answer, by name. One warm-up for each: the engine compiles what is hot. The passes
 * then take turns, so that what disturbs the machine for a while disturbs all of them.
 */
function measure(runs: Runs, passes: number): Record<string, Measured> {
  const all = Object.entries(runs)
  for (const [, work] of all) work()
  const values = new Map<string, number[]>(all.map(([name]) => [name, []]))
  for (let pass = 0; pass < passes; pass++) {
    for (const [name, work] of all) values.get(name)?.push(work())
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, measured(list)]))
}

function measurePairs(passes: number): Record<string, Measured> {
  const clients = new Clients(KEYS_FEW)
  const place = steadyPlace(clients, KEYS_FEW)
  const inSessions = sessionPairs(KEYS_FEW, PAIRS)
  const sessionPairs1000 = (): number => {
    const { cpu } = timed(() => applyCalls(inSessions.place, inSessions.calls))
    return PAIRS / cpu
  }
  const kinds: readonly Kind[] = ['acquire', 'release', 'renew', 'status']
  const alone = kinds.map((kind) => [kind, aloneRun(place, clients, kind)] as const)
  const pairs = { ...pairRuns(place, clients, '1000'), sessionPairs1000 }
  return measure({ ...pairs, ...Object.fromEntries(alone) }, passes)
}

function measureManyKeys(keys: number, passes: number): Record<string, Measured> {
  const clients = new Clients(keys)
  return measure(pairRuns(steadyPlace(clients, keys), clients, '1000000'), passes)
}

/** Runs that answer how many pairs there are in a second, of the lock machine and of bare trees. */
function pairRuns(place: Place, clients: Clients, keys: string): Runs {
  const commands = commandsFrom(place, clients.fork(), 2 * PAIRS, 'acquire', 'release')
  const trees = heldTrees(clients.heldKeys())
  return {
    [`pairs${keys}`]: () => {
      const { cpu } = timed(() => {
        const { state } = applyAll(place, commands)
        invariant(state.memosCount === MEMOS, 'bench: the memos do not stay as many')
      })
      return PAIRS / cpu
    },
    [`bare${keys}`]: () => {
      const { cpu } = timed(() => {
        const after = applyBare(trees, commands)
        invariant(mapSize(after[0]) === mapSize(trees[0]), 'bench: the keys do not stay as many')
      })
      return PAIRS / cpu
    },
  }
}

/** A run that answers how many commands of one kind there are in a second. */
function aloneRun(place: Place, clients: Clients, kind: Kind): () => number {
  const commands = commandsFrom(place, clients.fork(), ALONE_COMMANDS, kind)
  return () => {
    const { cpu } = timed(() => {
      for (let round = 0; round < ALONE_ROUNDS; round++) {
        // What brings no reply to remember has none to forget.
        if (kind === 'status') applyAll(place, commands, 0)
        else applyAll(place, commands)
      }
    })
    return (ALONE_ROUNDS * ALONE_COMMANDS) / cpu
  }
}

type Tree = OrderedMap<string, object>

/** Two trees with these keys, which came one by one. */
function heldTrees(keys: readonly string[]): readonly [Tree, Tree] {
  let first: Tree = emptyMap()
  let second: Tree = emptyMap()
  for (const key of keys) {
    const value = { key }
    first = mapSet(first, key, value)
    second = mapSet(second, key, value)
  }
  return [first, second]
}

function applyBare(
  trees: readonly [Tree, Tree],
  commands: readonly LockCommand[],
): readonly [Tree, Tree] {
  let [first, second] = trees
  for (const command of commands) {
    if (command.type === 'acquire') {
      first = mapSet(first, command.key, command)
      second = mapSet(second, command.key, command)
    } else if (command.type === 'release') {
      first = mapDelete(first, command.key)
      second = mapDelete(second, command.key)
    }
  }
  return [first, second]
}

function measureExpiry(passes: number): Record<string, Measured> {
  const { state, index } = heldPlace(new Clients(LOCKS_DUE), LOCKS_DUE)
  const commands = LOCKS_DUE / EXPIRE_MAX
  const expire100000Ms = (): number => {
    let after = state
    const { cpu } = timed(() => {
      for (let at = 1; at <= commands; at++) {
        const context = { index: index + at, timeMs: TTL_MS, version: 1 }
        after = machine.apply(after, { type: 'expire', max: EXPIRE_MAX }, context)[0]
      }
    })
    invariant(mapSize(after.locks) === 0, 'bench: a due lock was not expired')
    return cpu * 1e3
  }
  return measure({ expire100000Ms }, passes)
}

/** The heap that many held locks take, by what a full collection leaves before and after. */
function measureBytesPerLock(locks: number): {
  readonly state: LockState
  readonly bytesPerLock: number
} {
  const before = heapBytes()
  const { state } = heldPlace(new Clients(locks), locks)
  return { state, bytesPerLock: Math.round((heapBytes() - before) / mapSize(state.locks)) }
}

function measureSnapshot(state: LockState, passes: number): Record<string, Measured> {
  // Each pass makes them anew, and then asks some of them for their first part.
  const generators = new Array<ReturnType<typeof snapshotParts>>(GENERATORS)
  const longestPartsMs: number[] = []
  const runs = {
    generatorMicroseconds: () => {
      const { cpu } = timed(() => {
        for (let at = 0; at < GENERATORS; at++) generators[at] = snapshotParts(state)
      })
      return (cpu * 1e6) / GENERATORS
    },
    firstPartMicroseconds: () => {
      const { cpu } = timed(() => {
        for (let at = 0; at < FIRST_PARTS; at++) generators[at]?.next()
      })
      return (cpu * 1e6) / FIRST_PARTS
    },
    streamLocksPerSecond: () => {
      const { locksPerSecond, longestPartMs } = stream(state)
      longestPartsMs.push(longestPartMs)
      return locksPerSecond
    },
  }
  const spread = measure(runs, passes)
  // The first is of the warm-up.
  return { ...spread, longestPartMs: measured(longestPartsMs.slice(1)) }
}

/** Takes all parts of a snapshot, and lets go of each. */
function stream(state: LockState): {
  readonly locksPerSecond: number
  readonly longestPartMs: number
} {
  let longestPartMs = 0
  let bytes = 0
  const { cpu } = timed(() => {
    let before = performance.now()
    const parts = snapshotParts(state)
    for (let isDone = false; !isDone; ) {
      const next = parts.next()
      const now = performance.now()
      longestPartMs = Math.max(longestPartMs, now - before)
      before = now
      if (next.done === true) isDone = true
      else bytes += next.value.length
    }
  })
  invariant(bytes > mapSize(state.locks), 'bench: the snapshot has not all of the locks')
  return { locksPerSecond: mapSize(state.locks) / cpu, longestPartMs }
}

function linesOf(result: LocksResult): readonly string[] {
  const { spread, bytesPerLock, passes } = result
  const range = (name: string): string => rangeOf(spread[name])
  const atLeast = (target: number): string => `; target: at least ${target}`
  const atMost = (target: number): string => `; target: at most ${target}`
  return [
    `locks: the lock machine alone, by processor time, median of ${passes} passes`,
    `machine: ${JSON.stringify(result.machine)}`,
    `work: ${JSON.stringify(result.work)}`,
    `pairs/s, ${KEYS_FEW} keys: ${range('pairs1000')}${atLeast(TARGETS.pairs1000)}`,
    `pairs/s, ${KEYS_MANY} keys: ${range('pairs1000000')}${atLeast(TARGETS.pairs1000000)}`,
    `in sessions, pairs/s, ${KEYS_FEW} keys: ${range('sessionPairs1000')}`,
    `two bare B-trees, pairs/s, ${KEYS_FEW} keys: ${range('bare1000')}`,
    `two bare B-trees, pairs/s, ${KEYS_MANY} keys: ${range('bare1000000')}`,
    `one kind of command alone, ${KEYS_FEW} keys, commands/s:`,
    ...['acquire', 'release', 'renew', 'status'].map((kind) => `  ${kind}: ${range(kind)}`),
    `bytes per held lock: ${bytesPerLock}${atMost(TARGETS.bytesPerLock)}`,
    `snapshot of ${LOCKS_MANY} locks: the state is immutable, its reference an assignment`,
    `  µs for the generator of the parts: ${range('generatorMicroseconds')}` +
      atMost(TARGETS.snapshotMicroseconds),
    `  µs to the first part: ${range('firstPartMicroseconds')}`,
    `  locks/s: ${range('streamLocksPerSecond')}${atLeast(TARGETS.streamLocksPerSecond)}`,
    `  longest part, ms of wall time: ${range('longestPartMs')}${atMost(TARGETS.longestPartMs)}`,
    `ms to expire ${LOCKS_DUE} locks, ${EXPIRE_MAX} a command: ` +
      `${range('expire100000Ms')}${atMost(TARGETS.expire100000Ms)}`,
  ]
}
