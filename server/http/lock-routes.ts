// The routes that change locks: acquire, renew, release, force-release and cancel.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Acquire, Cancel, LockRequest } from '../../core/lock/command.ts'
import type { Expired, LockReply } from '../../core/lock/reply.ts'
import { parseDuration } from '../../client/duration.ts'
import { answerFailure } from '../failure.ts'
import type { Answer, LockService, Pending } from '../lock-service.ts'
import { drawRequestId } from '../lock-service.ts'
import { FATE, FORCED, LOCKED, QUEUED, RELEASED } from './answer-schemas.ts'
import type { ApiContext, Checked, RouteDoc } from './context.ts'
import { addRoute } from './context.ts'
import { answerProblem, foundLock, grantedLock, renewedLock } from './lock-answers.ts'
import type { LockBody } from './lock-answers.ts'
import type { ProblemCode } from './problem.ts'
import type {
  AcquireBody,
  CancelBody,
  ForceReleaseBody,
  ReleaseBody,
  RenewBody,
} from './schemas.ts'
import { ACQUIRE, CANCEL, FORCE_RELEASE, RELEASE, RENEW } from './schemas.ts'
import { badFields } from './validation.ts'

const ALWAYS: readonly ProblemCode[] = [
  'bad_request',
  'bad_json',
  'unauthorized',
  'forbidden',
  'too_large',
  'unsupported_media_type',
  'request_id_reused',
  'too_many_requests',
  'internal',
  'overloaded',
  'no_quorum',
  'unknown',
]

const ACQUIRE_DOC: RouteDoc = {
  isCounted: true,
  method: 'POST',
  path: '/locks/acquire',
  summary: 'Takes a lock, takes it once more, or waits for it.',
  verb: 'acquire',
  body: ACQUIRE,
  successes: {
    200: { says: 'The owner has the lock.', schema: LOCKED },
    202: {
      says: 'It waits: ask again with the same body and request_id to keep the place.',
      schema: QUEUED,
    },
  },
  problems: [
    ...ALWAYS,
    'held',
    'wait_timeout',
    'cancelled',
    'expired',
    'upgrade',
    'revoked',
    'too_many_waiters',
    'too_many_locks',
    'too_many_keys',
    'count_too_high',
  ],
}

const RENEW_DOC: RouteDoc = {
  isCounted: true,
  method: 'POST',
  path: '/locks/renew',
  summary: 'Sets the lease to end a whole ttl from now. It never acquires.',
  verb: 'renew',
  body: RENEW,
  successes: { 200: { says: 'The lease is renewed.', schema: LOCKED } },
  problems: [...ALWAYS, 'expired', 'revoked'],
}

const RELEASE_DOC: RouteDoc = {
  isCounted: true,
  method: 'POST',
  path: '/locks/release',
  summary: 'Gives the lock back: one count of it, or all.',
  verb: 'release',
  body: RELEASE,
  successes: { 200: { says: 'It is given back.', schema: RELEASED } },
  problems: [...ALWAYS, 'not_owner'],
}

const FORCE_DOC: RouteDoc = {
  isCounted: true,
  method: 'POST',
  path: '/locks/force-release',
  summary: 'Takes the lock from its holders, whoever they are.',
  verb: 'admin',
  body: FORCE_RELEASE,
  successes: { 200: { says: 'It is taken from them.', schema: FORCED } },
  problems: [...ALWAYS, 'no_deadline'],
}

const CANCEL_DOC: RouteDoc = {
  isCounted: true,
  method: 'POST',
  path: '/locks/cancel',
  summary: 'Ends the wait of an acquire, and tells what became of it.',
  verb: 'acquire',
  body: CANCEL,
  successes: { 200: { says: 'It waits no more.', schema: FATE } },
  problems: ALWAYS,
}

