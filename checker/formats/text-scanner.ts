// The text at hand, how far it is read, and where in the file that is: what the scanners of EDN and
// of JSON have in common.

import { excerpt, fileStart, FormatError } from './format.ts'
import type { Place } from './format.ts'
import { Strings } from './strings.ts'

/** Character codes. */
export const code = {
  tab: 9,
  newline: 10,
  return: 13,
  space: 32,
  quote: 34,
  hash: 35,
  openList: 40,
  closeList: 41,
  comma: 44,
  minus: 45,
  zero: 48,
  nine: 57,
  colon: 58,
  semicolon: 59,
  openSquare: 91,
  backslash: 92,
  closeSquare: 93,
  underscore: 95,
  openCurly: 123,
  closeCurly: 125
} as const

const depthMax = 200

/** A piece of a file that is read from left to right. */
export class TextScanner {
  text = ''
  at = 0
  protected depth = 0
  protected readonly strings: Strings = new Strings()
  #start: Place = fileStart
  /** The line that was asked for last: its number, and the offsets where it begins and ends. */
  #line = 1
  #lineAt = 0
  #lineEnd = 0

  /** Replaces the text; `start` is where in the file it begins. */
  load(text: string, start: Place): void {
    this.text = text
    this.#start = start
    this.at = 0
    this.depth = 0
    this.#firstLine()
  }

  /** Where in the file `text[at]` is. Quick when asked in the order of the text. */
  placeOf(at: number): Place {
    if (at < this.#lineAt) this.#firstLine()
    while (this.#lineEnd < at) {
      this.#line += 1
      this.#lineAt = this.#lineEnd + 1
      this.#lineEnd = this.#newlineAfter(this.#lineAt)
    }
    return { line: this.#line, column: at - this.#lineAt + 1 }
  }

  /** @throws FormatError always */
  fail(at: number, what: string): never {
    throw new FormatError(this.placeOf(at), what)
  }

  /** The text from `at` to `to`, or to the end of the line, as an error quotes it. */
  quoted(at: number, to: number = this.text.length): string {
    return excerpt(this.text.slice(at, to))
  }

  /** A value within the one at hand begins. */
  protected enter(at: number): void {
    this.depth += 1
    if (this.depth > depthMax) this.fail(at, `nested too deep, expected at most ${depthMax} levels`)
  }

  #firstLine(): void {
    this.#line = this.#start.line
    this.#lineAt = 1 - this.#start.column
    this.#lineEnd = this.#newlineAfter(0)
  }

  #newlineAfter(at: number): number {
    const newline = this.text.indexOf('\n', at)
    return newline === -1 ? Infinity : newline
  }
}
