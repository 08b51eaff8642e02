// Reads what was seen of a string that is put and appended to: which put each text begins with,
// and what was appended then. No value that is written begins with another one, so a text can be
// read in one way only. Where one value was written several times, instants tell who it can be.

import { conflict, type Versions } from './block-monitor.ts'
import type { Operation } from './history.ts'
import type { Judged } from './model.ts'
import { TextTable } from './text-table.ts'

/** What the string is asked. A get is answered with the string. */
export type StringInput =
  | { readonly type: 'get' }
  | { readonly type: 'put' | 'append'; readonly value: string }

/** A put, or the empty string, and what was appended to it. */
export interface Block {
  /** The longest text that somebody saw of it; who, or -1. */
  text: string
  reader: number
  /** The versions it is made of; -1: one of several. */
  readonly rows: number[]
  /** By length: the place of the version whose text is as long. */
  readonly ends: Map<number, number>
}

/** A read, and at which place of a block it saw the string. */
interface Reader {
  readonly read: number
  readonly at: number
}

/** A place in a block that any of several versions can have. */
export interface Place {
  readonly block: Block
  readonly at: number
  readonly candidates: readonly number[]
  /** A read that saw it there. */
  readonly seenBy: number
}

/** The answered puts by their calls, and which is answered first from each on. */
interface Puts {
  readonly calls: Float64Array
  readonly answeredFirst: Int32Array
}

type Conflict<Input> = Judged<Input, string> & { readonly type: 'conflict' }

/** If one value is written more often than this, it is not asked who was it. */
const sameMax = 8

/** The blocks of a history, by what its reads saw. Version 0 is the empty string at first. */
export class StringBlocks<Input extends StringInput> {
  readonly #operations: readonly Operation<Input, string>[]
  readonly #calls: Float64Array
  readonly #returns: Float64Array
  /** By version: who wrote it. */
  readonly #makers: Int32Array
  #count = 1
  /** What was written or read, each text with a number; by that: its last writer, or -1. */
  readonly #texts: TextTable
  readonly #written: Int32Array
  /** By version: the one before that wrote the same, or -1. */
  readonly #same: Int32Array
  readonly #isPut: Uint8Array
  #lengths: readonly number[] = []
  /** Those that something was appended to, by the version they begin with. */
  readonly #blocks = new Map<number, Block>()
  /** By read: what it saw, or -1; the version that this begins with, and its place in the block. */
  readonly #seen: Int32Array
  readonly #firsts: Int32Array
  readonly #placesOf: Int32Array
  /** By version of an append that has its place: a read that saw it. */
  readonly #seenBy = new Map<number, number>()
  #places: Place[] = []
  #puts: Puts | null = null

  constructor(operations: readonly Operation<Input, string>[]) {
    const { length } = operations
    this.#operations = operations
    this.#calls = new Float64Array(length)
    this.#returns = new Float64Array(length)
    this.#makers = new Int32Array(length + 1).fill(-1)
    this.#texts = new TextTable(length + 1)
    this.#written = new Int32Array(length + 1).fill(-1)
    this.#written[this.#texts.add('')] = 0
    this.#same = new Int32Array(length + 1).fill(-1)
    this.#isPut = new Uint8Array(length + 1)
    this.#isPut[0] = 1
    this.#seen = new Int32Array(length).fill(-1)
    this.#firsts = new Int32Array(length).fill(-1)
    this.#placesOf = new Int32Array(length)
  }

  /** By version: who wrote it. */
  get makers(): Int32Array {
    return this.#makers.subarray(0, this.#count)
  }

