// Registers: one value with read, write and compare-and-set.

import type { Asked, Plain } from '../event.ts'
import type { Operation } from '../history.ts'
import { unreachable } from '../lock-history.ts'
import { judgeUniqueRegister } from '../register-monitor.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { keyOf, showKey, showValue, valueHash, valueOf, type Value } from './plain.ts'
import { unseenWrites, type Effects } from './seen-values.ts'

/** A value of a register, compared by ===. Of files, nil is a value of its own, and not null. */
export type RegisterValue = Value | null

/** What a register is asked. */
export type RegisterInput =
  | { readonly type: 'read'; readonly key?: string }
  | { readonly type: 'write'; readonly value: RegisterValue; readonly key?: string }
  | {
      readonly type: 'cas'
      readonly from: RegisterValue
      readonly to: RegisterValue
      readonly key?: string
    }

/** Of a read: the value. Of a cas: whether it took effect. Of a write: nothing that matters. */
export type RegisterOutput = RegisterValue

/** What a register holds. An object, because a step's null means an impossible answer. */
export interface RegisterState {
  readonly value: RegisterValue
}

/** What a history's first value is, and what its nil means. */
export interface RegisterOptions {
  /** The value before any write; nil when not given. */
  readonly initial?: Plain
  /**
   * A read answered nil: `value` (as when not given) saw that nil is there,
   * `unknown` tells nothing and is always possible.
   */
  readonly nilRead?: 'value' | 'unknown'
}

type RegisterRules = Omit<RegisterModel, 'ask' | 'tell'>

/** A register that reads the words of files. */
export type RegisterModel = NamedModel<RegisterState, RegisterInput, RegisterOutput>

/** One register with read, write and compare-and-set, that holds null at first. */
export const register: RegisterRules = {
  name: 'register',
  init: () => ({ value: null }),
  step,
  isObserver: ({ type }, output) => type === 'read' || (type === 'cas' && output === false),
  isOverwrite: ({ type }) => type === 'write',
  judge: (part) => judgeUniqueRegister(part, null),
  equal: (a, b) => a.value === b.value,
  hash: ({ value }) => valueHash(value),
  partition: partitionByKey,
  units: (part) => unseenWrites(part, effectsOf),
  any,
  describe,
  describeState: ({ value }) => `register = ${showValue(value)}`
}

/** One register with read, write and compare-and-set, as files have it. */
export function casRegister(options: RegisterOptions = {}): RegisterModel {
  return registerModel('cas-register', ['read', 'write', 'cas'], options)
}

/** One register; of files it takes reads and writes only. */
export function readWriteRegister(options: RegisterOptions = {}): RegisterModel {
  return registerModel('register', ['read', 'write'], options)
}

function registerModel(
  name: string,
  words: readonly string[],
  { initial = null, nilRead = 'value' }: RegisterOptions
): RegisterModel {
  const first = { value: valueOf(initial) }
  return {
    ...register,
    name,
    init: () => first,
    judge: (part) => judgeUniqueRegister(part, first.value),
    ask: (asked) => (words.includes(asked.f) ? ask(asked) : null),
    tell: ({ type }, { value, failed }) => {
      if (failed === true) return type === 'cas' ? false : undefined
      if (type !== 'read') return true
      return (value ?? null) === null && nilRead === 'unknown' ? undefined : valueOf(value)
    }
  }
}

function effectsOf({
  input,
  output
}: Operation<RegisterInput, RegisterOutput>): Effects {
  switch (input.type) {
    case 'read':
      return { writes: [], looks: output === undefined ? [] : [['', output]] }
    case 'write':
      return { writes: [['', input.value]], looks: [] }
    case 'cas':
      if (output === false) return { writes: [], looks: [], refuses: true }
      return { writes: [['', input.to]], looks: [['', input.from]] }
    default:
      return unreachable(input)
  }
}

/** All values that anybody looks for, and one that nobody does. */
function any(part: readonly Operation<RegisterInput, RegisterOutput>[]): readonly RegisterState[] {
  const values = new Set<RegisterValue>(['#another'])
  for (const { input, output } of part) {
    if (input.type === 'read' && output !== undefined) values.add(output)
    if (input.type === 'cas') values.add(input.from)
  }
  return [...values].map((value) => ({ value }))
}

function step(
  state: RegisterState,
  input: RegisterInput,
  output: RegisterOutput | undefined
): RegisterState | null {
  switch (input.type) {
    case 'read':
      return output === undefined || output === state.value ? state : null
    case 'write':
      return { value: input.value }
    case 'cas': {
      const applies = state.value === input.from
      if (applies !== (output ?? true)) return null
      return applies ? { value: input.to } : state
    }
    default:
      return unreachable(input)
  }
}

function describe(input: RegisterInput, output: RegisterOutput | undefined): string {
  const key = showKey(input.key)
  switch (input.type) {
    case 'read':
      return `read${key} -> ${showValue(output)}`
    case 'write':
      return `write${key} ${showValue(input.value)}`
    case 'cas': {
      const swap = `${showValue(input.from)} to ${showValue(input.to)}`
      return `cas${key} ${swap} -> ${showValue(output)}`
    }
    default:
      return unreachable(input)
  }
}

function ask(asked: Asked): RegisterInput | null {
  const key = keyOf(asked)
  const { f, value } = asked
  if (f === 'read') return { type: 'read', key }
  if (f === 'write') return { type: 'write', value: valueOf(value), key }
  if (!Array.isArray(value) || value.length !== 2) return null
  return { type: 'cas', from: valueOf(value[0]), to: valueOf(value[1]), key }
}
