// What queries tell of the keys of the reference model. Nothing changes here.

import { unreachable } from '../../../core/invariant.ts'
import type { LockQuery, Status } from '../../../core/lock/command.ts'
import { holderId } from '../../../core/lock/records.ts'
import type { HolderView, LockReply, LockView, WaiterView } from '../../../core/lock/reply.ts'
import type { Holder, ReferenceLock, Waiter } from './reference-lock.ts'
import { leftMs } from './reference-lock.ts'

/** The reply to a query about the keys that are held or delayed. */
export function answerQuery(
  locks: readonly ReferenceLock[],
  query: LockQuery,
  timeMs: number,
  pageMax: number,
): LockReply {
  switch (query.type) {
    case 'status':
      return statusReply(lockOf(locks, query.key), query, timeMs)
    case 'listHolders': {
      const lock = lockOf(locks, query.key)
      const idOf = ({ session, owner }: Holder): string => holderId(session, owner)
      const { page, next } = pageOf(lock?.holders ?? [], idOf, query, pageMax)
      const holders = page.map((holder) => holderView(holder, timeMs))
      return { type: 'holders', mode: modeOf(lock), holders, next }
    }
    case 'listWaiters': {
      const queue = lockOf(locks, query.key)?.queue ?? []
      const { page, next } = pageOf(queue, ({ index }) => index, query, pageMax)
      const waiters = page.map((waiter) => waiterView(waiter, queue.indexOf(waiter) + 1, timeMs))
      return { type: 'waiters', waiters, next }
    }
    case 'listLocks': {
      const meant = locks.filter(({ key }) => key.startsWith(query.prefix))
      meant.sort((a, b) => (a.key < b.key ? -1 : 1))
      const { page, next } = pageOf(meant, ({ key }) => key, query, pageMax)
      return { type: 'locks', locks: page.map(lockView), next }
    }
    case 'countLocks': {
      const meant = locks.filter(({ key }) => key.startsWith(query.prefix))
      return { type: 'lockCount', locks: meant.length }
    }
    default:
      return unreachable(query)
  }
}

/** What comes after `after`, `max` at most; `next` is the last of them, if more would come. */
function pageOf<Item, Id extends string | number>(
  items: readonly Item[],
  idOf: (item: Item) => Id,
  { after, max }: { readonly after: Id | null; readonly max: number },
  pageMax: number,
): { readonly page: readonly Item[]; readonly next: Id | null } {
  const rest = items.filter((item) => after === null || idOf(item) > after)
  const page = rest.slice(0, Math.min(max, pageMax))
  const last = page.at(-1)
  return { page, next: last === undefined || page.length === rest.length ? null : idOf(last) }
}

function lockOf(locks: readonly ReferenceLock[], key: string): ReferenceLock | undefined {
  return locks.find((lock) => lock.key === key)
}

function modeOf(lock: ReferenceLock | undefined): ReferenceLock['mode'] | null {
  return lock === undefined || lock.isDelayed ? null : lock.mode
}

function statusReply(
  lock: ReferenceLock | undefined,
  { holder: asked }: Status,
  timeMs: number,
): LockReply {
  const holders = lock?.holders ?? []
  const told = asked === null ? holders[0] : lock?.holder(asked.session, asked.owner)
  const nobody = { owner: null, session: null, token: 0, count: 0, remainingMs: 0 }
  return {
    type: 'status',
    locked: holders.length > 0,
    mode: modeOf(lock),
    ...(told ? holderView(told, timeMs) : { ...nobody, metadata: '', revoked: false }),
    ttlMs: told?.ttlMs ?? null,
    holders: holders.length,
    waiters: lock?.queue.length ?? 0,
    delayMs: lock?.isDelayed ? Math.max(0, lock.delayUntilMs - timeMs) : 0,
  }
}

function holderView(holder: Holder, timeMs: number): HolderView {
  const { owner, session, token, count, endMs, metadata, revoked } = holder
  return { owner, session, token, count, remainingMs: leftMs(endMs, timeMs), metadata, revoked }
}

function waiterView(waiter: Waiter, position: number, timeMs: number): WaiterView {
  const { owner, session, command, sinceMs, endMs } = waiter
  const remainingMs = Math.max(0, endMs - timeMs)
  const waitedMs = timeMs - sinceMs
  return { owner, session, mode: command.mode, position, waitedMs, remainingMs }
}

function lockView(lock: ReferenceLock): LockView {
  const { key, token, holders, queue } = lock
  const owner = holders[0]?.owner ?? null
  const counts = { holders: holders.length, waiters: queue.length }
  return { key, mode: modeOf(lock), owner, token, ...counts }
}
