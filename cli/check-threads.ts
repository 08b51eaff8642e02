// Judges many history files at once, on as many threads as there are cores.

import { Worker } from 'node:worker_threads'
import type { CheckedFile, CheckSettings } from './check-file.ts'

/** Judges the files; `onChecked` is told each with its place among them, in any order. */
export async function checkOnThreads(
  files: readonly string[],
  settings: CheckSettings,
  jobs: number,
  onChecked: (place: number, checked: CheckedFile) => void,
): Promise<void> {
  let next = 0
  const take = (): number | null => (next < files.length ? next++ : null)
  const threads = Array.from({ length: Math.min(jobs, files.length) }, () => {
    return runThread(files, settings, take, onChecked)
  })
  await Promise.all(threads)
}

/** Keeps one thread busy. One that dies is replaced, and what it was at is not decided. */
async function runThread(
  files: readonly string[],
  settings: CheckSettings,
  take: () => number | null,
  onChecked: (place: number, checked: CheckedFile) => void,
): Promise<void> {
  let thread: Thread | null = null
  for (let place = take(); place !== null; place = take()) {
    const file = files[place] as string
    if (thread === null || thread.isDead) thread = new Thread(settings)
    const checked = await thread.check(file)
    onChecked(place, checked instanceof Error ? undecided(file, settings, checked) : checked)
  }
  await thread?.end()
}

class Thread {
  isDead = false
  readonly #worker: Worker
  #answer: (checked: CheckedFile | Error) => void = () => {}

  constructor(settings: CheckSettings) {
    const maxOldGenerationSizeMb = Math.ceil((settings.memoryBytes / 2 ** 20) * ROOM) + ROOM_MB
    this.#worker = new Worker(WORKER_URL, {
      workerData: settings,
      resourceLimits: { maxOldGenerationSizeMb },
    })
    this.#worker.on('message', (checked: CheckedFile) => this.#answer(checked))
    // It may run out of memory when its answer has come.
    this.#worker.on('error', (error) => {
      this.isDead = true
      this.#answer(error)
    })
  }

  check(file: string): Promise<CheckedFile | Error> {
    return new Promise((resolve) => {
      this.#answer = resolve
      this.#worker.postMessage(file)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** @throws any error but that there was not memory enough */
function undecided(file: string, { model }: CheckSettings, error: Error): CheckedFile {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error
  const reason = 'no answer within the memory'
  return { file, verdict: 'unknown', model, operations: 0, ms: 0, reason }
}

/** A thread that keeps to its memory is asked now and then, and may have taken more by then. */
const ROOM = 1.25
const ROOM_MB = 64

const WORKER_URL: URL = new URL('./check-worker.js', import.meta.url)
