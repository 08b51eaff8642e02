// Our own service: three processes of the command line, and its client, one connection for each
// client of the load or one for all.

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '../../client/index.ts'
import type { LockHandle } from '../../client/index.ts'
import { freePorts } from '../ports.ts'
import type { LoadClient } from './closed-loop.ts'
import { pause } from './closed-loop.ts'
import { endProcesses, startProcess } from './system.ts'
import type { System } from './system.ts'

const TTL_MS = 30_000
const NODES = 3
const LAUNCHER = fileURLToPath(new URL('../../../cli/lockstep.js', import.meta.url))
const READY_MS = 180_000
/** What Linux counts processor time in: a hundredth of a second. */
const TICKS_PER_SECOND = 100

/** What a node has used of this machine. */
export interface Usage {
  readonly cpuSeconds: number
  readonly residentMb: number
  readonly mostResidentMb: number
}

/** Gives `work` a folder of its own that is removed afterwards. */
export async function inFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Three nodes on this machine. */
export class Cluster {
  /** Where the nodes answer: `host:port`. */
  readonly nodes: readonly string[]
  readonly commands: readonly (readonly string[])[]
  readonly #children: ChildProcess[]

  private constructor(nodes: readonly string[], commands: readonly (readonly string[])[]) {
    this.nodes = nodes
    this.commands = commands
    this.#children = commands.map((command) => startProcess(command))
  }

  /** Starts them with their data below `folder`; resolves when all are ready. */
  static async start(folder: string): Promise<Cluster> {
    const ports = await freePorts(2 * NODES)
    const names = Array.from({ length: NODES }, (_, at) => `node${at + 1}`)
    const commands = names.map((name, at) => {
      const peers = names.flatMap((peer, other) => {
        return other === at ? [] : [`${peer}:127.0.0.1:${ports[NODES + other]}`]
      })
      const raftPort = String(ports[NODES + at])
      const mine = ['--id', name, '--port', String(ports[at]), '--raft-port', raftPort]
      const rest = ['--peers', peers.join(','), '--data-dir', join(folder, name)]
      return [process.execPath, LAUNCHER, 'node', ...mine, ...rest, '--log-level', 'warn']
    })
    const nodes = names.map((_, at) => `127.0.0.1:${ports[at]}`)
    const cluster = new Cluster(nodes, commands)
    await cluster.ready()
    return cluster
  }

  /** Resolves when every node says that it is ready; rejects when one has ended instead. */
  async ready(): Promise<void> {
    await Promise.all(this.nodes.map((node, at) => {
      return ready(node, () => this.#children[at]?.exitCode ?? null)
    }))
  }

  /** The place of the node that leads, as any of them has it. */
  async leader(): Promise<number> {
    const endMs = performance.now() + READY_MS
    for (;;) {
      for (const [at, node] of this.nodes.entries()) {
        const info = await fetch(`http://${node}/cluster/info`).then(
          (answer) => answer.json() as Promise<{ nodes?: { id: string; state: string }[] }>,
          () => null,
        )
        const name = `node${at + 1}`
        const mine = info?.nodes?.find(({ id }) => id === name)
        if (mine?.state === 'leader') return at
      }
      if (performance.now() > endMs) throw new Error(`nobody leads after ${READY_MS} ms`)
      await pause(20)
    }
  }

  /** Kills a node with SIGKILL; resolves when it is gone. */
  async kill(at: number): Promise<void> {
    await endProcesses([this.#children[at] as ChildProcess])
  }

  /** Starts a node that was killed once more. */
  restart(at: number): void {
    this.#children[at] = startProcess(this.commands[at] ?? [])
  }

  /** Processor time that a node has used so far, and the memory that it has, and had at most. */
  usage(at: number): Usage {
    const { pid } = this.#children[at] as ChildProcess
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const mb = (name: string): number => {
      return Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1_024)
    }
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      residentMb: mb('VmRSS'),
      mostResidentMb: mb('VmHWM'),
    }
  }

  stop(): Promise<void> {
    return endProcesses(this.#children)
  }
}

/** Starts three nodes for a load; `isShared`: all its clients use one `connect()`. */
export async function startLockstep(folder: string, isShared: boolean): Promise<System> {
  const cluster = await Cluster.start(folder)
  const { nodes } = cluster
  const shared = isShared ? connect({ nodes }) : null
  return {
    name: isShared ? 'lockstep, 3 nodes, one connect()' : 'lockstep, 3 nodes',
    version: `node ${process.version}`,
    commands: cluster.commands.map((command) => command.join(' ')),
    open: () => Promise.resolve(clientOf(shared ?? connect({ nodes }), shared === null)),
    stop: async () => {
      await shared?.close()
      await cluster.stop()
    },
  }
}

async function ready(node: string, exitCode: () => number | null): Promise<void> {
  const endMs = performance.now() + READY_MS
  for (;;) {
    const isReady = await fetch(`http://${node}/readyz`).then(({ ok }) => ok, () => false)
    if (isReady) return
    if (exitCode() !== null) throw new Error(`${node} ended with exit code ${exitCode()}`)
    if (performance.now() > endMs) throw new Error(`${node} is not ready after ${READY_MS} ms`)
    await pause(50)
  }
}

function clientOf(locks: ReturnType<typeof connect>, isOurs: boolean): LoadClient {
  return {
    acquire: (key) => locks.lock(key, TTL_MS),
    release: async (_, lock) => void (await (lock as LockHandle).release()),
    close: () => (isOurs ? locks.close() : Promise.resolve()),
  }
}
