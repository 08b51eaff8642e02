// One machine for all nodes of a world that run the same build. `apply` is pure, so nodes that
// reach an entry with the same state, the same bytes and the same time, and by the same rules,
// share what the first of them got. The oracles apply every committed entry once more, by the
// machine itself: one that is not pure still parts from them.

import { equalBytes } from '../core/bytes.ts'
import type { Machine } from '../core/machine.ts'
import { replica } from '../core/replica.ts'
import type { Build } from './node-parts.ts'

/** A command, and the bytes that it came in; null for one that was never encoded. */
export interface Shared<Command> {
  readonly command: Command
  readonly payload: Uint8Array | null
}

/** What an entry gave the node that applied it last. */
interface Given<State, Result> {
  readonly before: State
  readonly payload: Uint8Array
  readonly timeMs: number
  readonly version: number
  readonly result: Result
}

/** A machine that gives what `machine` gives, by reference where it gave the same before. */
export function sharedMachine<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
): Machine<State, Shared<Command>, Reply, Event> {
  type Result = ReturnType<typeof machine.apply>
  const initial = machine.initial()
  /** By index. */
  const given: Given<State, Result>[] = []
  let snapshot: { readonly state: State; readonly bytes: Uint8Array } | null = null
  return {
    ...(machine.versions === undefined ? {} : { versions: machine.versions }),
    initial: () => initial,
    apply: (before, { command, payload }, context) => {
      if (payload === null) return machine.apply(before, command, context)
      const { index, timeMs, version } = context
      const known = given[index]
      if (
        known !== undefined &&
        known.before === before &&
        known.timeMs === timeMs &&
        known.version === version &&
        equalBytes(known.payload, payload)
      ) {
        return known.result
      }
      const result = machine.apply(before, command, context)
      given[index] = { before, payload, timeMs, version, result }
      return result
    },
    query: (state, { command }, timeMs) => machine.query(state, command, timeMs),
    due: (state) => {
      const due = machine.due(state)
      if (due === null) return null
      return { atMs: due.atMs, command: { command: due.command, payload: null } }
    },
    encodeCommand: ({ command }) => machine.encodeCommand(command),
    decodeCommand: (payload) => {
      const command = machine.decodeCommand(payload)
      return command === null ? null : { command, payload }
    },
    encodeReply: (reply) => machine.encodeReply(reply),
    decodeReply: (bytes) => machine.decodeReply(bytes),
    encodeSnapshot: (state) => {
      if (snapshot === null || snapshot.state !== state) {
        snapshot = { state, bytes: machine.encodeSnapshot(state) }
      }
      return snapshot.bytes
    },
    decodeSnapshot: (bytes) => machine.decodeSnapshot(bytes),
    hash: (state) => machine.hash(state),
  }
}

/** A build whose replicas share what they get alike. */
export function sharedBuild<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
): Build<State, Command, Reply, Event> {
  return { machine, replica: replica(sharedMachine(machine)) }
}
