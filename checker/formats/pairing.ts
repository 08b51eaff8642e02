// Makes operations of events: each invocation with what its process is told next. What was asked is
// taken from the invocation alone. Instants are the positions of the events in the file, which are
// exact where clocks are not. Holds what is open, no more.

import type { Asked, HistoryEvent, Told } from '../event.ts'
import type { Operation } from '../history.ts'

/** An operation as files say it. */
export type FileOperation = Operation<Asked, Told>

/** What a `fail` says: `dropped`, it did not happen; `observed`, it saw why it could not. */
export type Failed = 'dropped' | 'observed'

/** How events are paired. */
export interface PairingOptions {
  /** Default: `dropped`. */
  readonly failed?: Failed
  /** Whether operations say when they were asked and told; few models need it. Default: no. */
  readonly hasTimes?: boolean
}

/** An event does not fit those before it: no history has both. */
export class PairingError extends Error {
  override readonly name = 'PairingError'
}

/** Pairs the events of one history, in their order. The first one's position is 1. */
export class Pairing {
  readonly #failed: Failed
  readonly #hasTimes: boolean
  readonly #open = new Map<number, Asked & { readonly position: number }>()
  #position = 0

  constructor({ failed = 'dropped', hasTimes = false }: PairingOptions = {}) {
    this.#failed = failed
    this.#hasTimes = hasTimes
  }

  /** The operation that ends with this event, or null. @throws PairingError */
  observe(event: HistoryEvent): FileOperation | null {
    this.#position += 1
    const { process, type, f } = event
    const open = this.#open.get(process)
    if (type === 'invoke') {
      if (open !== undefined) throw stillOpen(event, open.f, open.position)
      this.#open.set(process, this.#asked(event))
      return null
    }
    if (type !== 'ok' && type !== 'fail' && type !== 'info') {
      const expected = 'expected invoke, ok, fail or info'
      throw new PairingError(`an unknown type "${String(type)}", ${expected}`)
    }
    if (open === undefined || open.f !== f) throw notInvoked(event, open?.f)
    this.#open.delete(process)
    return this.#told(open, event)
  }

  /** The operations that never ended, in the order of their invocations. */
  end(): FileOperation[] {
    const pending = [...this.#open.values()].map((asked) => unanswered(asked))
    this.#open.clear()
    return pending
  }

  #asked({ process, f, key, value, time }: HistoryEvent): Asked & { readonly position: number } {
    const position = this.#position
    // Spelled out: a spread costs many times as much.
    const asked =
      key === undefined ? { process, f, value, position } : { process, f, key, value, position }
    return this.#hasTimes && time !== undefined ? { ...asked, time } : asked
  }

  #told(asked: Asked & { readonly position: number }, event: HistoryEvent): FileOperation {
    const { process, type, value, time } = event
    const isTimed = this.#hasTimes && time !== undefined
    const input = isTimed ? { ...asked, timeReturned: time } : asked
    if (type === 'info') return unanswered(input)
    const { position: call } = asked
    const failed = type === 'fail'
    if (failed && (this.#failed === 'dropped' || value === 'timed-out')) {
      return { process, input, call, return: this.#position, outcome: 'fail' }
    }
    const output = { value, failed }
    return { process, input, call, return: this.#position, outcome: 'ok', output }
  }
}

/** An invocation whose process has one that is open. */
export function stillOpen({ process, f }: HistoryEvent, open: string, at: number): PairingError {
  const before = `its ${open} of event ${at} is open`
  return new PairingError(
    `process ${process} invokes ${f} while ${before}, expected how that ended`,
  )
}

/** A completion of what its process has not invoked; `open` is what it has. */
export function notInvoked({ process, f, type }: HistoryEvent, open?: string): PairingError {
  const but = open === undefined ? 'without an invocation' : `but invoked ${open}`
  const expected = 'expected an invocation of it before'
  return new PairingError(`process ${process} ends ${f} (${type}) ${but}, ${expected}`)
}

function unanswered(input: Asked & { readonly position: number }): FileOperation {
  const { process, position: call } = input
  return { process, input, call, return: Infinity, outcome: 'info' }
}
