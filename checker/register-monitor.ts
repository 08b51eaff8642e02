// Judges histories of a register each of whose values is written once, without a search, in
// O(n log n). The operations of one value stand together in any order that explains them; its zone
// is the span from the first return among them to the last call. Where that runs forward, the value
// is there throughout it. So no two forward zones overlap; a zone that runs backward needs one
// instant only, which must not lie within a forward one. Ref: Gibbons, Korach, "Testing shared
// memories", 1997.

import type { Operation } from './history.ts'
import type { Judged } from './model.ts'

/** What an operation of a register does with which value. */
export interface RegisterStep {
  readonly type: 'read' | 'write'
  readonly value: string | number | bigint | boolean | null
}

/** All operations of one value. */
interface Zone<Input, Output> {
  /** Null: the value that is there at first. */
  readonly write: Operation<Input, Output> | null
  readonly reads: Operation<Input, Output>[]
  /** The first return, and the last call. */
  firstReturn: number
  lastCall: number
}

/**
 * Null: a value is written twice, or one that is there at first, and only a search can tell.
 *
 * @param stepOf null for what tells nothing, such as a read without an answer
 */
export function judgeUniqueRegister<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  stepOf: (operation: Operation<Input, Output>) => RegisterStep | null,
  initial: RegisterStep['value'],
): Judged<Input, Output> | null {
  const zones = new Map<RegisterStep['value'], Zone<Input, Output>>()
  zones.set(initial, { write: null, reads: [], firstReturn: -Infinity, lastCall: -Infinity })
  const counted = operations.filter(({ outcome }) => outcome !== 'fail')
  for (const write of counted) {
    const step = stepOf(write)
    if (step?.type !== 'write') continue
    const { value } = step
    if (zones.has(value)) return null
    const firstReturn = write.outcome === 'ok' ? write.return : Infinity
    zones.set(value, { write, reads: [], firstReturn, lastCall: write.call })
  }
  for (const read of counted) {
    const step = stepOf(read)
    if (step?.type !== 'read' || read.outcome !== 'ok') continue
    const zone = zones.get(step.value)
    if (zone === undefined) return conflict('nobody ever wrote what was read', [read])
    const { write } = zone
    if (write !== null && read.return < write.call) {
      return conflict('it was read before it was written', [read, write])
    }
    zone.reads.push(read)
    zone.firstReturn = Math.min(zone.firstReturn, read.return)
    zone.lastCall = Math.max(zone.lastCall, read.call)
  }
  return judgeZones([...zones.values()].filter(isThere))
}

/** A write without an answer that nobody has read need not have happened. */
function isThere<Input, Output>({ write, reads }: Zone<Input, Output>): boolean {
  return write?.outcome !== 'info' || reads.length > 0
}

function judgeZones<Input, Output>(
  zones: readonly Zone<Input, Output>[],
): Judged<Input, Output> {
  const forward = zones.filter(({ firstReturn, lastCall }) => firstReturn < lastCall)
  forward.sort((a, b) => a.firstReturn - b.firstReturn)
  for (let at = 1; at < forward.length; at++) {
    const [one, other] = [forward[at - 1], forward[at]] as [Zone<Input, Output>, typeof forward[0]]
    if (other.firstReturn < one.lastCall) return both(one, other)
  }
  const placed = forward.map((zone) => ({ at: zone.firstReturn, isForward: true, zone }))
  for (const zone of zones) {
    const { firstReturn, lastCall } = zone
    if (firstReturn < lastCall) continue
    const around = forward[lastNotAfter(forward, firstReturn)]
    const isInside = around !== undefined && firstReturn < around.lastCall
    if (isInside && lastCall > around.firstReturn) return both(around, zone)
    placed.push({ at: isInside ? around.firstReturn : firstReturn, isForward: false, zone })
  }
  // What runs backward goes before what begins where it is put.
  placed.sort((a, b) => a.at - b.at || Number(a.isForward) - Number(b.isForward))
  return { type: 'ordered', order: placed.flatMap(({ zone }) => orderOf(zone)) }
}

/** Place of the last zone that does not begin after an instant; -1: there is none. */
function lastNotAfter(forward: readonly Zone<unknown, unknown>[], instant: number): number {
  let low = 0
  let high = forward.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((forward[middle]?.firstReturn ?? Infinity) <= instant) low = middle + 1
    else high = middle
  }
  return low - 1
}

function orderOf<Input, Output>({ write, reads }: Zone<Input, Output>): Operation<Input, Output>[] {
  const byCall = reads.sort((a, b) => a.call - b.call)
  return write === null ? byCall : [write, ...byCall]
}

function both<Input, Output>(
  one: Zone<Input, Output>,
  other: Zone<Input, Output>,
): Judged<Input, Output> {
  return conflict('one value was there before and after the other', [
    ...ends(one),
    ...ends(other),
  ])
}

/** What returned first of a zone, and what was called last. */
function ends<Input, Output>(zone: Zone<Input, Output>): Operation<Input, Output>[] {
  const all = orderOf(zone)
  const first = all.find((one) => one.outcome === 'ok' && one.return === zone.firstReturn)
  const last = all.find(({ call }) => call === zone.lastCall)
  const found = [zone.write, first, last].filter((one) => one !== null && one !== undefined)
  return [...new Set(found)]
}

function conflict<Input, Output>(
  reason: string,
  operations: readonly Operation<Input, Output>[],
): Judged<Input, Output> {
  return { type: 'conflict', reason, operations }
}
