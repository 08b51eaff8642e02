// Nodes share what a pure machine gave; a machine that is not pure must be found out all the same.

import * as assert from 'uvu/assert'
import type { RegisterInput } from '../../checker/models/register.ts'
import type { Machine } from '../../core/machine.ts'
import { commandWorkload, simulate } from '../../sim/index.ts'
import { sharedMachine } from '../../sim/shared-machine.ts'
import { suite } from '../harness.ts'
import { registerMachine, registerWorkload } from './register-machine.ts'
import type { RegisterReply } from './register-machine.ts'

const test = suite('sim/shared-machine')
const SMALL = { seed: 1, nodes: 5, clients: 3, fireMs: 3_000 } as const
const whole = registerMachine()

interface Cell {
  value: number
}

/** The register in a cell that `apply` writes to, where it should make another. */
const edited: Machine<Cell, RegisterInput, RegisterReply, never> = {
  initial: () => ({ value: 0 }),
  apply: (cell, command, context) => {
    const [value, reply, events] = whole.apply(cell.value, command, context)
    cell.value = value
    return [cell, reply, events]
  },
  query: ({ value }, command, timeMs) => whole.query(value, command, timeMs),
  due: () => null,
  encodeCommand: whole.encodeCommand,
  decodeCommand: whole.decodeCommand,
  encodeReply: whole.encodeReply,
  decodeReply: whole.decodeReply,
  encodeSnapshot: ({ value }) => whole.encodeSnapshot(value),
  decodeSnapshot: (bytes) => ({ value: whole.decodeSnapshot(bytes) as number }),
  hash: ({ value }) => whole.hash(value),
}

test('shared machine: an entry: applied once for all nodes, and once by the oracles', () => {
  let applications = 0
  let entries = 0
  const machine = registerMachine({
    apply: (...args) => {
      applications++
      return whole.apply(...args)
    },
  })
  const count = {
    name: 'entries',
    stepped: ({ after }: { readonly after: { readonly applied: number } }) => {
      entries = Math.max(entries, after.applied)
      return null
    },
  }
  const result = simulate({ ...SMALL, machine, workload: registerWorkload(), oracles: [count] })
  assert.is(result.verdict, 'ok')
  assert.ok(entries > 40 && applications > entries, `${entries} entries`)
  assert.ok(applications <= 2 * entries, `${applications} applications of ${entries} entries`)
})

test('shared machine: another state, time or command at the same index: applied anew', () => {
  const shared = sharedMachine(whole)
  const write = (value: number): ReturnType<typeof shared.decodeCommand> =>
    shared.decodeCommand(whole.encodeCommand({ type: 'write', value }))
  const [first, second] = [write(1), write(2)]
  assert.ok(first !== null && second !== null)
  const apply = (before: number, command: typeof first, timeMs: number): unknown =>
    shared.apply(before, command, { index: 1, timeMs, version: 1 })
  const given = apply(0, first, 5)
  assert.is(apply(0, { ...first, payload: first.payload?.slice() ?? null }, 5), given)
  assert.is.not(apply(0, first, 6), given)
  assert.is.not(apply(3, first, 6), given)
  assert.equal(apply(0, second, 5), [2, true, []])
})

test('shared machine: one that has nothing to reply: runs', () => {
  const mute: Machine<number, RegisterInput, undefined, never> = {
    ...whole,
    apply: (value, command, context) => [whole.apply(value, command, context)[0], undefined, []],
    encodeReply: () => new Uint8Array(0),
    decodeReply: () => undefined,
    query: () => undefined,
    due: () => null,
  }
  const workload = commandWorkload<RegisterInput, undefined, never>({
    draw: (random) => ({ type: 'write', value: random.below(5) }),
    fresh: { type: 'read' },
  })
  assert.is(simulate({ ...SMALL, machine: mute, workload }).verdict, 'ok')
})

test('shared machine: one that counts its calls: found out', () => {
  let calls = 0
  const machine = registerMachine({
    apply: (value, command, context) => {
      const [after, reply] = whole.apply(value, command, context)
      return [after, command.type === 'read' && ++calls === 20 ? -1 : reply, []]
    },
  })
  const result = simulate({ ...SMALL, machine, workload: registerWorkload() })
  assert.is(result.violation?.oracle, 'equal replies at equal index')
})

test('shared machine: one that edits its state in place: found out', () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 8 && found.size === 0; seed++) {
    const options = { ...SMALL, seed, machine: edited, workload: registerWorkload() }
    const { violation } = simulate(options)
    if (violation !== null) found.add(violation.oracle)
  }
  // A snapshot is encoded over several turns: it is the first to hold what came later.
  assert.equal([...found], ['snapshots on disk are the log'])
})

test.run()
