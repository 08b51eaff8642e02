// Real nodes of one cluster on this machine: each a process of the built command, with ports and a
// folder of its own. What it is told to do it has done when it answers.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../bench/ports.ts'
import { commandLine, environmentOf, installCopy } from '../cli/support.ts'
import { temporaryFolder } from './commands.ts'
import { killed, startProcess } from './processes.ts'
import type { Process } from './processes.ts'
import { until } from './until.ts'

export type Json = Readonly<Record<string, unknown>>

/** An HTTP answer. */
export interface Answer {
  readonly status: number
  readonly body: Json
}

/** Asks over HTTP; rejects when nobody answers in time. */
export async function http(
  url: string,
  body?: object,
  options: { readonly timeoutMs?: number; readonly method?: string } = {},
): Promise<Answer> {
  const { timeoutMs = 10_000, method } = options
  const signal = AbortSignal.timeout(timeoutMs)
  const sent =
    body === undefined
      ? { method: method ?? 'GET', signal }
      : {
          method: method ?? 'POST',
          signal,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }
  const response = await fetch(url, sent)
  const text = await response.text()
  return { status: response.status, body: JSON.parse(text) as Json }
}

/** One place in the cluster: the process in it may come and go. */
export interface Place {
  readonly id: string
  readonly port: number
  readonly raftPort: number
  readonly folder: string
  readonly url: string
  process: Process | null
}

export interface ClusterOptions {
  readonly count?: number
  /** More options of `lockstep node`. */
  readonly args?: readonly string[]
}

/** On a machine that is busy with other tests. */
const READY_MS_MAX = 40_000

export interface StartOptions {
  readonly root?: string
  readonly args?: readonly string[]
  /** Commands of bash that come before it, in the same process. */
  readonly shell?: string
}

let installed: string | null = null

/** A copy of the build, so that nobody who edits a source meanwhile is in the way. */
function installedRoot(): string {
  installed ??= installCopy()
  return installed
}

export class NodeCluster {
  readonly places: readonly Place[]
  readonly root: string
  readonly #args: readonly string[]
  readonly #past: Process[] = []

  private constructor(places: readonly Place[], root: string, args: readonly string[]) {
    this.places = places
    this.root = root
    this.#args = args
  }

  /** Places for nodes; none is started. */
  static async make(options: ClusterOptions = {}): Promise<NodeCluster> {
    const { count = 3, args = [] } = options
    const ports = await freePorts(2 * count)
    const parent = temporaryFolder()
    const places = Array.from({ length: count }, (_, at): Place => {
      const port = ports[2 * at] as number
      const id = `node${at + 1}`
      return {
        id,
        port,
        raftPort: ports[2 * at + 1] as number,
        folder: join(parent, id),
        url: `http://127.0.0.1:${port}`,
        process: null,
      }
    })
    return new NodeCluster(places, installedRoot(), args)
  }

  /** All nodes started, and ready. */
  static async running(options: ClusterOptions = {}): Promise<NodeCluster> {
    const cluster = await NodeCluster.make(options)
    for (const place of cluster.places) cluster.start(place)
    await cluster.ready()
    return cluster
  }

  /** The place of that number, from 0. */
  at(index: number): Place {
    return this.places[index] as Place
  }

  /** The options of a node in that place. */
  argsOf(place: Place): readonly string[] {
    const others = this.places.filter((other) => other !== place)
    const peers = others.map((other) => `${other.id}:127.0.0.1:${other.raftPort}`).join(',')
    const own = ['--id', place.id, '--port', `${place.port}`, '--raft-port', `${place.raftPort}`]
    const rest = peers === '' ? [] : ['--peers', peers]
    return [...own, '--data-dir', place.folder, ...rest, ...this.#args]
  }

  /** Starts a node there, of the build in `root`, with `args` where they are not its own. */
  start(place: Place, options: StartOptions = {}): Process {
    const { root = this.root, args = this.argsOf(place), shell } = options
    const shellWords = shell === undefined ? [] : ['bash', '-c', `${shell}; exec "$0" "$@"`]
    const words = [...shellWords, process.execPath, ...commandLine(root, ['node', ...args])]
    const started = startProcess(words, { folder: root, environment: environmentOf() })
    place.process = started
    this.#past.push(started)
    return started
  }

  /** Waits until these nodes say that they are ready. */
  async ready(places: readonly Place[] = this.places): Promise<void> {
    for (const place of places) {
      const isReady = async (): Promise<true | undefined> => {
        const one = place.process
        if (one !== null && !one.isRunning()) {
          throw new Error(`${place.id} has ended: ${one.stderr()}${one.stdout()}`)
        }
        return (await statusOf(`${place.url}/readyz`)) === 200 ? true : undefined
      }
      await until(`${place.id} to be ready`, isReady, READY_MS_MAX)
    }
  }

  /** The place that all running nodes take for the leader's. */
  leader(): Promise<Place> {
    return until('a leader that all know', async () => {
      const running = this.places.filter(({ process: one }) => one?.isRunning() === true)
      const ids = await Promise.all(running.map(leaderId))
      const [id] = ids
      return ids.every((one) => one === id) ? running.find((one) => one.id === id) : undefined
    })
  }

  /** SIGKILL: gone, and its ports refuse. */
  async kill(place: Place): Promise<void> {
    const { process: one, port, raftPort } = place
    if (one === null) return
    await killed(one, [port, raftPort])
    place.process = null
  }

  /** SIGTERM: how it ended. */
  async stop(place: Place): Promise<number | NodeJS.Signals> {
    const one = place.process
    if (one === null) return 0
    one.kill('SIGTERM')
    const code = await one.ended
    place.process = null
    return code
  }

  /** Removes all that a node has written. */
  wipe(place: Place): void {
    rmSync(place.folder, { recursive: true, force: true })
  }

  /** Ends all that was started here, for sure. */
  async close(): Promise<void> {
    for (const one of this.#past) if (one.isRunning()) one.kill('SIGKILL')
    await Promise.all(this.#past.map((one) => one.ended))
  }
}

async function leaderId({ url }: Place): Promise<unknown> {
  try {
    const { body } = await http(`${url}/cluster/info`, undefined, { timeoutMs: 1_000 })
    return body['leader_id'] ?? undefined
  } catch {
    return undefined
  }
}

/** The status of an answer, or null when there is none. */
async function statusOf(url: string): Promise<number | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return null
  }
}
