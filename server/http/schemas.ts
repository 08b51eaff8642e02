// What requests to the API look like, as JSON schemas: the server checks with them, and
// /openapi.json shows them. The formats are our own, and say what is wrong in a sentence.

import { isWellFormed, utf8Bytes } from '../../core/bytes.ts'
import type { Limits } from '../../core/lock/limits.ts'
import { formatDuration, parseDuration } from '../../client/duration.ts'

/** A JSON schema, as plain data. */
export interface Schema {
  readonly [keyword: string]: unknown
}

/** One of our own formats of texts. */
export interface TextFormat {
  readonly isGood: (text: string) => boolean
  /** What the text must be, as the end of "the field must be …". */
  readonly says: string
}

/** The formats under some limits, by name. */
export type TextFormats = Readonly<Record<string, TextFormat>>

/** The formats that the schemas name. */
export function textFormats(limits: Limits): TextFormats {
  const { ttlMsMin, ttlMsMax, waitMsMax, lockDelayMsMax } = limits
  return {
    'lock-key': text(1, limits.keyBytesMax),
    'lock-prefix': text(0, limits.keyBytesMax),
    'lock-owner': text(1, limits.ownerBytesMax),
    'lock-request-id': text(1, limits.requestIdBytesMax),
    'lock-metadata': text(0, limits.metadataBytesMax),
    'lock-ttl': duration(ttlMsMin, ttlMsMax),
    'lock-wait': duration(0, waitMsMax),
    'lock-delay': duration(0, lockDelayMsMax),
  }
}

function text(bytesMin: number, bytesMax: number): TextFormat {
  const isGood = (value: string): boolean => {
    if (value.length < bytesMin || value.length > bytesMax || !isWellFormed(value)) return false
    return utf8Bytes(value) <= bytesMax
  }
  const says = `a text of ${bytesMin} to ${bytesMax} bytes in UTF-8, without lone surrogates`
  return { isGood, says }
}

function duration(leastMs: number, mostMs: number): TextFormat {
  const isGood = (value: string): boolean => {
    const ms = parseDuration(value)
    return ms !== null && ms >= leastMs && ms <= mostMs
  }
  const range = `from ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`
  return { isGood, says: `a duration such as "30s" or "1m30s", ${range}` }
}

const KEY = { type: 'string', format: 'lock-key', description: 'The key of the lock.' }
const OWNER = { type: 'string', format: 'lock-owner', description: 'Who asks.' }
const TOKEN_MAX = Number.MAX_SAFE_INTEGER
const TOKEN = {
  type: 'integer',
  minimum: 0,
  maximum: TOKEN_MAX,
  description: 'The holding that is meant, by its fencing token. Left out: whatever there is.',
}
const REQUEST_ID = {
  type: 'string',
  format: 'lock-request-id',
  description: 'Names this request: asked again with it, nothing happens twice.',
}

function object(required: readonly string[], properties: Schema): Schema {
  return { type: 'object', additionalProperties: false, required, properties }
}

/** Body of POST /locks/acquire. */
export interface AcquireBody {
  readonly key: string
  readonly owner: string
  readonly ttl?: string
  readonly wait?: string
  readonly request_id?: string
  readonly mode?: 'exclusive' | 'shared'
  readonly reentrant?: boolean
  readonly metadata?: string
  readonly lock_delay?: string
}

export const ACQUIRE: Schema = object(['key', 'owner'], {
  key: KEY,
  owner: OWNER,
  ttl: { type: 'string', format: 'lock-ttl', description: 'Length of the lease.' },
  wait: {
    type: 'string',
    format: 'lock-wait',
    description: 'How long to wait in the queue; left out: not at all.',
  },
  request_id: REQUEST_ID,
  mode: { type: 'string', enum: ['exclusive', 'shared'], description: 'Left out: exclusive.' },
  reentrant: {
    type: 'boolean',
    description:
      "Whether the holder's own acquire adds one to the count, or only keeps the lease. " +
      'Left out: true with a request id, false without.',
  },
  metadata: { type: 'string', format: 'lock-metadata', description: 'For others to read.' },
  lock_delay: {
    type: 'string',
    format: 'lock-delay',
    description: 'How long nobody gets the key after this holding was lost, and not given back.',
  },
})