/** Adds them. */
export function addLockRoutes(fastify: FastifyInstance, context: ApiContext): void {
  addRoute<AcquireBody>(fastify, context, ACQUIRE_DOC, (asked) => acquire(context, asked))
  addRoute<RenewBody>(fastify, context, RENEW_DOC, (asked) => renew(context, asked))
  addRoute<ReleaseBody>(fastify, context, RELEASE_DOC, (asked) => release(context, asked))
  addRoute<ForceReleaseBody>(fastify, context, FORCE_DOC, (asked) => force(context, asked))
  addRoute<CancelBody>(fastify, context, CANCEL_DOC, (asked) => cancel(context, asked))
}

type Asked<Body> = Checked<Body, undefined, undefined>

async function acquire(context: ApiContext, asked: Asked<AcquireBody>): Promise<unknown> {
  const { service } = context
  const { body, request, reply } = asked
  const own = ownRequestId(context, request, body.request_id)
  const command: Acquire = {
    type: 'acquire',
    key: body.key,
    owner: body.owner,
    mode: body.mode ?? 'exclusive',
    ttlMs: durationMs(body.ttl) ?? service.ttlMsDefault,
    waitMs: durationMs(body.wait) ?? 0,
    // A new id by the holder is a re-entry. Who sends none cannot tell one from its own retry.
    reentrant: body.reentrant ?? own !== null,
    lockDelayMs: durationMs(body.lock_delay) ?? 0,
    metadata: body.metadata ?? '',
    requestId: own ?? drawRequestId(),
  }
  const startMs = service.time.now()
  const answer = await answerOf(context.service, command, reply)
  if (answer.type === 'queued') {
    reply.code(202)
    const { requestId: request_id } = command
    return { success: false, queued: true, request_id, queue_position: answer.position }
  }
  const granted = replyOf(answer, 'granted')
  if (granted === null) throw answerProblem(answer, command)
  const tookMs = service.time.now() - startMs
  // One that was remembered may be old by now.
  const lock = own !== null
    ? await presentLock(context, command, granted.token)
    : grantedLock(command, granted, tookMs)
  context.metrics.granted(tookMs)
  return { success: true, lock }
}

async function renew(context: ApiContext, asked: Asked<RenewBody>): Promise<unknown> {
  const { service } = context
  const { body, request, reply } = asked
  const own = ownRequestId(context, request, body.request_id)
  const command: LockRequest = {
    type: 'renew',
    key: body.key,
    owner: body.owner,
    token: body.token ?? null,
    ttlMs: durationMs(body.ttl),
    requestId: own ?? drawRequestId(),
  }
  const startMs = service.time.now()
  const answer = await answerOf(context.service, command, reply)
  const renewed = replyOf(answer, 'renewed')
  if (renewed === null) throw answerProblem(answer, command)
  const tookMs = service.time.now() - startMs
  const lock = own !== null
    ? await presentLock(context, command, renewed.token)
    : renewedLock(command, renewed, tookMs)
  context.metrics.renewed()
  return { success: true, lock }
}

async function release(context: ApiContext, asked: Asked<ReleaseBody>): Promise<unknown> {
  const { body, request, reply } = asked
  const { key, owner } = body
  const requestId = ownRequestId(context, request, body.request_id) ?? drawRequestId()
  const token = body.token ?? null
  const all = body.all ?? false
  const command: LockRequest = { type: 'release', key, owner, token, all, requestId }
  const answer = await answerOf(context.service, command, reply)
  const released = replyOf(answer, 'released')
  if (released === null) throw answerProblem(answer, command)
  context.metrics.released()
  return { success: true, key, owner, count: released.count }
}

async function force(context: ApiContext, asked: Asked<ForceReleaseBody>): Promise<unknown> {
  const { body, request, reply } = asked
  const { key, owner = 'admin' } = body
  const requestId = ownRequestId(context, request, body.request_id) ?? drawRequestId()
  const token = body.token ?? null
  const now = body.now ?? false
  const command: LockRequest = { type: 'forceRelease', key, owner, token, now, requestId }
  const answer = await answerOf(context.service, command, reply)
  const forced = replyOf(answer, 'forced')
  if (forced === null) throw answerProblem(answer, command)
  return { success: true, key, holders: forced.holders, remaining_ms: forced.remainingMs }
}

