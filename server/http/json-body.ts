// Bodies as JSON: parsed, or told where they break. The parser of the engine does the work; only
// when it fails is the place looked for, by a small scanner of the grammar of RFC 8259.

/** Where a text stops being JSON. */
export interface JsonBreak {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  readonly found: string
}

/** A parsed body, or a sentence on why it is none. */
export type ParsedBody =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'bad'; readonly detail: string }

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses the bytes of a body. */
export function parseJsonBody(bytes: Uint8Array): ParsedBody {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return { type: 'bad', detail: 'the body is not UTF-8' }
  }
  if (text.trim() === '') return { type: 'bad', detail: 'the body is empty: send a JSON object' }
  try {
    return { type: 'value', value: JSON.parse(text) as unknown }
  } catch {
    const { line, column, found } = jsonBreak(text)
    return { type: 'bad', detail: `line ${line}, column ${column}: ${found} is not expected here` }
  }
}

/** Where `text`, which is no JSON, breaks. */
export function jsonBreak(text: string): JsonBreak {
  const at = new Scanner(text).breakAt()
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - (before.lastIndexOf('\n') + 1) + 1
  const code = text.codePointAt(at)
  const isPlain = code !== undefined && code >= 0x20 && code !== 0x7f
  if (code === undefined) return { line, column, found: 'the end of the body' }
  if (!isPlain) return { line, column, found: `the control character ${code}` }
  return { line, column, found: JSON.stringify(String.fromCodePoint(code)) }
}

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const PLAIN = /[^"\\\u0000-\u001f]*/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const WORDS = ['true', 'false', 'null']

/** Walks without recursion: a body of a million brackets is one that anybody can send. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  breakAt(): number {
    const open: ('{' | '[')[] = []
    for (;;) {
      if (!this.#value(open)) return this.#at
      // Behind a value: what is open may end, or go on.
      for (;;) {
        this.#skip()
        const inner = open.at(-1)
        if (inner === undefined) return this.#at
        if (this.#take(inner === '{' ? '}' : ']')) {
          open.pop()
          continue
        }
        if (!this.#take(',')) return this.#at
        if (inner === '{' && !this.#name()) return this.#at
        break
      }
    }
  }

  /** Takes a value, or the start of one that is not empty with what leads to its first value. */
  #value(open: ('{' | '[')[]): boolean {
    for (;;) {
      this.#skip()
      if (this.#take('{')) {
        this.#skip()
        if (this.#take('}')) return true
        open.push('{')
        if (!this.#name()) return false
      } else if (this.#take('[')) {
        this.#skip()
        if (this.#take(']')) return true
        open.push('[')
      } else return this.#scalar()
    }
  }

  #scalar(): boolean {
    if (this.#text[this.#at] === '"') return this.#string()
    for (const word of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return true
    }
    return this.#match(NUMBER) > 0
  }

  #name(): boolean {
    this.#skip()
    if (!this.#string()) return false
    this.#skip()
    return this.#take(':')
  }

  #string(): boolean {
    if (!this.#take('"')) return false
    do this.#match(PLAIN)
    while (this.#match(ESCAPE) > 0)
    return this.#take('"')
  }

  #skip(): void {
    this.#match(SPACE)
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #match(pattern: RegExp): number {
    pattern.lastIndex = this.#at
    const length = pattern.exec(this.#text)?.[0].length ?? 0
    this.#at += length
    return length
  }
}
