// Locks that only one may hold: by anyone's word (Knossos' mutex), by its owner's, by levels.

import type { Told } from '../event.ts'
import { judgeReentrantMutex, type ReentrantWords } from '../level-monitors.ts'
import { judgeOwnerMutex, judgeSemaphore } from '../mutex-monitors.ts'
import { askLock, describePlainLock, hasRefused, isRefused, plainLock } from './lock-words.ts'
import { turnsOf } from './lock-units.ts'
import { plainHoldings, shared, tellLock, turns, turnsOfAnybody, words } from './lock-words.ts'
import type { PlainLockInput, PlainLockOutput } from './lock-words.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { fieldOf, showKey, wholeOf } from './plain.ts'

/** Whether an anonymous mutex is held. */
export type AnonymousState = 'free' | 'held'

/** A mutex without owners: anyone may release what is held. */
export function mutex(): NamedModel<AnonymousState, PlainLockInput, PlainLockOutput> {
  return {
    ...plainLock,
    name: 'mutex',
    ask: shared(askLock),
    init: () => 'free',
    step: (state, { type }, output) => {
      const isPossible = (state === 'free') === (type === 'acquire')
      if (isPossible !== (output ?? true)) return null
      if (!isPossible) return state
      return type === 'acquire' ? 'held' : 'free'
    },
    hash: (state) => state,
    judge: (part) => (hasRefused(part) ? null : judgeSemaphore(part, words.stepOf, 1)),
    units: turnsOfAnybody,
    any: () => ['free', 'held'],
    holdings: (part) => plainHoldings(part, { isAnonymous: true }),
    describeState: (state) => state
  }
}

/** A mutex that only its holder may release. The state is the holder, or empty. */
export function ownerMutex(): NamedModel<string, PlainLockInput, PlainLockOutput> {
  return {
    ...plainLock,
    name: 'owner-mutex',
    ask: shared(askLock),
    init: () => '',
    step: (state, { type, owner }, output) => {
      const isPossible = state === (type === 'acquire' ? '' : owner)
      if (isPossible !== (output ?? true)) return null
      if (!isPossible) return state
      return type === 'acquire' ? owner : ''
    },
    hash: (state) => state,
    judge: (part) => (hasRefused(part) ? null : judgeOwnerMutex(part, words)),
    units: turns,
    holdings: (part) => plainHoldings(part),
    describeState: (state) => (state === '' ? 'free' : `held by ${state}`)
  }
}

/** Who holds a reentrant mutex, and how often. Free: no owner, level 0. */
export interface ReentrantState {
  readonly owner: string
  readonly level: number
}

/** Whether it took effect, or the level it led to. */
export type ReentrantOutput = boolean | number

/** How deep a holder may enter. */
export interface ReentrantOptions {
  /** The highest level, as of Hazelcast's `acquire` limit; Infinity when not given. */
  readonly levelMax?: number
}

const unheld: ReentrantState = { owner: '', level: 0 }

/** A mutex that its holder may acquire again, and must release as often. */
export function reentrantMutex(
  { levelMax = Infinity }: ReentrantOptions = {}
): NamedModel<ReentrantState, PlainLockInput, ReentrantOutput> {
  const levels: ReentrantWords<PlainLockInput, ReentrantOutput> = {
    ...words,
    levelOf: (output) => (typeof output === 'number' ? output : null),
    levelMax
  }
  return {
    name: 'reentrant-mutex',
    init: () => unheld,
    step: (state, input, output) => {
      const after = enterOrLeave(state, input, levelMax)
      if (output === false) return after === null ? state : null
      return typeof output === 'number' && after?.level !== output ? null : after
    },
    isObserver: isRefused,
    judge: (part) => (hasRefused(part) ? null : judgeReentrantMutex(part, levels)),
    equal: (a, b) => a.owner === b.owner && a.level === b.level,
    hash: ({ owner, level }) => `${level} ${owner}`,
    partition: partitionByKey,
    units: (part) => {
      return turnsOf(part, {
        ownerOf: ({ owner }) => owner,
        levelsOf: ({ input }) => (input.type === 'acquire' ? 1 : -1),
        isLook: ({ output }) => output === false
      })
    },
    holdings: (part) =>
      plainHoldings(part, { isReentrant: true }, ({ output }) =>
        typeof output === 'number' ? { level: output } : {}
      ),
    describe: (input, output) => {
      if (typeof output !== 'number') return describePlainLock(input, output)
      return `${input.owner}: ${input.type}${showKey(input.key)} -> level ${output}`
    },
    describeState: ({ owner, level }) => {
      return level === 0 ? 'free' : `held by ${owner}, level ${level}`
    },
    ask: shared(askLock),
    tell: (input, told) => tellLock(input, told) && (levelTold(input, told) ?? true)
  }
}

function enterOrLeave(
  { owner, level }: ReentrantState,
  input: PlainLockInput,
  levelMax: number
): ReentrantState | null {
  if (input.type === 'acquire') {
    const mayEnter = (level === 0 || owner === input.owner) && level < levelMax
    return mayEnter ? { owner: input.owner, level: level + 1 } : null
  }
  if (level === 0 || owner !== input.owner) return null
  return level === 1 ? unheld : { owner, level: level - 1 }
}

/** The level that a field of the answer names, if one does. */
function levelTold({ type }: PlainLockInput, { value }: Told): number | null {
  return wholeOf(fieldOf(value, 'count', 'level'), type === 'acquire' ? 1 : 0)
}
