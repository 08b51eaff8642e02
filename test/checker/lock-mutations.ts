// Small lies about a lock history: each changes one operation, so that most histories become
// impossible, and some remain legal.

import type { LockInput, LockOperation, LockOutput } from '../../checker/lock-history.ts'
import type { Chance } from './chance.ts'

/** Returns the history with one operation changed, or null when the choice fits none. */
export function mutate(chance: Chance, history: readonly LockOperation[]): LockOperation[] | null {
  const at = chance.below(history.length)
  const operation = history[at]
  if (operation === undefined) return null
  const tokens = history.flatMap(({ output }) => (output?.type === 'granted' ? [output.token] : []))
  const changed = chance.pick(mutations)(operation, chance, tokens)
  return changed === null ? null : history.with(at, changed)
}

type Mutation = (
  operation: LockOperation,
  chance: Chance,
  tokens: readonly number[]
) => LockOperation | null

const mutations: readonly Mutation[] = [
  (operation, chance) => {
    const by = (chance.below(41) - 20) * 700
    return { ...operation, call: operation.call + by, return: operation.return + by }
  },
  (operation, chance) => {
    if (operation.outcome !== 'ok') return null
    const length = operation.return - operation.call
    const call = operation.call + chance.below(length + 1)
    return { ...operation, call, return: call }
  },
  (operation, chance, tokens) => {
    const { output } = operation
    if (output === undefined || !('token' in output) || tokens.length === 0) return null
    const token = chance.percent(50) ? chance.pick(tokens) : output.token + chance.below(3) - 1
    return { ...operation, output: { ...output, token } }
  },
  (operation, chance, tokens) => {
    const { input } = operation
    if (!('token' in input)) return null
    const token = chance.percent(30) ? null : (chance.pick(tokens) ?? null)
    return { ...operation, input: { ...input, token } }
  },
  (operation, chance) => {
    const { output } = operation
    if (output === undefined || !('count' in output)) return null
    const count = Math.max(0, output.count + chance.pick([-1, 1]))
    return { ...operation, output: { ...output, count } }
  },
  (operation, chance) => {
    const { input } = operation
    if (input.type === 'status') return null
    return { ...operation, input: { ...input, owner: chance.pick(['c0', 'c1', 'c2']) } }
  },
  operation => {
    const { input, output } = operation
    if (output === undefined) return null
    return { ...operation, output: opposite(input, output) }
  },
  operation => {
    if (operation.outcome !== 'ok') return null
    const { process, input, call } = operation
    return { process, input, call, return: Infinity, outcome: 'info' }
  },
  operation => {
    const { process, input, call, return: answered } = operation
    return { process, input, call, return: answered, outcome: 'fail' }
  }
]

function opposite(input: LockInput, output: LockOutput): LockOutput {
  switch (output.type) {
    case 'granted':
      return { type: 'held', token: output.token }
    case 'held':
      return { type: 'granted', token: output.token, count: 1 }
    case 'released':
      return { type: 'notHolder' }
    case 'renewed':
      return { type: 'expired', token: 0 }
    case 'notHolder':
      return { type: 'released', count: 0 }
    case 'expired': {
      const { token } = output
      if (input.type === 'acquire') return { type: 'granted', token, count: 1 }
      const own = input.type === 'renew' ? (input.token ?? token) : token
      return { type: 'renewed', token: own, ttlMs: 10 }
    }
    case 'status':
      return { ...output, locked: !output.locked, owner: output.owner || 'c0' }
    default:
      return output
  }
}