async function cancel(context: ApiContext, asked: Asked<CancelBody>): Promise<unknown> {
  const { service } = context
  const { key, owner, request_id: requestId } = asked.body
  const command = { type: 'cancel', key, owner, requestId } as const
  const answer = await service.request(command).answer
  const success = true
  if (answer.type !== 'reply' || answer.reply.type === 'rejected') {
    throw answerProblem(answer, command)
  }
  const { reply } = answer
  if (reply.type !== 'granted') {
    return { success, key, owner, outcome: answerFailure(answer) ?? reply.type }
  }
  const lock = await holdingOf(context, command, reply.token)
  // It has ended since.
  if ('type' in lock) return { success, key, owner, outcome: lock.type }
  return { success, key, owner, outcome: 'granted', lock }
}

/** Asks, and gives up with the client. */
async function answerOf(
  service: LockService,
  command: LockRequest,
  reply: FastifyReply,
): Promise<Answer> {
  const pending: Pending = service.request(command)
  const gone = (): void => {
    if (!reply.raw.writableFinished) pending.abandon()
  }
  reply.raw.once('close', gone)
  const answer = await pending.answer
  reply.raw.removeListener('close', gone)
  return answer
}

/**
 * The holding as it is now, for an answer that may be a repeated one.
 *
 * @throws Problem `expired` when it has ended, and `unknown` when it cannot be told.
 */
async function presentLock(
  context: ApiContext,
  command: LockRequest,
  token: number,
): Promise<LockBody> {
  const found = await holdingOf(context, command, token)
  if ('type' in found) throw answerProblem({ type: 'reply', reply: found }, command)
  return found
}

/**
 * The holding as it is now, or that it has ended.
 *
 * @throws Problem `unknown` when it cannot be told.
 */
async function holdingOf(
  { service }: ApiContext,
  command: LockRequest | Cancel,
  token: number,
): Promise<LockBody | Expired> {
  const { key, owner } = command
  const startMs = service.time.now()
  const holder = { owner, session: null }
  const answer = await service.query({ type: 'status', key, holder })
  const status = replyOf(answer, 'status')
  if (status === null) throw answerProblem({ type: 'unknown' }, command)
  if (status.owner === null || status.token !== token) {
    return { type: 'expired', token: status.token }
  }
  return foundLock(key, status, service.time.now() - startMs)
}

function replyOf<Type extends LockReply['type']>(
  answer: Answer,
  type: Type,
): Extract<LockReply, { type: Type }> | null {
  if (answer.type !== 'reply' || answer.reply.type !== type) return null
  return answer.reply as Extract<LockReply, { type: Type }>
}

/** Milliseconds of a duration that was checked, or null where there is none. */
function durationMs(text: string | undefined): number | null {
  return text === undefined ? null : parseDuration(text)
}

/**
 * The id that the request brought, in its body or its `Idempotency-Key`, or null.
 *
 * @throws Problem `bad_request` when the two differ, or the header is none.
 */
function ownRequestId(
  { service }: ApiContext,
  request: FastifyRequest,
  inBody: string | undefined,
): string | null {
  const { requestIdBytesMax } = service.limits
  const header = request.headers['idempotency-key']
  if (header === undefined) return inBody ?? null
  const field = 'Idempotency-Key'
  // A structured field, which has quotes, or the bare id.
  const text = String(header)
  const inHeader = /^"(.*)"$/.exec(text)?.[1] ?? text
  if (!/^[ -~]+$/.test(inHeader) || inHeader.length > requestIdBytesMax) {
    const detail = `${field} must be 1 to ${requestIdBytesMax} characters of ASCII`
    throw badFields([{ field, detail }])
  }
  if (inBody !== undefined && inBody !== inHeader) {
    const detail = `${field} and request_id differ: send one of them`
    throw badFields([{ field, detail }])
  }
  return inHeader
}
