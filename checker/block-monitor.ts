// Judges histories of an object whose versions are all known, without a search. A block is a row of
// versions of which each was made of the one before it (by an append, or a compare-and-set); its
// first one was made of nothing (by a write), or is there at first. All operations of a block stand
// together in any order that explains them, so it has a zone: from the first return among them to
// the last call. Where that runs forward, the block is there throughout it, and no two such zones
// overlap; one that runs backward needs one instant only, which must not lie within a forward one.
// Ref: Gibbons, Korach, "Testing shared memories", 1997 (blocks of one version).

import type { Operation } from './history.ts'
import type { Judged } from './model.ts'
import { orderBy } from './order-by.ts'

/** Which operation is about which version. Version 0 is there at first: no operation made it. */
export interface Versions {
  /** By operation: its call and its return; Infinity: it has no answer. */
  readonly calls: Float64Array
  readonly returns: Float64Array
  /** By operation: the version that it made or saw; -1: it is left out, or nobody knows. */
  readonly versionOf: Int32Array
  /** By version: the operation that made it; -1: none, or one that is left out. */
  readonly makers: Int32Array
  /** By version: the one that it was made of; -1: of nothing. No two were made of one. */
  readonly before: Int32Array
}

type Operations<Input, Output> = readonly Operation<Input, Output>[]

/** Judges a history by its versions. What is left out has failed, or has no answer. */
export function judgeBlocks<Input, Output>(
  operations: Operations<Input, Output>,
  versions: Versions,
): Judged<Input, Output> {
  return new Blocks(operations, versions).judge()
}

class Blocks<Input, Output> {
  readonly #operations: Operations<Input, Output>
  readonly #versions: Versions
  /** By version: the first return and the last call of its operations; then, of its block. */
  readonly #firstReturn: Float64Array
  readonly #lastCall: Float64Array
  /** By version: the one that was made of it. */
  readonly #after: Int32Array
  /** Whether the operations come in the order of their returns. */
  #isByReturn = true

  constructor(operations: Operations<Input, Output>, versions: Versions) {
    this.#operations = operations
    this.#versions = versions
    const count = versions.makers.length
    this.#firstReturn = new Float64Array(count).fill(Infinity)
    this.#lastCall = new Float64Array(count).fill(-Infinity)
    this.#after = new Int32Array(count).fill(-1)
  }

  judge(): Judged<Input, Output> {
    this.#measure()
    const { before, makers } = this.#versions
    for (let version = 1; version < before.length; version++) {
      const base = before[version] as number
      if (base >= 0) this.#after[base] = version
    }
    const blocks = new Int32Array(before.length)
    let count = 0
    for (let version = 0; version < before.length; version++) {
      const isFirst = version === 0 || (before[version] === -1 && makers[version] !== -1)
      if (!isFirst) continue
      const problem = this.#problemOf(version)
      if (problem !== null) return problem
      blocks[count++] = version
    }
    const placed = this.#place(blocks.subarray(0, count))
    return placed instanceof Int32Array ? this.#orderOf(placed) : placed
  }

