// Equal bytes for equal states, whatever order things came in or shape a tree has: for explorers,
// for comparing runs, and for the properties that the core is held to.

import { ByteWriter } from './bytes.ts'
import { unreachable } from './invariant.ts'
import type { Machine } from './machine.ts'
import { mapEntries, mapSize } from './ordered-map.ts'
import type { NodeId } from './raft/config.ts'
import { entryAt } from './raft/log.ts'
import type { RaftState } from './raft/state.ts'
import type { ReplicaState } from './replica.ts'

const ROLES = ['follower', 'precandidate', 'candidate', 'leader'] as const

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
  writeRaft(writer, state.raft, originMs)
  writer.varint(state.applied)
  writer.varint(state.clockMs)
  writer.varint(state.dueIndex)
  writer.varint(mapSize(state.waiting))
  for (const [index, waiting] of mapEntries(state.waiting)) {
    writer.varint(index)
    writer.varint(waiting.request)
    writer.varint(waiting.term)
  }
  writer.block(machine.encodeSnapshot(state.machine))
  return writer.finish()
}

function writeRaft(writer: ByteWriter, raft: RaftState, originMs: number): void {
  const { config, log, timers } = raft
  writer.text(config.cluster)
  writer.text(config.group)
  writer.text(config.node)
  writer.varint(config.voters.length)
  for (const voter of config.voters) writer.text(voter)
  writer.varint(config.electionTimeoutMs)
  writer.varint(config.heartbeatIntervalMs)
  writer.varint(config.appendBytesMax)
  writer.varint(config.inFlightEntriesMax)
  writer.varint(raft.term)
  writeNode(writer, raft.vote)
  writer.varint(raft.commit)
  writer.varint(raft.nextPersistId)
  writer.varint(raft.pending.length)
  for (const pending of raft.pending) {
    writer.varint(pending.id)
    writer.varint(pending.lastIndex)
    writer.varint(pending.lastTerm)
  }
  writer.varint(log.lastIndex)
  for (let index = 1; index <= log.lastIndex; index++) {
    const entry = entryAt(log, index)
    writer.varint(entry.term)
    writer.varint(entry.stampMs)
    writer.bool(entry.kind === 'command')
    writer.block(entry.payload)
  }
  const { nowMs, electionAtMs, heardAtMs, heartbeatAtMs, quorumAtMs, leadSinceMs } = timers
  for (const at of [nowMs, electionAtMs, heardAtMs, heartbeatAtMs, quorumAtMs, leadSinceMs]) {
    writeSigned(writer, at - originMs)
  }
  writeRole(writer, raft)
}

function writeRole(writer: ByteWriter, raft: RaftState): void {
  writer.u8(ROLES.indexOf(raft.role))
  switch (raft.role) {
    case 'follower':
      return writeNode(writer, raft.leader)
    case 'precandidate':
      return writeVotes(writer, raft.votes)
    case 'candidate':
      writer.varint(raft.votePersistId)
      return writeVotes(writer, raft.votes)
    case 'leader':
      writer.varint(raft.durableIndex)
      writer.varint(raft.clockStartMs)
      for (const progress of raft.progress) {
        writer.text(progress.peer)
        writer.bool(progress.mode === 'replicate')
        writer.varint(progress.nextIndex)
        writer.varint(progress.matchIndex)
        writer.bool(progress.paused)
        writer.bool(progress.heard)
      }
      return
    default:
      return unreachable(raft)
  }
}

/** Votes are a set: the order they came in says nothing. */
function writeVotes(writer: ByteWriter, votes: readonly NodeId[]): void {
  writer.varint(votes.length)
  for (const vote of [...votes].sort()) writer.text(vote)
}

function writeNode(writer: ByteWriter, node: NodeId | null): void {
  writer.bool(node !== null)
  if (node !== null) writer.text(node)
}

function writeSigned(writer: ByteWriter, value: number): void {
  writer.bool(value < 0)
  writer.varint(Math.abs(value))
}
