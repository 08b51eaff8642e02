// Runs the request machine against a real world: it gathers what happens in one turn of the event
// loop, steps once, and lets all that is to be sent leave together. It knows neither sockets nor
// locks; the carrier has the first, and who asks the second.

import type { NodeId } from '../core/raft/config.ts'
import type { ClientReply, ClientRequest } from '../transports/client-codec.ts'
import { unreachable } from '../core/invariant.ts'
import type { Asker, AskTerms, GiveUp } from './asker.ts'
import type { ClientClock } from './clock.ts'
import type { CallResult, RequestEvent, RequestState, Weight } from './request.ts'
import { requestMachine } from './request.ts'
import type { RequestMachine } from './request.ts'

/** Why a node is out of reach. */
export interface NodeProblem {
  readonly node: NodeId
  /** True: it was reached, and refused this client. */
  readonly isRefused: boolean
  readonly text: string
}

/** Carries requests to nodes: driven by the caller. None of its methods throws. */
export interface Carrier {
  /** Takes a request, which is carried once at most. */
  send(node: NodeId, request: ClientRequest): void
  /** What was taken leaves. */
  flush(): void
  /** Takes a request back, if it has not left: true, and it never will. */
  withdraw(node: NodeId, request: number): boolean
  /** Runs `then` once all that is under way in this turn of the event loop has run. */
  soon(then: () => void): void
  /** The nodes that could not be reached the last time. */
  problems(): readonly NodeProblem[]
  close(): void
}

/** What a carrier tells its caller. */
export interface CarrierEvents {
  /** A node answered. Hints are ids that the caller knows, or null. */
  replied(reply: ClientReply): void
  /** The request was not carried and will not be. */
  unsent(request: number): void
  /** The connection to a node broke: its requests will not be answered. */
  lost(node: NodeId): void
  /** No node can be reached, and one of them has refused this client: to go on is no use. */
  refused(): void
}

/** How the caller asks. */
export interface CallerOptions {
  readonly nodes: readonly NodeId[]
  readonly attemptTimeoutMs: number
  readonly retryPauseMs: number
  readonly clock: ClientClock
  /** 32 random bits. */
  readonly random: () => number
  readonly weigh: (reply: Uint8Array) => Weight
  readonly open: (events: CarrierEvents) => Carrier
}

/** Asks a cluster: as many calls at once as there are. */
export class Caller implements Asker {
  readonly #machine: RequestMachine
  readonly #clock: ClientClock
  readonly #random: () => number
  readonly #carrier: Carrier
  readonly #nodesCount: number
  readonly #attemptTimeoutMs: number
  readonly #takeTurn = (): void => this.#turn()
  readonly #ends = new Map<number, (result: CallResult) => void>()
  /** Calls that are to end with the turn that is due. */
  readonly #givenUp = new Set<number>()
  #state: RequestState
  #events: RequestEvent[] = []
  #isTurnDue = false
  #calls = 0
  #timerAtMs = Infinity
  #stopTimer: (() => void) | null = null

  constructor(options: CallerOptions) {
    const { nodes, attemptTimeoutMs, retryPauseMs, clock, random, weigh, open } = options
    this.#machine = requestMachine({ nodes, attemptTimeoutMs, retryPauseMs }, weigh)
    this.#nodesCount = nodes.length
    this.#attemptTimeoutMs = attemptTimeoutMs
    this.#clock = clock
    this.#random = random
    this.#state = this.#machine.initial(random())
    this.#carrier = open({
      replied: ({ request, outcome, leader }) => {
        this.#add({ type: 'reply', request, outcome, leader })
      },
      unsent: (request) => this.#add({ type: 'unsent', request }),
      lost: (node) => this.#add({ type: 'lost', node }),
      refused: () => this.giveUpAll(),
    })
  }

  now(): number {
    return this.#clock.now()
  }

  ask(payload: Uint8Array, terms: AskTerms, then: (result: CallResult) => void): GiveUp {
    const { timeoutMs, read, attemptTimeoutMs = this.#attemptTimeoutMs } = terms
    const call = this.#calls++
    this.#ends.set(call, then)
    this.#add({ type: 'call', call, payload, timeoutMs, retry: true, read, attemptTimeoutMs })
    return () => this.#giveUp(call)
  }

  /** It keeps the process alive: somebody waits. */
  setTimer(afterMs: number, then: () => void): () => void {
    return this.#clock.setTimer(afterMs, then, true)
  }

  get nodesCount(): number {
    return this.#nodesCount
  }

  problems(): readonly NodeProblem[] {
    return this.#carrier.problems()
  }

  /** Ends every call. */
  giveUpAll(): void {
    for (const call of this.#ends.keys()) this.#giveUp(call)
  }

  /** Ends every call, and lets these commands leave for whom it takes for the leader, if anyone. */
  close(lastPayloads: readonly Uint8Array[] = []): void {
    this.giveUpAll()
    const { leader, nextRequest } = this.#state
    lastPayloads.forEach((payload, at) => {
      if (leader === null) return
      this.#carrier.send(leader, { request: nextRequest + at, read: false, payload })
    })
    this.#carrier.flush()
    this.#carrier.close()
  }

  #giveUp(call: number): void {
    this.#givenUp.add(call)
    this.#add({ type: 'giveUp', call })
  }

  #add(event: RequestEvent): void {
    this.#events.push(event)
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    this.#carrier.soon(this.#takeTurn)
  }

  #turn(): void {
    this.#isTurnDue = false
    const now = this.#clock.now()
    const events = this.#withdrawn(now).concat(this.#events)
    this.#events = []
    const input = { now, random: this.#random(), events }
    const [state, effects] = this.#machine.step(this.#state, input)
    this.#state = state
    let hasSent = false
    for (const effect of effects) {
      switch (effect.type) {
        case 'send': {
          const { request, read, payload } = effect
          this.#carrier.send(effect.to, { request, read, payload })
          hasSent = true
          break
        }
        case 'result': {
          const end = this.#ends.get(effect.call)
          this.#ends.delete(effect.call)
          end?.(effect.result)
          break
        }
        default:
          unreachable(effect)
      }
    }
    if (hasSent) this.#carrier.flush()
    this.#setTimer(now)
  }

  /** Of calls that end now: what has not left yet cannot have happened. */
  #withdrawn(now: number): RequestEvent[] {
    const withdrawn: RequestEvent[] = []
    for (const { call, deadlineMs, open } of this.#state.calls) {
      if (now < deadlineMs && !this.#givenUp.has(call)) continue
      for (const { to, request } of open) {
        if (this.#carrier.withdraw(to, request)) withdrawn.push({ type: 'unsent', request })
      }
    }
    if (this.#givenUp.size > 0) this.#givenUp.clear()
    return withdrawn
  }

  /** One timer, which also keeps the process alive while a call is under way. */
  #setTimer(now: number): void {
    const atMs = this.#machine.deadlineMs(this.#state)
    // One that rings too early costs less than setting it anew each turn.
    if (atMs !== Infinity && this.#stopTimer !== null && this.#timerAtMs <= atMs) return
    this.#stopTimer?.()
    this.#stopTimer = null
    this.#timerAtMs = atMs
    if (atMs === Infinity) return
    const ring = (): void => {
      this.#stopTimer = null
      this.#turn()
    }
    this.#stopTimer = this.#clock.setTimer(atMs - now, ring, true)
  }
}
