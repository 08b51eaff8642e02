// The one `step` that joins consensus and state machine into a replica. Pure: state and input in,
// state and effects out. Ref: Raft, Figure 1.

import type { Applied, Effect, Outcome, ReplyEffect } from './effect.ts'
import type { Input } from './event.ts'
import { invariant } from './invariant.ts'
import type { Answer, Machine } from './machine.ts'
import type { OrderedMap } from './ordered-map.ts'
import { emptyMap, mapDelete, mapEntries, mapGet, mapSet, mapSize } from './ordered-map.ts'
import type { Config } from './raft/config.ts'
import { entryAt, termAt } from './raft/log.ts'
import { propose } from './raft/leader.ts'
import { checkDeadlines, finishTurn, handleEvent } from './raft/raft.ts'
import { initialRaft, raftDeadlineMs } from './raft/state.ts'
import type { RaftState, Restored } from './raft/state.ts'
import { openTurn } from './raft/turn.ts'
import type { Turn } from './raft/turn.ts'

/** A request of this leader's term that is not answered yet. */
export interface Waiting {
  readonly request: number
  /** Term of its entry; with the index it names the entry. */
  readonly term: number
}

/** All of one replica. Plain readonly data; an old one stays usable after a step. */
export interface ReplicaState<State> {
  readonly raft: RaftState
  /** The machine after entry `applied`. */
  readonly machine: State
  readonly applied: number
  /** The machine's clock: the greatest stamp applied, milliseconds of log time. */
  readonly clockMs: number
  /** Leader: unanswered requests by the index of their entry. */
  readonly waiting: OrderedMap<number, Waiting>
  /** Leader: index of the last command proposed because log time called for it. */
  readonly dueIndex: number
}

/** A machine made into a replica. */
export interface Replica<State, Reply, Event> {
  /** The state at start, from what the disk held. `random`: 32 bits. */
  initial(config: Config, restored: Restored, now: number, random: number): ReplicaState<State>
  /**
   * One turn. Total and deterministic: the same state and input give the same state and effects.
   *
   * @throws InvariantError when a rule that can never be broken was broken: stop the node.
   */
  step(
    state: ReplicaState<State>,
    input: Input,
  ): readonly [ReplicaState<State>, readonly Effect<Reply, Event>[]]
  /** When `step` must run again even if nothing arrives, this node's monotonic milliseconds. */
  deadlineMs(state: ReplicaState<State>): number
}

/** Makes a replica of `machine`. */
export function replica<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
): Replica<State, Reply, Event> {
  return {
    initial: (config, restored, now, random) => ({
      raft: initialRaft(config, restored, now, random),
      machine: machine.initial(),
      applied: 0,
      clockMs: 0,
      waiting: emptyMap(),
      dueIndex: 0,
    }),
    step: (state, input) => step(machine, state, input),
    deadlineMs: (state) => Math.min(raftDeadlineMs(state.raft), dueAtMs(machine, state)),
  }
}

/** The replica's part of a turn, beside the consensus' own. */
interface Work<State, Reply, Event> {
  machine: State
  applied: number
  clockMs: number
  waiting: OrderedMap<number, Waiting>
  dueIndex: number
  readonly out: (ReplyEffect<Reply> | Applied<Reply, Event>)[]
}

function step<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  state: ReplicaState<State>,
  input: Input,
): readonly [ReplicaState<State>, readonly Effect<Reply, Event>[]] {
  // To fire `due` is to let time pass up to it: the command must find log time to have come.
  const dueMs = firesDue(input) ? dueAtMs(machine, state) : Infinity
  const now = dueMs === Infinity ? input.now : Math.max(input.now, dueMs)
  const turn = openTurn(state.raft, now, input.random)
  const { applied, clockMs, waiting, dueIndex } = state
  const work: Work<State, Reply, Event> = {
    machine: state.machine,
    applied,
    clockMs,
    waiting,
    dueIndex,
    out: [],
  }
  for (const event of input.events) {
    if (event.type === 'request') onRequest(machine, turn, work, event.request, event.payload)
    else handleEvent(turn, event)
  }
  checkDeadlines(turn)
  while (work.applied < turn.commit) applyNext(machine, turn, work)
  if (turn.role.role !== 'leader' || turn.term !== state.raft.term) {
    // What was proposed under another leadership may be lost with it.
    work.dueIndex = 0
    if (mapSize(work.waiting) > 0) giveUp(turn, work)
  }
  proposeDue(machine, turn, work)
  const [raft, raftEffects] = finishTurn(turn)
  const after = {
    raft,
    machine: work.machine,
    applied: work.applied,
    clockMs: work.clockMs,
    waiting: work.waiting,
    dueIndex: work.dueIndex,
  }
  const effects: Effect<Reply, Event>[] = raftEffects
  for (const effect of work.out) effects.push(effect)
  return [after, effects]
}

