// What a format of history files is to the checker, and how what it cannot read is said. Holds no
// format itself.

import type { HistoryEvent } from '../event.ts'

/** A place in a file; both count from 1, columns in UTF-16 units. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Where every file begins. */
export const fileStart: Place = { line: 1, column: 1 }

/** What is not in the file itself, but must be known to read it. */
export interface ReadOptions {
  /** Values are `[key value]` tuples of Jepsen's `independent`. Default: only tagged ones are. */
  readonly independent?: boolean
}

/**
 * Reads one file. Text comes in pieces, cut anywhere; no event is kept, and at most one unfinished
 * one. After an error it is of no more use.
 */
export interface HistoryReader {
  /** The events that are whole by now. @throws FormatError */
  push(text: string): readonly HistoryEvent[]
  /** The events of what is left. @throws FormatError when the file is cut off, or has no event */
  end(): readonly HistoryEvent[]
  /** Where the event with this index in the last returned list begins in the file. */
  placeOf(index: number): Place
}

/** A format of history files. */
export interface Format {
  readonly name: string
  /** Whether a file that begins like this looks like one. */
  recognise(head: string): boolean
  reader(options?: ReadOptions): HistoryReader
  /** One event as text, with the end of its line. @throws TypeError when the format has no such */
  write(event: HistoryEvent): string
}

/** A file that is no history: `LINE:COLUMN: what, expected what was expected`. */
export class FormatError extends Error implements Place {
  override readonly name = 'FormatError'
  readonly line: number
  readonly column: number
  /** There is nothing wrong with what the file holds, but no event is in it. */
  readonly isEmpty: boolean

  constructor({ line, column }: Place, what: string, isEmpty: boolean = false) {
    super(`${line}:${column}: ${what}`)
    this.line = line
    this.column = column
    this.isEmpty = isEmpty
  }
}

/** The place of `text[at]` when `text[0]` is at `start`. */
export function placeIn(text: string, at: number, start: Place): Place {
  let { line, column } = start
  let lineAt = 0
  for (;;) {
    const newline = text.indexOf('\n', lineAt)
    if (newline === -1 || newline >= at) return { line, column: column + at - lineAt }
    line += 1
    column = 1
    lineAt = newline + 1
  }
}

/** Longest line, or longest form, in characters: far beyond any event, and no danger to memory. */
export const formCharsMax: number = 1 << 24

/**
 * Refuses text that was no text: a zero byte, or U+FFFD, which decoders put in place of bytes that
 * are no UTF-8 (two different values could come to look alike). `start` is the place of `text[0]`.
 */
export function refuseBinary(text: string, start: Place): void {
  const zero = text.indexOf('\0')
  const replaced = text.indexOf('\ufffd')
  if (zero === -1 && replaced === -1) return
  const at = zero === -1 || (replaced !== -1 && replaced < zero) ? replaced : zero
  const what = at === zero ? 'a zero byte' : 'bytes that are no UTF-8'
  throw new FormatError(placeIn(text, at, start), `${what}, expected a text file in UTF-8`)
}

/** What an error message quotes of `text`: the beginning of its first line. */
export function excerpt(text: string): string {
  const [line = ''] = text.slice(0, 200).split('\n')
  return JSON.stringify(line.length > 24 ? `${line.slice(0, 24)}...` : line)
}
