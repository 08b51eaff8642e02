// Judges histories of a string that is put and appended to, without a search, where no two writes
// are the same and none begins with another one: then what a read saw tells which writes it is made
// of, and in which order. A put and what is appended to it is a block of versions; so is what is
// appended to the empty string. Appended where nobody looks, a write is a block of its own: it can
// stand at the end of any other. Linear in the length of what was read.

import { conflict, judgeBlocks } from './block-monitor.ts'
import type { Operation } from './history.ts'
import type { Judged } from './model.ts'

/** What the string is asked. A get is answered with the string. */
export type StringInput =
  | { readonly type: 'get' }
  | { readonly type: 'put' | 'append'; readonly value: string }

/**
 * Null: something was written twice, or nothing, or the beginning of what another one wrote, and
 * only a search can tell. The string is empty at first.
 */
export function judgeUniqueStrings<Input extends StringInput>(
  operations: readonly Operation<Input, string>[],
): Judged<Input, string> | null {
  const texts = new Texts(operations)
  if (!texts.readWrites()) return null
  return texts.readReads() ?? judgeBlocks(operations, texts.versions())
}

/** The longest text that was seen of a block. */
interface Longest {
  text: string
  /** The version of it, and of each beginning of it by its length. */
  version: number
  readonly beginnings: Map<number, number>
  /** Who saw it; -1: nobody yet. */
  reader: number
}

class Texts<Input extends StringInput> {
  readonly #operations: readonly Operation<Input, string>[]
  readonly #versionOf: Int32Array
  readonly #makers: number[] = [-1]
  readonly #before: number[] = [-1]
  /** By version: a read that saw it; -1: none. */
  readonly #seenBy: number[] = [-1]
  readonly #isPut: boolean[] = [true]
  readonly #written = new Map<string, number>()
  #lengths: readonly number[] = []
  /** By the first version of a block. */
  readonly #longest = new Map<number, Longest>()

  constructor(operations: readonly Operation<Input, string>[]) {
    this.#operations = operations
    this.#versionOf = new Int32Array(operations.length).fill(-1)
    this.#longest.set(0, { text: '', version: 0, beginnings: new Map([[0, 0]]), reader: -1 })
  }

  /** False: what was written does not tell which write it is. */
  readWrites(): boolean {
    const written = this.#written
    let appendsCount = 0
    for (const [at, { input, outcome }] of this.#operations.entries()) {
      if (outcome === 'fail' || input.type === 'get') continue
      const { type, value } = input
      const version = this.#makers.length
      written.set(value, version)
      if (written.size !== version || value === '') return false
      this.#versionOf[at] = version
      this.#makers.push(at)
      this.#before.push(-1)
      this.#seenBy.push(-1)
      this.#isPut.push(type === 'put')
      if (type === 'append') appendsCount += 1
    }
    if (appendsCount === 0) return true
    const lengths = new Set<number>()
    for (const value of written.keys()) lengths.add(value.length)
    this.#lengths = [...lengths].sort((a, b) => a - b)
    for (const value of written.keys()) {
      for (const length of this.#lengths) {
        if (length >= value.length) break
        if (written.has(value.slice(0, length))) return false
      }
    }
    return true
  }

  /** The reads that no order of the writes explains, or null. */
  readReads(): Judged<Input, string> | null {
    for (const [at, { input, outcome, output }] of this.#operations.entries()) {
      if (input.type !== 'get' || outcome !== 'ok' || output === undefined) continue
      const whole = output === '' ? 0 : this.#written.get(output)
      if (whole !== undefined && this.#isPut[whole] === true) {
        this.#versionOf[at] = whole
        this.#seenBy[whole] = at
        continue
      }
      const problem = this.#readAppended(at, output)
      if (problem !== null) return problem
    }
    return null
  }

  #readAppended(read: number, text: string): Judged<Input, string> | null {
    const begins = this.#writtenAt(text, 0)
    if (begins === -1) return this.#neverThere(read)
    const first = this.#isPut[begins] === true ? begins : 0
    const longest = this.#longestOf(first, text)
    const [shorter, longer] = [text, longest.text].sort((a, b) => a.length - b.length)
    if (longer?.startsWith(shorter ?? '') !== true) {
      if (!this.#isWritten(text)) return this.#neverThere(read)
      return this.#conflict('two saw it appended to in different ways', longest.reader, read)
    }
    if (text.length > longest.text.length) {
      const problem = this.#lengthen(longest, read, text)
      if (problem !== null) return problem
    }
    const version = longest.beginnings.get(text.length)
    if (version === undefined) return this.#neverThere(read)
    this.#versionOf[read] = version
    this.#seenBy[first] = read
    return null
  }

  #longestOf(first: number, text: string): Longest {
    const known = this.#longest.get(first)
    if (known !== undefined) return known
    const { input } = this.#operations[this.#makers[first] as number] as Operation<StringInput>
    const put = input.type === 'get' ? '' : text.slice(0, input.value.length)
    const beginnings = new Map([[put.length, first]])
    const longest = { text: put, version: first, beginnings, reader: -1 }
    this.#longest.set(first, longest)
    return longest
  }

  /** Notes the versions that a longer text of a block shows. */
  #lengthen(longest: Longest, read: number, text: string): Judged<Input, string> | null {
    for (let at = longest.text.length; at < text.length;) {
      const version = this.#writtenAt(text, at)
      if (version === -1) return this.#neverThere(read)
      if (this.#isPut[version] === true) {
        return this.#conflict('something was there before what was put', read, -1, version)
      }
      if (this.#before[version] !== -1) {
        const seenBy = this.#seenBy[version] as number
        return this.#conflict('it was appended once, and is there twice', read, seenBy, version)
      }
      this.#before[version] = longest.version
      this.#seenBy[version] = read
      longest.version = version
      at += this.#lengthOf(version)
      longest.beginnings.set(at, version)
    }
    longest.text = text
    longest.reader = read
    return null
  }

  /** The write whose value stands at a place of a text, or -1. */
  #writtenAt(text: string, at: number): number {
    for (const length of this.#lengths) {
      if (at + length > text.length) return -1
      const version = this.#written.get(text.slice(at, at + length))
      if (version !== undefined) return version
    }
    return -1
  }

  /** Whether a text is made of values that were written. */
  #isWritten(text: string): boolean {
    for (let at = 0; at < text.length;) {
      const version = this.#writtenAt(text, at)
      if (version === -1) return false
      at += this.#lengthOf(version)
    }
    return true
  }

  #lengthOf(version: number): number {
    const { input } = this.#operations[this.#makers[version] as number] as Operation<StringInput>
    return input.type === 'get' ? 0 : input.value.length
  }

  #neverThere(read: number): Judged<Input, string> {
    return this.#conflict('what was read was never there', read)
  }

  #conflict(reason: string, read: number, other = -1, version = 0): Judged<Input, string> {
    const found = [this.#makers[version] as number, other, read].filter((at) => at !== -1)
    return conflict(reason, found.map((at) => this.#operations[at] as Operation<Input, string>))
  }

  /** What each operation is about; without writes that have no answer and that nobody saw. */
  versions(): { versionOf: Int32Array; makers: Int32Array; before: Int32Array } {
    const makers = Int32Array.from(this.#makers)
    for (let version = 1; version < makers.length; version++) {
      const maker = makers[version] as number
      if (this.#seenBy[version] !== -1 || this.#operations[maker]?.outcome === 'ok') continue
      makers[version] = -1
      this.#versionOf[maker] = -1
    }
    return { versionOf: this.#versionOf, makers, before: Int32Array.from(this.#before) }
  }
}
