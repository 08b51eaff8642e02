// What the checker reads: a history is a list of operations, each asked by one sequential process.
// Knows no model, and not who recorded the history.

import { ValueTable } from './value-table.ts'

/**
 * One operation of a history: what one sequential process asked, when, and what it was told.
 * Times are in one unit, of any origin (the simulator: integer microseconds of true time).
 *
 * One operation is one request: it takes effect at most once, whatever was retransmitted under the
 * same request id, and lasts from the first transmission to the final answer.
 */
export interface Operation<Input = unknown, Output = unknown> {
  readonly process: number
  readonly input: Input
  readonly call: number
  /** Instant of the answer; Infinity when none came. */
  readonly return: number
  /**
   * `ok`: took effect between call and return. `fail`: did not and will not happen. `info`: may
   * take effect at any time after the call, or never; its return is only when the process gave up.
   */
  readonly outcome: 'ok' | 'fail' | 'info'
  /** Only for `ok`. */
  readonly output?: Output
}

/**
 * Says why a list of operations is no history, or null when it is one. Operations may come in any
 * order. A process asks its next only after an answer, or at any time once it gave one up.
 */
export function malformedReason(history: readonly Operation[]): string | null {
  if (isPlain(history)) return null
  const byProcess = new Map<number, Operation[]>()
  for (const operation of history) {
    const reason = malformedOperation(operation)
    if (reason !== null) return reason
    const own = byProcess.get(operation.process)
    if (own === undefined) byProcess.set(operation.process, [operation])
    else own.push(operation)
  }
  for (const [process, own] of byProcess) {
    own.sort((a, b) => a.call - b.call || a.return - b.return)
    let busyUntil = -Infinity
    for (const { call, return: answered, outcome } of own) {
      if (call < busyUntil) {
        return `process ${process} asks at ${call}, before its last answer at ${busyUntil}`
      }
      if (outcome !== 'info') busyUntil = answered
    }
  }
  return null
}

/** Numbers of processes are mostly small. */
const SMALL_MAX = 1 << 16

/** Whether it is a history for sure: each process's operations come in the order of their calls. */
function isPlain(history: readonly Operation[]): boolean {
  const processes = new ValueTable(Math.min(2 * history.length, SMALL_MAX))
  // By process: its last call, and when it was answered.
  const calls: number[] = []
  const busyUntil: number[] = []
  for (let at = 0; at < history.length; at++) {
    const { process, call, return: answered, outcome } = history[at] as Operation
    const isOne = call > -Infinity && call <= answered && call < Infinity
    if (!isOne || (outcome === 'ok' && answered === Infinity)) return false
    let own = processes.get(process)
    if (own === -1) {
      own = calls.length
      processes.add(process, own)
      calls.push(-Infinity)
      busyUntil.push(-Infinity)
    }
    if (call <= (calls[own] as number) || call < (busyUntil[own] as number)) return false
    calls[own] = call
    if (outcome !== 'info') busyUntil[own] = answered
  }
  return true
}

function malformedOperation(operation: Operation): string | null {
  const { process, call, return: answered, outcome } = operation
  if (!Number.isFinite(call)) return `process ${process} asks at ${call}, which is no instant`
  if (!(call <= answered)) {
    return `process ${process} asks at ${call} and is answered at ${answered}`
  }
  if (outcome === 'ok' && answered === Infinity) {
    return `process ${process} asks at ${call} with outcome ok, but has no answer`
  }
  return null
}
