// A snapshot as the parts that its bytes come in, for whoever encodes one without standing still.

import type { Machine } from './machine.ts'

/** What gives snapshots: a `Machine` is one. */
export type SnapshotEncoder<State> = Pick<
  Machine<State, never, never, { readonly type: string }>,
  'encodeSnapshot' | 'snapshotParts'
>

/** The bytes of `encodeSnapshot` in parts, each made when it is asked for; one at the least. */
export function* snapshotParts<State>(
  encoder: SnapshotEncoder<State>,
  state: State,
): Generator<Uint8Array, void> {
  if (encoder.snapshotParts === undefined) yield encoder.encodeSnapshot(state)
  else yield* encoder.snapshotParts(state)
}

/** Parts as one. */
export function joinParts(parts: Iterable<Uint8Array>): Uint8Array {
  const all = [...parts]
  const bytes = new Uint8Array(all.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of all) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
