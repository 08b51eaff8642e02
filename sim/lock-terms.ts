// What a holder's own request makes of its holding: its level and its lease.

import type { LockCommand } from '../core/lock/command.ts'
import type { LockEvent } from '../core/lock/event.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { Holder, Whose } from './lock-table.ts'
import type { InnerEntry } from './session-oracles.ts'

/** What of an entry reached the locks. */
export type LockEntry = InnerEntry<LockCommand, LockReply, LockEvent>

/** What a holder may ask of its holding. */
type OwnersCommand = Extract<LockCommand, { readonly type: 'acquire' | 'release' | 'renew' }>

/** Whether a request is the holder's, and of this holding if it names one. */
export function isMeant(
  holder: Holder,
  key: string,
  command: LockCommand,
): command is OwnersCommand {
  const { type } = command
  if (type !== 'acquire' && type !== 'release' && type !== 'renew') return false
  if (command.key !== key || command.owner !== holder.owner) return false
  return type === 'acquire' || command.token === null || command.token === holder.token
}

/** The level after the holder's request; null when it must not leave the lock held. */
export function levelAfter(count: number, command: OwnersCommand): number | null {
  if (command.type === 'acquire') return count + (command.reentrant ? 1 : 0)
  if (command.type === 'renew') return count
  return command.all || count === 1 ? null : count - 1
}

/** The lease after the holder's request: only a renewal may bring its end nearer. */
export function leaseAfter(
  { ttlMs, deadlineMs }: Holder,
  timeMs: number,
  command: OwnersCommand,
): Pick<Holder, 'ttlMs' | 'deadlineMs'> {
  if (command.type === 'release') return { ttlMs, deadlineMs }
  const askedTtlMs = command.type === 'renew' ? (command.ttlMs ?? ttlMs) : command.ttlMs
  const asked = { ttlMs: askedTtlMs, deadlineMs: askedTtlMs === null ? null : timeMs + askedTtlMs }
  if (command.type === 'renew') return asked
  const isLater = (asked.deadlineMs ?? Infinity) > (deadlineMs ?? Infinity)
  return isLater ? asked : { ttlMs, deadlineMs }
}

/** Whether an entry is a command of the owner, and of the key, that an event names. */
export function isOf(
  { command, session }: LockEntry,
  event: Whose & { readonly key: string },
): boolean {
  if (command === null || !('owner' in command) || command.key !== event.key) return false
  return command.owner === event.owner && session === event.session
}
