// Jepsen's log in plain text: lines of `jepsen.util` that say PROCESS, :TYPE, :F and VALUE between
// tabs (or spaces), and perhaps an error after them. All other lines are passed over.

import { Tagged } from '../event.ts'
import type { HistoryEvent } from '../event.ts'
import { EdnScanner } from './edn-scanner.ts'
import { writeEdn, writeName } from './edn-writer.ts'
import { EventFields, field } from './event-fields.ts'
import type { Field } from './event-fields.ts'
import type { Format, HistoryReader, Place, ReadOptions } from './format.ts'
import { WholeLines } from './whole-lines.ts'

/** `INFO  jepsen.util - 0 :invoke :write 1`, with tabs; no times. */
export const jepsenLog: Format = {
  name: 'jepsen-log',
  recognise: (head) => {
    if (/jepsen\.util\S* *-? *-?\d+[\t ]+:\w/.test(head)) return true
    return /^\S*.*\b(INFO|WARN|DEBUG|ERROR)\b.*\bjepsen\b/.test(head)
  },
  reader: (options) => new LogEvents(options ?? {}),
  write: ({ type, process, f, key, value }) => {
    const tuple = key === undefined ? value : new Tagged('jepsen.independent.Tuple', [key, value])
    return `INFO  jepsen.util - ${process}\t:${type}\t${writeName(f)}\t${writeEdn(tuple)}\n`
  }
}

/** A line that says an operation of a client. Elsewhere a number may be that of a sentence. */
const operation = /jepsen\.util[-: \]]*?(-?[0-9]+)(?=\t| +:| *$)/

class LogEvents implements HistoryReader {
  readonly #lines = new WholeLines()
  /** Holds one line at a time. */
  readonly #scanner = new EdnScanner()
  readonly #fields: EventFields
  #line = 0
  /** The lines of the events that were returned last. */
  #places: number[] = []

  constructor(options: ReadOptions) {
    this.#scanner.isLast = true
    this.#fields = new EventFields(options, (at, what) => this.#scanner.fail(at, what))
  }

  push(text: string): readonly HistoryEvent[] {
    return this.#read(this.#lines.push(text), false)
  }

  end(): readonly HistoryEvent[] {
    const events = this.#read(this.#lines.rest(), true)
    this.#fields.end(this.#lines.end)
    return events
  }

  placeOf(index: number): Place {
    return { line: this.#places[index] ?? this.#line, column: 1 }
  }

  #read(lines: string, isCut: boolean): HistoryEvent[] {
    const events: HistoryEvent[] = []
    this.#places = []
    for (let at = 0; at < lines.length; ) {
      const newline = lines.indexOf('\n', at)
      const end = newline === -1 ? lines.length : newline
      this.#line += 1
      this.#scanner.load(lines.slice(at, end), { line: this.#line, column: 1 })
      const event = this.#readLine(isCut)
      if (event !== undefined) {
        events.push(event)
        this.#places.push(this.#line)
      }
      at = end + 1
    }
    return events
  }

  #readLine(isCut: boolean): HistoryEvent | undefined {
    const scanner = this.#scanner
    const found = operation.exec(scanner.text)
    if (found === null) {
      if (isCut && scanner.text.trim() !== '') this.#cutOff()
      return undefined
    }
    const [before, process = ''] = found
    const start = found.index + before.length - process.length
    scanner.at = start
    this.#fields.begin(start)
    this.#fields.set(field.process, scanner.form(), start)
    this.#column(field.type, 'TYPE')
    this.#column(field.f, 'F')
    this.#column(field.value, 'VALUE')
    this.#afterValue(isCut)
    return this.#fields.finish()
  }

  #column(name: Field, called: string): void {
    const scanner = this.#scanner
    const after = scanner.at
    if (scanner.skipBlank() === -1) {
      const expected = 'expected PROCESS, TYPE, F and VALUE between tabs'
      scanner.fail(scanner.text.length, `the line ends before ${called}, ${expected}`)
    }
    const { at } = scanner
    if (at === after) scanner.fail(at, `${scanner.quoted(at)}, expected a tab before ${called}`)
    this.#fields.set(name, scanner.form(), at)
  }

  /** The line ends, or a tab and an error follow. A number at the end of a file may lack digits. */
  #afterValue(isCut: boolean): void {
    const { text, at } = this.#scanner
    if (at === text.length) {
      const isClosed = /[\])}"]$|[\t ](nil|true|false)$/.test(text)
      if (isCut && !isClosed) this.#cutOff()
    } else if (!/^(\t|\r$| +$|  )/.test(text.slice(at, at + 80))) {
      this.#scanner.fail(at, 'more after VALUE, expected a tab or the end of the line')
    }
  }

  /** The last line has no newline, and it cannot be told whether the rest is missing. */
  #cutOff(): never {
    const what = 'the last line may be cut off, expected a newline at its end'
    return this.#scanner.fail(this.#scanner.text.length, what)
  }
}
