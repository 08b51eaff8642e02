// What must hold of sessions, entry by entry, whatever the machine in them does: a session lives
// for as long as its client is heard and not much longer, and each call has one effect and one
// answer. It keeps its own account of both, and says what of each entry reached the machine within.

import type { Answer } from '../core/machine.ts'
import type {
  Call,
  ExpireSessions,
  SessionCommand,
  SessionEnded,
  SessionEvent,
  SessionReply,
} from '../core/session/command.ts'
import { leastUs } from './log-time.ts'
import { samePlain } from './same.ts'
import type { FirstApplied, Stage } from './workload.ts'

const KNOWN = 'sessions are known'
const EARLY = 'no early end of a session'
const DUE = 'a session ends when it is due'
const ONCE = 'one effect for each call'

/** The rules that are looked at here. */
export const SESSION_ORACLES: readonly string[] = [KNOWN, EARLY, DUE, ONCE]

/** What of an entry reached the machine within the sessions: no command, when nothing did. */
export interface InnerEntry<Command, Reply, MachineEvent>
  extends Omit<FirstApplied<Command, Reply, MachineEvent>, 'answers'> {
  /** The session whose it is; null: nobody's, and so is an unbound call. */
  readonly session: number | null
  /** It is a call: its session sees to its having its effect once. */
  readonly guarded: boolean
}

type Entry<Command, Reply, MachineEvent> = FirstApplied<
  SessionCommand<Command>,
  SessionReply<Reply>,
  SessionEvent<MachineEvent>
>

interface Known<Reply> {
  readonly asked: Pick<Call<unknown>, 'bound' | 'command'>
  /** Null while it waits for its answer. */
  reply: Reply | null
}

interface Live<Reply> {
  readonly ttlMs: number
  /** Log time of its end. */
  deadlineMs: number
  /** True time at which what was last heard of its client was appended. */
  heardUs: number
  acknowledged: number
  readonly calls: Map<number, Known<Reply>>
}

/** Follows the sessions of one run. */
export class SessionOracles<Command, Reply, MachineEvent> {
  readonly #stage: Stage
  readonly #live = new Map<number, Live<Reply>>()
  readonly #ended = new Map<number, SessionEnded['by']>()
  /** Calls that wait, by the entry of their newest attempt. */
  readonly #waits = new Map<number, Known<Reply>>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** How a session has ended; null when it has not. */
  endOf(session: number | null): SessionEnded['by'] | null {
    return session === null ? null : (this.#ended.get(session) ?? null)
  }

  /** Judges an entry. */
  applied(
    entry: Entry<Command, Reply, MachineEvent>,
  ): InnerEntry<Command, Reply, MachineEvent> {
    const { node, index, timeMs, command, reply, appendedUs } = entry
    const events: MachineEvent[] = []
    const ends: SessionEnded[] = []
    for (const event of entry.events) {
      if (event.type === 'inner') events.push(event.event)
      else ends.push(event)
    }
    this.#onEnds(ends, entry)
    const isInner = this.#onCommand(entry)
    if (!isInner && events.length > 0 && ends.length === 0) {
      this.#fail(ONCE, `${events.length} events of an entry ${index} that has no effect`)
    }
    for (const answer of entry.answers) this.#onAnswer(answer)
    const where = { node, index, timeMs, events, appendedUs }
    if (!isInner) return { ...where, command: null, reply: null, session: null, guarded: false }
    const asked = command as Extract<typeof command, { readonly command: Command }>
    const guarded = asked.type === 'call'
    const session = guarded && asked.bound ? asked.session : null
    const replied = reply?.type === 'replied' ? reply.reply : null
    return { ...where, command: asked.command, reply: replied, session, guarded }
  }

  /** Judges the reply of an entry; true when the machine within was asked. */
  #onCommand(entry: Entry<Command, Reply, MachineEvent>): boolean {
    const { command, reply, index, timeMs, appendedUs } = entry
    if (command === null) return false
    switch (command.type) {
      case 'openSession': {
        const { ttlMs } = command
        this.#mustBe(KNOWN, command, reply, { type: 'opened', session: index, ttlMs })
        this.#stage.trace('log', `session ${index} is open for ${ttlMs} ms`)
        const calls = new Map<number, Known<Reply>>()
        const deadlineMs = timeMs + ttlMs
        this.#live.set(index, { ttlMs, deadlineMs, heardUs: appendedUs, acknowledged: 0, calls })
        return false
      }
      case 'keepAlive': {
        const live = this.#heard(command, entry)
        if (live !== null) {
          this.#mustBe(KNOWN, command, reply, { type: 'keptAlive', ttlMs: live.ttlMs })
        }
        return false
      }
      case 'closeSession':
        // Its end, if it lived, is looked at by now.
        if (!entry.events.some(({ type }) => type === 'sessionEnded')) this.#heard(command, entry)
        else this.#mustBe(KNOWN, command, reply, { type: 'closed' })
        return false
      case 'expireSessions':
        this.#onExpiry(command, entry)
        return false
      case 'call':
        return this.#onCall(command, entry)
      case 'plain':
        return true
    }
  }

