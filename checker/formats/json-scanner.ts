// Reads JSON values out of lines, each ended by a newline. Unlike JSON.parse it loses no digit of
// a large integer and knows where it is. What JSON has no form for stands in an object with one
// field: {"#set": [...]}, {"#map": [[key, value], ...]}, {"#tagged": [tag, value]},
// {"#number": "NaN"}. A field that is called so itself has one more # in front.

import { Tagged } from '../event.ts'
import type { Plain } from '../event.ts'
import { integerOf } from './edn-values.ts'
import { setField } from './plain-map.ts'
import { code, TextScanner } from './text-scanner.ts'

const digitsMax = 1000

/** Whole lines of JSON, and how far they are read. The last must end with a newline. */
export class JsonScanner extends TextScanner {
  /** What stands at `at` is not what JSON has there. */
  unexpected(at: number, expected: string): never {
    if (this.text.charCodeAt(at) === code.newline) {
      return this.fail(at, `the line ends within an event, expected ${expected}`)
    }
    return this.fail(at, `${this.quoted(at)}, expected ${expected}`)
  }

  /** Passes over blanks within the line; the next character's code. */
  skipBlank(): number {
    const { text } = this
    let at = this.at
    let next = text.charCodeAt(at)
    while (next === code.space || next === code.tab || next === code.return) {
      at += 1
      next = text.charCodeAt(at)
    }
    this.at = at
    return next
  }

  /** Reads the character with this code, after blanks. */
  take(expected: number): void {
    if (this.skipBlank() !== expected) {
      this.unexpected(this.at, JSON.stringify(String.fromCharCode(expected)))
    }
    this.at += 1
  }

  /** The next value. */
  value(): Plain {
    const next = this.skipBlank()
    switch (next) {
      case code.quote:
        return this.string()
      case code.openCurly:
        return this.#object()
      case code.openSquare:
        return this.#array()
      case 0x6e:
        return this.#word('null', null)
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      default:
        return this.#number()
    }
  }

  /** The string at hand. */
  string(): string {
    const { text, at: start } = this
    let at = start + 1
    let isEscaped = false
    for (;;) {
      const next = text.charCodeAt(at)
      if (next === code.quote) break
      if (next < code.space) this.unexpected(at, 'the end of the string')
      if (next === code.backslash) {
        isEscaped = true
        at += 1
        if (text.charCodeAt(at) === code.newline) this.unexpected(at, 'the end of the string')
      }
      at += 1
    }
    this.at = at + 1
    if (!isEscaped) return this.strings.take(text, start + 1, at)
    try {
      return JSON.parse(text.slice(start, at + 1)) as string
    } catch {
      return this.unexpected(start, 'a string whose escapes JSON has')
    }
  }

  #word(word: string, value: Plain): Plain {
    if (!this.text.startsWith(word, this.at)) return this.unexpected(this.at, 'a JSON value')
    this.at += word.length
    return value
  }

  #number(): number | bigint {
    const { text, at: start } = this
    const digitsFrom = text.charCodeAt(start) === code.minus ? start + 1 : start
    let at = digitsFrom
    let value = 0
    let next = text.charCodeAt(at)
    while (next >= 48 && next <= 57) {
      value = value * 10 + (next - code.zero)
      at += 1
      next = text.charCodeAt(at)
    }
    const digitsCount = at - digitsFrom
    // A point, an exponent.
    const isInteger = next !== 0x2e && next !== 0x65 && next !== 0x45
    const isLeading = digitsCount > 1 && text.charCodeAt(digitsFrom) === code.zero
    if (digitsCount === 0 || digitsCount > 15 || isLeading || !isInteger) return this.#longNumber()
    this.at = at
    return digitsFrom === start ? value : 0 - value
  }

  #longNumber(): number | bigint {
    const { text, at: start } = this
    let at = start
    while (/[-+.0-9eE]/.test(text.charAt(at))) at += 1
    const token = text.slice(start, at)
    if (token.length > digitsMax || !/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(token)) {
      return this.unexpected(start, 'a JSON value')
    }
    this.at = at
    return /^-?\d+$/.test(token) ? integerOf(token) : Number(token)
  }

  #array(): Plain[] {
    const items: Plain[] = []
    this.enter(this.at)
    this.at += 1
    if (this.skipBlank() === code.closeSquare) this.at += 1
    else {
      do items.push(this.value())
      while (this.goesOn(code.closeSquare, '"," or "]"'))
    }
    this.depth -= 1
    return items
  }

  #object(): Plain {
    const fields: Record<string, Plain> = {}
    const start = this.at
    let count = 0
    let last = ''
    this.enter(this.at)
    this.at += 1
    if (this.skipBlank() === code.closeCurly) this.at += 1
    else {
      do {
        if (this.skipBlank() !== code.quote) this.unexpected(this.at, 'a field name in quotes')
        const nameAt = this.at
        last = this.string()
        count += 1
        if (Object.hasOwn(fields, last)) {
          this.fail(nameAt, 'a field that the object already has, expected each once')
        }
        this.take(code.colon)
        setField(fields, last, this.value())
      } while (this.goesOn(code.closeCurly, '"," or "}"'))
    }
    this.depth -= 1
    return count === 1 && last.startsWith('#') ? this.#special(last, fields, start) : fields
  }

  /** After an element: whether another one follows. */
  goesOn(closer: number, expected: string): boolean {
    const next = this.skipBlank()
    if (next !== code.comma && next !== closer) this.unexpected(this.at, expected)
    this.at += 1
    return next === code.comma
  }

  /** What an object stands for whose only field is called like this. */
  #special(name: string, fields: Record<string, Plain>, start: number): Plain {
    const value = fields[name] ?? null
    if (/^##+(set|map|tagged|number)$/.test(name)) return { [name.slice(1)]: value }
    if (!/^#(set|map|tagged|number)$/.test(name)) return fields
    return specialOf(name, value) ?? this.fail(start, `a ${name} of another form than this writes`)
  }
}

function specialOf(name: string, value: Plain): Plain | undefined {
  if (name === '#number') {
    const isSpecial = value === 'NaN' || value === 'Infinity' || value === '-Infinity'
    return isSpecial ? Number(value) : undefined
  }
  if (!Array.isArray(value)) return undefined
  const items = value as readonly Plain[]
  if (name === '#tagged') {
    const [tag, inner] = items
    const isTagged = typeof tag === 'string' && inner !== undefined && items.length === 2
    return isTagged ? new Tagged(tag, inner) : undefined
  }
  const isMap = name === '#map'
  if (isMap && !items.every((item) => Array.isArray(item) && item.length === 2)) return undefined
  const made = isMap ? new Map(items as readonly [Plain, Plain][]) : new Set(items)
  return made.size === items.length ? made : undefined
}
