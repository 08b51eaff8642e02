// An HTTP server with the API and nothing else, set up against clients that are slow, many, or send
// what is no HTTP.

import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { fastify as createFastify, LogController } from 'fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { BODY_BYTES_MAX, sendError } from './api.ts'
import { endWith } from './end-with.ts'
import { Problem, problemDocument } from './problem.ts'
import type { ProblemCode } from './problem.ts'

/** How the server protects itself. All of it has defaults. */
export interface HttpServerOptions {
  /** A logger, such as pino's; nothing is logged when left out. */
  readonly logger?: FastifyBaseLogger
  /** Key, certificate and the like; plain HTTP when left out. */
  readonly tls?: SecureContextOptions & TlsOptions
  /** How long the head of a request may take to arrive, milliseconds; 10 s. */
  readonly headersTimeoutMs?: number
  /** How long all of a request may take to arrive, milliseconds; 30 s. */
  readonly requestTimeoutMs?: number
  /** How long a connection may be idle between requests, milliseconds; 75 s. */
  readonly keepAliveTimeoutMs?: number
  /** Connections at a time; more are closed at once. 20 000. */
  readonly connectionsMax?: number
}

/** Connections at a time of a server that is told nothing else. */
export const HTTP_CONNECTIONS_MAX = 20_000
/** Longer than any key in its longest form: how long it may be is for the check of keys to say. */
const PARAM_LENGTH_MAX = 65_536
/** Milliseconds between looks at what takes too long, at most. */
const CHECK_MS_MAX = 5_000

/** A server without routes: register `lockApi` on it, and listen. */
export function httpServer(options: HttpServerOptions = {}): FastifyInstance {
  const { headersTimeoutMs = 10_000, requestTimeoutMs = 30_000 } = options
  const { tls, logger } = options
  const connectionsCheckingInterval = Math.min(CHECK_MS_MAX, Math.ceil(headersTimeoutMs / 2))
  const timeouts = { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs }
  const http = { ...timeouts, connectionsCheckingInterval }
  const common = {
    ...(logger === undefined ? { logger: false as const } : { loggerInstance: logger }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 75_000,
    forceCloseConnections: 'idle' as const,
    // What still comes is answered like all else, in our own words.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    frameworkErrors: (error: unknown, _request: unknown, reply: unknown) =>
      void sendError(error, reply as Parameters<typeof sendError>[1]),
    clientErrorHandler: (error: Error, socket: Socket) => refuse(error, socket),
  }
  const fastify = (
    tls === undefined
      ? createFastify({ ...common, http })
      : createFastify({ ...common, https: { ...http, ...tls } })
  ) as FastifyInstance
  const { server } = fastify
  server.maxConnections = options.connectionsMax ?? HTTP_CONNECTIONS_MAX
  fastify.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?')
    const hint = path.startsWith('/locks/') ? ' (a slash in a key is sent as %2F)' : ''
    const detail = `${request.method} ${path} is no route of this server${hint}`
    return sendError(new Problem('not_found', detail), reply)
  })
  return fastify
}

/** Answers a connection whose bytes are no HTTP, or came too slowly, and closes it. */
function refuse(error: Error & { code?: string }, socket: Socket): void {
  const response = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage
  const isAnswered = response?.headersSent ?? false
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy()
    return
  }
  const { code, status, reason, detail } = refusal(error.code)
  const body = JSON.stringify({ ...problemDocument(new Problem(code, detail)), status })
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  endWith(socket, `${head.join('\r\n')}\r\n\r\n${body}`)
}

interface Refusal {
  readonly code: ProblemCode
  readonly status: number
  readonly reason: string
  readonly detail: string
}

function refusal(code: string | undefined): Refusal {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT': {
      // So is one that came while the process slept, for all that its sender could do.
      const detail = 'the request took too long to arrive, and was not looked at: send it again'
      return { code: 'request_timeout', status: 408, reason: 'Request Timeout', detail }
    }
    case 'HPE_HEADER_OVERFLOW': {
      const detail = 'the head of the request is too large'
      const reason = 'Request Header Fields Too Large'
      return { code: 'bad_request', status: 431, reason, detail }
    }
    default:
      return { code: 'bad_request', status: 400, reason: 'Bad Request', detail: 'this is no HTTP' }
  }
}

/** The Node server under a fastify. */
export function nodeServer(fastify: FastifyInstance): Server {
  return fastify.server as Server
}
