// Makes operations of events: each invocation with what its process is told next. What was asked is
// taken from the invocation alone. Instants are the positions of the events in the file, which are
// exact where clocks are not. Holds what is open, no more.

import { AskedTable } from '../asked-table.ts'
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

/** An invocation that has not ended. */
interface Open {
  readonly asked: Asked
  readonly position: number
}

/** What most operations that change something are told. */
const nothing: Told = { value: null, failed: false }

/** An event does not fit those before it: no history has both. */
export class PairingError extends Error {
  override readonly name = 'PairingError'
}

/** Pairs the events of one history, in their order. The first one's position is 1. */
export class Pairing {
  readonly #failed: Failed
  readonly #hasTimes: boolean
  readonly #open = new Map<number, Open>()
  readonly #asked = new AskedTable(askedOf)
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
      if (open !== undefined) throw stillOpen(event, open.asked.f, open.position)
      const { time } = event
      const isTimed = this.#hasTimes && time !== undefined
      const asked = isTimed ? { ...askedOf(event), time } : this.#asked.get(event)
      this.#open.set(process, { asked, position: this.#position })
      return null
    }
    if (type !== 'ok' && type !== 'fail' && type !== 'info') {
      const expected = 'expected invoke, ok, fail or info'
      throw new PairingError(`an unknown type "${String(type)}", ${expected}`)
    }
    if (open === undefined || open.asked.f !== f) throw notInvoked(event, open?.asked.f)
    this.#open.delete(process)
    return this.#told(open, event)
  }

  /** The operations that never ended, in the order of their invocations. */
  end(): FileOperation[] {
    const pending = [...this.#open.values()].map((open) => unanswered(open))
    this.#open.clear()
    return pending
  }

  #told({ asked, position: call }: Open, event: HistoryEvent): FileOperation {
    const { process, type, value, time } = event
    const isTimed = this.#hasTimes && time !== undefined
    const input = isTimed ? { ...asked, timeReturned: time } : asked
    if (type === 'info') return unanswered({ asked: input, position: call })
    const failed = type === 'fail'
    if (failed && (this.#failed === 'dropped' || value === 'timed-out')) {
      return { process, input, call, return: this.#position, outcome: 'fail' }
    }
    const output = value === null && !failed ? nothing : { value, failed }
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

function unanswered({ asked: input, position: call }: Open): FileOperation {
  const { process } = input
  return { process, input, call, return: Infinity, outcome: 'info' }
}

/** What an event asks for. */
function askedOf({ process, f, key, value }: Asked): Asked {
  // Spelled out: a spread costs many times as much.
  return key === undefined ? { process, f, value } : { process, f, key, value }
}
