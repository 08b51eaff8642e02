// Judges histories of a register each of whose values is written once, by a write or by a
// compare-and-set, without a search. A compare-and-set makes its value of the one that it replaces,
// and nobody else replaces that one: so the values fall into blocks of versions.

import { conflict, judgeBlocks, type Versions } from './block-monitor.ts'
import type { Operation } from './history.ts'
import type { Judged } from './model.ts'
import { ValueTable, type Value } from './value-table.ts'

/** What a register is asked. A read is answered with the value, a cas with whether it was done. */
export type UniqueRegisterInput =
  | { readonly type: 'read' }
  | { readonly type: 'write'; readonly value: Value }
  | { readonly type: 'cas'; readonly from: Value; readonly to: Value }

type Operations<Input> = readonly Operation<Input, Value>[]

/**
 * Null: a value is written twice, or one that is there at first, or a cas saw another value than
 * its own, and only a search can tell.
 */
export function judgeUniqueRegister<Input extends UniqueRegisterInput>(
  operations: Operations<Input>,
  initial: Value,
): Judged<Input, Value> | null {
  const values = new Values(operations, initial)
  if (!values.readWrites()) return null
  return values.readReads() ?? values.readReplaced() ?? judgeBlocks(operations, values.versions())
}

class Values<Input extends UniqueRegisterInput> {
  readonly #operations: Operations<Input>
  readonly #calls: Float64Array
  readonly #returns: Float64Array
  readonly #versionOf: Int32Array
  readonly #versions: ValueTable
  readonly #makers: Int32Array
  #count = 1
  /** By version: the one that it was made of; those that were made of one. */
  #before = new Int32Array(0)
  /** By version: somebody saw it, or its maker was answered. */
  readonly #isThere: Uint8Array
  #hasCas = false

  constructor(operations: Operations<Input>, initial: Value) {
    this.#operations = operations
    this.#calls = new Float64Array(operations.length)
    this.#returns = new Float64Array(operations.length)
    this.#versionOf = new Int32Array(operations.length).fill(-1)
    this.#makers = new Int32Array(operations.length + 1).fill(-1)
    this.#isThere = new Uint8Array(operations.length + 1)
    this.#versions = new ValueTable(2 * operations.length)
    this.#versions.add(initial, 0)
  }

  /** False: what was written does not tell who wrote it. */
  readWrites(): boolean {
    for (let at = 0; at < this.#operations.length; at++) {
      const { input, call, return: answered, outcome, output } = this.#operation(at)
      this.#calls[at] = call
      this.#returns[at] = outcome === 'ok' ? answered : Infinity
      if (outcome === 'fail' || input.type === 'read') continue
      const isCas = input.type === 'cas'
      if (isCas && outcome === 'ok' && output === false) return false
      const version = this.#count
      if (!this.#versions.add(isCas ? input.to : input.value, version)) return false
      this.#count += 1
      this.#hasCas ||= isCas
      this.#versionOf[at] = version
      this.#makers[version] = at
      if (outcome === 'ok') this.#isThere[version] = 1
    }
    this.#before = new Int32Array(this.#count).fill(-1)
    return true
  }

  /** A read of what nobody wrote, or null. */
  readReads(): Judged<Input, Value> | null {
    for (let at = 0; at < this.#operations.length; at++) {
      const { input, outcome, output } = this.#operation(at)
      if (input.type !== 'read' || outcome !== 'ok' || output === undefined) continue
      const version = this.#versions.get(output)
      if (version === -1) {
        return conflict('nobody ever wrote what was read', [this.#operation(at)])
      }
      this.#versionOf[at] = version
      this.#isThere[version] = 1
    }
    return null
  }

  /** Those that replace one value both, or each other's, or what nobody wrote; or null. */
  readReplaced(): Judged<Input, Value> | null {
    if (!this.#hasCas) return null
    const after = new Int32Array(this.#count).fill(-1)
    const due: number[] = []
    for (let version = 1; version < after.length; version++) {
      if (this.#isThere[version] === 1) due.push(version)
    }
    for (let version = due.pop(); version !== undefined; version = due.pop()) {
      const maker = this.#operation(this.#makers[version] as number)
      if (maker.input.type !== 'cas') continue
      const base = this.#versions.get(maker.input.from)
      if (base === -1) return conflict('nobody ever wrote what was replaced', [maker])
      const other = after[base] as number
      if (other !== -1) {
        const both = [this.#operation(this.#makers[other] as number), maker]
        return conflict('both replaced one value', both)
      }
      after[base] = version
      this.#before[version] = base
      if (base === 0 || this.#isThere[base] === 1) continue
      this.#isThere[base] = 1
      due.push(base)
    }
    return this.#circle()
  }

  /** Those of which each replaced what another one wrote, and none was the first; or null. */
  #circle(): Judged<Input, Value> | null {
    const before = this.#before
    const walkOf = new Int32Array(before.length)
    for (let from = 1; from < before.length; from++) {
      let version = from
      while (version !== -1 && walkOf[version] === 0) {
        walkOf[version] = from
        version = before[version] as number
      }
      if (version === -1 || walkOf[version] !== from) continue
      const circle: Operation<Input, Value>[] = []
      const first = version
      do {
        circle.push(this.#operation(this.#makers[version] as number))
        version = before[version] as number
      } while (version !== first)
      return conflict('none of them was the first', circle)
    }
    return null
  }

  /** What each operation is about; without writes that have no answer and that nobody saw. */
  versions(): Versions {
    const makers = this.#makers.subarray(0, this.#count)
    for (let version = 1; version < makers.length; version++) {
      if (this.#isThere[version] === 1) continue
      this.#versionOf[makers[version] as number] = -1
      makers[version] = -1
    }
    const [calls, returns] = [this.#calls, this.#returns]
    return { calls, returns, versionOf: this.#versionOf, makers, before: this.#before }
  }

  #operation(at: number): Operation<Input, Value> {
    return this.#operations[at] as Operation<Input, Value>
  }
}
