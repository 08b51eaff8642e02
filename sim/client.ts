// One simulated client process: it works through its operations with the production request
// machine, on a clock of its own, and writes down what it asked and was told, in true time.

import type { Operation } from '../checker/history.ts'
import { requestMachine } from '../client/request.ts'
import type { CallResult, RequestEvent, RequestState, Weight } from '../client/request.ts'
import type { Machine } from '../core/machine.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { ClockError } from './clock.ts'
import { readClockMs, trueTimeUs } from './clock.ts'
import { KIND } from './event-queue.ts'
import type { RandomStream } from './random.ts'
import type { ClientStep } from './scenario.ts'
import type { Wire } from './wire.ts'
import type { Actor, Ask, Ended } from './workload.ts'

/** No answer for this long: ask another node. */
export const ATTEMPT_TIMEOUT_MS = 300
const RETRY_PAUSE_MS = 30

/** What a client finds around it. */
export interface ClientSurroundings {
  timeUs(): number
  schedule(timeUs: number, kind: number, target: number, source: number, payload: unknown): void
  send(from: number, to: number, payload: unknown): void
  trace(where: string, what: string): void
}

/** How many operations ended how. */
export interface Outcomes {
  readonly ok: number
  readonly fail: number
  readonly unknown: number
}

/** Of several clients. */
export function sumOf(all: readonly Outcomes[]): Outcomes {
  const count = (how: keyof Outcomes): number => all.reduce((sum, one) => sum + one[how], 0)
  return { ok: count('ok'), fail: count('fail'), unknown: count('unknown') }
}

export interface ClientParts<Command, Reply, Op, Input, Output> {
  readonly client: number
  /** This client's endpoint: the number of nodes + `client`. */
  readonly endpoint: number
  readonly nodes: readonly NodeId[]
  readonly clock: ClockError
  readonly steps: readonly ClientStep<Op>[]
  readonly actor: Actor<Command, Reply, Op, Input, Output>
  readonly machine: Pick<Machine<never, Command, Reply, never>, 'encodeCommand' | 'decodeReply'>
  readonly weigh: (reply: Reply) => Weight
  readonly wire: Wire
  readonly random: RandomStream
}

interface Asked<Command, Input> {
  readonly ask: Ask<Command, Input>
  readonly callUs: number
}

const TWO_32 = 0x100000000

export class SimulatedClient<Command, Reply, Op, Input, Output> {
  readonly history: Operation<Input, Output>[] = []
  /** How its operations ended, also those that the history leaves out. */
  readonly ended = { ok: 0, fail: 0, unknown: 0 }
  /** The answer of the last request, when it was answered. */
  lastOutput: Output | null = null
  readonly #parts: ClientParts<Command, Reply, Op, Input, Output>
  readonly #around: ClientSurroundings
  readonly #machine: ReturnType<typeof requestMachine>
  #state: RequestState
  #asked: Asked<Command, Input> | null = null
  #calls = 0
  #at = 0
  #working = true
  #paused = false
  #missed: (() => void)[] = []
  #timerAtUs = Infinity

