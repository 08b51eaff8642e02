// The simulator as a user calls it: locks or a machine of their own, judged by a model, by rules of
// their own, and replayed from what was decided.

import * as assert from 'uvu/assert'
import type { Model } from '../../checker/model.ts'
import type { RegisterInput } from '../../checker/models/register.ts'
import { lockMachine } from '../../core/lock/machine.ts'
import type { LockMachine } from '../../core/lock/machine.ts'
import type { MachineEvent } from '../../core/machine.ts'
import * as library from '../../sim/index.ts'
import type { Rule, Scenario, UserOracle } from '../../sim/index.ts'
import { suite } from '../harness.ts'
import {
  carelessRegister,
  registerMachine,
  registerModel,
  registerWorkload,
} from './register-machine.ts'
import type { RegisterReply } from './register-machine.ts'
import { CALM, served } from './support.ts'

const { commandWorkload, lockWorkload, scenarioOf, scenarioProblem, simulate } = library
const test = suite('sim/library')
const SMALL = { clients: 3, fireMs: 3_000 } as const

test('library: public names: these, and no others', () => {
  assert.equal(Object.keys(library).sort(), [
    'CAPSULE_FORMAT',
    'EPSILON_PPM',
    'FAULT_KINDS',
    'commandWorkload',
    'compareRuns',
    'encodeCapsule',
    'lockWorkload',
    'parseCapsule',
    'replayOptions',
    'scenarioOf',
    'scenarioProblem',
    'simulate',
  ])
})

test('library: a seed: the same run, with another seed in between, and told all about', () => {
  const first = simulate({ seed: 5, ...SMALL })
  const other = simulate({ seed: 6, ...SMALL })
  const second = simulate({ seed: 5, ...SMALL })
  assert.equal(second, first)
  assert.is.not(other.traceHash, first.traceHash)
  assert.is(first.verdict, 'ok')
  assert.is(first.violation, null)
  assert.ok(first.events > 100 && first.simSeconds >= 3)
  const { ok, fail, unknown } = first.operations
  assert.ok(ok + fail + unknown > first.history.length, 'it has no words for some')
  const plain = simulate({ seed: 5, ...SMALL, keys: 1 })
  const all = plain.operations.ok + plain.operations.fail + plain.operations.unknown
  assert.ok(all > 10 && all === plain.history.length)
  assert.ok(Object.values(first.oracles).reduce((sum, count) => sum + count) > 1_000)
})

test('library: a scenario: runs as the seed that drew it', () => {
  const options = { seed: 5, ...SMALL }
  const scenario = scenarioOf(options)
  const { verdict, traceHash } = simulate({ scenario })
  assert.equal([verdict, traceHash], ['ok', simulate(options).traceHash])
})

test('library: decisions: recorded, they replay the run; changed, the misfit is named', () => {
  const { decisions, traceHash } = simulate({ seed: 5, ...SMALL, record: true })
  const again = simulate({ seed: 5, ...SMALL, decisions })
  assert.equal([again.traceHash, again.misfit], [traceHash, null])
  const [first] = decisions['node/0'] ?? []
  assert.type(first, 'number')
  const cut = { ...decisions, 'node/0': [first as number] }
  const { misfit } = simulate({ seed: 5, ...SMALL, decisions: cut })
  assert.equal(misfit, { stream: 'node/0', number: 1, reason: 'not recorded' })
})

test('library: a machine with a model: ok when right, not linearizable when wrong', () => {
  const workload = registerWorkload()
  const common = { workload, model: registerModel, ...SMALL }
  for (let seed = 1; seed <= 5; seed++) {
    const right = simulate({ ...common, machine: registerMachine(), seed })
    assert.is(right.verdict, 'ok', `seed ${seed}: ${right.violation?.message}`)
    assert.is(right.oracles['linearizable'], 1)
    const wrong = simulate({ ...common, machine: carelessRegister(), seed })
    assert.equal([wrong.verdict, wrong.violation?.oracle], ['violation', 'linearizable'])
    assert.match(wrong.violation?.message ?? '', 'No order explains')
  }
})

test('library: a machine without a model: its history is not judged', () => {
  const options = { workload: registerWorkload(), ...SMALL, seed: 1 }
  const { verdict, oracles } = simulate({ ...options, machine: carelessRegister() })
  assert.equal([verdict, oracles['linearizable']], ['ok', undefined])
})