  /** What each operation is about. */
  versions(): Versions {
    const { makers } = this
    const versionOf = this.#firsts.slice()
    const before = new Int32Array(makers.length).fill(-1)
    for (let version = 1; version < makers.length; version++) {
      versionOf[makers[version] as number] = version
    }
    for (const { rows } of this.#blocks.values()) {
      for (let at = 1; at < rows.length; at++) before[rows[at] as number] = rows[at - 1] as number
    }
    for (let read = 0; read < versionOf.length; read++) {
      const place = this.#placesOf[read] as number
      if (place === 0) continue
      const { rows } = this.#blocks.get(this.#firsts[read] as number) as Block
      versionOf[read] = rows[place] as number
    }
    return { calls: this.#calls, returns: this.#returns, versionOf, makers, before }
  }

  /** Looks at each operation, once; false: what was written does not tell which write it is. */
  readOperations(): boolean {
    let isAppended = false
    for (let at = 0; at < this.#operations.length; at++) {
      const { input, call, return: answered, outcome, output } = this.#operation(at)
      this.#calls[at] = call
      this.#returns[at] = outcome === 'ok' ? answered : Infinity
      if (outcome === 'fail') continue
      if (input.type === 'get') {
        if (outcome === 'ok' && output !== undefined) this.#seen[at] = this.#texts.add(output)
        continue
      }
      const version = this.#count++
      this.#makers[version] = at
      if (input.type === 'put') this.#isPut[version] = 1
      else isAppended = true
      if (input.value === '' || !this.#noteValue(input.value, version)) return false
    }
    return !isAppended || this.#isReadable()
  }

  /** False: it was written too often. */
  #noteValue(value: string, version: number): boolean {
    const text = this.#texts.add(value)
    const before = this.#written[text] as number
    this.#written[text] = version
    this.#same[version] = before
    return before === -1 || this.#sameAs(version).length <= sameMax
  }

  /** Whether no value begins with another one. */
  #isReadable(): boolean {
    const lengths = new Set<number>()
    for (let version = 1; version < this.#count; version++) {
      lengths.add(this.#valueOf(version).length)
    }
    this.#lengths = [...lengths].sort((a, b) => a - b)
    for (let version = 1; version < this.#count; version++) {
      const value = this.#valueOf(version)
      for (const length of this.#lengths) {
        if (length >= value.length) break
        if (this.#writtenLast(value.slice(0, length)) !== -1) return false
      }
    }
    return true
  }

  /** The reads that no order of the writes explains; unclear: which put one began with; or null. */
  readReads(): Conflict<Input> | { readonly type: 'unclear' } | null {
    for (let read = 0; read < this.#seen.length; read++) {
      const seen = this.#seen[read] as number
      if (seen === -1) continue
      const written = this.#written[seen] as number
      // Most saw a put as it was put.
      if (written !== -1 && this.#isPut[written] === 1 && this.#same[written] === -1) {
        this.#firsts[read] = written
        continue
      }
      const text = this.#operation(read).output as string
      const first = this.#firstOf(read, text, written)
      if (typeof first !== 'number') return first
      this.#firsts[read] = first
      if (text.length === this.#valueOf(first).length) continue
      const problem = this.#readOf(this.#blockOf(first), read, text)
      if (problem !== null) return problem
    }
    return null
  }

  /** The version that a text begins with; `written` is the last one that wrote just it, or -1. */
  #firstOf(
    read: number,
    text: string,
    written: number,
  ): number | Conflict<Input> | { readonly type: 'unclear' } {
    const begins = written === -1 ? this.#writtenAt(text, 0) : written
    if (begins === -1) return this.#neverThere(read)
    if (this.#same[begins] === -1) return this.#isPut[begins] === 1 ? begins : 0
    const same = this.#sameAs(begins)
    const all = same.filter((one) => this.#isPut[one] === 1)
    if (all.length < same.length) all.push(0)
    const [only] = all
    if (all.length === 1 && only !== undefined) return only
    const possible = all.filter((one) => this.#mayBeOf(one, read))
    if (possible.length > 1) return { type: 'unclear' }
    if (possible[0] !== undefined) return possible[0]
    const puts = all.flatMap((one) => [this.#makers[one] as number, this.#replacedBy(one)])
    return this.#conflict('what was read was not there any more, or not yet', [...puts, read])
  }

  /** Whether an operation can stand between a put and the next one. */
  #mayBeOf(put: number, at: number): boolean {
    const operation = this.#operation(at)
    const maker = this.#operations[this.#makers[put] as number]
    if (maker !== undefined && returnOf(operation) < maker.call) return false
    const replaced = this.#operations[this.#replacedBy(put)]
    return replaced === undefined || replaced.return >= operation.call
  }

  /** Of the puts that were called after a put was answered, the one that was answered first; -1. */
  #replacedBy(put: number): number {
    const maker = this.#operations[this.#makers[put] as number]
    if (maker !== undefined && maker.outcome !== 'ok') return -1
    const { calls, answeredFirst } = (this.#puts ??= this.#putsByCall())
    let low = 0
    let high = calls.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((calls[middle] as number) > (maker?.return ?? -Infinity)) high = middle
      else low = middle + 1
    }
    return answeredFirst[low] ?? -1
  }

  #putsByCall(): Puts {
    const isPut = this.#isPut
    const puts = this.makers.filter((at, version) => {
      return version > 0 && isPut[version] === 1 && this.#operation(at).outcome === 'ok'
    })
    puts.sort((a, b) => this.#operation(a).call - this.#operation(b).call)
    const answeredFirst = Int32Array.from(puts)
    for (let at = puts.length - 2; at >= 0; at--) {
      const [one, other] = [answeredFirst[at] as number, answeredFirst[at + 1] as number]
      if (this.#operation(other).return < this.#operation(one).return) answeredFirst[at] = other
    }
    return { calls: Float64Array.from(puts, (at) => this.#operation(at).call), answeredFirst }
  }

  #blockOf(first: number): Block {
    const known = this.#blocks.get(first)
    if (known !== undefined) return known
    const text = this.#valueOf(first)
    const ends = new Map([[text.length, 0]])
    const block = { text, reader: -1, rows: [first], ends }
    this.#blocks.set(first, block)
    return block
  }

  #readOf(block: Block, read: number, text: string): Conflict<Input> | null {
    const isLonger = text.length > block.text.length
    if (!(isLonger ? text.startsWith(block.text) : block.text.startsWith(text))) {
      if (!this.#isWritten(text)) return this.#neverThere(read)
      return this.#conflict('two saw it appended to in different ways', [block.reader, read])
    }
    const problem = isLonger ? this.#lengthen(block, read, text) : null
    if (problem !== null) return problem
    const at = block.ends.get(text.length)
    if (at === undefined) return this.#neverThere(read)
    this.#placesOf[read] = at
    return null
  }

  /** Notes the versions that a longer text of a block shows. */
  #lengthen(block: Block, read: number, text: string): Conflict<Input> | null {
    for (let end = block.text.length; end < text.length;) {
      const version = this.#writtenAt(text, end)
      if (version === -1) return this.#neverThere(read)
      const appends = this.#sameAs(version).filter((one) => this.#isPut[one] === 0)
      const at = block.rows.length
      const [only] = appends
      if (only === undefined) {
        const maker = this.#makers[version] as number
        return this.#conflict('something was there before what was put', [maker, read])
      }
      if (appends.length === 1) {
        const problem = this.#take(only, read)
        if (problem !== null) return problem
        block.rows.push(only)
      } else {
        block.rows.push(-1)
        this.#places.push({ block, at, candidates: appends, seenBy: read })
      }
      end += this.#valueOf(version).length
      block.ends.set(end, at)
    }
    block.text = text
    block.reader = read
    return null
  }

  /** Gives a version its place. */
  #take(version: number, read: number): Conflict<Input> | null {
    const other = this.#seenBy.get(version)
    this.#seenBy.set(version, read)
    if (other === undefined) return null
    const operations = [this.#makers[version] as number, other, read]
    return this.#conflict('it was appended once, and is there twice', operations)
  }

  /** The places that any of several versions can have, once the others have theirs. */
  placesShared(): Place[] | Conflict<Input> {
    if (this.#places.length === 0) return []
    const windows = new Map<Block, Windows>()
    const readers = this.#readers()
    let places = this.#places.map((place) => {
      const { block, at } = place
      const known = windows.get(block) ?? this.#windowsOf(block, readers)
      windows.set(block, known)
      const { calledLast, returnsFirst } = known
      const candidates = place.candidates.filter((version) => {
        const maker = this.#makers[version] as number
        const operation = this.#operation(maker)
        return (
          operation.call <= (returnsFirst[at] as number) &&
          returnOf(operation) >= (calledLast[at] as number) &&
          this.#mayBeOf(block.rows[0] as number, maker)
        )
      })
      return { ...place, candidates, all: place.candidates }
    })
    for (let count = -1; count !== places.length;) {
      count = places.length
      for (const { block, at, candidates, all, seenBy } of places) {
        const [only] = candidates
        if (only === undefined) {
          const operations = [...all.map((one) => this.#makers[one] as number), seenBy]
          return this.#conflict('none of them was appended where it was seen', operations)
        }
        if (candidates.length > 1) continue
        const problem = this.#take(only, seenBy)
        if (problem !== null) return problem
        block.rows[at] = only
      }
      places = places.filter(({ candidates }) => candidates.length > 1).map((place) => {
        const candidates = place.candidates.filter((one) => !this.#seenBy.has(one))
        return { ...place, candidates }
      })
    }
    return places
  }

  /** By place: the last call of what comes before it, and the first return of what does not. */
  #windowsOf({ rows }: Block, readers: ReadonlyMap<number, readonly Reader[]>): Windows {
    const calledLast = new Float64Array(rows.length + 1).fill(-Infinity)
    const returnsFirst = new Float64Array(rows.length).fill(Infinity)
    const note = (at: number, operation: Operation): void => {
      calledLast[at + 1] = Math.max(calledLast[at + 1] as number, operation.call)
      returnsFirst[at] = Math.min(returnsFirst[at] as number, returnOf(operation))
    }
    for (const [at, version] of rows.entries()) {
      if (version > 0) note(at, this.#operation(this.#makers[version] as number))
    }
    for (const { read, at } of readers.get(rows[0] as number) ?? []) note(at, this.#operation(read))
    for (let at = 1; at < rows.length; at++) {
      calledLast[at] = Math.max(calledLast[at] as number, calledLast[at - 1] as number)
    }
    for (let at = rows.length - 2; at >= 0; at--) {
      returnsFirst[at] = Math.min(returnsFirst[at] as number, returnsFirst[at + 1] as number)
    }
    return { calledLast, returnsFirst }
  }

  /** The reads of each block, by its first version. */
  #readers(): Map<number, Reader[]> {
    const readers = new Map<number, Reader[]>()
    for (const [read, first] of this.#firsts.entries()) {
      if (first === -1) continue
      const reader = { read, at: this.#placesOf[read] as number }
      const own = readers.get(first)
      if (own === undefined) readers.set(first, [reader])
      else own.push(reader)
    }
    return readers
  }

  /** The versions that wrote the same as one does. */
  #sameAs(version: number): number[] {
    const same: number[] = []
    for (let one = version; one !== -1; one = this.#same[one] as number) same.push(one)
    return same
  }

  /** The last write of a value, or -1. */
  #writtenLast(value: string): number {
    const text = this.#texts.get(value)
    return text === -1 ? -1 : (this.#written[text] as number)
  }

  /** The last write whose value stands at a place of a text, or -1. */
  #writtenAt(text: string, at: number): number {
    for (const length of this.#lengths) {
      if (at + length > text.length) return -1
      const version = this.#writtenLast(text.slice(at, at + length))
      if (version !== -1) return version
    }
    return -1
  }

  /** Whether a text is made of values that were written. */
  #isWritten(text: string): boolean {
    for (let at = 0; at < text.length;) {
      const version = this.#writtenAt(text, at)
      if (version === -1) return false
      at += this.#valueOf(version).length
    }
    return true
  }

  #valueOf(version: number): string {
    if (version === 0) return ''
    const { input } = this.#operation(this.#makers[version] as number)
    return input.type === 'get' ? '' : input.value
  }

  #neverThere(read: number): Conflict<Input> {
    return this.#conflict('what was read was never there', [read])
  }

  #conflict(reason: string, found: readonly number[]): Conflict<Input> {
    const operations = found.filter((at) => at !== -1).map((at) => this.#operation(at))
    return conflict(reason, operations)
  }

  #operation(at: number): Operation<Input, string> {
    return this.#operations[at] as Operation<Input, string>
  }
}

/** What is known of when a version got its place. */
interface Windows {
  readonly calledLast: Float64Array
  readonly returnsFirst: Float64Array
}

function returnOf({ outcome, return: answered }: Operation): number {
  return outcome === 'ok' ? answered : Infinity
}
