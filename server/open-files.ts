// How many connections a node takes: as many as its limit of open files leaves when the files of
// its log, the other nodes and the runtime have theirs. A connection that is closed is its client's
// loss for a moment; a log that cannot open its next file stops the node.

import { readdirSync } from 'node:fs'
import { TCP_LIMITS } from '../transports/node/tcp-options.ts'
import { CLIENT_CONNECTIONS_MAX } from './client-connections.ts'
import { HTTP_CONNECTIONS_MAX } from './http/server.ts'
import { StartError } from './start-error.ts'

/** What the system says of the files of this process. */
export interface OpenFiles {
  readonly limit: number
  /** How many are open. */
  readonly count: number
}

/** The most connections of each kind at a time. */
export interface ConnectionCaps {
  /** On the HTTP port, those of client libraries included. */
  readonly http: number
  /** Of client libraries. */
  readonly clients: number
  /** On the raft port, of those who have not said who they are. */
  readonly strangers: number
}

/** What Node has open by itself: pipes, polls, the standard streams. */
const RUNTIME_FILES = 24
/**
 * What we open at once at most: ports, folders and the lock of the directory (5), the log and the
 * next ones while a snapshot is written (5), files of the directory and of libraries (4), name
 * lookups, a socket and a file for each of four threads (8), connections that are about to be
 * closed (4).
 */
const OWN_FILES = 26
/** A connection each way. */
const FILES_OF_PEER = 2
/** Nodes may be added that nobody knew of at the start. */
const ADDED_PEERS = 2
/** Below it Node may fail to load us: it opens many modules at a time. */
const LIMIT_MIN = 128
const STRANGERS_MIN = 8
const HTTP_MIN = 8

/** The limit that this process runs under, and what it uses of it; null: the system has none. */
export function openFiles(): OpenFiles | null {
  // Node has raised the soft limit to the hard one before this.
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number | 'unlimited' } }
  }
  const limit = report.userLimits?.open_files?.soft
  return typeof limit === 'number' ? { limit, count: openCount() } : null
}

function openCount(): number {
  try {
    return readdirSync('/dev/fd').length
  } catch {
    return 0
  }
}

/** The caps of a node with so many peers. Throws a StartError when the limit is too low for it. */
export function connectionCaps(files: OpenFiles | null, peersCount: number): ConnectionCaps {
  const { limit, count } = files ?? { limit: Infinity, count: 0 }
  const reserved =
    Math.max(RUNTIME_FILES, count) + OWN_FILES + FILES_OF_PEER * (peersCount + ADDED_PEERS)
  const least = Math.max(LIMIT_MIN, reserved + STRANGERS_MIN + HTTP_MIN)
  if (limit < least) {
    const advice = 'raise it with `ulimit -n`, or LimitNOFILE in a unit of systemd'
    const why = `the limit of open files is ${limit}, and this node needs ${least}: ${advice}`
    throw new StartError(why, true)
  }
  const left = limit - reserved
  const strangers = Math.min(TCP_LIMITS.strangersMax, Math.max(STRANGERS_MIN, share(left, 8)))
  const http = Math.min(HTTP_CONNECTIONS_MAX, left - strangers)
  // The others are for requests, and for whoever asks whether the node lives.
  return { http, clients: Math.min(CLIENT_CONNECTIONS_MAX, share(http, 2)), strangers }
}

function share(count: number, parts: number): number {
  return Math.floor(count / parts)
}
