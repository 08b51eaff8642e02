// What ends a holding, entry by entry: its owner, its lease, an operator, or its session; each only
// when it may, and in time. And the delays that keep a key after some of it.

import type { ForceRelease } from '../core/lock/command.ts'
import type * as Told from '../core/lock/event.ts'
import type { SessionEnded } from '../core/session/command.ts'
import type { LockBeliefs } from './lock-beliefs.ts'
import type { Holder, LockTable, TableLock, Whose } from './lock-table.ts'
import { isOf } from './lock-terms.ts'
import type { LockEntry } from './lock-terms.ts'
import { leastUs } from './log-time.ts'
import type { Stage } from './workload.ts'

const OWN = 'only the holder releases'
export const TAKEN = 'only an operator takes away'
const SESSION = 'what a session has ends with it'
const EXPIRY = 'no early expiry'
export const ASKED = 'a lease ends as asked'
export const DELAY = 'nobody within a lock-delay'
const DUE = 'what is due ends'
export const LEVELS = 'levels'

/** The rules that are looked at here, some of them elsewhere too. */
export const END_ORACLES: readonly string[] = [
  OWN,
  TAKEN,
  SESSION,
  EXPIRY,
  ASKED,
  DELAY,
  DUE,
  LEVELS,
]

/** How a session has ended; null when it has not. */
export type EndOf = (session: number | null) => SessionEnded['by'] | null

export class LockEnds {
  readonly #stage: Stage
  readonly #table: LockTable
  readonly #beliefs: LockBeliefs
  readonly #endOf: EndOf

  constructor(stage: Stage, table: LockTable, beliefs: LockBeliefs, endOf: EndOf) {
    this.#stage = stage
    this.#table = table
    this.#beliefs = beliefs
    this.#endOf = endOf
  }

  released(event: Told.ReleasedEvent, entry: LockEntry): void {
    const { key, token } = event
    const { command } = entry
    this.#evaluated(OWN)
    const holder = this.holderOf(event, OWN, 'released')
    if (command?.type !== 'release' || !isOf(entry, event)) {
      this.#fail(OWN, `${key} was freed by ${command?.type}`)
    }
    if (command.token !== null && command.token !== token) {
      this.#fail(OWN, `of ${key}, a release of token ${command.token} freed token ${token}`)
    }
    this.#evaluated(LEVELS)
    if (holder.count > 1 && !command.all) {
      this.#fail(LEVELS, `${key} was freed by a release of one of ${holder.count} levels`)
    }
    if (holder.count > 1) this.#stage.probe('all levels released at once')
    if (command.token === null) this.#stage.probe('lock freed without naming its token')
    this.#table.of(key).drop(holder, null)
  }

