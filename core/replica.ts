// The one `step` that joins consensus and state machine into a replica. Pure: state and input in,
// state and effects out. Ref: Raft, Figure 1.

import { forward, onForwardReply, onRead, onReadable, settleAsked } from './asked.ts'
import type { Effect, Outcome } from './effect.ts'
import type { Input, RequestEvent } from './event.ts'
import { UnknownVersionError, invariant } from './invariant.ts'
import type { Answer, Machine } from './machine.ts'
import { emptyMap, mapDelete, mapEntries, mapGet, mapSet, mapSize } from './ordered-map.ts'
import type { Config, NodeId } from './raft/config.ts'
import { propose, proposeVersion, refusal } from './raft/leader.ts'
import { entryAt, termAt } from './raft/log.ts'
import type { Entry } from './raft/message.ts'
import { checkDeadlines, finishTurn, handleEvent, settle } from './raft/raft.ts'
import { changeMembership } from './raft/reconfigure.ts'
import { installSnapshot, takeSnapshot } from './raft/snapshot.ts'
import { initialRaft, membershipOf, raftDeadlineMs } from './raft/state.ts'
import type { Restored } from './raft/state.ts'
import { startTransfer } from './raft/transfer.ts'
import { knownLeader, openTurn, refuse } from './raft/turn.ts'
import { FIRST_VERSION, raiseProblem, versionAtEnd, versionOf } from './raft/version.ts'
import { answer, appliesUpTo, openWork } from './work.ts'
import type { ReplicaState, Waiting, Work } from './work.ts'

/** A machine made into a replica. */
export interface Replica<State, Reply, Event> {
  /**
   * The state at start, from what the disk held. `random`: 32 bits.
   *
   * @throws InvariantError as for `step`.
   */
  initial(config: Config, restored: Restored, now: number, random: number): ReplicaState<State>
  /**
   * One turn. Total and deterministic: the same state and input give the same state and effects.
   *
   * @throws InvariantError when a rule that can never be broken was broken: stop the node.
   * @throws UnknownVersionError, one of those, when the group goes by newer rules than `machine`
   * knows: stop the node, and start a newer build.
   */
  step(
    state: ReplicaState<State>,
    input: Input,
  ): readonly [ReplicaState<State>, readonly Effect<Reply, Event>[]]
  /**
   * When `step` must run again even if nothing arrives, this node's monotonic milliseconds. That
   * may be now: a follower that is behind applies more in another turn, after what has arrived.
   */
  deadlineMs(state: ReplicaState<State>): number
}

/** Ids of one life: they begin at 32 random bits times this. */
const ASKED_IDS = 0x100000

/** Makes a replica of `machine`. */
export function replica<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
): Replica<State, Reply, Event> {
  return {
    initial: (config, restored, now, random) => initial(machine, config, restored, now, random),
    step: (state, input) => step(machine, state, input),
    deadlineMs: (state) => {
      if (state.applied < state.raft.commit) return state.raft.timers.nowMs
      const atMs = Math.min(raftDeadlineMs(state.raft), dueAtMs(machine, state))
      return mapSize(state.asked) === 0 ? atMs : Math.min(atMs, state.raft.timers.askedAtMs)
    },
  }
}

function initial<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  config: Config,
  restored: Restored,
  now: number,
  random: number,
): ReplicaState<State> {
  const { snapshot } = restored
  const version = snapshot?.version ?? FIRST_VERSION
  requireKnown(machine, version)
  const state = snapshot === null ? machine.initial() : machine.decodeSnapshot(snapshot.bytes)
  invariant(state !== null, 'replica: the snapshot on disk is no state of the machine')
  return {
    raft: initialRaft(config, restored, now, random),
    machine: state,
    applied: snapshot?.index ?? 0,
    clockMs: snapshot?.stampMs ?? 0,
    waiting: emptyMap(),
    changing: null,
    dueIndex: 0,
    version,
    raiseIndex: 0,
    asked: emptyMap(),
    nextAskedId: random * ASKED_IDS,
    snapshotting: null,
  }
}

