// What is measured: a lock service that was started for it, and how its processes begin and end.

import { spawn } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { connect } from 'node:net'
import { pause } from './closed-loop.ts'
import type { LoadClient } from './closed-loop.ts'

/** A lock service under measurement. */
export interface System {
  readonly name: string
  /** As it says itself. */
  readonly version: string
  /** How its processes were started. */
  readonly commands: readonly string[]
  open(client: number): Promise<LoadClient>
  stop(): Promise<void>
}

/** Whoever starts one puts its data below `folder`. */
export type StartSystem = (folder: string) => Promise<System>

/** Starts a process whose output nobody reads. */
export function startProcess(command: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const [file = '', ...args] = command
  return spawn(file, args, { ...options, stdio: 'ignore' })
}

/** Ends processes, and resolves when they are gone. */
export async function endProcesses(
  children: readonly ChildProcess[],
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<void> {
  const ended = children.map((child) => {
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.kill(signal)
    })
  })
  await Promise.all(ended)
}

/** Resolves when somebody listens there. */
export async function listening(port: number, timeoutMs = 30_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    if (performance.now() > endMs) throw new Error(`nobody listens on port ${port}`)
    await pause(50)
  }
}
