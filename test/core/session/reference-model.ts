// Sessions once more, as naively as can be: scans over plain maps that forget nothing. Only the
// inner machine is the same.

import type { ApplyContext, MachineEvent } from '../../../core/machine.ts'
import type * as Session from '../../../core/session/command.ts'
import type { SessionLimits } from '../../../core/session/limits.ts'
import type { Added, Board, BoardCommand, BoardReply } from './support.ts'
import { board, wakeOwn } from './support.ts'

type Command = Session.SessionCommand<BoardCommand>
type Reply = Session.SessionReply<BoardReply>

interface KnownCall {
  readonly body: string
  readonly firstIndex: number
  newestIndex: number
  reply: BoardReply | null
}

interface KnownSession {
  readonly ttlMs: number
  heardMs: number
  mark: number
  readonly calls: Map<number, KnownCall>
}

const no = (reason: Session.SessionReason): Reply => ({ type: 'rejected', reason })

export class ReferenceModel {
  readonly sessions: Map<number, KnownSession> = new Map()
  readonly ended: KnownSession[] = []
  inner: Board = board.initial()
  events: MachineEvent<Reply, Session.SessionEvent<Added>>[] = []
  readonly #limits: SessionLimits
  #at: ApplyContext = { index: 0, timeMs: 0, version: 1 }

  constructor(limits: SessionLimits) {
    this.#limits = limits
  }

  apply(command: Command, context: ApplyContext): Reply | null {
    const { index, timeMs } = context
    this.#at = context
    this.events = []
    if (command.type === 'openSession') {
      const { ttlMs } = command
      if (ttlMs < 100 || ttlMs > 86_400_000) return no('ttlOutOfRange')
      if (this.sessions.size >= this.#limits.sessionsMax) return no('tooManySessions')
      this.sessions.set(index, { ttlMs, heardMs: timeMs, mark: 0, calls: new Map() })
      return { type: 'opened', session: index, ttlMs }
    }
    if (command.type === 'expireSessions') {
      const due = [...this.sessions].filter(([, { heardMs, ttlMs }]) => heardMs + ttlMs <= timeMs)
      due.sort(([a, x], [b, y]) => x.heardMs + x.ttlMs - (y.heardMs + y.ttlMs) || a - b)
      for (const [id] of due.slice(0, command.max)) this.#end(id, 'expiry')
      return { type: 'expired', sessions: Math.min(due.length, command.max) }
    }
    if (command.type === 'plain') return this.#applyInner(command.command, null, false)
    const session = this.sessions.get(command.session)
    if (session === undefined) return no('sessionEnded')
    session.heardMs = timeMs
    if (command.type === 'call') return this.#call(session, command)
    if (command.type === 'keepAlive') return { type: 'keptAlive', ttlMs: session.ttlMs }
    this.#end(command.session, 'close')
    return { type: 'closed' }
  }

  #call(session: KnownSession, call: Session.Call<BoardCommand>): Reply | null {
    session.mark = Math.max(session.mark, call.acknowledged)
    const { sequence, command } = call
    if (sequence <= session.mark) return no('alreadyAnswered')
    const body = JSON.stringify([command, call.bound])
    const known = session.calls.get(sequence)
    if (known !== undefined && known.body !== body) return no('sequenceReused')
    if (known !== undefined && known.reply !== null) return { type: 'replied', reply: known.reply }
    if (known !== undefined) {
      this.events.push({ type: 'answer', index: known.newestIndex, reply: { type: 'superseded' } })
      known.newestIndex = this.#at.index
      return null
    }
    const kept = [...session.calls].filter(([other]) => other > session.mark)
    const replies = kept.flatMap(([, { reply }]) => (reply === null ? [] : JSON.stringify(reply)))
    const bytes = replies.join('').length
    const ahead = sequence - session.mark
    const full = bytes >= this.#limits.replyBytesMax && ahead > 1
    if (full || ahead > this.#limits.unacknowledgedMax) return no('tooManyUnacknowledged')
    const firstIndex = this.#at.index
    session.calls.set(sequence, { body, firstIndex, newestIndex: firstIndex, reply: null })
    const reply = this.#applyInner(command, call.bound ? call.session : null, true)
    if (reply?.type === 'replied') session.calls.get(sequence)!.reply = reply.reply
    return reply
  }

  #applyInner(command: BoardCommand, session: number | null, guarded: boolean): Reply | null {
    const context = { ...this.#at, session, guarded }
    const [inner, reply, events] = board.apply(this.inner, command, context)
    this.inner = inner
    for (const event of events) this.#hear(event)
    return reply === null ? null : { type: 'replied', reply }
  }

  #hear(event: MachineEvent<BoardReply, Added>): void {
    if (event.type !== 'answer') return void this.events.push({ type: 'inner', event })
    const all = [...this.sessions.values(), ...this.ended]
    const calls = all.flatMap((session) => [...session.calls.values()])
    const call = calls.find(({ firstIndex }) => firstIndex === event.index)
    if (call !== undefined) call.reply = event.reply
    const index = call?.newestIndex ?? event.index
    this.events.push({ type: 'answer', index, reply: { type: 'replied', reply: event.reply } })
  }

  #end(id: number, by: 'close' | 'expiry'): void {
    this.ended.push(this.sessions.get(id)!)
    this.sessions.delete(id)
    const { index, timeMs } = this.#at
    const ended = { type: 'sessionEnded', session: id, by, index, timeMs } as const
    this.events.push(ended)
    const [inner, events] = wakeOwn(this.inner, ended)
    this.inner = inner
    for (const event of events) this.#hear(event)
  }
}
