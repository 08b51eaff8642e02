// Asks a cluster on behalf of an application: whom, when again, and what the end of it means. A
// pure machine: the host opens calls, carries messages and steps at `deadlineMs`. It knows no
// command and no lock. The host must carry each `send` at most once: a copy that arrives after the
// answer `notLeader` or `overloaded` would make that answer untrue.

import { invariant, unreachable } from '../core/invariant.ts'
import type { NodeId } from '../core/raft/config.ts'
import type {
  Attempt,
  Call,
  CallResult,
  Doubt,
  RequestConfig,
  RequestEffect,
  RequestEvent,
  RequestInput,
  RequestState,
  Weight,
} from './request-data.ts'

export type {
  Attempt,
  Call,
  CallResult,
  Doubt,
  Phase,
  RequestConfig,
  RequestEffect,
  RequestEvent,
  RequestInput,
  RequestState,
  Weight,
} from './request-data.ts'

/** A client's request machine, with its configuration. */
export interface RequestMachine {
  /** The state at start. `random`: 32 bits, which spread clients over the nodes. */
  initial(random: number): RequestState
  /** One turn. A `now` below the last is read as the last. Throws `InvariantError` on misuse. */
  step(state: RequestState, input: RequestInput): readonly [RequestState, readonly RequestEffect[]]
  /** When to step again though no event came; Infinity when idle. */
  deadlineMs(state: RequestState): number
}

const TWO_32 = 0x100000000

/** Another's word for a node that has disappointed counts again after so many attempts' time. */
const DOUBT_ATTEMPTS = 10

/** A call as a turn's private copy, edited in place. */
type CallDraft = { -readonly [Name in keyof Call]: Call[Name] }

/** A turn's scratch pad: the one place where something is edited. */
interface Turn {
  readonly config: RequestConfig
  readonly weigh: (reply: Uint8Array) => Weight
  readonly now: number
  readonly random: number
  start: number
  leader: NodeId | null
  doubted: readonly Doubt[]
  nextRequest: number
  calls: CallDraft[]
  readonly effects: RequestEffect[]
}

/** The request machine of one client. `weigh` tells answers from replies that are not the last. */
export function requestMachine(
  config: RequestConfig,
  weigh: (reply: Uint8Array) => Weight,
): RequestMachine {
  invariant(config.nodes.length > 0, 'request: no node to ask')
  invariant(config.attemptTimeoutMs >= 1, 'request: attemptTimeoutMs below 1')
  invariant(config.retryPauseMs >= 1, 'request: retryPauseMs below 1')
  return {
    initial: (random) => ({
      nowMs: 0,
      start: (random >>> 0) % config.nodes.length,
      leader: null,
      doubted: [],
      nextRequest: 1,
      calls: [],
    }),
    step: (state, input) => step(config, weigh, state, input),
    deadlineMs: (state) => {
      let earliestMs = Infinity
      for (const { deadlineMs, phase } of state.calls) {
        earliestMs = Math.min(earliestMs, deadlineMs, phase.untilMs)
      }
      return earliestMs
    },
  }
}

/** Events first, so that an answer beats a deadline of the same turn; then whatever is due. */
function step(
  config: RequestConfig,
  weigh: (reply: Uint8Array) => Weight,
  state: RequestState,
  input: RequestInput,
): readonly [RequestState, readonly RequestEffect[]] {
  const { start, leader, doubted, nextRequest } = state
  const now = Math.max(input.now, state.nowMs)
  const { random } = input
  const calls = state.calls.map(copyCall)
  const effects: RequestEffect[] = []
  const turn: Turn = {
    config,
    weigh,
    now,
    random,
    start,
    leader,
    doubted,
    nextRequest,
    calls,
    effects,
  }
  for (const event of input.events) {
    switch (event.type) {
      case 'call':
        open(turn, event)
        break
      case 'reply':
        answered(turn, event)
        break
      case 'unsent':
        notCarried(turn, event.request)
        break
      case 'lost':
        connectionLost(turn, event.node)
        break
      case 'giveUp': {
        const call = turn.calls.find((other) => other.call === event.call)
        if (call !== undefined) finish(turn, call, undone(call))
        break
      }
      default:
        unreachable(event)
    }
  }
  for (const call of turn.calls) passTime(turn, call)
  // Spelled out: a spread makes a new hidden class each time, and every later read searches it.
  const next = {
    nowMs: now,
    start: turn.start,
    leader: turn.leader,
    doubted: turn.doubted,
    nextRequest: turn.nextRequest,
    calls: turn.calls,
  }
  return [next, turn.effects]
}