test('library: a model with parts: each is judged alone, and a bad one found', () => {
  const counts: number[] = []
  /** At most `most` operations to a part, and each operation is a part. */
  const counted = (most: number): Model<number, RegisterInput, RegisterReply> => ({
    name: 'counted',
    init: () => 0,
    step: (count) => (count < most ? count + 1 : null),
    equal: (a, b) => a === b,
    partition: (history) => {
      counts.push(history.length)
      return history.map((operation) => [operation])
    },
    describe: () => 'one more',
    describeState: (count) => `${count} so far`,
  })
  const options = { machine: registerMachine(), workload: registerWorkload(), seed: 1, ...SMALL }
  const { verdict, history } = simulate({ ...options, model: counted(1) })
  assert.is(verdict, 'ok')
  assert.equal(counts, [history.length])
  assert.is(simulate({ ...options, model: counted(0) }).verdict, 'violation')
})

interface Trail {
  readonly answered: number
  /** Another one for each order of what came before. */
  readonly digest: number
}

/** No order explains the ninth answer, and there are many orders of what came before. */
const hopeless: Model<Trail, RegisterInput, RegisterReply> = {
  name: 'hopeless',
  init: () => ({ answered: 0, digest: 0 }),
  step: ({ answered, digest }, input, output) => {
    const next = Math.imul(digest + input.type.length, 0x9e3779b1) ^ (digest >>> 15)
    if (output === undefined) return { answered, digest: next }
    return answered < 8 ? { answered: answered + 1, digest: next } : null
  },
  equal: (a, b) => a.answered === b.answered && a.digest === b.digest,
  hash: ({ digest }) => digest,
  describe: () => 'x',
  describeState: () => 'y',
}

test('library: a history too hard to judge: unknown, and no violation', () => {
  const { verdict, violation, operations } = simulate({
    machine: registerMachine(),
    workload: registerWorkload(),
    model: hopeless,
    // Only the first client is ever answered, so most operations may or may not have happened.
    rules: [({ from, to }) => ({ type: from < 3 && to > 3 ? 'drop' : 'pass' })],
    nodes: 3,
    faults: [],
    seed: 1,
    clients: 6,
    fireMs: 3_000,
  })
  assert.ok(operations.unknown > 20)
  assert.equal([verdict, violation], ['unknown', null])
})

test('library: a workload with a judge of its own: that one judges', () => {
  const draw = registerWorkload().draw
  const fresh: RegisterInput = { type: 'read' }
  const judge = (): { verdict: 'violation'; message: string } => ({
    verdict: 'violation',
    message: 'said the judge',
  })
  const workload = commandWorkload<RegisterInput, RegisterReply, never>({ draw, fresh, judge })
  const options = { machine: registerMachine(), model: registerModel, seed: 1, ...SMALL }
  const { violation } = simulate({ ...options, workload })
  assert.equal(violation, { oracle: 'linearizable', message: 'said the judge' })
})

test('library: an oracle of the user: sees every turn, and what it says is the verdict', () => {
  let turns = 0
  const patient: UserOracle<number, RegisterReply, never> = {
    name: 'never 3',
    stepped: ({ node, after, before }) => {
      turns++
      assert.ok(after.applied >= before.applied)
      return after.machine === 3 ? `node ${node} holds 3` : null
    },
  }
  const options = { machine: registerMachine(), workload: registerWorkload(), seed: 1, ...SMALL }
  const { verdict, violation, oracles } = simulate({ ...options, oracles: [patient] })
  assert.is(verdict, 'violation')
  assert.is(violation?.oracle, 'never 3')
  assert.match(violation?.message ?? '', /^node \d holds 3$/)
  assert.is(oracles['never 3'], turns)
})

test('library: oracles: each is named, also one that had nothing to look at', () => {
  const looked = new Set<string>()
  const asleep = { name: 'asleep', stepped: () => null }
  const calm = simulate({ nodes: 1, clients: 1, fireMs: 0, faults: [], oracles: [asleep] })
  const names = Object.keys(calm.oracles)
  assert.is(calm.oracles['fencing'], 0)
  assert.is(calm.oracles['committed entry never leaves a disk'], 0)
  for (let seed = 1; seed <= 60 && (seed <= 4 || looked.size < names.length); seed++) {
    const { oracles } = simulate({ seed, oracles: [asleep] })
    assert.equal(Object.keys(oracles), names)
    for (const [name, count] of Object.entries(oracles)) if (count > 0) looked.add(name)
  }
  assert.equal([...looked].sort(), [...names].sort())
})

test('library: a machine whose events differ by replica: seen, though its replies agree', () => {
  let count = 0
  const honest = lockMachine()
  const machine: LockMachine = {
    ...honest,
    apply: (...asked) => {
      const [after, reply, events] = honest.apply(...asked)
      const isOdd = events.length > 0 && ++count % 10 === 0
      return [after, reply, isOdd ? events.map((event) => ({ ...event, count })) : events]
    },
  }
  const options = { workload: lockWorkload(2), seed: 2, nodes: 3, ...SMALL }
  const { violation } = simulate({ ...options, machine: served(machine) })
  assert.is(violation?.oracle, 'equal replies at equal index')
  assert.match(violation?.message ?? '', /other events$/)
})

