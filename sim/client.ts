// One simulated client process: it works through its operations with the production request
// machine, on a clock of its own, and writes down what it asked and was told, in true time. Where
// its connections break, it tells the machine what a carrier would.

import type { Operation } from '../checker/history.ts'
import { requestMachine } from '../client/request.ts'
import type {
  CallResult,
  RequestEffect,
  RequestEvent,
  RequestState,
  Weight,
} from '../client/request.ts'
import type { Machine } from '../core/machine.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { ClockError } from './clock.ts'
import { readClockMs, trueTimeUs } from './clock.ts'
import { KIND } from './event-queue.ts'
import type { RandomStream } from './random.ts'
import type { ClientStep } from './scenario.ts'
import type { Wire } from './wire.ts'
import type { Actor, Ask, Ended, OwnWay } from './workload.ts'

/** No answer for this long: ask another node. */
export const ATTEMPT_TIMEOUT_MS = 300
const RETRY_PAUSE_MS = 30

/** What a client finds around it. */
export interface ClientSurroundings {
  timeUs(): number
  schedule(timeUs: number, kind: number, target: number, source: number, payload: unknown): void
  send(from: number, to: number, payload: unknown): void
  later(delayUs: number, then: () => void): void
  probe(name: string): void
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
  /** What becomes of its connections; null: nothing that it hears of. */
  readonly connection: Connection | null
}

/** How often a request never leaves, and how often the connection breaks behind one. */
interface Connection {
  /** What happens within so many milliseconds it hears of at once. */
  readonly turnMs: number
  readonly unsentPer1024: number
  readonly brokenPer1024: number
  readonly random: RandomStream
}

/** Within so many microseconds it hears that a request did not leave, or a connection broke. */
const TOLD_WITHIN_US = [1, 5_000, 100_000] as const

/** What is asked aside, or recorded besides: a process of its own for the history. */
const PROCESSES_APART = 1_000

interface Asked<Command, Input, Reply> {
  readonly ask: Ask<Command, Input, Reply>
  readonly process: number
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
  /** Operations without an end. */
  readonly #asked = new Set<Asked<Command, Input, Reply>>()
  /** What the history has besides, without an end. */
  readonly #recorded = new Set<() => void>()
  /** Calls of the machine that are under way, and who is told of their end. */
  readonly #ends = new Map<number, (result: CallResult) => void>()
  /** What the machine is to be told, one at a turn. */
  readonly #events: RequestEvent[] = []
  #isInTurn = false
  #calls = 0
  #processes = 0
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
    parts.actor.attach?.(this.#ownWay())
    this.#scheduleNext()
  }

  /** True while something that was asked waits for its end. */
  get isBusy(): boolean {
    return this.#asked.size + this.#ends.size > 0
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
    this.#catchUp()
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
    if (ask !== null) this.#begin(ask)
    this.#turns()
    return ask !== null
  }

