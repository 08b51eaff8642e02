// Makes operations of events: each invocation with what its process is told next. What was asked is
// taken from the invocation alone. Instants are the places of the events in the file, which are
// exact where clocks are not.

import type { Asked, HistoryEvent, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import { FormatError } from './format.ts'

/** What a `fail` says: `dropped`, it did not happen; `observed`, it saw why it could not. */
export type Failed = 'dropped' | 'observed'

/** Pairs the events of one history, in their order. */
export class Pairing {
  readonly #failed: Failed
  readonly #hasTimes: boolean
  readonly #open = new Map<number, { readonly asked: Asked; readonly call: number }>()
  #at = 0

  /** @param hasTimes whether operations say when they were asked and told; few models need it */
  constructor(failed: Failed = 'dropped', hasTimes = false) {
    this.#failed = failed
    this.#hasTimes = hasTimes
  }

  /** The operation that ends with this event, or null. @throws FormatError by the event's number */
  observe(event: HistoryEvent): Operation<Asked, Told> | null {
    this.#at += 1
    const { process, type, f, key, value } = event
    const time = this.#hasTimes ? event.time : undefined
    const open = this.#open.get(process)
    if (type === 'invoke') {
      if (open !== undefined) {
        const before = `its ${open.asked.f} of event ${open.call} has no answer yet`
        throw new FormatError(this.#at, 1, `process ${process} asks for ${f}, and ${before}`)
      }
      const position = this.#at
      // Spelled out: a spread costs many times as much.
      const asked: Asked =
        key === undefined ? { process, f, value, position } : { process, f, key, value, position }
      this.#open.set(process, {
        asked: time === undefined ? asked : { ...asked, time },
        call: position,
      })
      return null
    }
    if (open === undefined) {
      const what = `process ${process} is told ${type}, and has asked for nothing`
      throw new FormatError(this.#at, 1, `${what}; an invocation was expected`)
    }
    this.#open.delete(process)
    const { call } = open
    const asked = time === undefined ? open.asked : { ...open.asked, timeReturned: time }
    if (type === 'info') {
      return { process, input: asked, call, return: Infinity, outcome: 'info' }
    }
    const failed = type === 'fail'
    if (failed && (this.#failed === 'dropped' || value === 'timed-out')) {
      return { process, input: asked, call, return: this.#at, outcome: 'fail' }
    }
    const output = { value, failed }
    return { process, input: asked, call, return: this.#at, outcome: 'ok', output }
  }

  /** The operations that never ended. */
  end(): Operation<Asked, Told>[] {
    return [...this.#open.values()].map(({ asked, call }) => {
      return { process: asked.process, input: asked, call, return: Infinity, outcome: 'info' }
    })
  }
}
