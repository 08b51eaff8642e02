// A lock that many may share or one may hold alone.

import type { Asked } from '../event.ts'
import { judgeRwLock } from '../level-monitors.ts'
import type { RwLockWords } from '../level-monitors.ts'
import { hasRefused, isRefused, lockWord, plainHoldings } from './lock-words.ts'
import { shared, tellLock, turns } from './lock-words.ts'
import type { PlainLockOutput } from './lock-words.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { fieldOf, keyOf, ownerOf, showKey, wordOf } from './plain.ts'

/** How a lock is held. */
export type LockMode = 'shared' | 'exclusive'

/** What a read-write lock is asked. */
export type RwLockInput =
  | {
      readonly type: 'acquire'
      readonly key: string
      readonly owner: string
      readonly mode: LockMode
    }
  | {
      readonly type: 'release'
      readonly key: string
      readonly owner: string
      /** The mode held; null: whichever it is. */
      readonly mode: LockMode | null
    }

/** Who holds the lock: owners in the order of their names. Free: nobody, shared. */
export interface RwLockState {
  readonly mode: LockMode
  readonly owners: readonly string[]
}

const words: RwLockWords<RwLockInput> = {
  stepOf: ({ type }) => type,
  ownerOf: ({ owner }) => owner,
  isSharedOf: ({ mode }) => (mode === null ? null : mode === 'shared')
}

const unheld: RwLockState = { mode: 'shared', owners: [] }

/**
 * A lock held by any number of owners in shared mode, or by one in exclusive mode. An owner holds
 * it once: to change its mode it releases first.
 */
export function rwLock(): NamedModel<RwLockState, RwLockInput, PlainLockOutput> {
  return {
    name: 'rw-lock',
    init: () => unheld,
    step: (state, input, output) => {
      const after = input.type === 'acquire' ? enter(state, input) : leave(state, input)
      if (output === false) return after === null ? state : null
      return after
    },
    isObserver: isRefused,
    judge: (part) => (hasRefused(part) ? null : judgeRwLock(part, words)),
    equal: (a, b) => hash(a) === hash(b),
    hash,
    partition: partitionByKey,
    units: turns,
    holdings: (part) =>
      plainHoldings(part, {}, ({ input: { mode } }) => {
        return mode === null ? {} : { label: mode, isShared: mode === 'shared' }
      }),
    describe: ({ type, key, owner, mode }, output) => {
      const answer = output === undefined ? '?' : output ? 'ok' : 'refused'
      return `${owner}: ${type}${mode === null ? '' : ` ${mode}`}${showKey(key)} -> ${answer}`
    },
    describeState: ({ mode, owners }) => {
      return owners.length === 0 ? 'free' : `${mode}: held by ${owners.join(', ')}`
    },
    ask: shared(ask),
    tell: tellLock
  }
}

function enter(
  { mode, owners }: RwLockState,
  input: RwLockInput & { type: 'acquire' }
): RwLockState | null {
  if (owners.length === 0) return { mode: input.mode, owners: [input.owner] }
  const mayShare = mode === 'shared' && input.mode === 'shared' && !owners.includes(input.owner)
  return mayShare ? { mode, owners: [...owners, input.owner].sort() } : null
}

function leave(
  { mode, owners }: RwLockState,
  input: RwLockInput & { type: 'release' }
): RwLockState | null {
  if (!owners.includes(input.owner) || (input.mode ?? mode) !== mode) return null
  if (owners.length === 1) return unheld
  return { mode, owners: owners.filter((owner) => owner !== input.owner) }
}

function hash({ mode, owners }: RwLockState): string {
  return owners.length === 0 ? '' : `${mode}\n${owners.join('\n')}`
}

const modes: Readonly<Record<string, LockMode>> = {
  shared: 'shared',
  read: 'shared',
  exclusive: 'exclusive',
  write: 'exclusive'
}

/** Reads `acquire` with the mode as value or in its field `mode`, or `acquire-shared` and so on. */
function ask(asked: Asked): RwLockInput | null {
  const [, verb, , suffix] = /^([a-z]+)([-_](shared|exclusive|read|write))?$/.exec(asked.f) ?? []
  const type = lockWord(verb ?? '')
  if (type === null) return null
  const { value = null } = asked
  const word = suffix ?? wordOf(value) ?? wordOf(fieldOf(value, 'mode'))
  const mode = word !== null && Object.hasOwn(modes, word) ? (modes[word] as LockMode) : null
  const key = keyOf(asked)
  const owner = ownerOf(asked)
  if (type === 'release') return { type, key, owner, mode }
  return mode === null ? null : { type, key, owner, mode }
}
