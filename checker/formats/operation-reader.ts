// Reads the operations of a history file: finds its format, pairs its events, and knows where in
// the file each of them is.

import type { HistoryEvent } from '../event.ts'
import { fileStart, FormatError } from './format.ts'
import type { Format, HistoryReader, Place, ReadOptions } from './format.ts'
import { headChars, recogniseFormat, unrecognised } from './formats.ts'
import { Pairing, PairingError } from './pairing.ts'
import type { FileOperation, PairingOptions } from './pairing.ts'

/** How a file is read. */
export interface OperationReaderOptions extends PairingOptions, ReadOptions {
  /** Default, or null: what the file looks like. */
  readonly format?: Format | null
}

/** Reads one file. Text comes in pieces, cut anywhere; no operation is kept. */
export class OperationReader {
  readonly #options: OperationReaderOptions
  readonly #pairing: Pairing
  #format: Format | null
  #reader: HistoryReader | null = null
  /** The text so far, while the format is not known. */
  #head = ''
  #position = 0
  #place = fileStart
  /** The events that are not just a line below the one before them: position, line, column. */
  readonly #positions: number[] = []
  readonly #lines: number[] = []
  readonly #columns: number[] = []

  constructor(options: OperationReaderOptions = {}) {
    this.#options = options
    this.#pairing = new Pairing(options)
    this.#format = options.format ?? null
  }

  /** The format, as far as it is known. */
  get format(): Format | null {
    return this.#format
  }

  /** The operations that end in this piece. @throws FormatError */
  push(text: string): FileOperation[] {
    return this.#pair(this.#reader === null ? this.#begin(text) : this.#reader.push(text))
  }

  /** What is left, with the operations that never ended. @throws FormatError */
  end(): FileOperation[] {
    const operations = this.#reader === null ? this.#pair(this.#begin('', true)) : []
    const last = this.#reader?.end() ?? []
    return [...operations, ...this.#pair(last), ...this.#pairing.end()]
  }

  /** Where in the file the event with this position begins. The first one's position is 1. */
  placeOf(position: number): Place {
    const run = this.#positions.findLastIndex((first) => first <= position)
    const below = position - (this.#positions[run] ?? position)
    return { line: (this.#lines[run] ?? 1) + below, column: this.#columns[run] ?? 1 }
  }

  /** More of the file, of which no event is read yet: none, until its format is known. */
  #begin(text: string, isLast: boolean = false): readonly HistoryEvent[] {
    // Some editors begin a text with a byte order mark.
    this.#head = (this.#head + text).replace(/^\ufeff/, '')
    const isEnough = isLast || this.#head.length >= headChars
    if (isEnough || /\S.*\n/.test(this.#head)) this.#format ??= recogniseFormat(this.#head)
    if (this.#format === null && isEnough) throw unrecognised(this.#head)
    if (this.#format === null || (this.#head === '' && !isLast)) return []
    this.#reader = this.#format.reader(this.#options)
    return this.#reader.push(this.#head)
  }

  /** Pairs what the reader returned last. */
  #pair(events: readonly HistoryEvent[]): FileOperation[] {
    const operations: FileOperation[] = []
    let index = 0
    try {
      for (const event of events) {
        this.#mark(this.#reader?.placeOf(index) ?? fileStart)
        const operation = this.#pairing.observe(event)
        if (operation !== null) operations.push(operation)
        index += 1
      }
    } catch (error) {
      if (!(error instanceof PairingError)) throw error
      throw new FormatError(this.#place, error.message)
    }
    return operations
  }

  /** The next event is at this place. */
  #mark(place: Place): void {
    const { line, column } = this.#place
    this.#position += 1
    this.#place = place
    if (this.#position > 1 && place.line === line + 1 && place.column === column) return
    this.#positions.push(this.#position)
    this.#lines.push(place.line)
    this.#columns.push(place.column)
  }
}
