// Makes commands of the steps of a history: it keeps what clients keep (their sessions, the numbers
// of their calls, what they have sent) and looks up what a step means in the machine as it stands.

import { unreachable } from '../../../core/invariant.ts'
import type { LockCommand, LockRequest, Status } from '../../../core/lock/command.ts'
import type { StatusReply } from '../../../core/lock/reply.ts'
import type { Due } from '../../../core/machine.ts'
import type { SessionCommand } from '../../../core/session/command.ts'
import type { Ask, Client, Step } from './arbitrary.ts'

type Command = SessionCommand<LockCommand>

/** What a script looks up. */
export interface View {
  readonly index: number
  readonly timeMs: number
  due(): Due<Command> | null
  status(key: string, holder: Status['holder']): StatusReply
}

/** What comes of a step: the clock goes on, and then a command is applied, or none. */
export interface Line {
  readonly timeMs: number
  readonly command: Command | null
}

/** A history in the making. */
export class Script {
  /** Requests, whether they have arrived or not. */
  readonly #sent: Command[] = []
  readonly #clients: Map<Client, { readonly session: number; sequence: number }> = new Map()
  #swept: Command | null = null

  /** Whether a step makes sense by now. */
  allows(step: Step, view: View): boolean {
    switch (step.type) {
      case 'ask':
      case 'keepAlive':
      case 'close':
        return step.client === null || this.#clients.has(step.client)
      case 'repeat':
        return step.back <= this.#sent.length
      case 'cancel':
        return this.#acquireBack(step.back) !== undefined
      case 'passToDue':
        return view.due() !== null
      case 'sweep': {
        const due = view.due()
        return due !== null && due.atMs <= view.timeMs
      }
      case 'leaderChange':
        return this.#swept !== null
      default:
        return true
    }
  }

  /** What comes of it; to be asked once, and only if it is allowed. */
  next(step: Step, view: View): Line {
    const { timeMs } = view
    switch (step.type) {
      case 'pass':
        return { timeMs: timeMs + step.ms, command: null }
      case 'passToDue': {
        const dueMs = view.due()?.atMs ?? 0
        return { timeMs: Math.max(timeMs, dueMs + step.besideMs), command: null }
      }
      default:
        return { timeMs, command: this.#command(step, view) }
    }
  }

  #command(
    step: Exclude<Step, { readonly type: 'pass' | 'passToDue' }>,
    view: View,
  ): Command | null {
    switch (step.type) {
      case 'ask': {
        const asked = step.byHolder ? this.#byHolder(step, view) : step
        const { client, bound, open } = asked
        const command = this.#send(client, bound, this.#named(asked, view), open)
        return asked.isUnderWay ? null : command
      }
      case 'sweep':
        this.#swept = view.due()?.command ?? null
        return this.#swept
      case 'leaderChange':
        return this.#swept
      case 'strayExpire':
        return { type: 'plain', command: { type: 'expire', max: step.max } }
      case 'open':
        this.#clients.set(step.client, { session: view.index + 1, sequence: 0 })
        return { type: 'openSession', ttlMs: step.ttlMs }
      case 'keepAlive':
        return { type: 'keepAlive', session: this.#sessionOf(step.client) }
      case 'close':
        return { type: 'closeSession', session: this.#sessionOf(step.client) }
      case 'repeat':
        return this.#sent[this.#sent.length - step.back] ?? null
      case 'cancel':
        return this.#cancel(step)
      case 'query':
        return { type: 'plain', command: step.query }
      default:
        return unreachable(step)
    }
  }

  #sessionOf(client: Client | null): number {
    return client === null ? 0 : (this.#clients.get(client)?.session ?? 0)
  }

  /** By the client that holds the key, as it was drawn if there is none. */
  #byHolder(ask: Ask, view: View): Ask {
    const { owner, session } = view.status(ask.command.key, null)
    const clients: (Client | null)[] = [null, ...this.#clients.keys()]
    // What is held outside of all sessions is within reach of any client's unbound calls.
    const isUnbound = session === null && !ask.bound && ask.client !== null
    const holder = clients.find((one) => this.#sessionOf(one) === (session ?? 0))
    const client = isUnbound ? ask.client : holder
    if (owner === null || client === undefined) return ask
    const { command } = ask
    // What may be left out in a session may not outside of all.
    const requestId = command.requestId ?? (client === null ? 'r0' : null)
    const mine = { ...command, owner, requestId }
    const isPlainLease = session === null && mine.type === 'acquire' && mine.ttlMs === null
    const asked = isPlainLease ? { ...mine, ttlMs: 100 } : mine
    return { ...ask, client, bound: !isUnbound, command: asked }
  }

  /** With the token that is meant. */
  #named({ client, bound, command, token }: Ask, view: View): LockRequest {
    if (command.type === 'acquire' || token === 'none') return command
    const session = client === null || !bound ? null : this.#sessionOf(client)
    const mine = view.status(command.key, { owner: command.owner, session })
    const told = mine.token > 0 ? mine : view.status(command.key, null)
    return { ...command, token: token === 'present' ? told.token : Math.max(0, told.token - 1) }
  }

  #send(client: Client | null, bound: boolean, command: LockCommand, open: number): Command {
    const known = client === null ? undefined : this.#clients.get(client)
    if (known === undefined) return this.#sending({ type: 'plain', command })
    known.sequence += 1
    const { session, sequence } = known
    const acknowledged = Math.max(0, sequence - 1 - open)
    return this.#sending({ type: 'call', session, sequence, acknowledged, bound, command })
  }

  #sending(command: Command): Command {
    this.#sent.push(command)
    return command
  }

  #acquireBack(back: number): Command | undefined {
    const acquires = this.#sent.filter((sent) => {
      return (sent.type === 'plain' || sent.type === 'call') && sent.command.type === 'acquire'
    })
    return acquires[acquires.length - back]
  }

  /** As the acquire came, if its session is still its client's; or in another way. */
  #cancel({ back, all, way }: Extract<Step, { readonly type: 'cancel' }>): Command | null {
    const sent = this.#acquireBack(back)
    if (sent === undefined || (sent.type !== 'plain' && sent.type !== 'call')) return null
    if (sent.command.type !== 'acquire') return null
    const { key, owner, requestId } = sent.command
    const plain = { type: 'cancel', key, owner, requestId } as const
    const cancel = all ? { ...plain, requestId: null } : plain
    const isPlain = way === 'same' ? sent.type === 'plain' : way === 'plain'
    if (isPlain) return requestId === null ? null : this.#send(null, true, plain, 0)
    const clients = [...this.#clients]
    if (way === 'unbound') {
      const [any] = clients
      return any === undefined ? null : this.#send(any[0], false, cancel, 2)
    }
    if (sent.type === 'plain') return null
    const client = clients.find(([, { session }]) => session === sent.session)?.[0]
    return client === undefined ? null : this.#send(client, sent.bound, cancel, 2)
  }
}
