// A backend of the service on a carrier within the process, with a clock that is driven: what
// leaves is applied to a lock machine at once, unless the test keeps it back, or its answer.

import { Caller } from '../../client/caller.ts'
import type { Carrier, CarrierEvents } from '../../client/caller.ts'
import { DrivenClock } from '../../client/driven-clock.ts'
import { ServiceBackend, weighReply } from '../../client/service-backend.ts'
import { lockService } from '../../core/lock/machine.ts'
import type { LockService } from '../../core/lock/machine.ts'
import type { LockCommand } from '../../core/lock/command.ts'
import { mapEntries } from '../../core/ordered-map.ts'
import type { SessionCommand, SessionReply } from '../../core/session/command.ts'
import type { SessionLimits } from '../../core/session/limits.ts'
import type { LockReply } from '../../core/lock/reply.ts'
import type { ClientRequest } from '../../transports/client-codec.ts'
import type { AcquireReply, AcquireRequest, ReleaseReply } from '../../client/backend.ts'

/** What becomes of a command on its way. */
export type Fate = 'applied' | 'unanswered' | 'keptBack' | 'broken'

export type Command = SessionCommand<LockCommand>

export class Rig {
  readonly clock: DrivenClock = new DrivenClock()
  readonly backend: ServiceBackend
  /** What arrived, queries left out. */
  readonly commands: Command[] = []
  readonly replies: SessionReply<LockReply>[] = []
  fate: (command: Command) => Fate = () => 'applied'
  /** The service's time is ahead of the client's by so much. */
  aheadMs = 0
  readonly #machine: LockService
  #state: ReturnType<LockService['initial']>
  #index = 0
  readonly #kept: ClientRequest[] = []
  readonly #waiting = new Map<number, number>()
  #events: CarrierEvents | null = null

  constructor(limits: Partial<SessionLimits> = {}) {
    this.#machine = lockService(undefined, limits)
    this.#state = this.#machine.initial()
    const caller = new Caller({
      nodes: ['a', 'b'],
      attemptTimeoutMs: 100,
      retryPauseMs: 20,
      clock: this.clock,
      random: () => 0,
      weigh: weighReply,
      open: (events) => {
        this.#events = events
        return this.#carrier()
      },
    })
    let names = 0
    this.backend = new ServiceBackend({
      caller,
      newRequestId: () => `r${names++}`,
      requestTimeoutMs: 1_000,
      waitMarginMs: 100,
    })
  }

  get sessions(): readonly number[] {
    return [...mapEntries(this.#state.sessions)].map(([id]) => id)
  }

  /** Calls that the sessions remember. */
  get callsCount(): number {
    const all = [...mapEntries(this.#state.sessions)]
    return all.reduce((sum, [, { calls }]) => sum + [...mapEntries(calls)].length, 0)
  }

  get memosCount(): number {
    return this.#state.inner.memosCount
  }

  /** The commands of one type that came so far. */
  of(type: Command['type']): number {
    return this.commands.filter((command) => command.type === type).length
  }

  acquire(
    key: string,
    more: Partial<AcquireRequest> = {},
    signal?: AbortSignal,
  ): Promise<AcquireReply> {
    const terms = { key, owner: 'me', mode: 'exclusive', ttlMs: 10_000, waitMs: 0 } as const
    return this.backend.acquire({ ...terms, metadata: {}, ...more }, signal)
  }

  release(key: string, token: number): Promise<ReleaseReply> {
    return this.backend.release({ key, owner: 'me', token, all: false })
  }

  /** What was kept back arrives now. */
  letGo(): void {
    for (const request of this.#kept.splice(0)) this.#take(request, 'applied')
  }

  #carrier(): Carrier {
    return {
      send: (node, request) => {
        const command = this.#machine.decodeCommand(request.payload)
        if (command === null) throw new Error('no command')
        const fate = request.read ? 'applied' : this.fate(command)
        if (fate === 'keptBack') this.#kept.push(request)
        else this.#take(request, fate)
        if (fate === 'broken') this.#events?.lost(node)
      },
      flush: () => {},
      withdraw: () => false,
      soon: (then) => queueMicrotask(then),
      problems: () => [],
      close: () => {},
    }
  }

  #take({ request, read, payload }: ClientRequest, fate: Fate): void {
    const command = this.#machine.decodeCommand(payload) as Command
    const timeMs = this.clock.now() + this.aheadMs
    if (read) {
      const reply = this.#machine.query(this.#state, command, timeMs)
      if (reply !== null) this.#answer(request, reply)
      return
    }
    for (;;) {
      const due = this.#machine.due(this.#state)
      if (due === null || due.atMs > timeMs) break
      this.#apply(due.command, timeMs)
    }
    this.commands.push(command)
    if (fate === 'applied') this.#waiting.set(this.#index + 1, request)
    this.#apply(command, timeMs)
  }

  #apply(command: Command, timeMs: number): void {
    const index = ++this.#index
    const context = { index, timeMs, version: 1 }
    const [state, reply, events] = this.#machine.apply(this.#state, command, context)
    this.#state = state
    if (reply !== null) this.#answerTo(index, reply)
    for (const event of events) {
      if (event.type === 'answer') this.#answerTo(event.index, event.reply)
    }
  }

  #answerTo(index: number, reply: SessionReply<LockReply>): void {
    const request = this.#waiting.get(index)
    this.#waiting.delete(index)
    if (request !== undefined) this.#answer(request, reply)
  }

  #answer(request: number, reply: SessionReply<LockReply>): void {
    this.replies.push(reply)
    const outcome = { type: 'done', index: 1, reply: this.#machine.encodeReply(reply) } as const
    this.#events?.replied({ request, outcome, leader: null })
  }
}
