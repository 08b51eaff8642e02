// Reads EDN forms out of the text at hand, by hand-written descent with a bounded depth. When the
// text ends within a form it says so, and is asked again with more text. Knows no history.

import type { Plain } from '../event.ts'
import { isNumberStart, namedCharacter, readNumber, tagged, withNamespace } from './edn-values.ts'
import { setField } from './plain-map.ts'
import { code, TextScanner } from './text-scanner.ts'

/** Thrown when the text ends within a form and more text may come. */
export const incomplete: unique symbol = Symbol('incomplete')

/** What kind of character each code is. */
const kind = { token: 0, blank: 1, delimiter: 2, control: 3 } as const
const kinds = new Uint8Array(128)
for (let at = 0; at < 32; at++) kinds[at] = kind.control
kinds[127] = kind.control
for (const blank of '\t\n\v\f\r ,') kinds[blank.charCodeAt(0)] = kind.blank
for (const delimiter of '()[]{}";\\') kinds[delimiter.charCodeAt(0)] = kind.delimiter

/** One text, and how far it is read. */
export class EdnScanner extends TextScanner {
  /** Whether no more text will come. */
  isLast = false

  /** The text ended within `what`, which began at `from`. */
  ended(what: string, from: number): never {
    if (!this.isLast) throw incomplete
    const { line, column } = this.placeOf(from)
    const opened = `${what} that began at ${line}:${column}`
    return this.fail(this.text.length, `the file ends within ${opened}, expected the rest of it`)
  }

  /** Passes over blanks, comments and discarded forms: the next character's code, -1 at the end. */
  skipBlank(): number {
    const { text } = this
    let at = this.at
    for (;;) {
      if (at >= text.length) {
        this.at = at
        return -1
      }
      const next = text.charCodeAt(at)
      if (next < 128 && kinds[next] === kind.blank) at += 1
      else if (next === code.semicolon) at = this.#endOfComment(at)
      else if (next === code.hash && text.charCodeAt(at + 1) === code.underscore) {
        this.at = at + 2
        this.enter(at)
        this.form()
        this.depth -= 1
        at = this.at
      } else {
        this.at = at
        return next
      }
    }
  }

  /** The next form. */
  form(): Plain {
    const next = this.skipBlank()
    const start = this.at
    switch (next) {
      case -1:
        return this.ended('a form', start)
      case code.colon:
        return this.#keyword()
      case code.quote:
        return this.#string()
      case code.openSquare:
        return this.#sequence('a vector', code.closeSquare)
      case code.openList:
        return this.#sequence('a list', code.closeList)
      case code.openCurly:
        return this.#map()
      case code.hash:
        return this.#dispatch()
      case code.backslash:
        return this.#character()
      case code.closeSquare:
      case code.closeList:
      case code.closeCurly:
        return this.fail(start, `${this.quoted(start, start + 1)}, expected a form`)
      default:
        return isNumberStart(this.text, start) ? this.#number() : this.#symbol()
    }
  }

  /** Where the token that begins at `from` ends. */
  tokenEnd(from: number): number {
    const { text } = this
    let at = from
    while (at < text.length) {
      const next = text.charCodeAt(at)
      if (next < 128 && kinds[next] !== kind.token) {
        if (kinds[next] === kind.control) this.fail(at, 'a control character, expected text')
        return at
      }
      at += 1
    }
    if (!this.isLast) throw incomplete
    return at
  }

