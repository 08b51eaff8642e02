// What the checker's bench asks of its child processes, and what they answer.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Plain } from '../checker/event.ts'
import type { Measured } from './bench.ts'
import type { GenerateOptions } from './histories/generate-world.ts'

/** Writes a history to a file. */
export interface MakeTask {
  readonly type: 'make'
  readonly path: string
  readonly options: GenerateOptions
}

/** Judges the history of one file. */
export interface RowTask {
  readonly type: 'row'
  readonly path: string
  readonly model: string
  readonly passes: number
  /** Whether reading is measured in passes as well; not for a stream, which is always read. */
  readonly isReading: boolean
  readonly isStream: boolean
}

/** Judges each of these files. */
export interface FileTask {
  readonly type: 'files'
  readonly files: readonly GivenFile[]
  readonly passes: number
}

/** A file of somebody else's, and how it is read. */
export interface GivenFile {
  readonly path: string
  readonly format: string
  readonly model: string
  readonly initial: Plain
  readonly isFailedObserved: boolean
}

export type Task = MakeTask | RowTask | FileTask

/** Milliseconds of processor time of the first pass, and of those after it. */
export interface Times {
  readonly cold: number
  readonly warm: Measured
}

export interface Measure {
  readonly verdict: string
  readonly operations: number
  /** Of the verdict with its order, of a history in memory; null for a stream. */
  readonly check: Times | null
  readonly withReading: Times | null
  /** Resident memory at most, up to the end of the first pass, with the engine and the reading. */
  readonly peakMb: number
  /** Of making the violation small, once. */
  readonly minimiseMs: number | null
  /** Operations of the small violation. */
  readonly core: number | null
}

export interface FileTime {
  readonly verdict: string
  /** Of each pass; the first one is cold. */
  readonly ms: readonly number[]
}

const CHILD = fileURLToPath(new URL('checker-child.js', import.meta.url))

/** Does the task in a fresh process. */
export function inChild<Answer>(task: Task): Answer {
  const args = [CHILD, JSON.stringify(task)]
  const options = { encoding: 'utf8', maxBuffer: 1 << 26 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  if (status !== 0) throw new Error(`a task of type ${task.type} failed: ${stderr}`)
  return JSON.parse(stdout) as Answer
}