test('library: a machine that remembers outside its state: its replicas part', () => {
  let count = 0
  const machine = registerMachine({
    apply: (value, command) => [value, command.type === 'read' ? count++ : true, []],
  })
  const options = { workload: registerWorkload(), seed: 2, nodes: 3, ...SMALL }
  const { violation } = simulate({ ...options, machine })
  assert.is(violation?.oracle, 'equal replies at equal index')
})

test('library: a machine whose snapshot forgets: it is not what the log gives', () => {
  const machine = registerMachine({ encodeSnapshot: () => Uint8Array.of(0x30) })
  const options = { workload: registerWorkload(), seed: 2, nodes: 3, ...SMALL }
  const { violation } = simulate({ ...options, machine })
  // Whichever snapshot is looked at first: one that is only made, or one that is written.
  const oracles = ['snapshot equals replay', 'snapshots on disk are the log']
  assert.ok(oracles.includes(violation?.oracle ?? ''), violation?.oracle)
})

test('library: an exception of the machine: is thrown as it is, not taken for a verdict', () => {
  const machine = registerMachine({
    apply: (): readonly [number, RegisterReply, readonly MachineEvent<RegisterReply, never>[]] => {
      throw new RangeError('of the user')
    },
  })
  assert.throws(
    () => simulate({ machine, workload: registerWorkload(), seed: 1, ...SMALL }),
    (error: unknown) => error instanceof RangeError && error.message === 'of the user',
  )
})

test('library: rules: a cluster that hears nothing answers nothing, and cannot recover', () => {
  const rules = [() => ({ type: 'drop' }) as const]
  const { verdict, violation, operations } = simulate({ seed: 1, nodes: 3, ...SMALL, rules })
  assert.equal([verdict, operations.ok], ['violation', 0])
  assert.is(violation?.oracle, 'a leader after the heal')
})

test('library: by reference: another way for messages, the same rules', () => {
  const { verdict, operations } = simulate({ seed: 5, ...SMALL, wire: 'reference' })
  assert.is(verdict, 'ok')
  assert.ok(operations.ok > 10)
})

test('library: trace lines: the last ones, in order of time', () => {
  const { trace } = simulate({ seed: 5, ...SMALL, traceLines: 12 })
  assert.is(trace.length, 12)
  const times = trace.map((line) => Number.parseFloat(line))
  assert.equal([...times].sort((a, b) => a - b), times)
  assert.equal(simulate({ seed: 5, ...SMALL }).trace, [])
  // What the locks say comes more often than all else, and leaves room for it.
  const details = trace.filter((line) => /\(entry \d+\)$/.test(line)).length
  assert.ok(details >= 4 && details < 12, `${details} lines of locks`)
})

const span = { atMs: 0, forMs: 1 }
const problems: readonly (readonly [Partial<Scenario<never>>, string])[] = [
  [{ nodes: 0 }, 'nodes must be from 1 to 7'],
  [{ nodes: 8 }, 'nodes must be from 1 to 7'],
  [{ nodes: 1.5 }, 'nodes must be from 1 to 7'],
  [{ clocks: [] }, 'clocks must be 4, one for each endpoint'],
  [{ fireMs: -1 }, 'fireMs must be an integer of 0 or more'],
  [{ fireMs: 0.5 }, 'fireMs must be an integer of 0 or more'],
  [{ heartbeatIntervalMs: 150 }, 'heartbeatIntervalMs must be below electionTimeoutMs'],
  [
    { faults: [{ type: 'loss', atMs: -1, forMs: 1, per1024: 1 }] },
    'a loss: atMs must be an integer of 0 or more',
  ],
  [
    { faults: [{ type: 'partition', ...span, side: [4], withLeader: false }] },
    'a partition: endpoint 4 of 4',
  ],
  [{ faults: [{ type: 'clientpause', ...span, client: 1 }] }, 'a clientpause: client 1 of 1'],
  [{ faults: [{ type: 'partial', ...span, a: 0, b: 9 }] }, 'a partial: node 9 of 3'],
  [{ faults: [{ type: 'syncerror', ...span, node: 3 }] }, 'a syncerror: node 3 of 3'],
  [{ faults: [{ type: 'pause', ...span, node: 3, midTurn: false }] }, 'a pause: node 3 of 3'],
  [
    { faults: [{ type: 'loss', ...span, per1024: 1025 }] },
    'a loss: per1024 must be from 0 to 1024',
  ],
  [{ dead: [9] }, 'a dead node is none of the nodes'],
  [{ dead: [3] }, 'a dead node is none of the nodes'],
  [{ spares: -1 }, 'spares must be from 0 to 2'],
  [{ spares: 3 }, 'spares must be from 0 to 2'],
  [{ spares: 1 }, 'clocks must be 5, one for each endpoint'],
  [{ diskTimeoutMs: 0 }, 'diskTimeoutMs must be an integer of 1 or more'],
  [{ inFlightMessagesMax: 0 }, 'inFlightMessagesMax must be an integer of 1 or more'],
  [{ inFlightBytesMax: 0.5 }, 'inFlightBytesMax must be an integer of 1 or more'],
  [{ uncommittedBytesMax: 0 }, 'uncommittedBytesMax must be an integer of 1 or more'],
  [{ snapshotEntriesMin: 0 }, 'snapshotEntriesMin must be an integer of 1 or more'],
  [{ snapshotKeepEntries: -1 }, 'snapshotKeepEntries must be an integer of 0 or more'],
  [{ snapshotChunkBytes: 0 }, 'snapshotChunkBytes must be an integer of 1 or more'],
  [{ forwarding: 1 as unknown as boolean }, 'forwarding must be true or false'],
  [{ leaseReads: null as unknown as boolean }, 'leaseReads must be true or false'],
  [{ faults: [{ type: 'transfer', ...span, to: 3 }] }, 'a transfer: node 3 of 3'],
  [{ faults: [{ type: 'forget', ...span, node: 3 }] }, 'a forget: node 3 of 3'],
  [
    { faults: [{ type: 'membership', ...span, voters: [3], learners: [], explicit: false }] },
    'a membership: node 3 of 3',
  ],
  [
    { faults: [{ type: 'membership', ...span, voters: [0], learners: [-1], explicit: false }] },
    'a membership: node -1 of 3',
  ],
  [{ electionTimeoutMs: 0 }, 'electionTimeoutMs must be an integer of 2 or more'],
  [{ delayMinUs: 9_999_999 }, 'delayMaxUs must not be below delayMinUs'],
  [
    { clocks: Array.from({ length: 4 }, () => ({ offsetMs: 0, driftPpm: -1_000_000 })) },
    'a driftPpm must be an integer within 100000 of 0',
  ],
]

