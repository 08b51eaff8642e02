// One node as a whole: data directory, raft port, HTTP port, replica, and how they start and stop
// together. It decides nothing of locks or of consensus, and knows no command line.

import { DEFAULTS } from '../core/raft/config.ts'
import type { Config } from '../core/raft/config.ts'
import { lockService } from '../core/lock/machine.ts'
import { openFileDisk } from '../storage/node/file-disk.ts'
import type { FileDisk } from '../storage/node/file-disk.ts'
import { DataDirectoryError } from './data-directory-error.ts'
import { openDataDirectory } from './data-directory.ts'
import type { DataDirectory } from './data-directory.ts'
import { answerWhileFounding } from './founding-answers.ts'
import type { Membership } from './founding.ts'
import { handOver } from './hand-over.ts'
import { httpServer } from './http/server.ts'
import type { TokenRule } from './http/auth.ts'
import { openDoor } from './http-door.ts'
import type { HttpDoor } from './http-door.ts'
import { LockFeed } from './lock-feed.ts'
import type { LockReplica } from './lock-replica.ts'
import { MembershipFinder } from './membership-finder.ts'
import { nodeLogger, noticeLogger, traceLogger } from './node-log.ts'
import type { Logger } from './node-log.ts'
import { connectionCaps, openFiles } from './open-files.ts'
import type { ConnectionCaps } from './open-files.ts'
import type { NodeOptions } from './options.ts'
import { ownUrl } from './own-url.ts'
import { keepRaisingVersion } from './raise-version.ts'
import { ReplicaError } from './replica-error.ts'
import { startReplica } from './replica.ts'
import type { StopReason } from './replica.ts'
import { serveLocks } from './serve-locks.ts'
import type { LockFront } from './serve-locks.ts'
import { StartError } from './start-error.ts'
import { systemTime } from './time.ts'
import { readTls, readTokens } from './tls-files.ts'
import type { TlsContents } from './tls-files.ts'

/** Why a node runs no more. */
export type NodeEnd =
  /** It was told to stop. */
  | { readonly type: 'stopped' }
  /** It cannot go on; `error` says why and what to do. */
  | { readonly type: 'failed'; readonly error: StartError }

/** A node that runs. */
export interface RunningNode {
  /** The port of the HTTP API. */
  readonly port: number
  /** The port for the other nodes. */
  readonly raftPort: number
  /** Resolves when it has stopped, for whatever reason. */
  readonly stopped: Promise<NodeEnd>
  /** Hands leadership over, answers what is open, and ends. Resolves with `stopped`. */
  stop(): Promise<NodeEnd>
}

/** How long a leader tries to hand over before it stops, milliseconds. */
const HAND_OVER_MS = 2_000

/** With fewer connections than this, many a service would miss some. */
const CONNECTIONS_FEW = 1_000

/** A snapshot holds all replies that are remembered, up to a million: not to be made often. */
const SNAPSHOT_ENTRIES_MIN = 100_000
const SNAPSHOT_KEEP_ENTRIES = 10_000
/** How long open requests may take to be answered when it stops, milliseconds. */
const DRAIN_MS = 3_000

