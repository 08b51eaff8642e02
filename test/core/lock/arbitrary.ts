// Random histories of the lock machine over few keys, owners and ids, so that they meet often.

import fc from 'fast-check'
import type { LockCommand } from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import { LIMITS } from '../../../core/lock/limits.ts'

/** Limits so low that random histories run into each of them. */
export const LOW_LIMITS: Limits = {
  ...LIMITS,
  waitersPerKeyMax: 2,
  locksPerOwnerMax: 3,
  keysMax: 3,
  countMax: 3,
  memoLifeMs: 400,
  memosMax: 30,
  memosPerOwnerMax: 12,
  memosDroppedMax: 2,
}

/** One step: time passes, then a command comes; its token or repetition is made out when run. */
export interface Step {
  readonly passMs: number
  /** True: the clock goes on to the next deadline, if that is ahead. */
  readonly toDue: boolean
  readonly command: LockCommand
  /** Which token a release or renew names: none, that of the present holding, or an old one. */
  readonly token: 'none' | 'present' | 'stale'
  /** Repeat the request so many back instead; 0 repeats nothing. */
  readonly back: number
}

const request = {
  key: fc.constantFrom('a', 'a', 'a', 'b', 'b', 'c', 'd'),
  owner: fc.constantFrom('x', 'y', 'z'),
  requestId: fc.integer({ min: 0, max: 200 }).map((value) => `r${value}`),
}
const ttlMs = fc.integer({ min: 100, max: 300 })
const waitMs = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 250 }))
const reentrant = fc.boolean()

const command: fc.Arbitrary<LockCommand> = fc.oneof(
  { weight: 6, arbitrary: record('acquire', { ...request, ttlMs, waitMs, reentrant }) },
  { weight: 3, arbitrary: record('release', { ...request, all: fc.boolean() }) },
  { weight: 2, arbitrary: record('renew', { ...request, ttlMs }) },
  { weight: 2, arbitrary: record('expire', { max: fc.integer({ min: 1, max: 3 }) }) },
) as fc.Arbitrary<LockCommand>

function record(type: string, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  return fc.record(fields).map((values) => ({ type, ...values }))
}

const step: fc.Arbitrary<Step> = fc.record({
  passMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
  toDue: fc.integer({ min: 0, max: 9 }).map((value) => value === 0),
  command,
  token: fc.constantFrom('none', 'none', 'present', 'stale'),
  back: fc.integer({ min: -12, max: 4 }).map((value) => Math.max(0, value)),
})

/** About fifty steps. */
export const steps: fc.Arbitrary<Step[]> = fc.array(step, {
  minLength: 20,
  maxLength: 80,
  size: 'max',
})

/** The command of a step, given what was sent before and the present token of its key. */
export function commandOf(at: Step, sent: readonly LockCommand[], present: number): LockCommand {
  const earlier = at.back === 0 ? undefined : sent[sent.length - at.back]
  if (earlier !== undefined) return earlier
  if (at.command.type !== 'release' && at.command.type !== 'renew') return at.command
  if (at.token === 'none') return { ...at.command, token: null }
  return { ...at.command, token: at.token === 'present' ? present : Math.max(0, present - 1) }
}