test('library: a scenario with spares: they count wherever a node is named', () => {
  const clocks = Array.from({ length: 5 }, () => ({ offsetMs: 0, driftPpm: 0 }))
  const spare = { ...CALM, spares: 1, clocks, dead: [3] }
  const named = { voters: [3], learners: [0] }
  const change = { type: 'membership', ...span, ...named, explicit: true } as const
  const faults = [change, { type: 'transfer', ...span, to: 3 } as const]
  assert.is(scenarioProblem({ ...spare, faults }), null)
  assert.is(scenarioProblem({ ...spare, dead: [4] }), 'a dead node is none of the nodes')
})

test('library: a scenario that cannot be: says why, in a sentence', () => {
  assert.is(scenarioProblem(CALM), null)
  for (const [edit, problem] of problems) {
    const scenario = { ...CALM, ...edit }
    assert.is(scenarioProblem(scenario), problem)
    assert.throws(
      () => simulate({ scenario }),
      (error: unknown) => error instanceof TypeError && error.message === `simulate: ${problem}`,
    )
  }
})

test('library: a client that is never answered again: breaks the bound on answers', () => {
  const isLost = ({ to, timeUs }: { to: number; timeUs: number }): boolean =>
    to === 3 && timeUs > 3_000_000
  const rule: Rule = (packet) => (isLost(packet) ? { type: 'drop' } : { type: 'pass' })
  const oracles = [22, 23, 25, 26].map(
    (seed) => simulate({ seed, nodes: 3, fireMs: 5_000, rules: [rule] }).violation?.oracle,
  )
  assert.ok(oracles.includes('answers after the heal'), oracles.join(', '))
})

test('library: commands asked once, a spare and a dead node first: the next goes past them', () => {
  // The client begins at the spare, which knows no leader; the next is dead, and ends the call.
  const clocks = Array.from({ length: 6 }, () => ({ offsetMs: 0, driftPpm: 0 }))
  const common = { ...CALM, nodes: 4, spares: 1, clocks, fireMs: 0, dead: [0] }
  for (let seed = 1; seed <= 8; seed++) {
    const scenario = { ...common, seed: String(seed) }
    const options = { machine: registerMachine(), workload: registerWorkload() }
    const { verdict, violation } = simulate({ ...options, scenario })
    assert.is(verdict, 'ok', `seed ${seed}: ${violation?.message}`)
  }
})

test('library: options that cannot be: say so', () => {
  const bad: readonly (readonly [object, RegExp])[] = [
    [{ faults: ['bogus'] }, /^simulate: faults does not know 'bogus'; it takes some of loss, /],
    [{ clients: -1 }, /^simulate: clients must be an integer of 1 or more$/],
    [{ nodes: 0 }, /^simulate: nodes must be an integer from 1 to 7$/],
  ]
  for (const [options, message] of bad) assert.throws(() => simulate(options), message)
})

test.run()
