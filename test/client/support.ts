// Helpers of the client's tests: a driver of the request machine that notes what it asked for, and
// clocks that run fast or slow, in integer arithmetic.

import type { Outcome } from '../../core/effect.ts'
import { requestMachine } from '../../client/request.ts'
import type {
  CallResult,
  RequestConfig,
  RequestEvent,
  RequestMachine,
  RequestState,
  Weight,
} from '../../client/request.ts'

/** A reply of one byte, `byte`; for the driver's machine 0 is superseded, and 9 has no effect. */
export function done(byte = 1): Outcome<Uint8Array> {
  return { type: 'done', index: 1, reply: Uint8Array.of(byte) }
}

/** `notLeader`, with a hint or without. */
export function notLeader(leader: string | null = null): Outcome<Uint8Array> {
  return { type: 'notLeader', leader }
}

/** A send with the time it was asked for. */
export interface Sent {
  readonly atMs: number
  readonly to: string
  readonly request: number
  readonly read: boolean
  readonly payload: Uint8Array
}

function weigh(reply: Uint8Array): Weight {
  if (reply[0] === 0) return 'superseded'
  return reply[0] === 9 ? 'noEffect' : 'final'
}

/** How a call is made; 1 000 ms, a command, with a request id when left out. */
export interface CallOptions {
  readonly timeoutMs?: number
  readonly retry?: boolean
  readonly read?: boolean
  readonly attemptTimeoutMs?: number
}

/** Drives one request machine by hand and keeps everything it asked for. */
export class Driver {
  readonly machine: RequestMachine
  state: RequestState
  now = 0
  /** The random bits of every turn. */
  random = 0
  readonly sent: Sent[] = []
  readonly results: { readonly call: number; readonly result: CallResult }[] = []

  constructor(config: Partial<RequestConfig> = {}, random = 0) {
    const defaults = { nodes: ['a', 'b', 'c'], attemptTimeoutMs: 100, retryPauseMs: 20 }
    this.machine = requestMachine({ ...defaults, ...config }, weigh)
    this.state = freeze(this.machine.initial(random))
  }

  step(...events: RequestEvent[]): void {
    const { now, random } = this
    const [state, effects] = this.machine.step(this.state, { now, random, events })
    this.state = freeze(state)
    for (const effect of effects) {
      if (effect.type === 'result') this.results.push(effect)
      else this.sent.push({ ...effect, atMs: state.nowMs })
    }
  }

  call(call: number, options: CallOptions = {}): void {
    const { timeoutMs = 1000, retry = true, read = false, ...rest } = options
    this.step({ type: 'call', call, payload: Uint8Array.of(call), timeoutMs, retry, read, ...rest })
  }

  reply(request: number, outcome: Outcome<Uint8Array>, leader: string | null = null): void {
    this.step({ type: 'reply', request, outcome, leader })
  }

  /** Steps at each deadline up to `untilMs`, and then there. */
  wait(untilMs: number): void {
    for (let at = this.deadlineMs; at < untilMs; at = this.deadlineMs) {
      this.now = Math.max(at, this.now)
      this.step()
    }
    this.now = untilMs
    this.step()
  }

  get deadlineMs(): number {
    return this.machine.deadlineMs(this.state)
  }

  /** Whom it asked, in order. */
  get asked(): string {
    return this.sent.map(({ to }) => to).join('')
  }

  /** The outcome of the only result, or of none. */
  get ended(): string {
    return this.results.map(({ call, result }) => `${call} ${result.type}`).join(', ')
  }
}

/** A clock that runs `ppm` fast (negative: slow) and began at `offsetUs`. */
export interface DriftingClock {
  readonly ppm: number
  readonly offsetUs: number
}

/** What `clock` reads, whole milliseconds rounded down, at the true microsecond `trueUs`. */
export function readingMs({ ppm, offsetUs }: DriftingClock, trueUs: number): number {
  return Number((BigInt(offsetUs) * MILLION + BigInt(trueUs) * rate(ppm)) / (1000n * MILLION))
}

/** The first true microsecond at which `clock` reads `ms` or more. */
export function trueUsOf({ ppm, offsetUs }: DriftingClock, ms: number): number {
  const wanted = BigInt(ms) * 1000n * MILLION - BigInt(offsetUs) * MILLION
  return Number((wanted + rate(ppm) - 1n) / rate(ppm))
}

const MILLION = 1_000_000n

function rate(ppm: number): bigint {
  return MILLION + BigInt(ppm)
}

/** Freezes plain data all through, so that an edit of an old state throws; bytes stay as is. */
function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    if (Object.isFrozen(value)) return value
    for (const part of Object.values(value)) freeze(part)
    Object.freeze(value)
  }
  return value
}