function step<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  state: ReplicaState<State>,
  input: Input,
): readonly [ReplicaState<State>, readonly Effect<Reply, Event>[]] {
  // To fire `due` is to let time pass up to it: the command must find log time to have come.
  const dueMs = firesDue(input) ? dueAtMs(machine, state) : Infinity
  const now = dueMs === Infinity ? input.now : Math.max(input.now, dueMs)
  const turn = openTurn(state.raft, now, input.random, versionsOf(machine))
  const work: Work<State, Reply, Event> = openWork(state, turn)
  for (const event of input.events) handle(machine, work, event)
  checkDeadlines(turn)
  settle(turn)
  const upTo = appliesUpTo(state.raft, work)
  while (work.applied < upTo) applyNext(machine, work)
  settleAsked(machine, work)
  if (turn.role.role !== 'leader' || turn.term !== state.raft.term) {
    // What was proposed under another leadership may be lost with it.
    giveUp(machine, work)
    work.dueIndex = 0
    work.raiseIndex = 0
  }
  for (const ended of turn.answers) work.out.push({ type: 'reply', ...ended })
  proposeDue(machine, work)
  wantSnapshot(work)
  const [raft, raftEffects] = finishTurn(turn)
  const { applied, clockMs, waiting, changing, dueIndex, version, raiseIndex } = work
  const { asked, nextAskedId, snapshotting } = work
  const after: ReplicaState<State> = {
    raft,
    machine: work.machine,
    applied,
    clockMs,
    waiting,
    changing,
    dueIndex,
    version,
    raiseIndex,
    asked,
    nextAskedId,
    snapshotting,
  }
  const effects: Effect<Reply, Event>[] = raftEffects
  for (const effect of work.out) effects.push(effect)
  return [after, effects]
}

function firesDue({ events }: Input): boolean {
  for (const event of events) if (event.type === 'timerFired' && event.timer === 'due') return true
  return false
}

function handle<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  event: Input['events'][number],
): void {
  switch (event.type) {
    case 'request':
      return onRequest(machine, work, event.request, null, event.payload)
    case 'read':
      return onRead(machine, work, event.request, event.payload)
    case 'changeMembership':
    case 'transferLeadership':
      return onOperator(work, event)
    case 'raiseVersion':
      return onRaiseVersion(work, event.request, event.version)
    case 'snapshotWanted':
      work.snapshotWanted = true
      return
    case 'snapshotTaken':
      return onSnapshotTaken(work, event.index, event.bytes)
    default:
      break
  }
  const { turn } = work
  handleEvent(turn, event)
  if (turn.arrived !== null) install(machine, work)
  // Few messages are for the replica: asking first costs less than an empty `splice`.
  if (turn.forwarded.length > 0) {
    for (const { from, message } of turn.forwarded.splice(0)) {
      if (message.type === 'forwardReply') onForwardReply(machine, work, message)
      else onRequest(machine, work, message.id, from, message.payload)
    }
  }
  if (turn.readable.length > 0) {
    for (const { id, index } of turn.readable.splice(0)) onReadable(work, id, index)
  }
}

function onRequest<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  request: number,
  peer: NodeId | null,
  payload: Uint8Array,
): void {
  const { turn } = work
  if (machine.decodeCommand(payload) === null) {
    answer(machine, work, { request, peer }, { type: 'malformed' })
  } else if (turn.role.role !== 'leader') {
    // What was passed on once is not passed on again: leaders could change in a circle.
    if (peer === null && forward(work, request, payload)) return
    answer(machine, work, { request, peer }, { type: 'notLeader', leader: knownLeader(turn) })
  } else {
    const refused = refusal(turn, payload)
    if (refused !== null) return answer(machine, work, { request, peer }, refused)
    const index = propose(turn, payload)
    work.waiting = mapSet(work.waiting, index, { request, peer, term: turn.term })
  }
}