  expired(event: Told.ExpiredEvent, { timeMs, appendedUs, node }: LockEntry): void {
    const { key, token, owner } = event
    this.#evaluated(EXPIRY)
    const holder = this.holderOf(event, EXPIRY, 'lost')
    const { deadlineMs, leftMs } = holder
    const heldUs = appendedUs - holder.appendedUs
    const isEarly = deadlineMs === null || deadlineMs > timeMs
    if (isEarly || heldUs < leastUs(leftMs, this.#stage.clockDriftPpm)) {
      const time = `after ${heldUs / 1_000} ms of ${leftMs} ms`
      this.#fail(EXPIRY, `${owner} lost ${key} (token ${token}) ${time}`)
    }
    this.#table.of(key).drop(holder, timeMs)
    if (this.#stage.isCutOff(clientOf(owner), node)) {
      this.#stage.probe('lease ran out behind a partition')
    }
  }

  revoked(event: Told.RevokedEvent, { command }: LockEntry): void {
    const { key, owner, token, deadlineMs } = event
    this.#evaluated(TAKEN)
    const holder = this.holderOf(event, TAKEN, 'was refused')
    const isAsked = command?.type === 'forceRelease' && command.key === key && !command.now
    if (!isAsked || (command.token !== null && command.token !== token)) {
      this.#fail(TAKEN, `${key} was revoked from ${owner} by ${command?.type}`)
    }
    if (deadlineMs !== holder.deadlineMs) this.#fail(ASKED, `${key} was revoked for ${deadlineMs}`)
    this.#table.of(key).put({ ...holder, revoked: true })
  }

  lost(event: Told.LostEvent, { command, timeMs }: LockEntry): void {
    const { key, owner, session, token, by } = event
    this.#evaluated(TAKEN)
    const holder = this.holderOf(event, TAKEN, 'lost')
    if (by === 'session') {
      const end = this.mustHaveLostIts(session, `${owner} lost ${key} (token ${token})`)
      // What a client that closes its session has in it, it gives back.
      this.#table.of(key).drop(holder, end === 'expiry' ? timeMs : null)
      return
    }
    const isAsked = command?.type === 'forceRelease' && command.key === key && command.now
    if (!isAsked || (command.token !== null && command.token !== token)) {
      this.#fail(TAKEN, `${owner} lost ${key} by ${by}, and ${command?.type} was applied`)
    }
    this.#stage.probe('lock taken away at once')
    this.#table.of(key).drop(holder, timeMs)
    this.#beliefs.forced(clientOf(owner), key, token)
  }

  /** All that an operator meant is taken; when it is all there is, the lock takes in no more. */
  forced({ key, token, now }: ForceRelease, { events }: LockEntry): void {
    this.#evaluated(TAKEN)
    const lock = this.#table.of(key)
    const meant = lock.holders.filter((holder) => token === null || holder.token === token)
    const isFresh = (holder: Holder): boolean =>
      events.some((event) => event.type === 'granted' && event.token === holder.token)
    const left = meant.filter((holder) => (now ? !isFresh(holder) : !holder.revoked))
    if (left.length > 0) {
      this.#fail(TAKEN, `${key} was to be taken from ${left[0]?.owner}, which has it still`)
    }
    if (now || meant.length === 0) return
    this.#stage.probe('lock revoked')
    lock.isClosed ||= meant.length === lock.holders.length
  }

  delayed({ key, untilMs }: Told.DelayedEvent): void {
    this.#evaluated(DELAY)
    const lock = this.#table.of(key)
    if (lock.isHeld || untilMs !== lock.delayUntilMs) {
      this.#fail(DELAY, `${key} is kept until ${untilMs}, and not until ${lock.delayUntilMs}`)
    }
    lock.isDelayed = true
    this.#stage.probe('lock kept by a lock-delay')
  }

  /** Delays that an expiry ends leave no event behind: they are the first, by their end and key. */
  endDelays(count: number, { timeMs }: LockEntry): void {
    if (count === 0) return
    this.#evaluated(DELAY)
    const delayed = [...this.#table.entries()].filter(([, lock]) => lock.isDelayed)
    delayed.sort(([a, { delayUntilMs: x }], [b, { delayUntilMs: y }]) => x - y || (a < b ? -1 : 1))
    for (const [key, lock] of delayed.slice(0, count)) {
      if (lock.delayUntilMs > timeMs) this.#fail(DELAY, `that of ${key} was ended early`)
      lock.isDelayed = false
    }
  }

  /** An expiry ends as much as it may; when that is less, nothing that is over is left. */
  mustHaveEnded(max: number, { reply, timeMs }: LockEntry): void {
    if (reply?.type !== 'swept') return
    this.#evaluated(DUE)
    const ended = reply.locks + reply.waiters + reply.delays
    if (ended > max) this.#fail(DUE, `${ended} were ended at once, and ${max} may be`)
    if (ended === max) return
    for (const [key, lock] of this.#table.entries()) {
      this.#mustHaveLeft(key, lock)
      const ends = [...lock.holders, ...lock.queue].map(({ deadlineMs }) => deadlineMs ?? Infinity)
      if (lock.isDelayed) ends.push(lock.delayUntilMs)
      if (ends.some((endMs) => endMs <= timeMs)) this.#fail(DUE, `${key} is as it was at ${timeMs}`)
    }
  }

  /** Nobody whose session has ended holds the key or waits for it. */
  #mustHaveLeft(key: string, { holders, queue }: TableLock): void {
    this.#evaluated(SESSION)
    for (const { session } of [...holders, ...queue]) {
      if (this.#endOf(session) === null) continue
      this.#fail(SESSION, `session ${session} has ended, and has a part in ${key} still`)
    }
  }

  /** Something was lost with its session, which must have ended. */
  mustHaveLostIts(session: number | null, what: string): SessionEnded['by'] {
    this.#evaluated(SESSION)
    const end = this.#endOf(session)
    if (end === null) this.#fail(SESSION, `${what}, since session ${session} had ended: it had not`)
    this.#stage.probe(`lost with a session, by ${end}`)
    return end
  }

  /** The holding that an event is about: it must be the owner's, under that token. */
  holderOf(
    event: Whose & { readonly key: string; readonly token: number },
    oracle: string,
    did: string,
  ): Holder {
    const { key, owner, token } = event
    const holder = this.#table.of(key).holderOf(event)
    if (holder?.token === token) return holder
    const held = this.#table.of(key).holders.map((one) => `${one.owner} with ${one.token}`)
    return this.#fail(oracle, `${owner} ${did} ${key} with token ${token}, held by: ${held.join()}`)
  }

  #evaluated(oracle: string): void {
    this.#stage.evaluated(oracle)
  }

  #fail(oracle: string, message: string): never {
    this.#stage.fail(oracle, message)
  }
}

/** The number of the client in its owner's name; one that has many tells them apart behind it. */
function clientOf(owner: string): number {
  return Number(owner.slice(1).split('.')[0])
}
