// `lockstep dev`: three nodes on this machine, for development. Each is a process of its own, so
// that one can be killed and looked at; they stop when this process does, however it ends.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { valueOf } from './arguments.ts'
import type { Screen, Style } from './screen.ts'
import { parseCount } from './values.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

const PORT = '8001'
const NODES = 3
/** From the port of the HTTP API to that for the other nodes. */
const RAFT_PORT_AHEAD = 1_000
const PORT_MAX = 65_535 - RAFT_PORT_AHEAD - NODES + 1
const STYLES: readonly Style[] = ['cyan', 'yellow', 'green']
const READY_PAUSE_MS = 50

export const devCommand: Verb = {
  name: 'dev',
  usage: '[options]',
  summary: 'run three nodes on this machine, for development',
  options: [
    { name: 'port', value: 'N', help: `HTTP of the first; the others follow (default: ${PORT})` },
    { name: 'data-dir', value: 'DIR', help: 'keep what they write (default: removed at the end)' },
    { name: 'log-level', value: 'LEVEL', help: 'how much the nodes say (default: warn)' },
  ],
  takesPositionals: false,
  examples: [{ line: 'dev', what: 'http://localhost:8001 to 8003, until Ctrl-C' }],
  run,
}

/** One of the three. */
interface DevNode {
  readonly id: string
  readonly url: string
  /** Of `lockstep node`. */
  readonly args: readonly string[]
  readonly style: Style
}

async function run(given: Given, screen: Screen): Promise<number> {
  const port = parseCount('port', valueOf(given, 'port') ?? PORT, 1, PORT_MAX)
  const kept = valueOf(given, 'data-dir')
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'lockstep-dev-'))
  const nodes = nodesOf(port, folder, valueOf(given, 'log-level') ?? 'warn')
  try {
    return await runNodes(nodes, screen)
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

function nodesOf(port: number, folder: string, logLevel: string): readonly DevNode[] {
  const places = Array.from({ length: NODES }, (_, at) => {
    return { id: `node${at + 1}`, http: port + at, raft: port + RAFT_PORT_AHEAD + at }
  })
  return places.map(({ id, http, raft }, at) => {
    const others = places.filter((other) => other.id !== id)
    const args = {
      id,
      port: `${http}`,
      'raft-port': `${raft}`,
      'data-dir': join(folder, id),
      peers: others.map((other) => `${other.id}:127.0.0.1:${other.raft}`).join(','),
      'log-level': logLevel,
    }
    return {
      id,
      url: `http://localhost:${http}`,
      args: Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]),
      style: STYLES[at % STYLES.length] as Style,
    }
  })
}

async function runNodes(nodes: readonly DevNode[], screen: Screen): Promise<number> {
  let signals = 0
  const children = nodes.map((node) => start(node, screen))
  const stop = (): void => {
    signals += 1
    // In groups of their own, they have not heard of the Ctrl-C that we have.
    for (const child of children) child.kill(signals > 1 ? 'SIGKILL' : 'SIGTERM')
  }
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop)
  const ends = children.map((child, at) => {
    return ended(child, nodes[at] as DevNode, screen, () => signals)
  })
  const all = Promise.all(ends)
  let isOver = false
  void all.then(() => (isOver = true))
  if (await ready(nodes, () => isOver || signals > 0)) screen.print(greeting(nodes, screen))
  const codes = await all
  process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop)
  return signals > 0 || codes.every((code) => code === EXIT.ok) ? EXIT.ok : EXIT.violation
}

function start({ id, args, style }: DevNode, screen: Screen): ChildProcess {
  const launcher = process.argv[1] as string
  const child = spawn(process.execPath, [launcher, 'node', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      screen.print(`${screen.paint(style, id)}  ${line}`)
    })
  }
  return child
}

/** Resolves with the exit code of a node; one that ends by itself is told of. */
function ended(
  child: ChildProcess,
  { id, args }: DevNode,
  screen: Screen,
  signals: () => number,
): Promise<number | null> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      screen.complain(`lockstep: ${id} cannot be started: ${error.message}`)
      resolve(null)
    })
    child.on('close', (code, signal) => {
      if (signals() === 0) {
        const how = signal === null ? `with exit code ${code}` : `by ${signal}`
        screen.complain(`lockstep: ${id} has ended ${how}; to start it again:`)
        screen.complain(`  lockstep node ${args.join(' ')}`)
      }
      resolve(code)
    })
  })
}

/** True once all nodes are ready, false when there is no point any more. */
async function ready(nodes: readonly DevNode[], isOver: () => boolean): Promise<boolean> {
  for (const { url } of nodes) {
    while (!(await isReady(url))) {
      if (isOver()) return false
      await new Promise((resolve) => setTimeout(resolve, READY_PAUSE_MS))
    }
  }
  return true
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

function greeting(nodes: readonly DevNode[], { paint }: Screen): string {
  const [first] = nodes
  return [
    `${nodes.length} nodes are ready: ${nodes.map(({ url }) => paint('bold', url)).join(' ')}`,
    'take a lock, on any of them:',
    `  curl -s ${first?.url}/locks/acquire --json '{"key":"demo","owner":"me","ttl":"30s"}'`,
    'Ctrl-C stops them all',
  ].join('\n')
}