function onOperator<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  event: Extract<RequestEvent, { readonly type: 'changeMembership' | 'transferLeadership' }>,
): void {
  const { turn } = work
  const { request } = event
  const { role } = turn
  let outcome: Outcome<Reply> | null
  if (role.role !== 'leader') outcome = { type: 'notLeader', leader: knownLeader(turn) }
  else if (event.type === 'transferLeadership') {
    outcome = startTransfer(turn, role, event.to, request)
  } else if (work.changing !== null) {
    // Committed within this very turn, it is not answered yet.
    outcome = { type: 'refused', reason: 'pending' }
  } else {
    const version = versionAtEnd(turn.log, work.applied, work.version)
    const index = changeMembership(turn, role, event.change, version)
    if (typeof index === 'number') {
      work.changing = { index, waiting: { request, peer: null, term: turn.term } }
      return
    }
    outcome = { type: 'refused', reason: index }
  }
  if (outcome !== null) work.out.push({ type: 'reply', request, outcome })
}

/** Appends the version, if it may be raised now: answered when that is applied. */
function onRaiseVersion<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  request: number,
  version: number,
): void {
  const { turn } = work
  const { role } = turn
  let outcome: Outcome<Reply>
  if (role.role !== 'leader') outcome = { type: 'notLeader', leader: knownLeader(turn) }
  else if (termAt(turn.log, work.applied) !== turn.term) {
    // An earlier leader may have raised it in an entry that is not applied here yet.
    outcome = { type: 'refused', reason: 'notCommittedInTerm' }
  } else if (work.raiseIndex > work.applied) outcome = { type: 'refused', reason: 'pending' }
  else {
    const reason = raiseProblem(turn, role, work.version, version)
    if (reason === null) {
      const index = proposeVersion(turn, version)
      work.raiseIndex = index
      work.waiting = mapSet(work.waiting, index, { request, peer: null, term: turn.term })
      return
    }
    outcome = { type: 'refused', reason }
  }
  work.out.push({ type: 'reply', request, outcome })
}

/** The host has encoded what it was asked to; anything else is none of ours. */
function onSnapshotTaken<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  index: number,
  bytes: Uint8Array,
): void {
  const { snapshotting } = work
  if (snapshotting === null || snapshotting.index !== index) return
  work.snapshotting = null
  takeSnapshot(work.turn, index, snapshotting.version, bytes)
}

/** A leader's snapshot is complete: it takes the place of all that we have, if it can be read. */
function install<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
): void {
  const { turn } = work
  const { arrived } = turn
  if (arrived === null) return
  const { bytes, index, stampMs, version } = arrived.snapshot
  requireKnown(machine, version)
  const state = machine.decodeSnapshot(bytes)
  if (state === null) refuse(turn, arrived.from, 'badSnapshot')
  else {
    installSnapshot(turn)
    work.machine = state
    work.applied = index
    work.clockMs = stampMs
    work.version = version
  }
  turn.arrived = null
}

/** Asks the host for a snapshot, when one is due and none is being taken. */
function wantSnapshot<State, Reply, Event>(work: Work<State, Reply, Event>): void {
  const { turn, applied } = work
  if (work.snapshotting !== null) return
  const since = applied - (turn.snapshot?.index ?? 0)
  const isDue = since >= turn.config.snapshotEntriesMin || (work.snapshotWanted && since > 0)
  if (!isDue) return
  work.snapshotting = { index: applied, version: work.version }
  work.out.push({ type: 'takeSnapshot', index: applied })
}

