// A queue: first in, first out.

import type { Operation } from '../history.ts'
import { isSame, partitionByKey, type NamedModel } from './named-model.ts'
import { keyOf, plainText, showKey } from './plain.ts'

/** What a queue is asked; items are texts that differ for different data. */
export type QueueInput =
  | { readonly type: 'enqueue'; readonly key: string; readonly item: string }
  | { readonly type: 'dequeue'; readonly key: string }

/** Of a dequeue: the item, or empty when there was none. Of an enqueue: nothing that matters. */
export type QueueOutput = string

/** A queue. The state is its items, each with a line end behind it. */
export function queue(): NamedModel<string, QueueInput, QueueOutput> {
  return {
    name: 'queue',
    init: () => '',
    step,
    isObserver: ({ type }, output) => type === 'dequeue' && output === '',
    equal: isSame,
    hash: (state) => state,
    partition: partitionByKey,
    units,
    describe: (input, output) => {
      if (input.type === 'enqueue') return `enqueue${showKey(input.key)} ${input.item}`
      return `dequeue${showKey(input.key)} -> ${output === undefined ? '?' : output || 'empty'}`
    },
    describeState: (state) => `[${state.trimEnd().replaceAll('\n', ', ')}]`,
    ask: (asked) => {
      const key = keyOf(asked)
      if (asked.f === 'dequeue') return { type: 'dequeue', key }
      if (asked.f !== 'enqueue' || (asked.value ?? null) === null) return null
      return { type: 'enqueue', key, item: plainText(asked.value) }
    },
    tell: ({ type }, { value, failed }) => {
      if (type === 'enqueue') return failed === true ? undefined : ''
      return failed === true || (value ?? null) === null ? '' : plainText(value)
    }
  }
}

type QueueOperations = readonly Operation<QueueInput, QueueOutput>[]

/**
 * All operations of one item; and the unanswered dequeues, when each item went to another. If an
 * answered one may have taken any item, none can be spared.
 */
function units(part: QueueOperations): readonly QueueOperations[] {
  const items = new Map<string, Operation<QueueInput, QueueOutput>[]>()
  const unanswered: QueueOperations[] = []
  const left = new Map<string, number>()
  for (const operation of part) {
    const { input, output, outcome } = operation
    const isTaken = input.type === 'dequeue'
    if (isTaken && output === '') continue
    if (isTaken && output === undefined) {
      if (outcome === 'ok') return []
      unanswered.push([operation])
      continue
    }
    const item = isTaken ? (output as string) : input.item
    const own = items.get(item)
    if (own === undefined) items.set(item, [operation])
    else own.push(operation)
    left.set(item, (left.get(item) ?? 0) + (isTaken ? -1 : 1))
  }
  const isSpare = unanswered.length > 0 && [...left.values()].every((count) => count <= 0)
  return isSpare ? [...items.values(), ...unanswered] : [...items.values()]
}

function step(state: string, input: QueueInput, output: QueueOutput | undefined): string | null {
  if (input.type === 'enqueue') return `${state}${input.item}\n`
  if (output === '') return state === '' ? state : null
  if (state === '') return null
  if (output === undefined) return state.slice(state.indexOf('\n') + 1)
  return state.startsWith(`${output}\n`) ? state.slice(output.length + 1) : null
}
