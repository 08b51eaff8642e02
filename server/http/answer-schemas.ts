// What the API answers, as JSON schemas for /openapi.json; tests hold real answers against them.

import { PROBLEMS } from './problem.ts'
import type { ProblemExtra } from './problem.ts'
import type { Schema } from './schemas.ts'

const INTEGER = { type: 'integer', minimum: 0 }
const TEXT = { type: 'string' }
const TEXT_OR_NULL = { type: ['string', 'null'] }
const INTEGER_OR_NULL = { type: ['integer', 'null'], minimum: 0 }
const MODE = { type: 'string', enum: ['exclusive', 'shared'] }
const TRUE = { const: true }

function object(properties: Schema, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', additionalProperties: false, required, properties }
}

const LOCK = object(
  {
    key: TEXT,
    owner: TEXT,
    ttl: { type: 'string', description: 'Length of the lease, as a duration.' },
    expires_at: {
      type: ['string', 'null'],
      format: 'date-time',
      description: "By the answering node's wall clock, for display: nothing is decided by it.",
    },
    version: { ...INTEGER, description: 'The fencing token.' },
    fencing_token: INTEGER,
    count: INTEGER,
    mode: MODE,
    metadata: TEXT,
    remaining_ms: {
      ...INTEGER_OR_NULL,
      description: 'The lease lasts so long from the answer on, or longer; null: as its session.',
    },
    revoked: { type: 'boolean', description: 'An operator took it: it cannot be renewed.' },
  },
  ['ttl', 'count', 'mode', 'metadata', 'revoked'],
)

export const LOCKED: Schema = object({ success: TRUE, lock: LOCK })

export const QUEUED: Schema = object({
  success: { const: false },
  queued: TRUE,
  request_id: TEXT,
  queue_position: { type: ['integer', 'null'], minimum: 1 },
})

export const RELEASED: Schema = object({
  success: TRUE,
  key: TEXT,
  owner: TEXT,
  count: { ...INTEGER, description: 'What is left of the holding: 0 when it ended.' },
})

export const FORCED: Schema = object({
  success: TRUE,
  key: TEXT,
  holders: INTEGER,
  remaining_ms: { ...INTEGER, description: 'Until the last of their leases ends.' },
})

export const FATE: Schema = object(
  {
    success: TRUE,
    key: TEXT,
    owner: TEXT,
    outcome: {
      type: 'string',
      description: 'cancelled: it waits no more. Any other: how the acquire had ended before.',
    },
    lock: LOCK,
  },
  ['lock'],
)

export const STATUS: Schema = object(
  {
    key: TEXT,
    locked: { type: 'boolean' },
    lock: LOCK,
    holders: INTEGER,
    waiters: INTEGER,
    delay_ms: { ...INTEGER, description: 'How long nobody gets it after a holding was lost.' },
  },
  ['lock'],
)

export const LOCK_LIST: Schema = object({
  locks: {
    type: 'array',
    items: object({
      key: TEXT,
      locked: { type: 'boolean' },
      mode: { enum: ['exclusive', 'shared', null] },
      owner: TEXT_OR_NULL,
      version: INTEGER,
      fencing_token: INTEGER,
      holders: INTEGER,
      waiters: INTEGER,
    }),
  },
  next: { ...TEXT_OR_NULL, description: '`cursor` of the next page; null: this is the last.' },
})

export const HOLDER_LIST: Schema = object({
  holders: {
    type: 'array',
    items: object({
      owner: TEXT,
      session: INTEGER_OR_NULL,
      version: INTEGER,
      fencing_token: INTEGER,
      count: INTEGER,
      remaining_ms: INTEGER_OR_NULL,
      metadata: TEXT,
      revoked: { type: 'boolean' },
    }),
  },
  mode: { enum: ['exclusive', 'shared', null] },
  next: TEXT_OR_NULL,
})

export const WAITER_LIST: Schema = object({
  waiters: {
    type: 'array',
    items: object({
      owner: TEXT,
      session: INTEGER_OR_NULL,
      mode: MODE,
      queue_position: INTEGER,
      waited_ms: INTEGER,
      remaining_ms: INTEGER,
    }),
  },
  next: TEXT_OR_NULL,
})

/** `waiting`: connected, and no member. */
const NODE_STATE = ['leader', 'follower', 'candidate', 'learner', 'waiting']

export const CLUSTER_INFO: Schema = object({
  leader_id: TEXT_OR_NULL,
  leader_url: TEXT_OR_NULL,
  term: INTEGER,
  nodes: {
    type: 'array',
    items: object({
      id: TEXT,
      state: { type: 'string', enum: NODE_STATE },
      incarnation: TEXT_OR_NULL,
      address: TEXT_OR_NULL,
      url: { ...TEXT_OR_NULL, description: 'Where its HTTP API is; null: not known here.' },
      connected: { type: 'boolean' },
      match_index: { ...INTEGER_OR_NULL, description: 'Known on the leader only.' },
    }),
  },
  quorum_size: INTEGER,
  has_quorum: { type: 'boolean' },
  cluster_id: TEXT,
  node_id: { type: 'string', description: 'The node that answers.' },
  commit_index: INTEGER,
  applied_index: INTEGER,
})

export const HEALTH: Schema = object(
  {
    status: { const: 'ok' },
    node_id: TEXT,
    role: { type: 'string' },
    leader_id: TEXT_OR_NULL,
  },
  ['node_id', 'role', 'leader_id'],
)

export const CLUSTER_HEALTH: Schema = object({
  status: { const: 'ok' },
  leader_id: TEXT_OR_NULL,
  has_quorum: TRUE,
})

export const CHANGED: Schema = object({ success: TRUE, index: INTEGER })

export const DONE: Schema = object({ success: TRUE })

/** All of it, or the document forbids what is answered. */
const PROBLEM_EXTRA: Readonly<Record<keyof ProblemExtra, Schema>> = {
  errors: { type: 'array', items: object({ field: TEXT, detail: TEXT }) },
  holder: TEXT_OR_NULL,
  fencing_token: INTEGER,
  remaining_ms: INTEGER_OR_NULL,
  request_id: TEXT,
  leader_id: TEXT_OR_NULL,
  leader_url: TEXT_OR_NULL,
  node_id: TEXT,
  version_known: {
    ...INTEGER_OR_NULL,
    description: 'The version of the rules that the node knows; null: it has not told.',
  },
  version_in_force: INTEGER,
}

export const PROBLEM: Schema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'success'],
  properties: {
    type: TEXT,
    title: TEXT,
    status: { type: 'integer' },
    detail: TEXT,
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    success: { const: false },
    retry_after_ms: INTEGER,
    ...PROBLEM_EXTRA,
  },
  additionalProperties: false,
}
