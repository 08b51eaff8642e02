// Reads an EDN file piece by piece. Its items are the top-level forms or, when the file is one
// vector or list, the elements of that: either way no more than one of them is held.

import { EdnScanner, incomplete } from './edn-scanner.ts'
import { fileStart, formCharsMax, refuseBinary } from './format.ts'
import type { Place } from './format.ts'
import { code } from './text-scanner.ts'

/** Below this length an unfinished item is read again whenever there is more text. */
const retryCharsMin = 4096

/** A file of EDN. Every method throws FormatError. */
export class EdnReader<Item> {
  readonly scanner: EdnScanner = new EdnScanner()
  readonly #readItem: (scanner: EdnScanner) => Item | undefined
  #shape: 'unknown' | 'forms' | 'within' | 'closed' = 'unknown'
  #closer = 0
  #opened: Place = fileStart
  /** Where the next item may begin in the scanner's text; where each of the last items did. */
  #mark = 0
  #starts: number[] = []
  #waiting: string[] = []
  #waitingLength = 0
  #waitForLength = 0

  /** @param readItem reads one item off the scanner; undefined: it is passed over */
  constructor(readItem: (scanner: EdnScanner) => Item | undefined) {
    this.#readItem = readItem
  }

  /** The items that end in this piece. */
  push(piece: string): Item[] {
    this.#starts = []
    this.#waiting.push(piece)
    this.#waitingLength += piece.length
    return this.#waitingLength < this.#waitForLength ? [] : this.#advance()
  }

  /** The file has ended: the items that were still open. */
  end(): Item[] {
    const { scanner } = this
    scanner.isLast = true
    const items = this.#advance()
    if (this.#shape !== 'within') return items
    const { line, column } = this.#opened
    const what = this.#closer === code.closeSquare ? 'vector' : 'list'
    const within = `the file ends within the ${what} that began at ${line}:${column}`
    return scanner.fail(scanner.text.length, `${within}, expected it to be closed`)
  }

  /** Where the item with this index in the last returned list begins in the file. */
  placeOf(index: number): Place {
    return this.scanner.placeOf(this.#starts[index] ?? this.#mark)
  }

  #advance(): Item[] {
    this.#load()
    const items: Item[] = []
    try {
      while (this.#readNext(items));
    } catch (problem) {
      if (problem !== incomplete) throw problem
      this.#waitForMore()
    }
    return items
  }

  /** Drops what is read, and takes what has come. */
  #load(): void {
    const { scanner } = this
    const start = scanner.placeOf(this.#mark)
    const rest = scanner.text.slice(this.#mark)
    // A join makes a flat string; + would make one that is slower to read, character by character.
    const text = [rest, ...this.#waiting].join('')
    this.#waiting = []
    this.#waitingLength = 0
    this.#waitForLength = 0
    this.#starts = []
    refuseBinary(text, start)
    scanner.load(text, start)
    this.#mark = 0
  }

  /** An item is unfinished: reading a long one again at each piece would take quadratic time. */
  #waitForMore(): void {
    const { scanner } = this
    const length = scanner.text.length - this.#mark
    if (length > formCharsMax) {
      scanner.fail(this.#mark, `a form of over ${formCharsMax} characters, expected shorter ones`)
    }
    this.#waitForLength = length < retryCharsMin ? 0 : length
  }

  #readNext(items: Item[]): boolean {
    const { scanner } = this
    const next = scanner.skipBlank()
    if (next === -1) {
      this.#mark = scanner.at
      return false
    }
    const start = scanner.at
    if (this.#shape === 'unknown' && this.#open(next)) return true
    if (this.#shape === 'within' && next === this.#closer) {
      scanner.at += 1
      this.#shape = 'closed'
    } else {
      if (this.#shape === 'closed') scanner.fail(start, 'more after the end, expected nothing')
      const item = this.#readItem(scanner)
      if (item !== undefined) {
        items.push(item)
        this.#starts.push(start)
      }
    }
    this.#mark = scanner.at
    return true
  }

  /** The first form: goes into a vector or a list, also one with a tag. */
  #open(next: number): boolean {
    const { scanner } = this
    const start = scanner.at
    let opener = next
    if (next === code.hash && !isSetOrNumber(scanner.text.charCodeAt(start + 1))) {
      const isTag = !scanner.tag().startsWith(':')
      const after = scanner.skipBlank()
      if (after === -1) scanner.ended('a tagged value', start)
      if (isTag) opener = after
    }
    if (opener !== code.openSquare && opener !== code.openList) {
      scanner.at = start
      this.#shape = 'forms'
      return false
    }
    this.#opened = scanner.placeOf(scanner.at)
    this.#closer = opener === code.openSquare ? code.closeSquare : code.closeList
    this.#shape = 'within'
    scanner.at += 1
    this.#mark = scanner.at
    return true
  }
}

/** After a #: a set, or a number such as ##NaN. */
function isSetOrNumber(next: number): boolean {
  return next === code.openCurly || next === code.hash
}
