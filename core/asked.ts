// What a replica asks of its leader for its own host: reads (of itself, when it leads) and commands
// that it passes on. Everything that was asked is answered: by the leader, when the leadership
// changes, or when too long nothing was heard. Ref: thesis 6.4 (followers), 6.2 (routing requests).

import type { Outcome } from './effect.ts'
import { unreachable } from './invariant.ts'
import type { Machine } from './machine.ts'
import { mapDelete, mapEntries, mapGet, mapSet, mapSize } from './ordered-map.ts'
import type { ForwardReply } from './raft/message.ts'
import { requestRead } from './raft/reads.ts'
import { knownLeader, send } from './raft/turn.ts'
import type { Asked, Work } from './work.ts'

/** A tick is so many base election timeouts. */
const TICK_TIMEOUTS = 2
/** Ticks until a read is given up, its question or its answer lost; or a transfer, undecided. */
const READ_TICKS_MAX = 2
/** And a command that was passed on, which may rightly wait for long, for a lock say. */
const FORWARD_TICKS_MAX = 200

/** Passes a command on to the leader; false when it cannot. */
export function forward<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  request: number,
  payload: Uint8Array,
): boolean {
  const { turn } = work
  const leader = knownLeader(work.turn)
  if (leader === null || !turn.config.forwarding) return false
  const asked = { request, term: turn.term, leader, ticks: 0 }
  const id = ask(work, { type: 'forward', ...asked })
  send(turn, leader, { type: 'forwardRequest', term: turn.term, id, payload })
  return true
}

/** A read of our own host: the leader is asked how far we must have applied. */
export function onRead<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  request: number,
  payload: Uint8Array,
): void {
  const { turn } = work
  const leader = knownLeader(work.turn)
  if (machine.decodeCommand(payload) === null) return reply(work, request, { type: 'malformed' })
  if (leader === null) return reply(work, request, { type: 'notLeader', leader })
  const asked = { request, term: turn.term, leader, ticks: 0 }
  const id = ask(work, { type: 'read', ...asked, payload, index: null })
  if (turn.role.role === 'leader') requestRead(turn, turn.role, id, null)
  else send(turn, leader, { type: 'readRequest', term: turn.term, id })
}

/** A read may be answered from the state after `index`. */
export function onReadable<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  id: number,
  index: number,
): void {
  const asked = mapGet(work.asked, id)
  if (asked?.type !== 'read' || asked.index !== null) return
  work.asked = mapSet(work.asked, id, { ...asked, index })
}

/** The leader says what became of a command that we passed on. */
export function onForwardReply<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  { id, outcome }: ForwardReply,
): void {
  const asked = mapGet(work.asked, id)
  if (asked?.type !== 'forward') return
  work.asked = mapDelete(work.asked, id)
  if (outcome.type !== 'done') return reply(work, asked.request, outcome)
  const decoded = machine.decodeReply(outcome.reply)
  // It happened, but what the machine said is lost on us.
  if (decoded === null) reply(work, asked.request, { type: 'unknown' })
  else reply(work, asked.request, { type: 'done', index: outcome.index, reply: decoded })
}

/** Once a turn, when all is applied: answers what can be answered, and what never will be. */
export function settleAsked<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
): void {
  const { handedOver } = work.turn
  if (handedOver !== null) {
    const { request, to: leader } = handedOver
    ask(work, { type: 'transfer', request, leader, term: work.turn.term, ticks: 0 })
  }
  // Only what is asked can be answered: most turns end here.
  if (mapSize(work.asked) === 0) return
  // Reads that were confirmed within this turn.
  for (const { id, index } of work.turn.readable.splice(0)) onReadable(work, id, index)
  const { turn } = work
  const isTick = turn.now >= turn.askedAtMs
  if (isTick) turn.askedAtMs = turn.now + tickMs(work)
  for (const [id, asked] of mapEntries(work.asked)) {
    const outcome = outcomeOf(machine, work, asked, isTick)
    if (outcome !== null) {
      work.asked = mapDelete(work.asked, id)
      reply(work, asked.request, outcome)
    } else if (isTick) work.asked = mapSet(work.asked, id, { ...asked, ticks: asked.ticks + 1 })
  }
}

/** How something asked has ended, or null while it has not. */
function outcomeOf<State, Command, Reply, Event extends { readonly type: string }>(
  machine: Machine<State, Command, Reply, Event>,
  work: Work<State, Reply, Event>,
  asked: Asked,
  isTick: boolean,
): Outcome<Reply> | null {
  const { turn } = work
  const isOver = asked.term !== turn.term || asked.leader !== knownLeader(turn)
  switch (asked.type) {
    case 'forward':
      return isOver || (isTick && asked.ticks >= FORWARD_TICKS_MAX) ? { type: 'unknown' } : null
    case 'read': {
      const { index, payload, ticks } = asked
      if (index !== null && index <= work.applied) {
        const command = machine.decodeCommand(payload)
        const said = command === null ? null : machine.query(work.machine, command, work.clockMs)
        return said === null
          ? { type: 'malformed' }
          : { type: 'done', index: work.applied, reply: said }
      }
      // What is confirmed stays so, whoever leads. A read has no effect: giving it up is safe.
      const isLost = (isOver && index === null) || (isTick && ticks >= READ_TICKS_MAX)
      return isLost ? { type: 'notLeader', leader: knownLeader(turn) } : null
    }
    case 'transfer': {
      const leader = knownLeader(turn)
      if (leader === turn.config.node) return { type: 'refused', reason: 'timedOut' }
      if (leader !== null) return { type: 'transferred' }
      return isTick && asked.ticks >= READ_TICKS_MAX ? { type: 'unknown' } : null
    }
    default:
      return unreachable(asked)
  }
}

function ask<State, Reply, Event>(work: Work<State, Reply, Event>, asked: Asked): number {
  const id = work.nextAskedId++
  if (mapSize(work.asked) === 0) work.turn.askedAtMs = work.turn.now + tickMs(work)
  work.asked = mapSet(work.asked, id, asked)
  return id
}

function tickMs<State, Reply, Event>({ turn }: Work<State, Reply, Event>): number {
  return TICK_TIMEOUTS * turn.config.electionTimeoutMs
}

function reply<State, Reply, Event>(
  work: Work<State, Reply, Event>,
  request: number,
  outcome: Outcome<Reply>,
): void {
  work.out.push({ type: 'reply', request, outcome })
}
