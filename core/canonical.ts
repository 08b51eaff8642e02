// Equal bytes for equal states, whatever order things came in or shape a tree has: for explorers,
// for comparing runs, and for the properties that the core is held to.

import { ByteWriter } from './bytes.ts'
import { invariant } from './invariant.ts'
import type { Machine } from './machine.ts'
import { mapEntries } from './ordered-map.ts'
import { entryAt } from './raft/log.ts'
import type { Log } from './raft/log.ts'
import type { RaftState } from './raft/state.ts'
import type { ReplicaState } from './work.ts'

/** What kind of value follows. */
const TAG = {
  null: 0,
  false: 1,
  true: 2,
  negative: 3,
  number: 4,
  text: 5,
  bytes: 6,
  list: 7,
  object: 8,
}

/**
 * The whole of a replica's state as bytes. `originMs` is taken off every time of the node's clock,
 * so that two states which differ only by a shift of that clock give equal bytes.
 */
export function canonical<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  state: ReplicaState<State>,
  originMs = 0,
): Uint8Array {
  const writer = new ByteWriter()
  const { raft, machine: inner, waiting, asked, ...rest } = state
  writeRaft(writer, raft, originMs)
  writePlain(writer, rest)
  writePlain(writer, [...mapEntries(waiting)])
  writePlain(writer, [...mapEntries(asked)])
  writer.block(machine.encodeSnapshot(inner))
  return writer.finish()
}

function writeRaft(writer: ByteWriter, raft: RaftState, originMs: number): void {
  const { log, timers, ...rest } = raft
  writeLog(writer, log)
  const shifted = Object.entries(timers).map(([name, atMs]) => [name, atMs - originMs])
  writePlain(writer, Object.fromEntries(shifted))
  // Votes are a set: the order they came in says nothing.
  writePlain(writer, 'votes' in rest ? { ...rest, votes: [...rest.votes].sort() } : rest)
}

function writeLog(writer: ByteWriter, log: Log): void {
  writePlain(writer, log.base)
  writer.varint(log.lastIndex)
  for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
    writePlain(writer, entryAt(log, index))
  }
}

/** Any plain value, objects by their sorted keys: so no field of the state is ever left out. */
function writePlain(writer: ByteWriter, value: unknown): void {
  if (value === null) writer.u8(TAG.null)
  else if (typeof value === 'boolean') writer.u8(value ? TAG.true : TAG.false)
  else if (typeof value === 'number') {
    invariant(Number.isSafeInteger(value), 'canonical: a number that is no integer')
    writer.u8(value < 0 ? TAG.negative : TAG.number)
    writer.varint(Math.abs(value))
  } else if (typeof value === 'string') {
    writer.u8(TAG.text)
    writer.text(value)
  } else if (value instanceof Uint8Array) {
    writer.u8(TAG.bytes)
    writer.block(value)
  } else if (Array.isArray(value)) {
    writer.u8(TAG.list)
    writer.varint(value.length)
    for (const item of value) writePlain(writer, item)
  } else {
    invariant(typeof value === 'object', 'canonical: a value that is not plain data')
    // Without a comparison of its own `sort` goes by code units, and is several times as fast.
    const keys = Object.keys(value).sort()
    writer.u8(TAG.object)
    writer.varint(keys.length)
    for (const key of keys) {
      writer.text(key)
      writePlain(writer, (value as Readonly<Record<string, unknown>>)[key])
    }
  }
}