/** Takes a call in; its first attempt is due at once. */
function open(turn: Turn, event: Extract<RequestEvent, { type: 'call' }>): void {
  const { call, payload, read, timeoutMs } = event
  const attemptTimeoutMs = event.attemptTimeoutMs ?? turn.config.attemptTimeoutMs
  invariant(turn.calls.every((other) => other.call !== call), 'request: call already under way')
  invariant(timeoutMs >= 0, 'request: timeoutMs below 0')
  invariant(attemptTimeoutMs >= 1, 'request: attemptTimeoutMs below 1')
  turn.calls.push({
    call,
    payload,
    retry: event.retry || read,
    read,
    deadlineMs: turn.now + timeoutMs,
    attemptTimeoutMs,
    firstSentMs: null,
    open: [],
    ambiguous: false,
    refusal: null,
    asked: null,
    ring: turn.start,
    hops: 0,
    phase: { type: 'pausing', to: null, untilMs: turn.now },
  })
}

/** The open attempt of that number, closed now, and its call; null when there is none. */
function close(turn: Turn, request: number): { call: CallDraft; attempt: Attempt } | null {
  for (const call of turn.calls) {
    // From the newest on: those that were lost stay in the list until the call ends.
    const attempt = call.open.findLast((other) => other.request === request)
    if (attempt === undefined) continue
    call.open = call.open.filter((other) => other !== attempt)
    return { call, attempt }
  }
  return null
}

/** It was as good as not asked: the next node is. */
function notCarried(turn: Turn, request: number): void {
  const closed = close(turn, request)
  if (closed === null) return
  const { call, attempt } = closed
  passBy(turn, attempt.to)
  const { phase } = call
  if (phase.type === 'waiting' && phase.request === request) goOn(turn, call)
}

/** Whatever was asked there may have been appended; the newest attempts of calls are made anew. */
function connectionLost(turn: Turn, node: NodeId): void {
  passBy(turn, node)
  for (const call of turn.calls) {
    const { open, phase } = call
    if (open.every(({ to }) => to !== node)) continue
    call.open = open.filter(({ to }) => to !== node)
    call.ambiguous = true
    if (phase.type !== 'waiting' || call.open.some((one) => one.request === phase.request)) continue
    if (call.retry) goOn(turn, call)
    else finish(turn, call, { type: 'unknown' })
  }
}

/** Asks the next node at once, until all were found out of reach: a pause is due then. */
function goOn(turn: Turn, call: CallDraft): void {
  if (call.hops >= turn.config.nodes.length - 1) return pause(turn, call)
  call.hops += 1
  call.phase = { type: 'pausing', to: null, untilMs: turn.now }
}

/** The answer to one attempt; an older attempt's is as good as the newest's. */
function answered(turn: Turn, event: Extract<RequestEvent, { type: 'reply' }>): void {
  const { request, outcome } = event
  const closed = close(turn, request)
  if (closed === null) return
  const { call, attempt } = closed
  const isNewest = call.phase.type === 'waiting' && call.phase.request === request
  call.refusal = null
  trust(turn, attempt.to)
  switch (outcome.type) {
    case 'done':
      turn.leader = leaderAfter(turn, attempt.to, event.leader)
      replied(turn, call, outcome.reply, isNewest)
      return
    case 'notLeader':
      forget(turn, attempt.to)
      if (isNewest) redirect(turn, call, attempt.to, outcome.leader)
      return
    case 'overloaded':
      call.refusal = outcome.type
      // It stays the known leader: another call may be let in before this one's pause is over.
      if (isNewest) pause(turn, call)
      return
    case 'malformed':
    case 'forbidden':
    case 'tooLarge':
      call.refusal = outcome.type
      finish(turn, call, undone(call))
      return
    case 'changed':
    case 'transferred':
    case 'refused':
    case 'unknown':
      // The first three answer what was never asked, and tell no more than the last.
      forget(turn, attempt.to)
      call.ambiguous = true
      if (!call.retry) finish(turn, call, { type: 'unknown' })
      else if (isNewest) pause(turn, call)
      return
    default:
      unreachable(outcome)
  }
}

/** The machine's reply to an attempt, which is not open any more. */
function replied(turn: Turn, call: CallDraft, reply: Uint8Array, isNewest: boolean): void {
  const weight = call.read ? 'final' : turn.weigh(reply)
  switch (weight) {
    case 'superseded':
      call.ambiguous = true
      return
    case 'noEffect':
      if (!mayHappen(call)) break
      // What was sent earlier may find room where this found none: only more asking can tell.
      if (isNewest) pause(turn, call)
      return
    case 'tooLate':
      if (mayHappen(call)) return finish(turn, call, { type: 'unknown' })
      break
    case 'final':
      break
    default:
      unreachable(weight)
  }
  const { firstSentMs } = call
  invariant(firstSentMs !== null, 'request: answered before it was sent')
  finish(turn, call, { type: 'done', reply, firstSentMs })
}

/** Follows a usable hint at once, unless hints have led round in circles. */
function redirect(turn: Turn, call: CallDraft, from: NodeId, hint: NodeId | null): void {
  const { nodes } = turn.config
  const usable = hint !== null && hint !== from && nodes.includes(hint)
  if (!usable || call.hops >= nodes.length) return pause(turn, call)
  call.hops += 1
  call.phase = { type: 'pausing', to: hint, untilMs: turn.now }
}