  receive(payload: unknown): void {
    this.#whenRunning(() => {
      const reply = this.#parts.wire.readReply(payload)
      if (reply === null) return
      // Half of the clients stay where they are answered, so that much is passed on by followers.
      const leader = this.#parts.client % 2 === 0 ? reply.leader : null
      this.#tell({ type: 'reply', request: reply.request, outcome: reply.outcome, leader })
    })
  }

  timer(atUs: number): void {
    if (atUs !== this.#timerAtUs) return
    this.#timerAtUs = Infinity
    this.#whenRunning(() => {
      // Else a turn comes by itself.
      if (!this.#isInTurn) this.#step([])
      this.#turns()
    })
  }

  /** The run is over: what was asked and not answered is written down as such. */
  close(): void {
    for (const asked of this.#asked) this.#record(asked, { type: 'unknown' })
    this.#asked.clear()
    for (const end of this.#recorded) end()
  }

  #whenRunning(then: () => void): void {
    const turnMs = this.#working ? (this.#parts.connection?.turnMs ?? 0) : 0
    if (!this.#paused && turnMs === 0) return then()
    this.#missed.push(then)
    if (this.#missed.length > 1 || this.#paused) return
    this.#around.later(turnMs * 1_000, () => {
      if (!this.#paused) this.#catchUp()
    })
  }

  /** One with connections hears of all that it missed at once, as in a turn of an event loop. */
  #catchUp(): void {
    const missed = this.#missed
    this.#missed = []
    const isOneTurn = this.#parts.connection !== null && missed.length > 0
    this.#isInTurn = isOneTurn
    for (const then of missed) then()
    if (!isOneTurn) return
    this.#isInTurn = false
    this.#step(this.#events.splice(0))
    this.#turns()
  }

  #tell(event: RequestEvent): void {
    this.#events.push(event)
    this.#turns()
  }

  /** One event at a time; what comes of it may bring about others. */
  #turns(): void {
    if (this.#isInTurn) return
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      this.#step([event])
    }
  }

  #step(events: readonly RequestEvent[]): void {
    const input = { now: this.nowMs, random: this.#parts.random.below(TWO_32), events }
    const [state, effects] = this.#machine.step(this.#state, input)
    this.#state = state
    this.#isInTurn = true
    for (const effect of effects) {
      if (effect.type === 'send') this.#send(effect)
      else {
        const end = this.#ends.get(effect.call)
        this.#ends.delete(effect.call)
        end?.(effect.result)
      }
    }
    this.#isInTurn = false
    this.#setTimer()
  }

  #send({ to, request, read, payload }: Extract<RequestEffect, { type: 'send' }>): void {
    const { endpoint, nodes, wire } = this.#parts
    // The bounds after the heal leave no room for these.
    const connection = this.#working ? this.#parts.connection : null
    if (connection?.random.chance(connection.unsentPer1024) === true) {
      this.#around.probe('a request that never left')
      return this.#tellSoon(connection.random, { type: 'unsent', request })
    }
    this.#around.send(endpoint, nodes.indexOf(to), wire.request({ request, read, payload }))
    if (connection?.random.chance(connection.brokenPer1024) !== true) return
    this.#around.probe('a connection that broke')
    this.#tellSoon(connection.random, { type: 'lost', node: to })
  }

  #tellSoon(random: RandomStream, event: RequestEvent): void {
    const delayUs = random.below(random.pick(TOLD_WITHIN_US))
    this.#around.later(delayUs, () => this.#whenRunning(() => this.#tell(event)))
  }

  /** What an actor asks with itself. */
  #ownWay(): OwnWay<Input, Output> {
    return {
      now: () => this.nowMs,
      ask: (payload, { timeoutMs, read, attemptTimeoutMs }, then) => {
        const own = attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }
        const call = this.#open({ payload, timeoutMs, retry: true, read, ...own }, then)
        return () => this.#tell({ type: 'giveUp', call })
      },
      setTimer: (afterMs, then) => {
        let isSet = true
        const atUs = trueTimeUs(this.#parts.clock, this.nowMs + afterMs)
        this.#around.later(Math.max(0, atUs - this.#around.timeUs()), () => {
          this.#whenRunning(() => {
            if (isSet) then()
            this.#turns()
          })
        })
        return () => {
          isSet = false
        }
      },
      record: (input) => {
        const asked = { process: this.#newProcess(), input, callUs: this.#around.timeUs() }
        const end: ReturnType<OwnWay<Input, Output>['record']> = (how, output) => {
          this.#recorded.delete(unknown)
          this.#write(asked, how, output)
        }
        const unknown = (): void => end('info', null)
        this.#recorded.add(unknown)
        return end
      },
    }
  }

  /** Tells the machine of a call. */
  #open(
    call: Omit<Extract<RequestEvent, { readonly type: 'call' }>, 'type' | 'call'>,
    then: (result: CallResult) => void,
  ): number {
    const number = this.#calls++
    this.#ends.set(number, then)
    this.#events.push({ type: 'call', call: number, ...call })
    return number
  }

  #begin(ask: Ask<Command, Input, Reply>): void {
    this.lastOutput = null
    const isAside = ask.aside === true
    const process = isAside ? this.#newProcess() : this.#parts.client
    const asked = { ask, process, callUs: this.#around.timeUs() }
    this.#asked.add(asked)
    if (ask.start === undefined) {
      const payload = this.#parts.machine.encodeCommand(ask.command)
      const { timeoutMs, retry, read } = ask
      this.#open({ payload, timeoutMs, retry, read }, (result) => {
        this.#onEnd(asked, this.#ended(result))
      })
    } else ask.start((ended) => this.#onEnd(asked, ended))
    if (isAside) this.#scheduleNext()
  }

  #onEnd(asked: Asked<Command, Input, Reply>, ended: Ended<Reply>): void {
    if (!this.#asked.delete(asked)) return
    this.#record(asked, ended)
    if (asked.ask.aside === true) return
    const next = this.#working ? (this.#parts.actor.followUp?.() ?? null) : null
    if (next === null) this.#scheduleNext()
    else this.#begin(next)
  }

  #ended(result: CallResult): Ended<Reply> {
    if (result.type !== 'done') return result
    const reply = this.#parts.machine.decodeReply(result.reply)
    if (reply === null) return { type: 'unknown' }
    return { type: 'done', reply, firstSentMs: result.firstSentMs }
  }

  #record({ ask, process, callUs }: Asked<Command, Input, Reply>, ended: Ended<Reply>): void {
    const output = this.#parts.actor.end(ask, ended, this.nowMs)
    if (ended.type === 'done' && output !== null) this.lastOutput = output
    this.ended[ended.type === 'done' ? 'ok' : ended.type === 'failed' ? 'fail' : 'unknown']++
    const { input } = ask
    if (input === null) return
    const answer = ended.type === 'done' ? output : null
    const how = ended.type === 'failed' ? 'fail' : answer === null ? 'info' : 'ok'
    this.#write({ process, input, callUs }, how, answer)
  }

  #write(
    asked: { readonly process: number; readonly input: Input; readonly callUs: number },
    outcome: Operation<Input, Output>['outcome'],
    output: Output | null,
  ): void {
    const { process, input, callUs: call } = asked
    const nowUs = this.#around.timeUs()
    // Spelled out: the checker reads these many times, and objects made by a spread read slowly.
    if (outcome === 'ok' && output !== null) {
      this.history.push({ process, input, call, return: nowUs, outcome, output })
    } else if (outcome === 'fail') {
      this.history.push({ process, input, call, return: nowUs, outcome })
    } else this.history.push({ process, input, call, return: Infinity, outcome: 'info' })
  }

  #newProcess(): number {
    return this.#parts.client + PROCESSES_APART * ++this.#processes
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