  constructor(
    parts: ClientParts<Command, Reply, Op, Input, Output>,
    around: ClientSurroundings,
  ) {
    this.#parts = parts
    this.#around = around
    const { nodes, machine, random } = parts
    const config = { nodes, attemptTimeoutMs: ATTEMPT_TIMEOUT_MS, retryPauseMs: RETRY_PAUSE_MS }
    this.#machine = requestMachine(config, (bytes) => {
      const reply = machine.decodeReply(bytes)
      return reply === null ? 'final' : parts.weigh(reply)
    })
    this.#state = this.#machine.initial(random.below(TWO_32))
    this.#scheduleNext()
  }

  /** True while an operation waits for its end. */
  get isBusy(): boolean {
    return this.#asked !== null
  }

  get nowMs(): number {
    return readClockMs(this.#parts.clock, this.#around.timeUs())
  }

  /** No further operation is begun, and nothing follows on the one under way, which goes on. */
  stopWorking(): void {
    this.#working = false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    const missed = this.#missed
    this.#missed = []
    for (const then of missed) then()
  }

  /** Time for the next operation. */
  operate(): void {
    this.#whenRunning(() => {
      const step = this.#parts.steps[this.#at++]
      if (step === undefined || !this.#working) return
      if (!this.ask(step.operation)) this.#scheduleNext()
    })
  }

  /** Asks for an operation; false when there was nothing to ask. */
  ask(operation: Op): boolean {
    const ask = this.#parts.actor.begin(operation, this.nowMs)
    if (ask !== null) this.#call(ask)
    return ask !== null
  }

  receive(payload: unknown): void {
    this.#whenRunning(() => {
      const reply = this.#parts.wire.readReply(payload)
      if (reply === null) return
      // Half of the clients stay where they are answered, so that much is passed on by followers.
      const leader = this.#parts.client % 2 === 0 ? reply.leader : null
      this.#step({ type: 'reply', request: reply.request, outcome: reply.outcome, leader })
    })
  }

  timer(atUs: number): void {
    if (atUs !== this.#timerAtUs) return
    this.#timerAtUs = Infinity
    this.#whenRunning(() => this.#step(null))
  }

  /** The run is over: what was asked and not answered is written down as such. */
  close(): void {
    if (this.#asked !== null) this.#record(this.#asked, { type: 'unknown' })
    this.#asked = null
  }

  #whenRunning(then: () => void): void {
    if (this.#paused) this.#missed.push(then)
    else then()
  }

  #step(event: RequestEvent | null): void {
    const input = {
      now: this.nowMs,
      random: this.#parts.random.below(TWO_32),
      events: event === null ? [] : [event],
    }
    const [state, effects] = this.#machine.step(this.#state, input)
    this.#state = state
    const { endpoint, nodes, wire } = this.#parts
    for (const effect of effects) {
      if (effect.type === 'result') this.#onResult(effect.result)
      else {
        const { request, read, payload } = effect
        const asked = wire.request({ request, read, payload })
        this.#around.send(endpoint, nodes.indexOf(effect.to), asked)
      }
    }
    this.#setTimer()
  }

  #call(ask: Ask<Command, Input>): void {
    this.lastOutput = null
    this.#asked = { ask, callUs: this.#around.timeUs() }
    const payload = this.#parts.machine.encodeCommand(ask.command)
    const { timeoutMs, retry, read } = ask
    this.#step({ type: 'call', call: this.#calls++, payload, timeoutMs, retry, read })
  }

  #onResult(result: CallResult): void {
    const asked = this.#asked
    if (asked === null) return
    this.#asked = null
    this.#record(asked, this.#ended(result))
    const next = this.#working ? (this.#parts.actor.followUp?.() ?? null) : null
    if (next === null) this.#scheduleNext()
    else this.#call(next)
  }

  #ended(result: CallResult): Ended<Reply> {
    if (result.type !== 'done') return result
    const reply = this.#parts.machine.decodeReply(result.reply)
    if (reply === null) return { type: 'unknown' }
    return { type: 'done', reply, firstSentMs: result.firstSentMs }
  }

  #record({ ask, callUs: call }: Asked<Command, Input>, ended: Ended<Reply>): void {
    const { actor, client: process } = this.#parts
    const output = actor.end(ask, ended, this.nowMs)
    const { input } = ask
    const nowUs = this.#around.timeUs()
    // Spelled out: the checker reads these many times, and objects made by a spread read slowly.
    if (ended.type === 'done' && output !== null) this.lastOutput = output
    this.ended[ended.type === 'done' ? 'ok' : ended.type === 'failed' ? 'fail' : 'unknown']++
    if (input === null) return
    if (ended.type === 'done' && output !== null) {
      this.history.push({ process, input, call, return: nowUs, outcome: 'ok', output })
    } else if (ended.type === 'failed') {
      this.history.push({ process, input, call, return: nowUs, outcome: 'fail' })
    } else this.history.push({ process, input, call, return: Infinity, outcome: 'info' })
  }

  #scheduleNext(): void {
    const step = this.#parts.steps[this.#at]
    if (step === undefined || !this.#working) return
    const atUs = this.#around.timeUs() + step.pauseMs * 1_000
    this.#around.schedule(atUs, KIND.clientOperation, this.#parts.endpoint, 0, null)
  }

  #setTimer(): void {
    const deadlineMs = this.#machine.deadlineMs(this.#state)
    if (deadlineMs === Infinity) return
    const atUs = Math.max(trueTimeUs(this.#parts.clock, deadlineMs), this.#around.timeUs())
    if (atUs >= this.#timerAtUs) return
    this.#timerAtUs = atUs
    this.#around.schedule(atUs, KIND.clientTimer, this.#parts.endpoint, 0, null)
  }
}