function pause(turn: Turn, call: CallDraft): void {
  const { retryPauseMs } = turn.config
  const lessMs = Math.floor(((turn.random >>> 0) / TWO_32) * (Math.floor(retryPauseMs / 2) + 1))
  call.hops = 0
  call.phase = { type: 'pausing', to: null, untilMs: turn.now + retryPauseMs - lessMs }
}

/** Ends the call when its time is up, else does what its phase has waited for. */
function passTime(turn: Turn, call: CallDraft): void {
  if (turn.now >= call.deadlineMs) {
    finish(turn, call, undone(call))
    return
  }
  const { phase } = call
  if (turn.now < phase.untilMs) return
  switch (phase.type) {
    case 'pausing':
      send(turn, call, phase.to)
      return
    case 'waiting':
      for (const { request, to } of call.open) if (request === phase.request) doubt(turn, to)
      // The wait for the answer was pause enough.
      call.hops = 0
      // The next call begins behind a node that does not answer: else one that may ask only once
      // would never get past it.
      if (call.asked !== null) beginBehind(turn, call.asked)
      if (call.retry) send(turn, call, null)
      else finish(turn, call, { type: 'unknown' })
      return
    default:
      unreachable(phase)
  }
}

function send(turn: Turn, call: CallDraft, hint: NodeId | null): void {
  const to = hint ?? choose(turn, call)
  const request = turn.nextRequest
  turn.nextRequest += 1
  const { read, payload } = call
  turn.effects.push({ type: 'send', to, request, read, payload })
  call.firstSentMs ??= turn.now
  call.open = [...call.open, { request, to }]
  call.asked = to
  call.phase = { type: 'waiting', request, untilMs: turn.now + call.attemptTimeoutMs }
}

/** The known leader, unless it was just asked; else the next of the ring that was not. */
function choose(turn: Turn, call: CallDraft): NodeId {
  const { nodes } = turn.config
  if (turn.leader !== null && turn.leader !== call.asked) return turn.leader
  const isRepeat = nodes.length > 1 && nodes[call.ring] === call.asked
  const place = isRepeat ? (call.ring + 1) % nodes.length : call.ring
  const to = nodes[place]
  invariant(to !== undefined, 'request: a place outside the nodes')
  call.ring = (place + 1) % nodes.length
  return to
}

function forget(turn: Turn, node: NodeId): void {
  if (turn.leader === node) turn.leader = null
}

/** It answers nothing, or is out of reach: others may see it and this client not. */
function doubt(turn: Turn, node: NodeId): void {
  forget(turn, node)
  const untilMs = turn.now + DOUBT_ATTEMPTS * turn.config.attemptTimeoutMs
  const others = turn.doubted.filter((other) => other.node !== node)
  turn.doubted = [...others, { node, untilMs }]
}

/** It has answered. */
function trust(turn: Turn, node: NodeId): void {
  if (turn.doubted.length === 0) return
  turn.doubted = turn.doubted.filter((other) => other.node !== node)
}

/** Whom to ask next, after `node` has answered and said that `other` leads. */
function leaderAfter(turn: Turn, node: NodeId, other: NodeId | null): NodeId {
  if (other === null || !turn.config.nodes.includes(other)) return node
  const isDoubted = turn.doubted.some((one) => one.node === other && turn.now < one.untilMs)
  return isDoubted ? node : other
}

/** The next calls begin behind this node. */
function beginBehind(turn: Turn, node: NodeId): void {
  const { nodes } = turn.config
  turn.start = (nodes.indexOf(node) + 1) % nodes.length
}

/** This node is out of reach. */
function passBy(turn: Turn, node: NodeId): void {
  doubt(turn, node)
  if (turn.config.nodes[turn.start] === node) beginBehind(turn, node)
}

/** The result of a call that ends without an answer. */
function undone(call: Call): CallResult {
  return mayHappen(call) ? { type: 'unknown' } : { type: 'failed', refusal: call.refusal }
}

/** Whether an attempt without its last word was appended, or may have been. A read never is. */
function mayHappen(call: Call): boolean {
  return !call.read && (call.ambiguous || call.open.length > 0)
}

function finish(turn: Turn, call: Call, result: CallResult): void {
  turn.calls = turn.calls.filter((other) => other !== call)
  turn.effects.push({ type: 'result', call: call.call, result })
}

/** A copy to edit; field by field, which is many times faster than a spread. */
function copyCall(from: Call): CallDraft {
  const { call, payload, retry, read, deadlineMs, attemptTimeoutMs, firstSentMs, open } = from
  const { ambiguous, refusal, asked, ring, hops, phase } = from
  return {
    call,
    payload,
    retry,
    read,
    deadlineMs,
    attemptTimeoutMs,
    firstSentMs,
    open,
    ambiguous,
    refusal,
    asked,
    ring,
    hops,
    phase,
  }
}
