// The vocabulary of lock histories: what clients of a lock service ask and what they are told.
// Times within are milliseconds; whoever records a history translates the service's words into it.

import type { Operation } from './history.ts'

/** What a client asks of the lock service. */
export type LockInput =
  | {
      readonly type: 'acquire'
      readonly key: string
      readonly owner: string
      readonly ttlMs: number
      /** 0: a try, answered at once. */
      readonly waitMs: number
    }
  | {
      readonly type: 'release'
      readonly key: string
      readonly owner: string
      /** The holding meant; null: whichever the owner has. */
      readonly token: number | null
    }
  | {
      readonly type: 'renew'
      readonly key: string
      readonly owner: string
      readonly token: number | null
      readonly ttlMs: number
    }
  | { readonly type: 'status'; readonly key: string }

/** What a client is told. */
export type LockOutput =
  /** The owner holds the key; `count` is its level: 1, or more after re-entry, token unchanged. */
  | { readonly type: 'granted'; readonly token: number; readonly count: number }
  /** An acquire failed: another owner's holding `token` was there at some instant of it. */
  | { readonly type: 'held'; readonly token: number }
  /** A wait ended ungranted, and takes no effect any more. */
  | { readonly type: 'timeout' }
  /** `count` levels remain; 0 = the key is freed. */
  | { readonly type: 'released'; readonly count: number }
  /** At some instant of the operation its owner did not hold the key (with a given token). */
  | { readonly type: 'notHolder' }
  | { readonly type: 'renewed'; readonly token: number; readonly ttlMs: number }
  /**
   * The owner's holding had ended: of a renew the one it meant; of an acquire, answered from
   * memory, the one it took part in itself. `token` only informs.
   */
  | { readonly type: 'expired'; readonly token: number }
  | {
      readonly type: 'status'
      readonly locked: boolean
      /** 0 when free. */
      readonly token: number
      readonly owner: string
    }
  /** Refused, without effect. */
  | { readonly type: 'rejected'; readonly reason: string }

/** One operation of a lock history. */
export type LockOperation = Operation<LockInput, LockOutput>

/** Splits a lock history by key. Keys come in the order of their first operation. */
export function byKey(history: readonly LockOperation[]): Map<string, LockOperation[]> {
  const parts = new Map<string, LockOperation[]>()
  for (const operation of history) {
    const part = parts.get(operation.input.key)
    if (part === undefined) parts.set(operation.input.key, [operation])
    else part.push(operation)
  }
  return parts
}

/** Says an operation in a few words: `c1: acquire L -> granted token 6, count 1`. */
export function describeLock(input: LockInput, output: LockOutput | undefined): string {
  const asked =
    input.type === 'status' ? `status ${input.key}` : `${input.owner}: ${input.type} ${input.key}`
  const token = 'token' in input && input.token !== null ? ` token ${input.token}` : ''
  return `${asked}${token} -> ${output === undefined ? '?' : describeAnswer(output)}`
}

function describeAnswer(output: LockOutput): string {
  switch (output.type) {
    case 'granted':
      return `granted token ${output.token}, count ${output.count}`
    case 'released':
      return `released, count ${output.count}`
    case 'held':
    case 'renewed':
    case 'expired':
      return `${output.type} token ${output.token}`
    case 'status':
      return output.locked ? `held by ${output.owner} with token ${output.token}` : 'free'
    case 'rejected':
      return `rejected: ${output.reason}`
    case 'timeout':
    case 'notHolder':
      return output.type
    default:
      return unreachable(output)
  }
}

/** Ends a switch over a union: the compiler proves that no case is missing. */
export function unreachable(value: never): never {
  throw new TypeError(`no such type: ${JSON.stringify(value)}`)
}
