// `lockstep check --follow`: judges a history of locks while it is written, and stops at the first
// violation. The file is looked at again and again, for not every file system tells of changes.

import { open, stat, type FileHandle } from 'node:fs/promises'
import type { HistoryEvent } from '../checker/event.ts'
import type { Format, HistoryReader } from '../checker/formats/format.ts'
import { FormatError, fileStart } from '../checker/formats/format.ts'
import { formatNamed, recogniseFormat, unrecognised } from '../checker/formats/formats.ts'
import { PairingError } from '../checker/formats/pairing.ts'
import { isMonitored, LockMonitor, MONITORED } from '../checker/online/lock-monitor.ts'
import type { Verdict } from '../checker/verdict.ts'
import { WordError } from '../checker/words.ts'
import { counted } from './format.ts'
import type { Screen } from './screen.ts'
import { EXIT, UsageError } from './verb.ts'

/** What is followed, and how. */
export interface FollowOptions {
  /** `-`: standard input. */
  readonly file: string
  readonly model: string | null
  /** Null: by the first lines. */
  readonly format: string | null
  /** Bounds the search for what only a search can judge, which comes last. */
  readonly timeoutMs: number
}

const LOOK_MS = 50
const PIECE_BYTES = 1 << 16

/** Follows a history until a violation, an interrupt or the end of standard input. */
export async function follow(options: FollowOptions, screen: Screen): Promise<number> {
  const { file, model } = options
  if (model === null || !isMonitored(model)) {
    throw new UsageError(`--follow wants one of the models ${MONITORED.join(', ')}: --model M`)
  }
  const monitor = new LockMonitor(model)
  const feed = new Feed(monitor, options.format)
  const stop = new AbortController()
  const onInterrupt = (): void => stop.abort()
  process.once('SIGINT', onInterrupt)
  try {
    const texts = file === '-' ? standardInput(stop.signal) : written(file, stop.signal)
    let found = await firstViolation(texts, feed, screen)
    // Half a line that an interrupt leaves is not looked at.
    if (!stop.signal.aborted) found ??= feed.end()
    const isOver = deadline(options.timeoutMs)
    const limits = { steps: Number.MAX_SAFE_INTEGER, isOver }
    const verdict = found ?? monitor.end(limits)
    return sum(verdict, options, screen)
  } catch (error) {
    if (error instanceof FormatError) throw new UsageError(`${file}:${error.message}`)
    throw error
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

async function firstViolation(
  texts: AsyncIterable<string>,
  feed: Feed,
  screen: Screen,
): Promise<Verdict | null> {
  let events = 0
  for await (const text of texts) {
    const found = feed.push(text)
    if (found !== null) return found
    if (feed.events !== events) screen.status(` ${counted(feed.events, 'event')}, all right so far`)
    events = feed.events
  }
  return null
}

function deadline(ms: number): () => boolean {
  const startMs = performance.now()
  return () => performance.now() - startMs > ms
}

function sum(verdict: Verdict, { file, model }: FollowOptions, screen: Screen): number {
  screen.status('')
  const { verdict: what, checked } = verdict
  const colour = what === 'ok' ? 'green' : what === 'violation' ? 'red' : 'yellow'
  const how = `${counted(checked, 'operation')}, ${model}`
  screen.print(`${file}: ${screen.paint(colour, what)} (${how})`)
  if (verdict.verdict === 'violation') screen.print(`  ${verdict.message}`)
  if (verdict.verdict === 'unknown') screen.print(`  ${verdict.reason}`)
  if (what === 'ok') return EXIT.ok
  return what === 'violation' ? EXIT.violation : EXIT.undecided
}

/** Makes events of text, and has them judged. */
class Feed {
  events = 0
  readonly #monitor: LockMonitor
  #format: Format | null
  #reader: HistoryReader | null = null
  /** The text until a format is recognised. */
  #head = ''

  constructor(monitor: LockMonitor, format: string | null) {
    this.#monitor = monitor
    this.#format = format === null ? null : formatNamed(format)
  }

  push(text: string): Verdict | null {
    this.#head += text
    // Half a line may look like anything.
    if (this.#reader === null && !this.#head.includes('\n')) return null
    const events = this.#readerFor(this.#head).push(this.#head)
    this.#head = ''
    return this.#judge(events)
  }

  /** Looks at the last line too, which nothing ended. */
  end(): Verdict | null {
    const reader = this.#readerFor(this.#head)
    return this.#judge(reader.push(this.#head)) ?? this.#judge(reader.end())
  }

  #readerFor(head: string): HistoryReader {
    this.#format ??= recogniseFormat(head)
    if (this.#format === null) throw unrecognised(head)
    this.#reader ??= this.#format.reader()
    return this.#reader
  }

  #judge(events: ReturnType<HistoryReader['push']>): Verdict | null {
    for (const [index, event] of events.entries()) {
      this.events += 1
      const found = this.#observe(event, index)
      if (found !== null) return found
    }
    return null
  }

  #observe(event: HistoryEvent, index: number): Verdict | null {
    try {
      return this.#monitor.observe(event)
    } catch (error) {
      if (!(error instanceof PairingError) && !(error instanceof WordError)) throw error
      throw new FormatError(this.#reader?.placeOf(index) ?? fileStart, error.message)
    }
  }
}

async function* standardInput(stop: AbortSignal): AsyncGenerator<string> {
  process.stdin.setEncoding('utf8')
  stop.addEventListener('abort', () => process.stdin.destroy())
  try {
    for await (const text of process.stdin) yield text as string
  } catch (error) {
    if (!stop.aborted) throw error
  }
}

/** The text of a file, as it is written. */
async function* written(file: string, stop: AbortSignal): AsyncGenerator<string> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    const what = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UsageError(`${file}: ${what}`)
  })
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const bytes = Buffer.alloc(PIECE_BYTES)
    let at = 0
    while (!stop.aborted) {
      const { bytesRead } = await handle.read(bytes, 0, PIECE_BYTES, at)
      at += bytesRead
      if (bytesRead > 0) yield decoder.decode(bytes.subarray(0, bytesRead), { stream: true })
      else {
        await checkSame(file, handle, at)
        await waitFor(LOOK_MS, stop)
      }
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof UsageError || code === undefined) throw error
    const isText = code !== 'ERR_ENCODING_INVALID_ENCODED_DATA'
    throw new UsageError(`${file}: ${isText ? message : 'it holds bytes that are no text'}`)
  } finally {
    await handle.close()
  }
}

/** @throws UsageError when what was read is no longer the beginning of the file */
async function checkSame(file: string, handle: FileHandle, at: number): Promise<void> {
  const mine = await handle.stat()
  if (mine.size < at) {
    throw new UsageError(`${file}: it shrank from ${at} to ${mine.size} bytes while it was read`)
  }
  const now = await stat(file).catch(() => null)
  if (now === null) throw new UsageError(`${file}: it was removed while it was followed`)
  if (now.ino !== mine.ino || now.dev !== mine.dev) {
    throw new UsageError(`${file}: another file took its place while it was followed`)
  }
}

function waitFor(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    stop.addEventListener('abort', done)
    function done(): void {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
  })
}
