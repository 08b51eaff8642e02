// Reads a history file for `lockstep check`: as text, in pieces, and what it holds as operations.

import { createReadStream, statSync } from 'node:fs'
import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FormatError } from '../checker/formats/format.ts'
import type { Format, Place } from '../checker/formats/format.ts'
import { OperationReader } from '../checker/formats/operation-reader.ts'
import type { OperationReaderOptions } from '../checker/formats/operation-reader.ts'
import type { FileOperation } from '../checker/formats/pairing.ts'
import { UsageError } from './verb.ts'

/** What a file holds. */
export interface ReadHistory {
  readonly format: Format | null
  readonly history: readonly FileOperation[]
  /** Where in the file the event with this position begins. */
  placeOf(position: number): Place
}

/**
 * Reads the history in `file`; `-` is standard input, and what is called `.gz` is unpacked. A file
 * without an event is no history, unless its format is given: who names it says that it is one.
 *
 * @param onPiece called after each piece; what it throws ends the reading
 * @throws UsageError `FILE:LINE:COLUMN: what, expected what was expected`
 */
export async function readHistory(
  file: string,
  options: OperationReaderOptions,
  onPiece: () => void = () => {},
): Promise<ReadHistory> {
  const reader = new OperationReader(options)
  const history: FileOperation[] = []
  try {
    for await (const text of textOf(file)) {
      for (const operation of reader.push(text)) history.push(operation)
      onPiece()
    }
    for (const operation of reader.end()) history.push(operation)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const isGiven = options.format !== null && options.format !== undefined
    if (!error.isEmpty || !isGiven) throw new UsageError(`${file}:${error.message}`)
  }
  return { format: reader.format, history, placeOf: (position) => reader.placeOf(position) }
}

/** The text of a file, in pieces. What is no UTF-8 becomes U+FFFD, which no reader accepts. */
async function* textOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  try {
    for await (const piece of bytesOf(file)) yield decoder.decode(piece as Buffer, { stream: true })
    yield decoder.decode()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    const expected = code.startsWith('Z_') ? 'a whole gzip file' : 'a file that can be read'
    throw new UsageError(`${file}:1:1: ${message}, expected ${expected}`)
  }
}

function bytesOf(file: string): Readable {
  if (file === '-') return process.stdin
  if (statSync(file).isDirectory()) {
    throw new UsageError(`${file}:1:1: it is a folder, expected a file`)
  }
  const bytes = createReadStream(file)
  // An error of either comes out of the one that is read.
  return file.endsWith('.gz') ? pipeline(bytes, createGunzip(), () => {}) : bytes
}