  #endOfComment(from: number): number {
    const newline = this.text.indexOf('\n', from)
    if (newline !== -1) return newline + 1
    if (!this.isLast) throw incomplete
    return this.text.length
  }

  #keyword(): string {
    const from = this.at + 1
    const to = this.tokenEnd(from)
    if (to === from || this.text.charCodeAt(from) === code.colon) {
      this.fail(from - 1, `${this.quoted(from - 1, to)}, expected a keyword such as :read`)
    }
    this.at = to
    return this.strings.take(this.text, from, to)
  }

  #symbol(): Plain {
    const from = this.at
    const to = this.tokenEnd(from)
    const token = this.strings.take(this.text, from, to)
    if (to === from || /^[@^~`']/.test(token)) {
      this.fail(from, `${this.quoted(from, to)}, expected a form`)
    }
    this.at = to
    if (token === 'nil') return null
    if (token === 'true') return true
    return token === 'false' ? false : token
  }

  #number(): Plain {
    const { text, at: from } = this
    const digitsFrom = text.charCodeAt(from) === code.minus ? from + 1 : from
    let value = 0
    let at = digitsFrom
    let digit = text.charCodeAt(at) - code.zero
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit
      at += 1
      digit = text.charCodeAt(at) - code.zero
    }
    const isLeading = at - digitsFrom > 1 && text.charCodeAt(digitsFrom) === code.zero
    const next = text.charCodeAt(at)
    if (at - digitsFrom <= 15 && !isLeading && next < 128 && kinds[next] !== kind.token) {
      this.at = at
      return digitsFrom === from ? value : 0 - value
    }
    const to = this.tokenEnd(from)
    const read = readNumber(text.slice(from, to))
    if (read === undefined) return this.fail(from, `${this.quoted(from, to)}, expected a number`)
    this.at = to
    return read
  }

  #string(): string {
    const { text, at: start } = this
    let at = start + 1
    for (;;) {
      if (at >= text.length) return this.ended('a string', start)
      const next = text.charCodeAt(at)
      if (next === code.quote) break
      if (next === code.backslash) return this.#escaped(start, at)
      at += 1
    }
    this.at = at + 1
    return this.strings.take(text, start + 1, at)
  }

  /** A string with escapes, the first of them at `escapeAt`. */
  #escaped(start: number, escapeAt: number): string {
    const { text } = this
    const parts: string[] = []
    let from = start + 1
    let at = escapeAt
    for (;;) {
      if (at >= text.length) return this.ended('a string', start)
      const next = text.charCodeAt(at)
      if (next === code.quote) break
      if (next === code.backslash) {
        parts.push(text.slice(from, at), this.#escape(start, at))
        at += text.charCodeAt(at + 1) === 0x75 ? 6 : 2
        from = at
      } else at += 1
    }
    this.at = at + 1
    parts.push(text.slice(from, at))
    return parts.join('')
  }

  #escape(start: number, at: number): string {
    if (at + 1 >= this.text.length) this.ended('a string', start)
    const letter = this.text.charAt(at + 1)
    if (letter === 'u') {
      if (at + 6 > this.text.length) this.ended('a string', start)
      const digits = this.text.slice(at + 2, at + 6)
      if (/^[0-9a-fA-F]{4}$/.test(digits)) return String.fromCharCode(parseInt(digits, 16))
    }
    const known = 'tnrbf"\\'.indexOf(letter)
    if (known !== -1) return '\t\n\r\b\f"\\'.charAt(known)
    return this.fail(at, `${this.quoted(at, at + 2)}, expected an escape such as \\n or \\u0041`)
  }

  #character(): string {
    const start = this.at
    if (start + 1 >= this.text.length) this.ended('a character', start)
    // Its first is part of it even when it is a delimiter, or the first half of a pair.
    const to = this.tokenEnd(start + 2)
    const read = namedCharacter(this.text.slice(start + 1, to))
    if (read === undefined) {
      return this.fail(start, `${this.quoted(start, to)}, expected a character such as \\a`)
    }
    this.at = to
    return read
  }

  #sequence(what: string, closer: number): Plain[] {
    const start = this.at
    const items: Plain[] = []
    this.enter(start)
    this.at += 1
    for (;;) {
      const next = this.skipBlank()
      if (next === closer) break
      if (next === -1) this.ended(what, start)
      items.push(this.form())
    }
    this.at += 1
    this.depth -= 1
    return items
  }

  #map(): Plain {
    const start = this.at
    const fields: Record<string, Plain> = {}
    let entries: Map<Plain, Plain> | null = null
    this.enter(start)
    this.at += 1
    for (;;) {
      const next = this.skipBlank()
      if (next === code.closeCurly) break
      if (next === -1) this.ended('a map', start)
      const keyAt = this.at
      const key = this.form()
      const after = this.skipBlank()
      if (after === code.closeCurly) this.fail(keyAt, 'a key without a value, expected both')
      if (after === -1) this.ended('a map', start)
      const value = this.form()
      if (entries === null && typeof key !== 'string') entries = new Map(Object.entries(fields))
      if (entries?.has(key) ?? Object.hasOwn(fields, key as string)) {
        this.fail(keyAt, 'a key that the map already has, expected each once')
      }
      if (entries === null) setField(fields, key as string, value)
      else entries.set(key, value)
    }
    this.at += 1
    this.depth -= 1
    return entries ?? fields
  }

  /** What begins with #, except for #_. */
  #dispatch(): Plain {
    const start = this.at
    const next = this.text.charCodeAt(start + 1)
    if (next === code.openCurly) return this.#set()
    const tag = this.tag()
    if (tag === '#Inf') return Infinity
    if (tag === '#-Inf') return -Infinity
    if (tag === '#NaN') return NaN
    this.enter(start)
    const after = this.skipBlank()
    if (after === -1) this.ended('a tagged value', start)
    const value = this.form()
    this.depth -= 1
    if (!tag.startsWith(':')) return tagged(tag, value)
    const named = withNamespace(tag.slice(1), value)
    return named ?? this.fail(start, `"#${tag}", expected a map after it`)
  }

  /** Reads the tag at hand, without its #. */
  tag(): string {
    const from = this.at + 1
    const to = this.tokenEnd(from)
    if (from === this.text.length) this.ended('a tag', this.at)
    const tag = this.strings.take(this.text, from, to)
    if (!/^(\p{L}|:[^:]|#(Inf|-Inf|NaN)$)/u.test(tag)) {
      this.fail(this.at, `${this.quoted(this.at, to)}, expected a set or a tag`)
    }
    this.at = to
    return tag
  }

  #set(): Plain {
    const start = this.at
    this.at += 1
    const items = this.#sequence('a set', code.closeCurly)
    const set = new Set(items)
    if (set.size < items.length) this.fail(start, 'a set with the same twice, expected each once')
    return set
  }
}