function firesDue({ events }: Input): boolean {
  for (const event of events) if (event.type === 'timerFired' && event.timer === 'due') return true
  return false
}

function onRequest<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  turn: Turn,
  work: Work<State, Reply, Event>,
  request: number,
  payload: Uint8Array,
): void {
  const { role } = turn
  if (role.role !== 'leader') {
    const leader = role.role === 'follower' ? role.leader : null
    answer(work, request, { type: 'notLeader', leader })
    return
  }
  if (machine.decodeCommand(payload) === null) {
    answer(work, request, { type: 'malformed' })
    return
  }
  const index = propose(turn, payload)
  work.waiting = mapSet(work.waiting, index, { request, term: turn.term })
}

/** Applies the next committed entry and answers whoever waited for it. */
function applyNext<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  turn: Turn,
  work: Work<State, Reply, Event>,
): void {
  const index = work.applied + 1
  const entry = entryAt(turn.log, index)
  const { term } = entry
  work.applied = index
  work.clockMs = Math.max(work.clockMs, entry.stampMs)
  const timeMs = work.clockMs
  // Another leader may have put its own entry where ours was: then ours is no more.
  const replaced = mapGet(work.waiting, index)
  if (replaced !== undefined && replaced.term !== term) settle(work, index, { type: 'unknown' })
  if (entry.kind === 'noop') {
    work.out.push({ type: 'applied', index, term, timeMs, reply: null, events: [] })
    return
  }
  const command = machine.decodeCommand(entry.payload)
  invariant(command !== null, 'replica: a committed entry is no command of the machine')
  const [after, reply, events] = machine.apply(work.machine, command, { index, timeMs })
  work.machine = after
  if (reply !== null) settle(work, index, { type: 'done', index, reply })
  for (const event of events) {
    if (!isAnswer<Reply, Event>(event)) continue
    settle(work, event.index, { type: 'done', index: event.index, reply: event.reply })
  }
  work.out.push({ type: 'applied', index, term, timeMs, reply, events })
}

/** Answers the request whose entry is at `index`, if it waits here. */
function settle<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  index: number,
  outcome: Outcome<Reply>,
): void {
  const waiting = mapGet(work.waiting, index)
  if (waiting === undefined) return
  work.waiting = mapDelete(work.waiting, index)
  answer(work, waiting.request, outcome)
}

/** Leadership is gone: what was appended may still happen, or not. */
function giveUp<State, Reply, Event>(turn: Turn, work: Work<State, Reply, Event>): void {
  for (const [index, waiting] of mapEntries(work.waiting)) {
    if (turn.role.role === 'leader' && waiting.term === turn.term) continue
    work.waiting = mapDelete(work.waiting, index)
    answer(work, waiting.request, { type: 'unknown' })
  }
}

/** Proposes what log time calls for: one at a time, and only as a leader that has caught up. */
function proposeDue<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  turn: Turn,
  work: Work<State, Reply, Event>,
): void {
  const { role } = turn
  if (role.role !== 'leader' || work.dueIndex > work.applied) return
  if (termAt(turn.log, work.applied) !== turn.term) return
  const due = machine.due(work.machine)
  if (due === null) return
  const atMs = turn.leadSinceMs + (due.atMs - role.clockStartMs)
  if (turn.now < atMs) return
  work.dueIndex = propose(turn, machine.encodeCommand(due.command))
}

/** When `proposeDue` will have something to do; Infinity when nothing is foreseen. */
function dueAtMs<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  state: ReplicaState<State>,
): number {
  const { raft } = state
  if (raft.role !== 'leader' || state.dueIndex > state.applied) return Infinity
  if (termAt(raft.log, state.applied) !== raft.term) return Infinity
  const due = machine.due(state.machine)
  if (due === null) return Infinity
  return raft.timers.leadSinceMs + (due.atMs - raft.clockStartMs)
}

function answer<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  request: number,
  outcome: Outcome<Reply>,
): void {
  work.out.push({ type: 'reply', request, outcome })
}

/** Whether an event is a late reply, which the core routes, and not the machine's own. */
export function isAnswer<Reply, Event>(event: Answer<Reply> | Event): event is Answer<Reply> {
  return (event as { readonly type: string }).type === 'answer'
}
