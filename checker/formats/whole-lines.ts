// Makes whole lines of the pieces of a file. Holds the one line that has not ended yet.

import { fileStart, formCharsMax, FormatError, placeIn, refuseBinary } from './format.ts'
import type { Place } from './format.ts'

/** Lines of a file, as far as they have come. */
export class WholeLines {
  /** Where in the file the lines that were returned last begin, and where they end. */
  start: Place = fileStart
  end: Place = fileStart
  #parts: string[] = []
  #partsLength = 0

  /** The lines that end in this piece, each with its newline; or the empty string. */
  push(piece: string): string {
    const end = piece.lastIndexOf('\n') + 1
    if (end > 0) this.#parts.push(piece.slice(0, end))
    const text = end > 0 ? this.rest() : ''
    if (end < piece.length) this.#keep(piece.slice(end))
    return text
  }

  /** The last line, if it has no newline. */
  rest(): string {
    // A join makes a flat string; + would make one that is slower to read, character by character.
    const text = this.#parts.length === 1 ? (this.#parts[0] ?? '') : this.#parts.join('')
    this.#parts = []
    this.#partsLength = 0
    this.start = this.end
    refuseBinary(text, this.start)
    this.end = placeIn(text, text.length, this.start)
    return text
  }

  #keep(part: string): void {
    this.#parts.push(part)
    this.#partsLength += part.length
    if (this.#partsLength <= formCharsMax) return
    const what = `a line of over ${formCharsMax} characters, expected shorter ones`
    throw new FormatError(this.end, what)
  }
}