  #measure(): void {
    const { versionOf, calls, returns } = this.#versions
    let last = -Infinity
    for (let at = 0; at < versionOf.length; at++) {
      const version = versionOf[at] as number
      const call = calls[at] as number
      const returned = returns[at] as number
      if (returned !== Infinity) {
        if (returned < last) this.#isByReturn = false
        last = returned
      }
      if (version < 0) continue
      if (returned < (this.#firstReturn[version] as number)) this.#firstReturn[version] = returned
      if (call > (this.#lastCall[version] as number)) this.#lastCall[version] = call
    }
  }

  /** Why the operations of a block can't stand in its order, or null; measures the block. */
  #problemOf(first: number): Judged<Input, Output> | null {
    const { makers } = this.#versions
    let firstReturn = first === 0 ? -Infinity : Infinity
    let lastCall = -Infinity
    for (let version = first; version !== -1; version = this.#after[version] as number) {
      const returned = this.#firstReturn[version] as number
      if (returned < lastCall) return this.#wrongOrder(first, version)
      const maker = makers[version] as number
      if (maker !== -1 && returned < this.#operation(maker).call) {
        const read = this.#returnedFirst(version)
        return conflict('it was read before it was written', [read, this.#operation(maker)])
      }
      firstReturn = Math.min(firstReturn, returned)
      lastCall = Math.max(lastCall, this.#lastCall[version] as number)
    }
    this.#firstReturn[first] = firstReturn
    this.#lastCall[first] = lastCall
    return null
  }

  /** The blocks, by their first versions, in an order that explains them; or two that overlap. */
  #place(blocks: Int32Array): Int32Array | Judged<Input, Output> {
    const returns = new Float64Array(blocks.length)
    for (let at = 0; at < blocks.length; at++) {
      returns[at] = this.#firstReturn[blocks[at] as number] as number
    }
    const order = orderBy(returns)
    const placed = new Int32Array(blocks.length)
    let count = 0
    // The last block that runs forward, and whether it waits for those that go right before it.
    let forward = -1
    let isWaiting = false
    for (let at = 0; at < order.length; at++) {
      const block = blocks[order[at] as number] as number
      const firstReturn = this.#firstReturn[block] as number
      const lastCall = this.#lastCall[block] as number
      const isInside = forward !== -1 && firstReturn < (this.#lastCall[forward] as number)
      if (isInside && lastCall > (this.#firstReturn[forward] as number)) {
        return this.#overlap(forward, block)
      }
      if (isWaiting && !isInside) {
        placed[count++] = forward
        isWaiting = false
      }
      if (firstReturn < lastCall) {
        forward = block
        isWaiting = true
      } else placed[count++] = block
    }
    if (isWaiting) placed[count] = forward
    return placed
  }

  /** All operations: block by block, version by version, its maker first. */
  #orderOf(blocks: Int32Array): Judged<Input, Output> {
    const { versionOf, makers, calls } = this.#versions
    const places = new Int32Array(makers.length)
    for (let at = 0; at < versionOf.length; at++) {
      const version = versionOf[at] as number
      if (version >= 0) places[version] = (places[version] as number) + 1
    }
    let place = 0
    for (const block of blocks) {
      for (let version = block; version !== -1; version = this.#after[version] as number) {
        const count = places[version] as number
        places[version] = place
        place += count
      }
    }
    const order = new Array<Operation<Input, Output>>(place)
    const callsInOrder = new Float64Array(place)
    const put = (version: number, at: number): void => {
      const place = places[version] as number
      places[version] = place + 1
      order[place] = this.#operation(at)
      callsInOrder[place] = calls[at] as number
    }
    for (let version = 1; version < makers.length; version++) {
      const maker = makers[version] as number
      if (maker !== -1) put(version, maker)
    }
    const untold: Operation<Input, Output>[] = []
    // By the returns, if they come like that, else by the calls: either keeps real time.
    const byCall = this.#isByReturn ? null : orderBy(calls)
    for (let index = 0; index < versionOf.length; index++) {
      const at = byCall === null ? index : (byCall[index] as number)
      const version = versionOf[at] as number
      if (version >= 0) {
        if (makers[version] !== at) put(version, at)
      } else if (this.#operation(at).outcome === 'ok') untold.push(this.#operation(at))
    }
    if (untold.length === 0) return { type: 'ordered', order, calls: callsInOrder }
    return { type: 'ordered', order: withUntold(order, untold.sort((a, b) => a.call - b.call)) }
  }

  /** Something of a version returned before something of an earlier one was called. */
  #wrongOrder(first: number, later: number): Judged<Input, Output> {
    const seen = this.#returnedFirst(later)
    for (let version = first; version !== later; version = this.#after[version] as number) {
      if ((this.#lastCall[version] as number) <= seen.return) continue
      const maker = this.#versions.makers[later] as number
      const operations = [this.#operation(maker), seen, this.#calledLast(version)]
      return conflict('what was there first was there after the other', operations)
    }
    throw new Error('no version of the block was called after that')
  }

  #overlap(one: number, other: number): Judged<Input, Output> {
    const operations = [...this.#ends(one), ...this.#ends(other)]
    return conflict('one value was there before and after the other', operations)
  }

  /** The maker of the first version, what returned first of a block, and what was called last. */
  #ends(block: number): Operation<Input, Output>[] {
    const maker = this.#versions.makers[block] as number
    const ends = maker === -1 ? [] : [this.#operation(maker)]
    const versions = new Set<number>()
    for (let version = block; version !== -1; version = this.#after[version] as number) {
      versions.add(version)
    }
    const { versionOf } = this.#versions
    const all = this.#operations.filter((_, at) => versions.has(versionOf[at] as number))
    const returned = this.#firstReturn[block]
    ends.push(...all.filter((one) => one.outcome === 'ok' && one.return === returned).slice(0, 1))
    ends.push(...all.filter(({ call }) => call === this.#lastCall[block]).slice(0, 1))
    return ends
  }

  /** What returned first of a version. */
  #returnedFirst(version: number): Operation<Input, Output> {
    const returned = this.#firstReturn[version]
    return this.#find(version, (one) => one.outcome === 'ok' && one.return === returned)
  }

  /** What was called last of a version. */
  #calledLast(version: number): Operation<Input, Output> {
    return this.#find(version, ({ call }) => call === this.#lastCall[version])
  }

  #find(version: number, is: (one: Operation) => boolean): Operation<Input, Output> {
    const { versionOf } = this.#versions
    const at = versionOf.findIndex((own, at) => own === version && is(this.#operation(at)))
    return this.#operation(at)
  }

  #operation(at: number): Operation<Input, Output> {
    return this.#operations[at] as Operation<Input, Output>
  }
}

/** An order with what saw nobody knows what, each as soon as it is called. */
function withUntold<Input, Output>(
  order: Operations<Input, Output>,
  untold: Operations<Input, Output>,
): Operation<Input, Output>[] {
  const all: Operation<Input, Output>[] = []
  let next = 0
  for (const operation of order) {
    while (next < untold.length && (untold[next]?.call ?? Infinity) < operation.call) {
      all.push(untold[next++] as Operation<Input, Output>)
    }
    all.push(operation)
  }
  return [...all, ...untold.slice(next)]
}

/** Why no order explains a history: these operations. */
export function conflict<Input, Output>(
  reason: string,
  operations: Operations<Input, Output>,
): Judged<Input, Output> & { readonly type: 'conflict' } {
  return { type: 'conflict', reason, operations: [...new Set(operations)] }
}