/** Body of POST /locks/renew. */
export interface RenewBody {
  readonly key: string
  readonly owner: string
  readonly ttl?: string
  readonly token?: number
  readonly request_id?: string
}

export const RENEW: Schema = object(['key', 'owner'], {
  key: KEY,
  owner: OWNER,
  ttl: {
    type: 'string',
    format: 'lock-ttl',
    description: 'The lease ends so long from now. Left out: as long as the last time.',
  },
  token: TOKEN,
  request_id: REQUEST_ID,
})

/** Body of POST /locks/release. */
export interface ReleaseBody {
  readonly key: string
  readonly owner: string
  readonly token?: number
  readonly all?: boolean
  readonly request_id?: string
}

export const RELEASE: Schema = object(['key', 'owner'], {
  key: KEY,
  owner: OWNER,
  token: TOKEN,
  all: { type: 'boolean', description: 'Gives back all of the count, not one.' },
  request_id: REQUEST_ID,
})

/** Body of POST /locks/force-release. */
export interface ForceReleaseBody {
  readonly key: string
  readonly owner?: string
  readonly token?: number
  readonly now?: boolean
  readonly request_id?: string
}

export const FORCE_RELEASE: Schema = object(['key'], {
  key: KEY,
  owner: { ...OWNER, description: 'Who asks for it; left out: "admin".' },
  token: TOKEN,
  now: {
    type: 'boolean',
    description:
      'True: at once, and only the fencing token keeps the holders out. ' +
      'Left out: when their leases end, which cannot be renewed any more.',
  },
  request_id: REQUEST_ID,
})

/** Body of POST /locks/cancel. */
export interface CancelBody {
  readonly key: string
  readonly owner: string
  readonly request_id: string
}

export const CANCEL: Schema = object(['key', 'owner', 'request_id'], {
  key: KEY,
  owner: OWNER,
  request_id: { ...REQUEST_ID, description: 'That of the acquire.' },
})

/** Body of what an operator asks about one node. */
export interface NodeBody {
  readonly node: string
}

export const NODE: Schema = object(['node'], {
  node: {
    type: 'string',
    minLength: 1,
    maxLength: 256,
    description: 'Its name, or name@incarnation where there are several of that name.',
  },
})

/** A body without fields, which may also be left out. */
export const NOTHING: Schema = { ...object([], {}), type: ['object', 'null'] }

const CONSISTENCY = {
  type: 'string',
  enum: ['linearizable', 'stale'],
  description: "stale: from this node's own state, which may be old.",
}
const LIMIT = { type: 'integer', minimum: 1, maximum: 1_000, description: 'Left out: 100.' }
const CURSOR = { type: 'string', minLength: 1, description: '`next` of the page before.' }

/** Query of the routes that tell how one key stands. */
export interface StatusQuery {
  readonly consistency?: 'linearizable' | 'stale'
}

export const STATUS_QUERY: Schema = object([], { consistency: CONSISTENCY })

/** The same with the key in the query. */
export interface OneQuery extends StatusQuery {
  readonly key: string
}

export const ONE_QUERY: Schema = object(['key'], { key: KEY, consistency: CONSISTENCY })

/** Query of GET /locks. */
export interface ListQuery extends StatusQuery {
  readonly prefix?: string
  readonly limit?: number
  readonly cursor?: string
}

export const LIST_QUERY: Schema = object([], {
  prefix: { type: 'string', format: 'lock-prefix', description: 'What the keys begin with.' },
  limit: LIMIT,
  cursor: CURSOR,
  consistency: CONSISTENCY,
})

/** Query of the lists of one key. */
export interface PageQuery extends StatusQuery {
  readonly limit?: number
  readonly cursor?: string
}

export const PAGE_QUERY: Schema = object([], {
  limit: LIMIT,
  cursor: CURSOR,
  consistency: CONSISTENCY,
})

/** The same with the key in the query. */
export interface OnePageQuery extends PageQuery {
  readonly key: string
}

export const ONE_PAGE_QUERY: Schema = object(['key'], {
  key: KEY,
  limit: LIMIT,
  cursor: CURSOR,
  consistency: CONSISTENCY,
})

/** A key, in the path or alone in the query. */
export interface KeyParams {
  readonly key: string
}

export const KEY_PARAMS: Schema = object(['key'], { key: KEY })
