// GET /locks/{key}/events: what happens to a key, as server-sent events, and /locks/one/events?key=
// for keys that a path cannot carry. The id of an event is the index of its entry, the same on
// every node: a client that comes back, to any of them, names the last it has seen and gets what
// came after, or a `reset` when that is not kept any more.

import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { LockEvent } from '../../core/lock/event.ts'
import { unreachable } from '../../core/invariant.ts'
import type { LockFeed } from '../lock-feed.ts'
import type { ApiContext, RouteDoc } from './context.ts'
import { addRoute } from './context.ts'
import { Problem } from './problem.ts'
import type { KeyParams } from './schemas.ts'
import { KEY_PARAMS } from './schemas.ts'

/** Bytes that a slow client may have waiting before its stream is ended. */
const BACKLOG_BYTES_MAX = 1_048_576

/** How streams are kept. */
export interface EventStreamOptions {
  readonly streamsMax: number
  /** Pause between comments that keep proxies from closing the stream, milliseconds. */
  readonly pingMs: number
}

const DOC: Omit<RouteDoc, 'path'> = {
  method: 'GET',
  summary:
    'What happens to the key, as server-sent events. The id is the index of the entry: with ' +
    'Last-Event-ID the stream goes on from there, or says `reset` when that is not kept any more.',
  verb: 'read',
  successes: { 200: { says: 'Events.', schema: null, contentType: 'text/event-stream' } },
  problems: [
    'bad_request',
    'bad_url',
    'unauthorized',
    'forbidden',
    'too_many_streams',
    'no_quorum',
  ],
}

/** Adds the routes. What is returned ends all their streams. */
export function addEventRoutes(
  fastify: FastifyInstance,
  context: ApiContext,
  options: EventStreamOptions,
): () => void {
  const streams = new Set<EventStream>()
  const follow = (key: string, request: FastifyRequest, reply: FastifyReply): unknown => {
    if (request.method === 'HEAD') return ''
    if (streams.size >= options.streamsMax) {
      const detail = `${options.streamsMax} streams are open on this node: use another`
      throw new Problem('too_many_streams', detail, {}, 1_000)
    }
    const since = lastEventId(request.headers['last-event-id'])
    const { feed, service } = context
    const { applied } = service.replica.state()
    reply.hijack()
    const stream = new EventStream(reply.raw, options.pingMs, () => streams.delete(stream))
    streams.add(stream)
    stream.follow(feed, key, since, applied)
    return reply
  }
  addRoute<undefined, undefined, KeyParams>(
    fastify,
    context,
    { ...DOC, path: '/locks/{key}/events', params: KEY_PARAMS },
    ({ params, request, reply }) => Promise.resolve(follow(params.key, request, reply)),
  )
  addRoute<undefined, KeyParams>(
    fastify,
    context,
    { ...DOC, path: '/locks/one/events', query: KEY_PARAMS },
    ({ query, request, reply }) => Promise.resolve(follow(query.key, request, reply)),
  )
  return () => {
    for (const stream of [...streams]) stream.end()
  }
}

/**
 * The index that the client names, or null.
 *
 * @throws Problem `bad_request`.
 */
function lastEventId(header: string | string[] | undefined): number | null {
  if (header === undefined || header === '') return null
  const index = Number(header)
  if (/^\d{1,16}$/.test(String(header)) && Number.isSafeInteger(index)) return index
  throw new Problem('bad_request', 'Last-Event-ID must be the id of an event of this stream')
}

/** One client that watches one key. */
class EventStream {
  readonly #response: ServerResponse
  readonly #ping: NodeJS.Timeout
  #unwatch: () => void = () => undefined

  constructor(response: ServerResponse, pingMs: number, onEnd: () => void) {
    this.#response = response
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    this.#ping = setInterval(() => this.#write(': ping\n\n'), pingMs)
    this.#ping.unref()
    response.once('close', () => {
      clearInterval(this.#ping)
      this.#unwatch()
      onEnd()
    })
  }

  /** Goes on after `since`; null: from now on, which is after `applied`. */
  follow(feed: LockFeed, key: string, since: number | null, applied: number): void {
    this.#write('retry: 1000\n\n')
    const missed = since === null ? [] : feed.since(key, since)
    if (missed === null) this.#reset(applied)
    else if (since === null) this.#send('ready', applied, { type: 'ready', index: applied })
    else this.#happened(missed)
    this.#unwatch = feed.watch(key, {
      happened: (events) => this.#happened(events.filter(({ index }) => index > (since ?? 0))),
      missed: (index) => this.#reset(index),
    })
  }

  end(): void {
    this.#response.end()
  }

  #reset(index: number): void {
    this.#send('reset', index, { type: 'reset', index })
  }

  /** Only the last event of an entry has its id: a client that missed one gets them all again. */
  #happened(events: readonly LockEvent[]): void {
    for (const [at, event] of events.entries()) {
      const isLast = events[at + 1]?.index !== event.index
      this.#send(event.type, isLast ? event.index : null, eventBody(event))
    }
  }

  #send(type: string, id: number | null, body: object): void {
    const named = id === null ? '' : `id: ${id}\n`
    this.#write(`event: ${type}\n${named}data: ${JSON.stringify(body)}\n\n`)
  }

  #write(text: string): void {
    if (this.#response.writableEnded) return
    this.#response.write(text)
    // It can come back with the last id that it has read.
    if (this.#response.writableLength > BACKLOG_BYTES_MAX) this.#response.destroy()
  }
}

/** An event in the words of the API. Request ids are their owners' own business. */
export function eventBody(event: LockEvent): Readonly<Record<string, unknown>> {
  const { type, key, index, timeMs } = event
  const where = { type, key, index, time_ms: timeMs }
  if (event.type === 'contended') return { ...where, waiters: event.waiters }
  if (event.type === 'delayed') return { ...where, delay_ms: event.untilMs - timeMs }
  const { owner, session } = event
  return { ...where, owner, session, ...details(event) }
}

type OwnerEvent = Exclude<LockEvent, { type: 'contended' } | { type: 'delayed' }>

function details(event: OwnerEvent): Readonly<Record<string, unknown>> {
  const { timeMs } = event
  const left = (deadlineMs: number | null): number | null =>
    deadlineMs === null ? null : Math.max(0, deadlineMs - timeMs)
  switch (event.type) {
    case 'queued':
      return { mode: event.mode, wait_ms: left(event.deadlineMs) }
    case 'granted': {
      const { mode, token } = event
      return { mode, fencing_token: token, remaining_ms: left(event.deadlineMs) }
    }
    case 'updated': {
      const { mode, token, count } = event
      return { mode, fencing_token: token, count, remaining_ms: left(event.deadlineMs) }
    }
    case 'released':
    case 'expired':
      return { fencing_token: event.token }
    case 'revoked':
      return { fencing_token: event.token, remaining_ms: left(event.deadlineMs) }
    case 'lost':
      return { fencing_token: event.token, by: event.by }
    case 'waitEnded':
      return { by: event.by }
    default:
      return unreachable(event)
  }
}
