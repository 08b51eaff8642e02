// How failures are told over HTTP: RFC 9457 problem documents with a stable code, and one table of
// what each code means. It knows no route.

import type { FastifyReply } from 'fastify'
import type { FailureCode } from '../failure.ts'

/** All codes that the API answers. */
export type ProblemCode =
  | FailureCode
  | 'bad_json'
  | 'bad_url'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'request_timeout'
  | 'unsupported_media_type'
  | 'not_leader'
  | 'unknown_node'
  | 'change_refused'
  | 'version_unsupported'
  | 'not_ready'
  | 'too_many_streams'
  | 'internal'

/** Status and title of one code. */
export interface ProblemKind {
  readonly status: number
  readonly title: string
}

/** What each code means. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  bad_request: { status: 400, title: 'The request has bad fields' },
  bad_json: { status: 400, title: 'The body is no JSON' },
  bad_url: { status: 400, title: 'The address does not parse' },
  unauthorized: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  not_found: { status: 404, title: 'There is no such route' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  not_owner: { status: 409, title: 'The owner does not hold this lock' },
  expired: { status: 409, title: 'The holding has ended' },
  cancelled: { status: 409, title: 'The wait was cancelled' },
  upgrade: { status: 409, title: 'A shared holder cannot wait for an exclusive lock' },
  revoked: { status: 409, title: 'The lock was taken from its holder' },
  no_deadline: { status: 409, title: 'The lock lasts as long as its session' },
  not_leader: { status: 409, title: 'Only the leader can do this' },
  unknown_node: { status: 409, title: 'The node is not known here' },
  change_refused: { status: 409, title: 'The change was not made' },
  version_unsupported: { status: 409, title: 'The node does not know the rules in force' },
  too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  request_id_reused: { status: 422, title: 'The request id belongs to another request' },
  held: { status: 423, title: 'The lock is held' },
  wait_timeout: { status: 423, title: 'The wait ended without the lock' },
  too_many_requests: { status: 429, title: 'Too many requests are remembered' },
  too_many_waiters: { status: 429, title: 'Too many wait for this lock' },
  too_many_locks: { status: 429, title: 'The owner has too many locks' },
  too_many_keys: { status: 429, title: 'Too many keys are held' },
  count_too_high: { status: 429, title: 'The lock was taken too often' },
  too_many_streams: { status: 429, title: 'Too many streams are open' },
  internal: { status: 500, title: 'The server failed' },
  no_quorum: { status: 503, title: 'No quorum: it has not happened and will not' },
  not_ready: { status: 503, title: 'The node is not ready' },
  overloaded: { status: 503, title: 'Too much waits to be committed' },
  unknown: { status: 504, title: 'Unknown: it may have happened, or may happen yet' },
}

/** A bad field of a request. */
export interface FieldProblem {
  readonly field: string
  /** One sentence, which names the field. */
  readonly detail: string
}

/** What a problem may say besides its sentence. */
export interface ProblemExtra {
  readonly errors?: readonly FieldProblem[]
  readonly holder?: string | null
  readonly fencing_token?: number
  readonly remaining_ms?: number | null
  readonly request_id?: string | null
  readonly leader_id?: string | null
  readonly leader_url?: string | null
  readonly node_id?: string
  /** Null: not known. */
  readonly version_known?: number | null
  readonly version_in_force?: number
}

/** A failure that is to be answered. Thrown by handlers; never shown with its stack. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly extra: ProblemExtra
  /** When to try again, milliseconds, or null. */
  readonly retryAfterMs: number | null

  constructor(
    code: ProblemCode,
    detail: string,
    extra: ProblemExtra = {},
    retryAfterMs: number | null = null,
  ) {
    super(detail)
    this.code = code
    this.extra = extra
    this.retryAfterMs = retryAfterMs
  }
}

/** The problem document. */
export function problemDocument(problem: Problem): Readonly<Record<string, unknown>> {
  const { code, message, extra, retryAfterMs } = problem
  const { status, title } = PROBLEMS[code]
  return {
    type: `urn:lockstep:problem:${code}`,
    title,
    status,
    detail: message,
    code,
    success: false,
    ...extra,
    ...(retryAfterMs === null ? {} : { retry_after_ms: retryAfterMs }),
  }
}

/** Answers with a problem. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { code, retryAfterMs } = problem
  if (retryAfterMs !== null) {
    reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1_000)))
  }
  if (code === 'unauthorized') reply.header('www-authenticate', 'Bearer realm="lockstep"')
  return reply
    .code(PROBLEMS[code].status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemDocument(problem)))
}
