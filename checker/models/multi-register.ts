// Registers by name, read and written by transactions of several steps that take effect at once.

import type { Asked, Plain, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { fieldOf, keyOf, plainText, showKey, showValue } from './plain.ts'
import { valueHash, valueOf, wordOf, type Value } from './plain.ts'
import { unseenWrites, type Effects } from './seen-values.ts'

/** One step of a transaction. */
export type MultiRegisterStep =
  | { readonly type: 'read'; readonly register: string }
  | { readonly type: 'write'; readonly register: string; readonly value: Value }

/** A transaction: its steps see what the earlier ones wrote. */
export interface MultiRegisterInput {
  readonly key?: string
  readonly steps: readonly MultiRegisterStep[]
}

/** What each step was told: of a read the value, undefined where it is unknown. */
export type MultiRegisterOutput = readonly (Value | undefined)[]

/** The registers written so far, with their values. */
export type MultiRegisterState = ReadonlyMap<string, Value>

/** What the registers hold at first, and what a nil means. */
export interface MultiRegisterOptions {
  /** A map of values by register, or one value for all; nil when not given. */
  readonly initial?: Plain
  /** A read answered nil: `unknown` (as when not given) is always possible, `value` saw nil. */
  readonly nilRead?: 'value' | 'unknown'
}

/** Registers with atomic transactions, `[[read k v] [write k v] ...]` in files. */
export function multiRegister(
  { initial = null, nilRead = 'unknown' }: MultiRegisterOptions = {}
): NamedModel<MultiRegisterState, MultiRegisterInput, MultiRegisterOutput> {
  const isMap = typeof initial === 'object' && initial !== null && !Array.isArray(initial)
  const first = new Map<string, Value>()
  if (isMap) {
    const names = initial instanceof Map ? [...initial.keys()] : Object.keys(initial)
    for (const name of names) {
      first.set(plainText(wordOf(name) ?? name), valueOf(fieldOf(initial, name)))
    }
  }
  const unset = valueOf(isMap ? null : initial)
  return {
    name: 'multi-register',
    init: () => first,
    step: (state, input, output) => step(state, input, output, unset),
    isObserver: ({ steps }) => steps.every(({ type }) => type === 'read'),
    equal: (a, b) => hash(a, unset) === hash(b, unset),
    hash: (state) => hash(state, unset),
    partition: partitionByKey,
    units: (part) => unseenWrites(part, effectsOf),
    describe,
    describeState: (state) => {
      return [...state].map(([name, value]) => `${name} = ${showValue(value)}`).join(', ')
    },
    ask,
    tell: (input, told) => tell(input, told, nilRead)
  }
}

function effectsOf({
  input,
  output
}: Operation<MultiRegisterInput, MultiRegisterOutput>): Effects {
  const writes: [string, Value][] = []
  const looks: [string, Value][] = []
  for (const [index, one] of input.steps.entries()) {
    const seen = output?.[index]
    if (one.type === 'write') writes.push([one.register, one.value])
    else if (seen !== undefined) looks.push([one.register, seen])
  }
  return { writes, looks }
}

function step(
  state: MultiRegisterState,
  { steps }: MultiRegisterInput,
  output: MultiRegisterOutput | undefined,
  unset: Value
): MultiRegisterState | null {
  let after: Map<string, Value> | null = null
  for (const [index, one] of steps.entries()) {
    if (one.type === 'write') {
      after ??= new Map(state)
      after.set(one.register, one.value)
      continue
    }
    const seen = output?.[index]
    const held = (after ?? state).get(one.register)
    if (seen !== undefined && seen !== (held === undefined ? unset : held)) return null
  }
  return after ?? state
}

function hash(state: MultiRegisterState, unset: Value): string {
  const texts: string[] = []
  for (const [name, value] of state) {
    if (value !== unset) texts.push(JSON.stringify([name, valueHash(value)]))
  }
  return texts.sort().join()
}

function describe(
  { key, steps }: MultiRegisterInput,
  output: MultiRegisterOutput | undefined
): string {
  const texts = steps.map((one, index) => {
    if (one.type === 'write') return `write ${one.register} ${showValue(one.value)}`
    return `read ${one.register} -> ${showValue(output?.[index])}`
  })
  return `txn${showKey(key)}: ${texts.join(', ')}`
}

function ask(asked: Asked): MultiRegisterInput | null {
  const { f, value } = asked
  if (f !== 'txn' && f !== 'read' && f !== 'write') return null
  if (!Array.isArray(value)) return null
  const steps: MultiRegisterStep[] = []
  for (const one of value as readonly Plain[]) {
    const step = askStep(one)
    if (step === null) return null
    steps.push(step)
  }
  return { key: keyOf(asked), steps }
}

function askStep(plain: Plain): MultiRegisterStep | null {
  if (!Array.isArray(plain) || plain.length < 2 || plain.length > 3) return null
  const [f, name, value = null] = plain as readonly Plain[]
  const word = wordOf(f)
  const register = plainText(wordOf(name) ?? name)
  if (word === 'read' || word === 'r') return { type: 'read', register }
  if (word === 'write' || word === 'w') return { type: 'write', register, value: valueOf(value) }
  return null
}

function tell(
  { steps }: MultiRegisterInput,
  { value, failed }: Told,
  nilRead: 'value' | 'unknown'
): MultiRegisterOutput | null | undefined {
  if (failed === true || value === null || value === undefined) return undefined
  if (!Array.isArray(value) || value.length !== steps.length) return null
  const told = value as readonly Plain[]
  const output: (Value | undefined)[] = []
  for (const [index, one] of steps.entries()) {
    const answered = told[index] as Plain
    const same = askStep(answered)
    if (same?.type !== one.type || same.register !== one.register) return null
    const seen = (answered as readonly Plain[])[2] ?? null
    const isUnknown = seen === null && nilRead === 'unknown'
    output.push(one.type === 'write' || isUnknown ? undefined : valueOf(seen))
  }
  return output
}
