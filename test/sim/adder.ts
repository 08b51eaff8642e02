// A machine of one number, for tests that look at the oracles by themselves.

import { hashBytes, lanesHex } from '../../core/hash.ts'
import type { Machine } from '../../core/machine.ts'

export interface Added {
  readonly type: 'added'
  readonly total: number
}

/** Adds up first bytes. The second byte of a snapshot is a note that nobody asked for. */
export function adder(note: () => number = () => 0): Machine<number, number, number, Added> {
  return {
    initial: () => 0,
    apply: (sum, add) => [sum + add, sum + add, [{ type: 'added', total: sum + add }]],
    query: (sum) => sum,
    due: () => null,
    encodeCommand: (add) => Uint8Array.of(add),
    decodeCommand: (bytes) => bytes[0] ?? null,
    encodeReply: (sum) => Uint8Array.of(sum),
    decodeReply: (bytes) => bytes[0] ?? null,
    encodeSnapshot: (sum) => Uint8Array.of(sum, note()),
    decodeSnapshot: (bytes) => bytes[0] ?? null,
    hash: (sum) => lanesHex(hashBytes(Uint8Array.of(sum))),
  }
}
