// Reads EDN, the data notation of Clojure and so of Jepsen, from text that comes in pieces. One
// large vector or list of forms is read like as many forms of their own, so that no file need be in
// memory whole. A keyword is read as its name, a tagged value as the value, a set as a list.

import type { Plain } from '../event.ts'
import { FormatError } from './format.ts'

/** How deep values may lie within each other. */
const DEPTH_MAX = 200

/** The text so far ends within a form. */
const CUT_OFF = Symbol('cut off')

const CLOSERS = '])}"'

const NAMED: Readonly<Record<string, string>> = {
  newline: '\n',
  space: ' ',
  tab: '\t',
  return: '\r',
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  '"': '"',
  '\\': '\\',
}

/** A form, and where it begins. */
export interface EdnForm {
  readonly value: Plain
  readonly line: number
  readonly column: number
}

/** Reads forms one after the other. */
export class EdnReader {
  #text = ''
  #at = 0
  #line = 1
  #lineAt = 0
  /** What ends the vector or list whose elements are read; null: none is open. */
  #outer: ']' | ')' | null = null
  #wasOuter = false
  #isLast = false

  /** The forms that are whole by now. @throws FormatError */
  push(text: string): EdnForm[] {
    this.#lineAt -= this.#at
    this.#text = this.#text.slice(this.#at) + text
    this.#at = 0
    return this.#forms()
  }

  /** The forms of what is left. @throws FormatError when one is not whole */
  end(): EdnForm[] {
    this.#isLast = true
    const forms = this.#forms()
    if (this.#outer !== null) throw this.#error(`the file ends, and '${this.#outer}' was expected`)
    return forms
  }

  #forms(): EdnForm[] {
    const forms: EdnForm[] = []
    for (;;) {
      this.#skip()
      const before = { at: this.#at, line: this.#line, lineAt: this.#lineAt }
      const char = this.#text[this.#at]
      if (char === undefined || char === ';') return forms
      if (this.#outer === null && !this.#wasOuter && (char === '[' || char === '(')) {
        this.#outer = char === '[' ? ']' : ')'
        this.#wasOuter = true
        this.#at += 1
        continue
      }
      if (char === this.#outer) {
        this.#outer = null
        this.#at += 1
        continue
      }
      const column = this.#at - this.#lineAt + 1
      try {
        const value = this.#value(0)
        // A number or a name may go on in the next piece.
        const isOpen = !CLOSERS.includes(this.#text[this.#at - 1] ?? '')
        if (!this.#isLast && this.#at === this.#text.length && isOpen) throw CUT_OFF
        if (value !== undefined) forms.push({ value, line: before.line, column })
      } catch (error) {
        if (error !== CUT_OFF) throw error
        this.#at = before.at
        this.#line = before.line
        this.#lineAt = before.lineAt
        if (!this.#isLast) return forms
        throw this.#error('the file ends within a value')
      }
    }
  }

  /** Skips blanks, commas and comments. */
  #skip(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 10) {
        this.#line += 1
        this.#lineAt = this.#at + 1
      } else if (code === 59) {
        const end = this.#text.indexOf('\n', this.#at)
        // It may go on in the next piece.
        if (end < 0 && !this.#isLast) return
        this.#at = end < 0 ? this.#text.length : end
        continue
      } else if (code !== 32 && code !== 44 && code !== 9 && code !== 13 && code !== 12) return
      this.#at += 1
    }
  }

  /** The value that begins here; undefined: one that is to be left out. */
  #value(depth: number): Plain | undefined {
    if (depth > DEPTH_MAX) throw this.#error(`values lie more than ${DEPTH_MAX} deep`)
    this.#skip()
    const char = this.#text[this.#at]
    switch (char) {
      case undefined:
      case ';':
        throw CUT_OFF
      case '[':
        return this.#list(']', depth)
      case '(':
        return this.#list(')', depth)
      case '{':
        return this.#map(depth)
      case '"':
        return this.#string()
      case '#':
        return this.#dispatch(depth)
      case '\\':
        return this.#character()
      case ']':
      case ')':
      case '}':
        throw this.#error(`'${char}' closes nothing; a value was expected`)
      default:
        return this.#atom()
    }
  }

  #list(close: string, depth: number): Plain[] {
    this.#at += 1
    const values: Plain[] = []
    for (;;) {
      this.#skip()
      if (this.#text[this.#at] === close) {
        this.#at += 1
        return values
      }
      const value = this.#value(depth + 1)
      if (value !== undefined) values.push(value)
    }
  }

