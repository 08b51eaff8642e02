// A counting semaphore: so many permits, taken and given back by anyone.

import { judgeSemaphore } from '../mutex-monitors.ts'
import { lockWord } from './lock-words.ts'
import { hasRefused, isRefused, plainHoldings, plainLock } from './lock-words.ts'
import { shared, tellLock, turnsOfAnybody } from './lock-words.ts'
import type { PlainLockOutput } from './lock-words.ts'
import { isSame, partitionByKey, type NamedModel } from './named-model.ts'
import { fieldOf, keyOf, ownerOf, showKey, wholeOf } from './plain.ts'

/** What a semaphore is asked. */
export interface SemaphoreInput {
  readonly type: 'acquire' | 'release'
  readonly key: string
  /** Who asks; for descriptions only. */
  readonly owner: string
  readonly permits: number
}

/** A semaphore of `permits` permits. The state is the number of those taken. */
export function semaphore(
  permits: number = 1
): NamedModel<number, SemaphoreInput, PlainLockOutput> {
  return {
    name: 'semaphore',
    init: () => 0,
    step: (taken, input, output) => {
      const after = taken + (input.type === 'acquire' ? input.permits : -input.permits)
      const isPossible = after >= 0 && after <= permits
      if (isPossible !== (output ?? true)) return null
      return isPossible ? after : taken
    },
    isObserver: isRefused,
    equal: isSame,
    hash: (taken) => taken,
    judge: (part) => {
      const isPlain = !hasRefused(part) && part.every(({ input }) => input.permits === 1)
      return isPlain ? judgeSemaphore(part, ({ type }) => type, permits) : null
    },
    partition: partitionByKey,
    units: turnsOfAnybody,
    any: () => Array.from({ length: permits + 1 }, (_, taken) => taken),
    holdings: (part) =>
      plainHoldings(part, { isAnonymous: true }, ({ input: { permits: count } }) => ({
        label: count === 1 ? '' : `${count} permits`,
        isShared: permits > 1
      })),
    describe: ({ type, key, owner, permits: count }, output) => {
      const lock = { type, key: '', owner }
      const what = `${showKey(key)}${count === 1 ? '' : ` permits ${count}`}`
      return plainLock.describe(lock, output).replace(' ->', () => `${what} ->`)
    },
    describeState: (taken) => `${taken} of ${permits} permits taken`,
    ask: shared((asked) => {
      const type = lockWord(asked.f)
      const { value = null } = asked
      const named = typeof value === 'number' ? value : (fieldOf(value, 'permits') ?? 1)
      const count = wholeOf(named, 1)
      if (type === null || count === null) return null
      return { type, key: keyOf(asked), owner: ownerOf(asked), permits: count }
    }),
    tell: tellLock
  }
}
