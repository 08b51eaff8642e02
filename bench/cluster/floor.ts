// The floor: three processes that do what any replicated service has to do for a request, and
// nothing else. What a lock service costs beyond it is its own.

import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FrameBatch, FrameReader } from '../../transports/stream-frames.ts'
import { freePorts } from '../ports.ts'
import type { LoadClient } from './closed-loop.ts'
import { endProcesses, listening, startProcess } from './system.ts'
import type { System } from './system.ts'

/** About what the request for a lock, and its record in the log, take. */
const REQUEST_BYTES = 100

const NODE = fileURLToPath(new URL('floor-node.js', import.meta.url))

/** Starts a leader and two followers. */
export async function startFloor(folder: string): Promise<System> {
  const ports = await freePorts(3)
  const [leader = 0, ...followers] = ports
  const commands = ports.map((port, at) => {
    const rest = at === 0 ? followers.map(String) : []
    return [process.execPath, NODE, join(folder, `floor-${at}`), String(port), ...rest]
  })
  const children = commands.slice(1).map((command) => startProcess(command))
  await Promise.all(followers.map((port) => listening(port)))
  children.push(startProcess(commands[0] ?? []))
  await listening(leader)
  return {
    name: 'floor',
    version: `node ${process.version}`,
    commands: commands.map((command) => command.join(' ')),
    open: (client) => openFloor(leader, client),
    stop: () => endProcesses(children),
  }
}

function openFloor(port: number, client: number): Promise<LoadClient> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const waiting: (() => void)[] = []
  const reader = new FrameReader(1 << 20)
  socket.on('data', (chunk) => reader.push(chunk, () => waiting.shift()?.()))
  const ask = (): Promise<void> => {
    return new Promise((resolve) => {
      waiting.push(resolve)
      const batch = new FrameBatch()
      batch.add(new Uint8Array(REQUEST_BYTES).fill(client))
      socket.write(batch.take())
    })
  }
  const close = (): Promise<void> => Promise.resolve(void socket.destroy())
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => resolve({ acquire: ask, release: ask, close }))
  })
}