  #map(depth: number): Plain {
    const values = this.#list('}', depth)
    if (values.length % 2 !== 0) throw this.#error('a map ends after a key; a value was expected')
    const map: Record<string, Plain> = Object.create(null) as Record<string, Plain>
    for (let at = 0; at < values.length; at += 2) {
      map[nameOf(values[at] as Plain)] = values[at + 1] as Plain
    }
    return map
  }

  #string(): string {
    let text = ''
    let from = this.#at + 1
    for (let at = from; ; at++) {
      const code = this.#text.charCodeAt(at)
      if (Number.isNaN(code)) throw CUT_OFF
      if (code === 10) {
        this.#line += 1
        this.#lineAt = at + 1
      }
      if (code === 34) {
        this.#at = at + 1
        return text + this.#text.slice(from, at)
      }
      if (code !== 92) continue
      const next = this.#text[at + 1]
      if (next === undefined) throw CUT_OFF
      text += this.#text.slice(from, at)
      if (next === 'u') {
        const hex = this.#text.slice(at + 2, at + 6)
        if (hex.length < 4) throw CUT_OFF
        if (!/^[0-9a-f]{4}$/i.test(hex)) throw this.#error(`'\\u${hex}' is no character`)
        text += String.fromCharCode(Number.parseInt(hex, 16))
        at += 5
      } else {
        const escaped = ESCAPES[next]
        if (escaped === undefined) throw this.#error(`'\\${next}' is no escape`)
        text += escaped
        at += 1
      }
      from = at + 1
    }
  }

  #character(): string {
    const name = this.#word(this.#at + 2)
    return NAMED[name] ?? (name.length > 1 && name.startsWith('u') ? code(name) : name)
  }

  #dispatch(depth: number): Plain | undefined {
    const next = this.#text[this.#at + 1]
    if (next === undefined) throw CUT_OFF
    if (next === '{') {
      this.#at += 1
      return this.#list('}', depth)
    }
    if (next === '_') {
      this.#at += 2
      this.#value(depth + 1)
      return undefined
    }
    // A tag: what follows is the value.
    this.#at += 1
    this.#word(this.#at)
    const value = this.#value(depth + 1)
    if (value === undefined) throw this.#error('a tag is followed by nothing')
    return value
  }

  #atom(): Plain {
    const word = this.#word(this.#at)
    const first = word.charCodeAt(0)
    if (first === 58) return word.slice(1)
    const isSigned = (first === 45 || first === 43) && word.length > 1
    if (isSigned || (first >= 48 && first <= 57)) return this.#number(word)
    if (word === 'nil') return null
    if (word === 'true') return true
    if (word === 'false') return false
    if (first < 33 || first === 65533) throw this.#error('this is no text')
    return word
  }

  #number(word: string): Plain {
    if (/^[-+]?\d+N?$/.test(word)) {
      const digits = word.replace(/^\+|N$/g, '')
      const number = Number(digits)
      return Number.isSafeInteger(number) ? number : BigInt(digits)
    }
    if (/^[-+]?\d+(\.\d*)?([eE][-+]?\d+)?M?$/.test(word)) return Number.parseFloat(word)
    if (/^[-+]?\d+\/\d+$/.test(word)) return word
    throw this.#error(`'${word}' is no number`)
  }

  /** Moves behind the word here, and answers it; it is looked for from `from` on. */
  #word(from: number): string {
    const start = this.#at
    let end = Math.max(from, start)
    for (; end < this.#text.length; end++) {
      const char = this.#text.charCodeAt(end)
      // Blanks, commas, quotes, semicolons and brackets.
      if (char <= 32 || char === 44 || char === 34 || char === 59) break
      if (char === 91 || char === 93 || char === 40 || char === 41) break
      if (char === 123 || char === 125) break
    }
    if (end === start) throw this.#error(`'${this.#text[start]}' begins no value`)
    this.#at = end
    return this.#text.slice(start + (this.#text[start] === '\\' ? 1 : 0), end)
  }

  #error(what: string): FormatError {
    return new FormatError(this.#line, this.#at - this.#lineAt + 1, what)
  }
}

function code(name: string): string {
  return String.fromCharCode(Number.parseInt(name.slice(1), 16))
}

/** A map's key as the name of a field. */
function nameOf(key: Plain): string {
  return typeof key === 'string' ? key : textOf(key)
}

function textOf(value: Plain): string {
  if (typeof value === 'bigint') return String(value)
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one))
}
