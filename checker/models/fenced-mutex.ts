// A mutex with fencing tokens: each acquire's token is greater than every earlier one's.

import type { Plain, Told } from '../event.ts'
import { judgeFencedMutex } from '../mutex-monitors.ts'
import { askLock, hasRefused, isRefused, plainHoldings } from './lock-words.ts'
import { shared, turns, words } from './lock-words.ts'
import type { PlainLockInput } from './lock-words.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { fieldOf, showKey } from './plain.ts'

/** A fencing token; numbers and bigints compare by size. */
export type Token = number | bigint

/** Who holds the lock (empty: nobody), and the greatest token so far. */
export interface FencedState {
  readonly owner: string
  readonly tokenMax: Token
}

/** Of an acquire: its token, or true when it was not told. False: refused. */
export type FencedOutput = Token | boolean

const unheld: FencedState = { owner: '', tokenMax: -Infinity }

/**
 * A mutex that only its holder may release, with unique growing tokens. A token that nobody was
 * told is some number: nothing follows from it. What a release says of its token is not compared.
 */
export function fencedMutex(): NamedModel<FencedState, PlainLockInput, FencedOutput> {
  return {
    name: 'fenced-mutex',
    init: () => unheld,
    step,
    isObserver: isRefused,
    equal: (a, b) => a.owner === b.owner && a.tokenMax === b.tokenMax,
    hash: ({ owner, tokenMax }) => `${tokenMax} ${owner}`,
    partition: partitionByKey,
    units: turns,
    judge: (part) => {
      const isTold = part.every(({ input, outcome, output }) => {
        return outcome !== 'ok' || input.type === 'release' || typeof output === 'number'
      })
      return isTold && !hasRefused(part) ? judgeFencedMutex(part, words, Number) : null
    },
    holdings: (part) => plainHoldings(part, {}, ({ output }) => ({ label: tokenLabel(output) })),
    describe,
    describeState: ({ owner, tokenMax }) => {
      const tokens = tokenMax === -Infinity ? 'no token yet' : `greatest token ${tokenMax}`
      return owner === '' ? `free, ${tokens}` : `held by ${owner}, ${tokens}`
    },
    ask: shared(askLock),
    tell: ({ type }: PlainLockInput, { value, failed }: Told) => {
      if (failed === true) return false
      return type === 'release' ? true : (tokenOf(value) ?? true)
    }
  }
}

function step(
  state: FencedState,
  { type, owner }: PlainLockInput,
  output: FencedOutput | undefined
): FencedState | null {
  const isPossible = state.owner === (type === 'acquire' ? '' : owner)
  if (output === false) return isPossible ? null : state
  if (!isPossible) return null
  const { tokenMax } = state
  if (type === 'release') return { owner: '', tokenMax }
  if (output === undefined || output === true) return { owner, tokenMax }
  return output > tokenMax ? { owner, tokenMax: output } : null
}

function describe({ type, key, owner }: PlainLockInput, output: FencedOutput | undefined): string {
  const asked = `${owner}: ${type}${showKey(key)}`
  if (typeof output === 'number' || typeof output === 'bigint') return `${asked} -> token ${output}`
  return `${asked} -> ${output === undefined ? '?' : output ? 'ok' : 'refused'}`
}

function tokenLabel(output: FencedOutput | undefined): string {
  return typeof output === 'number' || typeof output === 'bigint' ? `token ${output}` : ''
}

/** The token that an answer names, itself or in its field `token` or `fence`; or null. */
export function tokenOf(value: Plain | undefined): Token | null {
  if (value === null || value === undefined) return null
  const token = typeof value === 'object' ? fieldOf(value, 'token', 'fence') : value
  if (typeof token === 'bigint') return token
  return typeof token === 'number' && Number.isFinite(token) ? token : null
}