/**
 * Starts a node: resolves when both its ports are open, which may be before its cluster is founded.
 *
 * @throws StartError
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const files = {
    tls: options.tls === null ? null : readTls('tls', options.tls),
    raftTls: options.raftTls === null ? null : readTls('raft-tls', options.raftTls),
    tokens: options.authFile === null ? [] : readTokens(options.authFile),
  }
  const logger = nodeLogger(options.logLevel, options.id)
  for (const warning of options.warnings) logger.warn(warning)
  const caps = capsOf(options, logger)
  const directory = await openDirectory(options)
  const node = new Node({ options, files, logger, caps, directory })
  try {
    await node.open()
  } catch (error) {
    await node.abandon()
    throw error
  }
  return node
}

function capsOf({ peers }: NodeOptions, logger: Logger): ConnectionCaps {
  const files = openFiles()
  const caps = connectionCaps(files, peers.length)
  if (caps.http < CONNECTIONS_FEW) {
    const why = 'this node takes few connections: its limit of open files is low'
    logger.warn({ connectionsMax: caps.http, openFilesMax: files?.limit }, why)
  }
  return caps
}

async function openDirectory({ dataDir, id }: NodeOptions): Promise<DataDirectory> {
  try {
    return await openDataDirectory(dataDir, { name: id, random: systemTime.random })
  } catch (error) {
    if (!(error instanceof DataDirectoryError)) throw error
    const isUsage = error.code !== 'locked' && error.code !== 'ioFailed'
    throw new StartError(error.message, isUsage, error)
  }
}

interface Files {
  readonly tls: TlsContents | null
  readonly raftTls: TlsContents | null
  readonly tokens: readonly TokenRule[]
}

/** What a node is made of. */
interface NodeParts {
  readonly options: NodeOptions
  readonly files: Files
  readonly logger: Logger
  readonly caps: ConnectionCaps
  readonly directory: DataDirectory
}

class Node implements RunningNode {
  readonly stopped: Promise<NodeEnd>
  readonly #options: NodeOptions
  readonly #files: Files
  readonly #logger: Logger
  readonly #caps: ConnectionCaps
  readonly #directory: DataDirectory
  readonly #finder: MembershipFinder
  #resolve: (end: NodeEnd) => void = () => undefined
  #door: HttpDoor | null = null
  #disk: FileDisk | null = null
  #replica: LockReplica | null = null
  #front: LockFront | null = null
  #snapshots: NodeJS.Timeout | null = null
  #endRaising: (() => void) | null = null
  #isStopping = false

  constructor({ options, files, logger, caps, directory }: NodeParts) {
    this.#options = options
    this.#files = files
    this.#logger = logger
    this.#caps = caps
    this.#directory = directory
    this.stopped = new Promise((resolve) => (this.#resolve = resolve))
    const { raftTls } = files
    this.#finder = new MembershipFinder({
      options,
      directory,
      tls: raftTls === null || raftTls.ca === null ? null : { ...raftTls, ca: raftTls.ca },
      strangersMax: caps.strangers,
      onNotice: noticeLogger(logger),
      onFailure: (error) => void this.#fail(new StartError(error.message, false, error)),
    })
  }

  get port(): number {
    return this.#door?.port ?? 0
  }

  get raftPort(): number {
    return this.#finder.tcp.address.port
  }

