// The routes that tell how locks stand: one key, its holders and waiters, and pages of keys.

import type { FastifyInstance } from 'fastify'
import type { LockQuery } from '../../core/lock/command.ts'
import type { LockReply } from '../../core/lock/reply.ts'
import { HOLDER_LIST, LOCK_LIST, STATUS, WAITER_LIST } from './answer-schemas.ts'
import { demand } from './auth.ts'
import type { ApiContext, RouteDoc } from './context.ts'
import { addRoute } from './context.ts'
import { foundLock, noQuorum } from './lock-answers.ts'
import { Problem } from './problem.ts'
import type { ProblemCode } from './problem.ts'
import type { KeyParams, ListQuery, OnePageQuery, OneQuery, PageQuery } from './schemas.ts'
import type { Schema, StatusQuery } from './schemas.ts'
import { KEY_PARAMS, LIST_QUERY, ONE_PAGE_QUERY, ONE_QUERY } from './schemas.ts'
import { PAGE_QUERY, STATUS_QUERY } from './schemas.ts'
import { badFields } from './validation.ts'

const PAGE_DEFAULT = 100

const PROBLEMS: readonly ProblemCode[] = [
  'bad_request',
  'bad_url',
  'unauthorized',
  'forbidden',
  'no_quorum',
  'internal',
]

/** Adds them. */
export function addReadRoutes(fastify: FastifyInstance, context: ApiContext): void {
  const one = doc('/locks/one', 'How the key stands, for keys that a path cannot carry.', STATUS)
  addRoute<undefined, OneQuery>(fastify, context, { ...one, query: ONE_QUERY }, ({ query }) =>
    status(context, query.key, query),
  )
  const key = doc('/locks/{key}', 'How the key stands. Slashes in it are sent as %2F.', STATUS)
  addRoute<undefined, StatusQuery, KeyParams>(
    fastify,
    context,
    { ...key, query: STATUS_QUERY, params: KEY_PARAMS },
    ({ query, params }) => status(context, params.key, query),
  )
  addListRoutes(fastify, context)
}

function addListRoutes(fastify: FastifyInstance, context: ApiContext): void {
  const all = doc('/locks', 'The locks whose keys begin so, in the order of keys.', LOCK_LIST)
  addRoute<undefined, ListQuery>(
    fastify,
    context,
    { ...all, query: LIST_QUERY },
    ({ query, access }) => {
      // Without a prefix it asks for all keys, which not every token may.
      demand(access, 'read', query.prefix ?? '')
      return listLocks(context, query)
    },
  )
  addPages(fastify, context, 'holders', 'Who holds the key.', HOLDER_LIST, listHolders)
  addPages(fastify, context, 'waiters', 'Who waits for the key, in turn.', WAITER_LIST, listWaiters)
}

/** A list of one key: by its path, and by its query for keys that a path cannot carry. */
function addPages(
  fastify: FastifyInstance,
  context: ApiContext,
  name: string,
  summary: string,
  schema: Schema,
  list: (context: ApiContext, key: string, query: PageQuery) => Promise<unknown>,
): void {
  const byPath = doc(`/locks/{key}/${name}`, summary, schema)
  addRoute<undefined, PageQuery, KeyParams>(
    fastify,
    context,
    { ...byPath, query: PAGE_QUERY, params: KEY_PARAMS },
    ({ query, params }) => list(context, params.key, query),
  )
  const byQuery = doc(`/locks/one/${name}`, summary, schema)
  addRoute<undefined, OnePageQuery>(
    fastify,
    context,
    { ...byQuery, query: ONE_PAGE_QUERY },
    ({ query }) => list(context, query.key, query),
  )
}

function doc(path: string, summary: string, schema: Schema): RouteDoc {
  const successes = { 200: { says: 'As it is.', schema } }
  return { method: 'GET', path, summary, verb: 'read', successes, problems: PROBLEMS }
}

/** Asks, linearizably unless an old answer will do. */
async function ask<Type extends LockReply['type']>(
  { service }: ApiContext,
  query: LockQuery,
  type: Type,
  { consistency }: StatusQuery,
): Promise<Extract<LockReply, { type: Type }>> {
  if (consistency === 'stale') return expected(service.queryStale(query), type)
  const answer = await service.query(query)
  if (answer.type === 'reply') return expected(answer.reply, type)
  // A query has no effect: whatever went wrong, nobody could be asked.
  throw noQuorum()
}

function expected<Type extends LockReply['type']>(
  reply: LockReply,
  type: Type,
): Extract<LockReply, { type: Type }> {
  if (reply.type === type) return reply as Extract<LockReply, { type: Type }>
  const why = reply.type === 'rejected' ? reply.reason : reply.type
  throw new Problem('bad_request', `the query was rejected: ${why}`)
}

async function status(context: ApiContext, key: string, query: StatusQuery): Promise<unknown> {
  const { time } = context.service
  const startMs = time.now()
  const found = await ask(context, { type: 'status', key, holder: null }, 'status', query)
  const { locked, holders, waiters, delayMs, revoked } = found
  const lock = locked
    ? { lock: { ...foundLock(key, found, time.now() - startMs), revoked } }
    : {}
  return { key, locked, ...lock, holders, waiters, delay_ms: delayMs }
}

async function listLocks(context: ApiContext, query: ListQuery): Promise<unknown> {
  const { prefix = '', limit: max = PAGE_DEFAULT, cursor } = query
  const after = cursor === undefined ? null : readCursor(cursor)
  const found = await ask(context, { type: 'listLocks', prefix, after, max }, 'locks', query)
  const locks = found.locks.map(({ key, mode, owner, token, holders, waiters }) => ({
    key,
    locked: holders > 0,
    mode,
    owner,
    version: token,
    fencing_token: token,
    holders,
    waiters,
  }))
  return { locks, next: writeCursor(found.next) }
}

async function listHolders(context: ApiContext, key: string, query: PageQuery): Promise<unknown> {
  const { limit: max = PAGE_DEFAULT, cursor } = query
  const after = cursor === undefined ? null : readCursor(cursor)
  const found = await ask(context, { type: 'listHolders', key, after, max }, 'holders', query)
  const holders = found.holders.map((one) => ({
    owner: one.owner,
    session: one.session,
    version: one.token,
    fencing_token: one.token,
    count: one.count,
    remaining_ms: one.remainingMs,
    metadata: one.metadata,
    revoked: one.revoked,
  }))
  return { holders, mode: found.mode, next: writeCursor(found.next) }
}

async function listWaiters(context: ApiContext, key: string, query: PageQuery): Promise<unknown> {
  const { limit: max = PAGE_DEFAULT, cursor } = query
  const after = cursor === undefined ? null : Number(readCursor(cursor))
  if (after !== null && !(Number.isSafeInteger(after) && after >= 0)) throw badCursor()
  const found = await ask(context, { type: 'listWaiters', key, after, max }, 'waiters', query)
  const waiters = found.waiters.map((one) => ({
    owner: one.owner,
    session: one.session,
    mode: one.mode,
    queue_position: one.position,
    waited_ms: one.waitedMs,
    remaining_ms: one.remainingMs,
  }))
  return { waiters, next: writeCursor(found.next === null ? null : String(found.next)) }
}

/** Keys may hold anything, so a cursor is their base64url. */
function writeCursor(next: string | null): string | null {
  return next === null ? null : Buffer.from(next, 'utf8').toString('base64url')
}

function readCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (writeCursor(text) !== cursor) throw badCursor()
  return text
}

function badCursor(): Problem {
  const detail = 'cursor must be the `next` of the page before'
  return badFields([{ field: 'cursor', detail }])
}
