// A set: add, remove, contains and read.

import type { Asked, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import { unreachable } from '../lock-history.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { fieldOf, itemsOf, keyOf, plainText, showKey } from './plain.ts'

/** What a set is asked; elements are texts that differ for different data. */
export type SetInput =
  | { readonly type: 'add' | 'remove' | 'contains'; readonly key: string; readonly element: string }
  | { readonly type: 'read'; readonly key: string }

/**
 * Of an add or remove: whether it changed the set, or 'done' when that was not told. Of a contains:
 * whether it does. Of a read: the elements, sorted.
 */
export type SetOutput = boolean | 'done' | readonly string[]

/** The elements, sorted. */
export type SetState = readonly string[]

/** A set. Its elements are judged one by one unless the history reads the whole. */
export function set(): NamedModel<SetState, SetInput, SetOutput> {
  return {
    name: 'set',
    init: () => [],
    step,
    isObserver: ({ type }, output) => type === 'contains' || type === 'read' || output === false,
    equal: (a, b) => a.length === b.length && a.every((element, index) => element === b[index]),
    hash: (state) => state.join('\n'),
    partition,
    units: unseen,
    describe: (input, output) => {
      const element = input.type === 'read' ? '' : ` ${input.element}`
      return `${input.type}${showKey(input.key)}${element} -> ${showAnswer(output)}`
    },
    describeState: (state) => `{${state.join(', ')}}`,
    ask,
    tell
  }
}

function step(
  state: SetState,
  input: SetInput,
  output: SetOutput | undefined
): SetState | null {
  if (input.type === 'read') {
    if (output === undefined) return state
    return Array.isArray(output) && output.join('\n') === state.join('\n') ? state : null
  }
  const { type, element } = input
  const isIn = state.includes(element)
  switch (type) {
    case 'contains':
      return output === undefined || output === isIn ? state : null
    case 'add':
      if (output === isIn) return null
      return isIn ? state : [...state, element].sort()
    case 'remove':
      if (output === !isIn) return null
      return isIn ? state.filter((other) => other !== element) : state
    default:
      return unreachable(type)
  }
}

function partition(
  history: readonly Operation<SetInput, SetOutput>[]
): readonly (readonly Operation<SetInput, SetOutput>[])[] {
  const parts = partitionByKey(history)
  return parts.flatMap((part) => {
    if (part.some(({ input }) => input.type === 'read')) return [part]
    const byElement = new Map<string, Operation<SetInput, SetOutput>[]>()
    for (const operation of part) {
      const { element } = operation.input as SetInput & { type: 'add' }
      const own = byElement.get(element)
      if (own === undefined) byElement.set(element, [operation])
      else own.push(operation)
    }
    return [...byElement.values()]
  })
}

/** The adds and removes of elements that nobody looks for. */
function unseen(
  part: readonly Operation<SetInput, SetOutput>[]
): readonly (readonly Operation<SetInput, SetOutput>[])[] {
  const seen = new Set<string>()
  for (const { input, output } of part) {
    if (input.type !== 'read') {
      if (typeof output === 'boolean') seen.add(input.element)
    } else if (output !== undefined) return []
  }
  const blind = part.filter(({ input }) => input.type !== 'read' && !seen.has(input.element))
  return blind.map((operation) => [operation])
}

function showAnswer(output: SetOutput | undefined): string {
  if (output === undefined) return '?'
  return typeof output !== 'object' ? `${output}` : `{${output.join(', ')}}`
}

function ask(asked: Asked): SetInput | null {
  const key = keyOf(asked)
  const { f, value } = asked
  if (f === 'read') return { type: f, key }
  if (f !== 'add' && f !== 'remove' && f !== 'contains') return null
  if (f === 'contains') {
    const element = fieldOf(value, 'element') ?? (Array.isArray(value) ? value[0] : value)
    return (element ?? null) === null ? null : { type: f, key, element: plainText(element) }
  }
  return (value ?? null) === null ? null : { type: f, key, element: plainText(value) }
}

/** Of a contains: a boolean, or `[element boolean]`. */
function tell({ type }: SetInput, { value, failed }: Told): SetOutput | null | undefined {
  switch (type) {
    case 'add':
      return failed === true ? undefined : typeof value === 'boolean' ? value : 'done'
    case 'remove':
      return failed === true ? false : typeof value === 'boolean' ? value : 'done'
    case 'contains': {
      if (failed === true) return undefined
      const answer = Array.isArray(value) ? value.at(-1) : value
      return typeof answer === 'boolean' ? answer : undefined
    }
    case 'read': {
      if (failed === true || (value ?? null) === null) return undefined
      const items = itemsOf(value)
      return items === null ? null : [...new Set(items.map(plainText))].sort()
    }
    default:
      return unreachable(type)
  }
}
