// A store of strings by key: get, put and append. What is absent is the empty string.

import type { Asked, Plain } from '../event.ts'
import type { Operation } from '../history.ts'
import { judgeStrings } from '../kv-monitor.ts'
import { unreachable } from '../lock-history.ts'
import { isSame, partitionByKey, type NamedModel } from './named-model.ts'
import { keyOf, showKey } from './plain.ts'

/** What the store is asked of one key. */
export type KvInput =
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'put' | 'append'; readonly key: string; readonly value: string }

/** Of a get: the string. Of others: nothing that matters. */
export type KvOutput = string

/** What a nil means. */
export interface KvOptions {
  /** A get answered nil: `value` (as when not given) saw nothing there, `unknown` tells nothing. */
  readonly nilRead?: 'value' | 'unknown'
}

/** A store of strings; each key is an object by itself, and its state the string. */
export function kv({ nilRead = 'value' }: KvOptions = {}): NamedModel<string, KvInput, KvOutput> {
  return {
    name: 'kv',
    init: () => '',
    step,
    isObserver: ({ type }) => type === 'get',
    isOverwrite: ({ type }) => type === 'put',
    equal: isSame,
    hash: (state) => state,
    partition: partitionByKey,
    units: unseen,
    any,
    judge: judgeStrings,
    describe: (input, output) => {
      const asked = `${input.type}${showKey(input.key)}`
      if (input.type !== 'get') return `${asked} ${JSON.stringify(input.value)}`
      return `${asked} -> ${output === undefined ? '?' : JSON.stringify(output)}`
    },
    describeState: (state) => JSON.stringify(state),
    ask,
    tell: ({ type }, { value, failed }) => {
      if (failed === true) return undefined
      if (type !== 'get') return ''
      if (value !== null && value !== undefined) return textOf(value)
      return nilRead === 'unknown' ? undefined : ''
    }
  }
}

type KvOperations = readonly Operation<KvInput, KvOutput>[]

/**
 * Each put and append whose text is in no string that anybody saw: until the next put nobody looks.
 */
function unseen(part: KvOperations): readonly KvOperations[] {
  const seen = new Set<string>()
  for (const { output } of part) if (output !== undefined) seen.add(output)
  const texts = [...seen]
  return part
    .filter(({ input }) => {
      return input.type !== 'get' && !texts.some((text) => text.includes(input.value))
    })
    .map((operation) => [operation])
}

/** All beginnings of the strings that anybody saw, and one of none; too many count as unknown. */
function any(part: KvOperations): readonly string[] {
  const beginnings = new Set<string>(['#another'])
  for (const { input, output } of part) {
    if (input.type !== 'get' || output === undefined) continue
    for (let length = 0; length <= output.length; length++) {
      beginnings.add(output.slice(0, length))
      if (beginnings.size > beginningsMax) return []
    }
  }
  return [...beginnings]
}

const beginningsMax = 5_000

function step(state: string, input: KvInput, output: KvOutput | undefined): string | null {
  switch (input.type) {
    case 'get':
      return output === undefined || output === state ? state : null
    case 'put':
      return input.value
    case 'append':
      return state + input.value
    default:
      return unreachable(input)
  }
}

function ask(asked: Asked): KvInput | null {
  const key = keyOf(asked)
  const { f } = asked
  if (f === 'get') return { type: f, key }
  if (f !== 'put' && f !== 'append') return null
  const value = textOf(asked.value)
  return value === null ? null : { type: f, key, value }
}

function textOf(plain: Plain): string | null {
  if (typeof plain === 'string') return plain
  return typeof plain === 'number' || typeof plain === 'bigint' ? `${plain}` : null
}
