// The replica's state and its working copy of one turn: what waits for an answer, and how answers
// leave. The consensus' part is raft/turn.ts.

import type { Applied, Outcome, ReplyEffect, TakeSnapshot } from './effect.ts'
import type { Machine } from './machine.ts'
import type { OrderedMap } from './ordered-map.ts'
import type { NodeId } from './raft/config.ts'
import type { RaftState } from './raft/state.ts'
import { send } from './raft/turn.ts'
import type { Turn } from './raft/turn.ts'

/**
 * Entries that a turn of a follower applies at most: what the leader sends meanwhile is to be
 * written and acknowledged before the rest. Nobody waits for what a follower applies but its reads.
 */
const FOLLOWER_APPLIES_MAX = 16

/** A request of this leader's term that is not answered yet. */
export interface Waiting {
  /** The host's id, or the peer's. */
  readonly request: number
  /** Who passed it on, or null for our own host. */
  readonly peer: NodeId | null
  /** Term of its entry; with the index it names the entry. */
  readonly term: number
}

interface CommonAsked {
  readonly request: number
  /** Of whom it was asked, in which term: another leader knows nothing of it. */
  readonly leader: NodeId
  readonly term: number
  /** Times that `askedAtMs` has passed since. */
  readonly ticks: number
}

/** A query, answered once its `index` is applied; null until the leader has said which. */
export interface AskedRead extends CommonAsked {
  readonly type: 'read'
  readonly payload: Uint8Array
  readonly index: number | null
}

/** A command that was passed on. */
export interface AskedForward extends CommonAsked {
  readonly type: 'forward'
}

/** A transfer of the leadership that we had, until it is known who leads after us. */
export interface AskedTransfer extends CommonAsked {
  readonly type: 'transfer'
}

/** Something asked of the leader, here or elsewhere, for a request of our own host. */
export type Asked = AskedRead | AskedForward | AskedTransfer

/** All of one replica. Plain readonly data; an old one stays usable after a step. */
export interface ReplicaState<State> {
  readonly raft: RaftState
  /** The machine after entry `applied`. */
  readonly machine: State
  readonly applied: number
  /** The machine's clock: the greatest stamp applied, milliseconds of log time. */
  readonly clockMs: number
  /** Leader: unanswered commands, and raises of the version, by the index of their entry. */
  readonly waiting: OrderedMap<number, Waiting>
  /** Leader: the change of members under way, by the index of its first entry. */
  readonly changing: { readonly index: number; readonly waiting: Waiting } | null
  /** Leader: index of the last command proposed because log time called for it. */
  readonly dueIndex: number
  /** The version of the machine's rules as of `applied`, from 1. */
  readonly version: number
  /** Leader: index of the last entry by which it raises the version. */
  readonly raiseIndex: number
  /** What waits for an answer of the leader, by an id that is no other's, of no earlier life. */
  readonly asked: OrderedMap<number, Asked>
  readonly nextAskedId: number
  /** The snapshot that the host is taking, and the version as of its index; null: it takes none. */
  readonly snapshotting: { readonly index: number; readonly version: number } | null
}

/** The replica's part of a turn, beside the consensus' own: edited in place until it ends. */
export interface Work<State, Reply, Event> {
  readonly turn: Turn
  machine: State
  applied: number
  clockMs: number
  waiting: OrderedMap<number, Waiting>
  changing: ReplicaState<State>['changing']
  dueIndex: number
  version: number
  raiseIndex: number
  asked: OrderedMap<number, Asked>
  nextAskedId: number
  snapshotting: ReplicaState<State>['snapshotting']
  snapshotWanted: boolean
  readonly out: (ReplyEffect<Reply> | Applied<Reply, Event> | TakeSnapshot)[]
}

/** Opens the replica's part of a turn. */
export function openWork<State, Reply, Event>(
  state: ReplicaState<State>,
  turn: Turn,
): Work<State, Reply, Event> {
  return {
    turn,
    machine: state.machine,
    applied: state.applied,
    clockMs: state.clockMs,
    waiting: state.waiting,
    changing: state.changing,
    dueIndex: state.dueIndex,
    version: state.version,
    raiseIndex: state.raiseIndex,
    asked: state.asked,
    nextAskedId: state.nextAskedId,
    snapshotting: state.snapshotting,
    snapshotWanted: false,
    out: [],
  }
}

/** Answers whoever asked: our own host, or a peer that passed the request on. */
export function answer<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  { request, peer }: Pick<Waiting, 'request' | 'peer'>,
  outcome: Outcome<Reply>,
): void {
  if (peer === null) {
    work.out.push({ type: 'reply', request, outcome })
    return
  }
  const { term } = work.turn
  const encoded =
    outcome.type === 'done' ? { ...outcome, reply: machine.encodeReply(outcome.reply) } : outcome
  send(work.turn, peer, { type: 'forwardReply', term, id: request, outcome: encoded })
}

/** How far a turn applies. A leader's clients wait for all, also when it leads no more by now. */
export function appliesUpTo<State, Reply, Event>(
  before: RaftState,
  { turn, applied }: Work<State, Reply, Event>,
): number {
  const { commit, role } = turn
  if (before.role === 'leader' || role.role === 'leader') return commit
  return Math.min(commit, applied + FOLLOWER_APPLIES_MAX)
}