/** Applies the next committed entry and answers whoever waited for it. */
function applyNext<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
): void {
  const index = work.applied + 1
  const entry = entryAt(work.turn.log, index)
  const { term } = entry
  work.applied = index
  work.clockMs = Math.max(work.clockMs, entry.stampMs)
  const timeMs = work.clockMs
  // Another leader may have put its own entry where ours was: then ours is no more.
  const replaced = mapGet(work.waiting, index)
  if (replaced !== undefined && replaced.term !== term) {
    settleWaiting(machine, work, index, { type: 'unknown' })
  }
  if (entry.kind !== 'command') {
    if (entry.kind === 'membership') onMembershipApplied(machine, work, index, entry)
    else if (entry.kind === 'version') onVersionApplied(machine, work, index, versionOf(entry))
    work.out.push({ type: 'applied', index, term, timeMs, reply: null, events: [] })
    return
  }
  const command = machine.decodeCommand(entry.payload)
  invariant(command !== null, 'replica: a committed entry is no command of the machine')
  const { version } = work
  const [after, reply, events] = machine.apply(work.machine, command, { index, timeMs, version })
  work.machine = after
  if (reply !== null) settleWaiting(machine, work, index, { type: 'done', index, reply })
  for (const event of events) {
    if (!isAnswer<Reply, Event>(event)) continue
    const { index: asked, reply: late } = event
    settleWaiting(machine, work, asked, { type: 'done', index: asked, reply: late })
  }
  work.out.push({ type: 'applied', index, term, timeMs, reply, events })
}

/** Members are committed. A change that leaves joint consensus by itself is over only then. */
function onMembershipApplied<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  index: number,
  entry: Entry,
): void {
  const { changing } = work
  if (changing === null || index < changing.index || entry.term !== changing.waiting.term) return
  if (membershipOf(entry).autoLeave) return
  work.changing = null
  answer(machine, work, changing.waiting, { type: 'changed', index })
}

/** From here on the machine goes by other rules, if this build knows them. */
function onVersionApplied<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  index: number,
  version: number,
): void {
  invariant(version > work.version, 'replica: a version that is not above the one before')
  requireKnown(machine, version)
  work.version = version
  settleWaiting(machine, work, index, { type: 'changed', index })
}

/** To go on by rules that one does not know would be to part from the others. */
function requireKnown(machine: Versioned, version: number): void {
  if (version > versionsOf(machine)) throw new UnknownVersionError()
}

/** How many versions of its rules a machine knows. */
export function versionsOf({ versions = FIRST_VERSION }: Versioned): number {
  return versions
}

type Versioned = Pick<Machine<never, never, never, never>, 'versions'>

/** Answers the request whose entry is at `index`, if it waits here. */
function settleWaiting<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  index: number,
  outcome: Outcome<Reply>,
): void {
  const waiting = mapGet(work.waiting, index)
  if (waiting === undefined) return
  work.waiting = mapDelete(work.waiting, index)
  answer(machine, work, waiting, outcome)
}

/** Leadership is gone: what was appended may still happen, or not. */
function giveUp<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
): void {
  const { turn } = work
  // Hardly any turn of a follower has something to give up.
  if (mapSize(work.waiting) === 0 && work.changing === null) return
  const isOurs = ({ term }: Waiting): boolean => turn.role.role === 'leader' && term === turn.term
  for (const [index, waiting] of mapEntries(work.waiting)) {
    if (!isOurs(waiting)) settleWaiting(machine, work, index, { type: 'unknown' })
  }
  if (work.changing === null || isOurs(work.changing.waiting)) return
  answer(machine, work, work.changing.waiting, { type: 'unknown' })
  work.changing = null
}

/** Proposes what log time calls for: one at a time, and only as a leader that has caught up. */
function proposeDue<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
): void {
  const { turn } = work
  const { role } = turn
  if (role.role !== 'leader' || role.transfer !== null || work.dueIndex > work.applied) return
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
  if (raft.role !== 'leader' || raft.transfer !== null) return Infinity
  if (state.dueIndex > state.applied || termAt(raft.log, state.applied) !== raft.term) {
    return Infinity
  }
  const due = machine.due(state.machine)
  if (due === null) return Infinity
  return raft.timers.leadSinceMs + (due.atMs - raft.clockStartMs)
}

/** Whether an event is a late reply, which the core routes, and not the machine's own. */
export function isAnswer<Reply, Event>(event: Answer<Reply> | Event): event is Answer<Reply> {
  return (event as { readonly type: string }).type === 'answer'
}
