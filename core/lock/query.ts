// What is told of locks without changing anything: how a key stands, who holds it and who waits,
// and which locks there are.

import { unreachable } from '../invariant.ts'
import type { MapKey, OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapEntries, mapGet, mapRank, mapSet, mapSize } from '../ordered-map.ts'
import type { LockCommand, LockQuery, Mode, Status } from './command.ts'
import type { Limits } from './limits.ts'
import { queryProblem } from './limits.ts'
import type { Holding, Lock, Waiter } from './records.ts'
import {
  firstHolding,
  holderId,
  holdersCount,
  holdingOf,
  remainingMs,
  waitDeadlineMs,
} from './records.ts'
import type { HolderView, LockReply, LockView, WaiterView } from './reply.ts'

/** Whether a command changes nothing. */
export function isQuery(command: LockCommand): command is LockQuery {
  switch (command.type) {
    case 'status':
    case 'listHolders':
    case 'listWaiters':
    case 'listLocks':
    case 'countLocks':
      return true
    case 'acquire':
    case 'cancel':
    case 'release':
    case 'renew':
    case 'forceRelease':
    case 'expire':
      return false
    default:
      return unreachable(command)
  }
}

/** The reply to a query, at a time of the machine's clock. */
export function queryReply(
  locks: OrderedMap<string, Lock>,
  query: LockQuery,
  timeMs: number,
  limits: Limits,
): LockReply {
  const reason = queryProblem(query, limits)
  if (reason !== null) return { type: 'rejected', reason }
  switch (query.type) {
    case 'status':
      return statusReply(mapGet(locks, query.key), query, timeMs)
    case 'listHolders': {
      const lock = mapGet(locks, query.key)
      const { page, next } = pageOf(holdersOf(lock), query.after, query.max, limits, () => true)
      const holders = page.map(([, holding]) => holderView(holding, timeMs))
      return { type: 'holders', mode: modeOf(lock), holders, next }
    }
    case 'listWaiters': {
      const queue = mapGet(locks, query.key)?.waiters ?? emptyMap<number, Waiter>()
      const { page, next } = pageOf(queue, query.after, query.max, limits, () => true)
      const before = page[0] === undefined ? 0 : mapRank(queue, page[0][0])
      const waiters = page.map(([, waiter], at) => waiterView(waiter, before + at + 1, timeMs))
      return { type: 'waiters', waiters, next }
    }
    case 'listLocks': {
      const { prefix, max } = query
      const after = query.after === null || query.after < prefix ? null : query.after
      const isMeant = (key: string): boolean => key.startsWith(prefix)
      const { page, next } = pageOf(locks, after, max, limits, isMeant, prefix)
      return { type: 'locks', locks: page.map(([, lock]) => lockView(lock)), next }
    }
    case 'countLocks': {
      const end = prefixEnd(query.prefix)
      const upTo = end === null ? mapSize(locks) : mapRank(locks, end)
      return { type: 'lockCount', locks: upTo - mapRank(locks, query.prefix) }
    }
    default:
      return unreachable(query)
  }
}

/** The entries that follow `after`, or begin at `from`, as long as they are meant. */
function pageOf<Key extends MapKey, Value>(
  map: OrderedMap<Key, Value>,
  after: Key | null,
  max: number,
  { pageMax }: Limits,
  isMeant: (key: Key) => boolean,
  from?: Key,
): { readonly page: readonly (readonly [Key, Value])[]; readonly next: Key | null } {
  const page: (readonly [Key, Value])[] = []
  const most = Math.min(max, pageMax)
  for (const entry of mapEntries(map, after ?? from)) {
    if (entry[0] === after) continue
    if (!isMeant(entry[0])) break
    if (page.length === most) return { page, next: page.at(-1)?.[0] ?? null }
    page.push(entry)
  }
  return { page, next: null }
}

/** The first text that comes behind all that begin with this one; null: there is none. */
function prefixEnd(prefix: string): string | null {
  let length = prefix.length
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xffff) length--
  if (length === 0) return null
  const last = String.fromCharCode(prefix.charCodeAt(length - 1) + 1)
  return prefix.slice(0, length - 1) + last
}

function statusReply(
  lock: Lock | undefined,
  { holder }: Status,
  timeMs: number,
): LockReply {
  const told = holder === null ? firstHolding(lock) : holdingOf(lock, holder.session, holder.owner)
  const holders = holdersCount(lock)
  return {
    type: 'status',
    locked: holders > 0,
    mode: modeOf(lock),
    owner: told?.owner ?? null,
    session: told?.session ?? null,
    token: told?.token ?? 0,
    count: told?.count ?? 0,
    ttlMs: told?.ttlMs ?? null,
    remainingMs: told === null ? 0 : remainingMs(told, timeMs),
    metadata: told?.metadata ?? '',
    revoked: told?.revoked ?? false,
    holders,
    waiters: lock === undefined ? 0 : mapSize(lock.waiters),
    delayMs: lock?.type === 'delayed' ? Math.max(0, lock.untilMs - timeMs) : 0,
  }
}

function modeOf(lock: Lock | undefined): Mode | null {
  return lock === undefined || lock.type === 'delayed' ? null : lock.type
}

function holdersOf(lock: Lock | undefined): OrderedMap<string, Holding> {
  if (lock === undefined || lock.type === 'delayed') return emptyMap()
  if (lock.type === 'shared') return lock.holders
  const { holder } = lock
  return mapSet(emptyMap<string, Holding>(), holderId(holder.session, holder.owner), holder)
}

function holderView(holding: Holding, timeMs: number): HolderView {
  const { owner, session, token, count, metadata, revoked } = holding
  const left = remainingMs(holding, timeMs)
  return { owner, session, token, count, remainingMs: left, metadata, revoked }
}

function waiterView(waiter: Waiter, position: number, timeMs: number): WaiterView {
  const { command, session, enteredMs } = waiter
  const { owner, mode } = command
  const left = Math.max(0, waitDeadlineMs(waiter) - timeMs)
  const waitedMs = timeMs - enteredMs
  return { owner, session, mode, position, waitedMs, remainingMs: left }
}

function lockView(lock: Lock): LockView {
  const first = firstHolding(lock)
  return {
    key: lock.key,
    mode: modeOf(lock),
    owner: first?.owner ?? null,
    token: first?.token ?? 0,
    holders: holdersCount(lock),
    waiters: mapSize(lock.waiters),
  }
}