  /** Opens both ports, and goes on by itself from there. */
  async open(): Promise<void> {
    const { host, port } = this.#options
    const { tls } = this.#files
    const first = httpServer({
      logger: this.#logger,
      connectionsMax: this.#caps.http,
      ...(tls === null ? {} : { tls: tlsOf(tls) }),
    })
    answerWhileFounding(first, () => this.#finder.waitsFor())
    try {
      this.#door = await openDoor(first, { host, port })
      this.#finder.url = ownUrl(this.#options, this.#door.port)
      await this.#finder.open()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const inUse = 'is in use: stop whoever uses it, or take another one'
      const why = code === 'EADDRINUSE' ? `port ${port} of ${host} ${inUse}` : message
      throw new StartError(why, false, error)
    }
    const { node } = this.#finder
    const { port: http, raftPort } = this
    this.#logger.info({ id: node, port: http, raftPort }, 'the node has started')
    this.#finder.found.then((membership) => this.#enter(membership)).catch((error: unknown) => {
      void this.#fail(startErrorOf(error))
    })
  }

  /** Lets go of what a start that failed had taken. */
  async abandon(): Promise<void> {
    await this.#door?.close(0)
    await this.#finder.tcp.close()
    await this.#directory.close()
  }

  stop(): Promise<NodeEnd> {
    if (!this.#isStopping) void this.#end(() => Promise.resolve({ type: 'stopped' }))
    return this.stopped
  }

  /** The node belongs to a cluster: its replica starts, and serves. */
  async #enter({ founding, as }: Membership): Promise<void> {
    if (this.#isStopping) return
    this.#logger.info({ cluster: founding.cluster, voters: founding.voters, as }, 'in a cluster')
    const disk = openFileDisk(this.#directory.logFolder)
    this.#disk = disk
    const feed = new LockFeed()
    const logTrace = traceLogger(this.#logger)
    const machine = lockService()
    const replica = await startReplica({
      machine,
      config: this.#config(founding.cluster, founding.voters),
      transport: this.#finder.transport(),
      disk,
      onTrace: (trace) => {
        feed.traced(trace)
        logTrace(trace)
      },
      onApplied: feed.applied,
    })
    this.#replica = replica
    void replica.stopped.then((reason) => this.#replicaStopped(reason))
    const { id } = this.#options
    this.#front = await serveLocks({
      options: this.#options,
      replica,
      feed,
      tcp: this.#finder.tcp,
      url: this.#finder.url,
      tokens: this.#files.tokens,
      logger: this.#logger,
      clientsMax: this.#caps.clients,
      name: id,
      isStopping: () => this.#isStopping,
    })
    this.#door?.passTo(this.#front.fastify)
    this.#snapshots = setInterval(() => takeSnapshot(replica), this.#options.snapshotIntervalMs)
    this.#endRaising = keepRaisingVersion(replica, machine.versions ?? 1)
  }

  #config(cluster: string, voters: readonly string[]): Config {
    const { electionTimeoutMs, heartbeatIntervalMs } = this.#options
    return {
      ...DEFAULTS,
      snapshotEntriesMin: SNAPSHOT_ENTRIES_MIN,
      snapshotKeepEntries: SNAPSHOT_KEEP_ENTRIES,
      cluster,
      group: '0',
      node: this.#finder.node,
      voters,
      electionTimeoutMs,
      heartbeatIntervalMs,
    }
  }

  #replicaStopped(reason: StopReason): void {
    if (reason.type === 'closed') return
    const { message } = reason.error
    const said =
      reason.type === 'diskFailed'
        ? `the disk failed: ${message}`
        : reason.type === 'unknownVersion'
          ? message
          : `a rule that always holds was broken, please report it: ${message}`
    this.#logger.fatal({ err: reason.error }, said)
    void this.#fail(new StartError(said, false, reason.error))
  }

  #fail(error: StartError): Promise<void> {
    return this.#end(() => Promise.resolve({ type: 'failed', error }))
  }

  async #end(how: () => Promise<NodeEnd>): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    if (this.#snapshots !== null) clearInterval(this.#snapshots)
    this.#endRaising?.()
    const end = await how()
    const replica = this.#replica
    if (replica !== null && end.type === 'stopped') {
      const to = await handOver(replica, HAND_OVER_MS)
      if (to !== null) this.#logger.info({ to }, 'the leadership was handed over')
    }
    await this.#front?.close()
    await this.#door?.close(DRAIN_MS)
    await replica?.close()
    await this.#finder.tcp.close()
    await this.#disk?.close().catch((error: unknown) => this.#logger.error({ err: error }))
    await this.#directory.close()
    this.#logger.info('the node has stopped')
    this.#resolve(end)
  }
}

function tlsOf({ cert, key, ca }: TlsContents) {
  const common = { cert, key, minVersion: 'TLSv1.2' as const }
  return ca === null ? common : { ...common, ca, requestCert: true, rejectUnauthorized: true }
}

function takeSnapshot(replica: LockReplica): void {
  const { appliedIndex, snapshotIndex } = replica.status()
  if (appliedIndex > snapshotIndex) replica.takeSnapshot()
}

function startErrorOf(error: unknown): StartError {
  const { message } = error as Error
  const isUsage = error instanceof ReplicaError && error.code !== 'diskFailed'
  return new StartError(message, isUsage, error)
}
