// Two builds of one machine, for worlds in which nodes are upgraded one by one: the next build has
// one more rule, to count the commands that are applied under it. Whoever applies that rule too
// early, too late or never parts from the others in its very next state.

import { ByteReader, ByteWriter } from '../core/bytes.ts'
import { Hash128 } from '../core/hash.ts'
import type { Machine } from '../core/machine.ts'
import { joinParts, snapshotParts } from '../core/snapshot-parts.ts'
import type { SnapshotEncoder } from '../core/snapshot-parts.ts'

/** A machine's state, and how many commands were applied under the new rule. */
export interface Counted<State> {
  readonly inner: State
  readonly count: number
}

/** The version in which commands are counted. */
const COUNTING = 2

/** The build that counts no command, and the next one, which does where its version is in force. */
export function countedBuilds<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
): readonly [
  Machine<Counted<State>, Command, Reply, Event>,
  Machine<Counted<State>, Command, Reply, Event>,
] {
  const first = counted(machine, () => false)
  const next = counted(machine, (version) => version >= COUNTING)
  return [first, { ...next, versions: COUNTING }]
}

function counted<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  counts: (version: number) => boolean,
): Machine<Counted<State>, Command, Reply, Event> {
  return {
    initial: () => ({ inner: machine.initial(), count: 0 }),
    apply: (state, command, context) => {
      const [inner, reply, events] = machine.apply(state.inner, command, context)
      const count = counts(context.version) ? state.count + 1 : state.count
      return [{ inner, count }, reply, events]
    },
    query: (state, command, timeMs) => machine.query(state.inner, command, timeMs),
    due: (state) => machine.due(state.inner),
    encodeCommand: (command) => machine.encodeCommand(command),
    decodeCommand: (bytes) => machine.decodeCommand(bytes),
    encodeReply: (reply) => machine.encodeReply(reply),
    decodeReply: (bytes) => machine.decodeReply(bytes),
    encodeSnapshot: (state) => joinParts(countedParts(machine, state)),
    snapshotParts: (state) => countedParts(machine, state),
    decodeSnapshot: (bytes) => {
      const reader = new ByteReader(bytes)
      const count = reader.varint()
      const inner = reader.ok ? machine.decodeSnapshot(bytes.subarray(reader.at)) : null
      return inner === null ? null : { inner, count }
    },
    hash: ({ inner, count }) => {
      const hash = new Hash128()
      hash.integer(count)
      hash.text(machine.hash(inner))
      return hash.hex()
    },
  }
}

function* countedParts<State>(
  machine: SnapshotEncoder<State>,
  { inner, count }: Counted<State>,
): Generator<Uint8Array, void> {
  const writer = new ByteWriter()
  writer.varint(count)
  yield writer.finish()
  yield* snapshotParts(machine, inner)
}
