// What there is room for under the limits of the lock machine, counted from outside: whether a
// request was rightly refused, and whether what is there is within the limits.

import type { LockCommand } from '../core/lock/command.ts'
import type { Limits } from '../core/lock/limits.ts'
import type { Refusal } from '../core/lock/reply.ts'
import type { LockTable, Whose } from './lock-table.ts'

/** Whether it is as the reason of a refusal says. */
export function reached(
  table: LockTable,
  limits: Limits,
  reason: Refusal,
  command: Extract<LockCommand, { readonly owner: string }>,
  session: number | null,
): boolean {
  const { keysMax, countMax, locksPerOwnerMax, waitersPerKeyMax } = limits
  const lock = table.of(command.key)
  const whose = { owner: command.owner, session }
  const mine = lock.holderOf(whose)
  const isFree = !lock.isHeld && !lock.isDelayed
  switch (reason) {
    case 'tooManyKeys':
      return isFree && table.size >= keysMax
    case 'tooManyLocks':
      return mine === undefined && table.locksOf(whose) >= locksPerOwnerMax
    case 'tooManyWaiters':
      return !isFree && lock.queue.length >= waitersPerKeyMax
    case 'countTooHigh':
      return mine !== undefined && mine.count >= countMax
    case 'upgrade':
      return mine !== undefined && lock.mode === 'shared' && isFor(command, 'exclusive')
    case 'revoked':
      return mine?.revoked === true
    case 'noDeadline':
      return lock.holders.some(({ deadlineMs }) => deadlineMs === null)
  }
}

function isFor(command: LockCommand, mode: string): boolean {
  return command.type === 'acquire' && command.mode === mode
}

/** What is beyond the limits after a grant, a change or a wait of `whose` at `key`, or null. */
export function beyondLimits(
  table: LockTable,
  limits: Limits,
  key: string,
  whose: Whose,
): string | null {
  const { keysMax, countMax, locksPerOwnerMax, waitersPerKeyMax } = limits
  const lock = table.of(key)
  const count = lock.holderOf(whose)?.count ?? 0
  const waiters = lock.queue.length
  const locks = table.locksOf(whose)
  const isWithin =
    table.size <= keysMax &&
    count <= countMax &&
    waiters <= waitersPerKeyMax &&
    locks <= locksPerOwnerMax
  if (isWithin) return null
  const levels = `${key} has ${count} levels and ${waiters} waiters`
  return `${table.size} keys are held, ${whose.owner} has ${locks} locks, ${levels}`
}
