// A register as a replicated machine, with its workload and model, right or wrong in one rule: for
// the tests of the simulator as a library.

import fc from 'fast-check'
import type { Model } from '../../checker/model.ts'
import { register } from '../../checker/models/register.ts'
import type { RegisterInput, RegisterState } from '../../checker/models/register.ts'
import { Hash128 } from '../../core/hash.ts'
import type { Machine } from '../../core/machine.ts'
import type { RandomStream } from '../../sim/random.ts'
import { commandWorkload } from '../../sim/workload.ts'
import type { Workload } from '../../sim/workload.ts'

/** Of a read the value, of a cas whether it took effect, of a write true. */
export type RegisterReply = number | boolean

export type RegisterMachine = Machine<number, RegisterInput, RegisterReply, never>

export type RegisterWorkload = Workload<
  RegisterInput,
  RegisterReply,
  never,
  RegisterInput,
  RegisterInput,
  RegisterReply
>

/** A register that holds 0 at first. */
export const registerModel: Model<RegisterState, RegisterInput, RegisterReply> = {
  name: 'register of numbers',
  init: () => ({ value: 0 }),
  step: (state, input, output) => register.step(state, input, output),
  equal: (a, b) => a.value === b.value,
  describe: (input, output) => register.describe(input, output),
  describeState: (state) => register.describeState(state),
}

function applyRegister(value: number, command: RegisterInput): readonly [number, RegisterReply] {
  switch (command.type) {
    case 'read':
      return [value, value]
    case 'write':
      return [Number(command.value), true]
    case 'cas':
      return command.from === value ? [Number(command.to), true] : [value, false]
  }
}

function toBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function fromBytes<Value>(bytes: Uint8Array): Value | null {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Value
  } catch {
    return null
  }
}

/** The machine; `edit` may put one of its functions wrong. */
export function registerMachine(edit: Partial<RegisterMachine> = {}): RegisterMachine {
  return {
    initial: () => 0,
    apply: (value, command) => [...applyRegister(value, command), []],
    query: (value, command) => (command.type === 'read' ? value : null),
    due: () => null,
    encodeCommand: toBytes,
    decodeCommand: (bytes) => fromBytes(bytes),
    encodeReply: toBytes,
    decodeReply: (bytes) => fromBytes(bytes),
    encodeSnapshot: toBytes,
    decodeSnapshot: (bytes) => fromBytes(bytes),
    hash: (value) => {
      const hash = new Hash128()
      hash.integer(value)
      return hash.hex()
    },
    ...edit,
  }
}

/** A machine whose compare-and-set does not compare. */
export function carelessRegister(): RegisterMachine {
  return registerMachine({
    apply: (value, command) => {
      if (command.type !== 'cas') return [...applyRegister(value, command), []]
      return [Number(command.to), true, []]
    },
  })
}

/** Clients that read, write and compare-and-set small numbers, each asked for once. */
export function registerWorkload(): RegisterWorkload {
  return commandWorkload({ draw: drawCommand, fresh: { type: 'read' } })
}

function drawCommand(random: RandomStream): RegisterInput {
  const value = random.below(5)
  const type = random.pick(['read', 'write', 'cas'] as const)
  if (type === 'read') return { type }
  return type === 'write' ? { type, value } : { type, from: random.below(5), to: value }
}

/** The same commands, for fast-check. */
export const registerCommand: fc.Arbitrary<RegisterInput> = fc.oneof(
  fc.record({ type: fc.constant('read' as const) }),
  fc.record({ type: fc.constant('write' as const), value: fc.nat(4) }),
  fc.record({ type: fc.constant('cas' as const), from: fc.nat(4), to: fc.nat(4) }),
)