  /** The client of a session is heard; null when there is none, and it must be told so. */
  #heard(
    command: Extract<SessionCommand<Command>, { readonly session: number }>,
    { reply, timeMs, appendedUs }: Entry<Command, Reply, MachineEvent>,
  ): Live<Reply> | null {
    const live = this.#live.get(command.session)
    if (live === undefined) {
      this.#mustBe(KNOWN, command, reply, { type: 'rejected', reason: 'sessionEnded' })
      this.#stage.probe('asked in a session that has ended')
      return null
    }
    live.deadlineMs = timeMs + live.ttlMs
    live.heardUs = appendedUs
    return live
  }

  /** True when it is the first attempt of a call that may have its effect. */
  #onCall(command: Call<Command>, entry: Entry<Command, Reply, MachineEvent>): boolean {
    const { reply, answers, index } = entry
    const live = this.#heard(command, entry)
    if (live === null) return false
    const { sequence } = command
    const { calls } = live
    live.acknowledged = Math.max(live.acknowledged, command.acknowledged)
    for (const known of calls.keys()) if (known <= live.acknowledged) calls.delete(known)
    if (sequence <= live.acknowledged) {
      this.#mustBe(ONCE, command, reply, { type: 'rejected', reason: 'alreadyAnswered' })
      this.#stage.probe('a call came after it was given up')
      return false
    }
    const known = calls.get(sequence)
    if (known === undefined) {
      const asked = { bound: command.bound, command: command.command }
      const first = { asked, reply: reply?.type === 'replied' ? reply.reply : null }
      if (first.reply === null) {
        this.#mustBe(ONCE, command, reply, null)
        this.#waits.set(index, first)
      }
      calls.set(sequence, first)
      return true
    }
    const { bound, command: asked } = known.asked
    if (bound !== command.bound || !samePlain(asked, command.command)) {
      this.#mustBe(ONCE, command, reply, { type: 'rejected', reason: 'sequenceReused' })
      this.#stage.probe('a number was asked for another command')
      return false
    }
    this.#stage.probe(command.bound ? 'a call came again' : 'an unbound call came again')
    if (known.reply !== null) {
      this.#mustBe(ONCE, command, reply, { type: 'replied', reply: known.reply })
      return false
    }
    this.#mustBe(ONCE, command, reply, null)
    const [superseded] = answers
    const newest = superseded === undefined ? undefined : this.#waits.get(superseded.index)
    if (superseded?.reply.type !== 'superseded' || newest !== known) {
      this.#fail(ONCE, `call ${sequence} of session ${command.session} waits twice`)
    }
    this.#waits.delete(superseded.index)
    this.#waits.set(index, known)
    return false
  }

  /** A late answer: of a call, when one waits there. */
  #onAnswer({ index, reply }: Answer<SessionReply<Reply>>): void {
    const known = this.#waits.get(index)
    if (known === undefined) return
    this.#evaluated(ONCE)
    if (reply.type !== 'replied') {
      this.#fail(ONCE, `entry ${index} waits, and is told ${reply.type}`)
    }
    known.reply = reply.reply
    this.#waits.delete(index)
  }

  #onEnds(
    ends: readonly SessionEnded[],
    { command, timeMs, appendedUs, index }: Entry<Command, Reply, MachineEvent>,
  ): void {
    for (const { session, by } of ends) {
      this.#evaluated(EARLY)
      const live = this.#live.get(session)
      const what = `session ${session} was ended by ${by} in entry ${index}`
      if (live === undefined) this.#fail(EARLY, `${what}, and was not there`)
      const isClosed = command?.type === 'closeSession' && command.session === session
      if (by === 'close' ? !isClosed : command?.type !== 'expireSessions') {
        this.#fail(EARLY, `${what}, and ${command?.type} was applied`)
      }
      const silentUs = appendedUs - live.heardUs
      const least = leastUs(live.ttlMs, this.#stage.clockDriftPpm)
      if (by === 'expiry' && (timeMs < live.deadlineMs || silentUs < least)) {
        const since = `${silentUs / 1_000} ms after its client was heard, of ${live.ttlMs} ms`
        this.#fail(EARLY, `${what}, ${since}`)
      }
      this.#live.delete(session)
      this.#ended.set(session, by)
      this.#stage.trace('log', `session ${session} has ended: ${by} (entry ${index})`)
      this.#stage.probe(by === 'close' ? 'session closed' : 'session ran out')
    }
  }

  /** It ends as many as it may; when that are fewer, none that is due is left. */
  #onExpiry(command: ExpireSessions, entry: Entry<Command, Reply, MachineEvent>): void {
    const { reply, events, timeMs } = entry
    const sessions = events.filter(({ type }) => type === 'sessionEnded').length
    this.#mustBe(DUE, command, reply, { type: 'expired', sessions })
    if (sessions > command.max) this.#fail(DUE, `${sessions} were ended of ${command.max}`)
    if (sessions === command.max) return
    for (const [session, { deadlineMs }] of this.#live) {
      if (deadlineMs <= timeMs) this.#fail(DUE, `session ${session} lives on at ${timeMs}`)
    }
  }

  #mustBe(
    oracle: string,
    command: SessionCommand<Command>,
    reply: SessionReply<Reply> | null,
    expected: SessionReply<Reply> | null,
  ): void {
    this.#evaluated(oracle)
    if (samePlain(reply, expected)) return
    const [is, must] = [JSON.stringify(reply), JSON.stringify(expected)]
    this.#fail(oracle, `${JSON.stringify(command)} was answered ${is}, not ${must}`)
  }

  #evaluated(oracle: string): void {
    this.#stage.evaluated(oracle)
  }

  #fail(oracle: string, message: string): never {
    this.#stage.fail(oracle, message)
  }
}
