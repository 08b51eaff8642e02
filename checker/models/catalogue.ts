// The built-in models by name, and the options that they take.

import type { Asked, Plain, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import { fencedMutex } from './fenced-mutex.ts'
import { fifoLock } from './fifo-lock.ts'
import { kv } from './kv.ts'
import { lease } from './lease.ts'
import { multiRegister } from './multi-register.ts'
import { mutex, ownerMutex, reentrantMutex } from './mutex.ts'
import type { NamedModel } from './named-model.ts'
import { queue } from './queue.ts'
import { casRegister, readWriteRegister } from './register.ts'
import { rwLock } from './rw-lock.ts'
import { semaphore } from './semaphore.ts'
import { set } from './set.ts'

/** Options of all models; each takes its own and passes over the others. */
export interface ModelOptions {
  /** Registers: the first value, or for `multi-register` values by register. */
  readonly initial?: Plain
  /** Registers, kv: whether a read of nil saw nothing there, or tells nothing. */
  readonly nilRead?: 'value' | 'unknown'
  /** `semaphore`: how many permits there are. */
  readonly permits?: number
  /** `reentrant-mutex`: the highest level. */
  readonly levelMax?: number
  /** `fifo-lock`: how many may overtake a waiter. */
  readonly bound?: number
  /** `lease`: the TTL of operations that name none. */
  readonly ttlMs?: number
  /** `lease`: bound of a clock's rate error, in parts per million. */
  readonly epsilonPpm?: number
  /** `lease`: granularity of the service's clock. */
  readonly slackMs?: number
}

/** A built-in model, whatever its states, inputs and outputs. */
export type AnyModel = NamedModel<unknown, unknown, unknown>

/** A built-in model's name, one line about it, and how to make it. */
export interface ModelEntry {
  readonly name: string
  readonly summary: string
  make(options: ModelOptions): AnyModel
}

/** The built-in models. */
export const MODELS: readonly ModelEntry[] = [
  {
    name: 'register',
    summary: 'one value: read, write',
    make: readWriteRegister
  },
  {
    name: 'cas-register',
    summary: 'one value: read, write, cas [old new]',
    make: casRegister
  },
  {
    name: 'multi-register',
    summary: 'values by register: txn [[read r v] [write r v] ...], all at once',
    make: multiRegister
  },
  {
    name: 'kv',
    summary: 'strings by key, absent = empty: get, put, append',
    make: kv
  },
  {
    name: 'mutex',
    summary: 'a lock that anyone may release: acquire, release',
    make: mutex
  },
  {
    name: 'owner-mutex',
    summary: 'a lock that only its holder may release: acquire, release',
    make: ownerMutex
  },
  {
    name: 'reentrant-mutex',
    summary: 'a lock that its holder may acquire again, and must release as often',
    make: reentrantMutex
  },
  {
    name: 'fenced-mutex',
    summary: 'an owner-mutex whose acquires answer tokens that grow',
    make: fencedMutex
  },
  {
    name: 'lease',
    summary: 'a fenced lock whose holdings expire: acquire, renew, release, status',
    make: lease
  },
  {
    name: 'rw-lock',
    summary: 'a lock shared by many or held by one: acquire shared|exclusive, release',
    make: rwLock
  },
  {
    name: 'semaphore',
    summary: 'so many permits, released by anyone: acquire, release',
    make: ({ permits }) => semaphore(permits)
  },
  {
    name: 'fifo-lock',
    summary: 'an owner-mutex that serves requests in their order, within a bound',
    make: fifoLock
  },
  {
    name: 'queue',
    summary: 'first in, first out: enqueue, dequeue (nil: empty)',
    make: queue
  },
  {
    name: 'set',
    summary: 'elements: add, remove, contains, read',
    make: set
  }
]

/** Makes the built-in model of that name, or null when there is none. */
export function modelNamed(name: string, options: ModelOptions = {}): AnyModel | null {
  return MODELS.find((entry) => entry.name === name)?.make(options) ?? null
}

/** The model whose words these are, or null. Locks with tokens are taken for fenced ones. */
export function recogniseModel(history: readonly Operation<Asked, Told>[]): string | null {
  const asked = new Set(history.map(({ input }) => input.f))
  const isAll = (...words: readonly string[]): boolean =>
    [...asked].every((word) => words.includes(word))
  if (isAll('read', 'write', 'cas')) return 'cas-register'
  if (isAll('get', 'put', 'append')) return 'kv'
  if (isAll('txn')) return 'multi-register'
  if (isAll('enqueue', 'dequeue')) return 'queue'
  if (isAll('add', 'remove', 'contains', 'read')) return 'set'
  if (!isAll('acquire', 'release', 'lock', 'unlock')) return null
  const tokens = history.filter(({ input, outcome }) => outcome === 'ok' && input.f === 'acquire')
  const isFenced = tokens.every(({ output }) => typeof output?.value === 'number')
  return isFenced && tokens.length > 0 ? 'fenced-mutex' : 'mutex'
}
