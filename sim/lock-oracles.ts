// What must hold of locks, entry by entry: who comes first, who may hold together, how tokens grow,
// what changes a holding and what ends it, and that nothing waits or stays that need not.

import type { Acquire, ForceRelease, LockCommand, Mode } from '../core/lock/command.ts'
import type * as Told from '../core/lock/event.ts'
import { isRefusal } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import type { LockReply, Reason } from '../core/lock/reply.ts'
import type { LockBeliefs } from './lock-beliefs.ts'
import { beyondLimits, reached } from './lock-room.ts'
import type { Holder, TableLock, Waiter, Whose } from './lock-table.ts'
import { LockTable } from './lock-table.ts'
import { isMeant, leaseAfter, levelAfter } from './lock-terms.ts'
import { RequestFates } from './request-fates.ts'
import type { FirstApplied, Stage } from './workload.ts'

type Entry = FirstApplied<LockCommand, LockReply, Told.LockEvent>

/** Log time counts whole milliseconds at two ends. */
const GRANULARITY_US = 2_000

const GROW = 'tokens grow'
const ONE = 'one holder in the log'
const ORDER = 'first come, first served'
const GOES = 'who can go goes'
const OWN = 'only the holder releases'
const TAKEN = 'only an operator takes away'
const WAIT = 'no early end of a wait'
const LATE = 'no grant after its wait'
const EXPIRY = 'no early expiry'
const ASKED = 'a lease ends as asked'
const DELAY = 'nobody within a lock-delay'
const DUE = 'what is due ends'
const LEVELS = 'levels'
const WATCH = 'watchers hear of who waits'
const REFUSED = 'refused only at a limit'

/** The rules that are looked at here. */
export const LOCK_ORACLES: readonly string[] = [
  GROW,
  ONE,
  ORDER,
  GOES,
  OWN,
  TAKEN,
  WAIT,
  LATE,
  EXPIRY,
  ASKED,
  DELAY,
  DUE,
  LEVELS,
  WATCH,
  REFUSED,
  'limits',
  'one fate for each request',
]

export class LockOracles {
  readonly #stage: Stage
  readonly #limits: Limits
  readonly #beliefs: LockBeliefs
  readonly #fates: RequestFates
  readonly #table = new LockTable()
  /** The last token of each key, and the entry that gave it. */
  readonly #tokens = new Map<string, { readonly token: number; readonly index: number }>()
  /** The waiter whose wait has just ended as a re-entry. */
  #reentering: Waiter | null = null

  constructor(stage: Stage, limits: Limits, beliefs: LockBeliefs) {
    this.#stage = stage
    this.#limits = limits
    this.#beliefs = beliefs
    this.#fates = new RequestFates(stage, limits, this.#table)
  }

  applied(entry: Entry): void {
    const { command, reply, events } = entry
    const isNew = this.#fates.applied(entry)
    if (isNew && reply?.type === 'rejected') this.#onRejected(command, reply)
    const forced = isNew && reply?.type === 'forced' && command?.type === 'forceRelease'
    if (forced && command.now) this.#table.of(command.key).endDelayed()
    if (reply?.type === 'swept') this.#endDelays(reply.delays, entry)
    for (const event of events) this.#onEvent(event, entry)
    if (forced) this.#onForced(command, entry)
    if (command?.type === 'expire') this.#mustHaveEnded(command.max, entry)
    for (const key of new Set(events.map((event) => event.key))) this.#mustHaveGone(key, entry)
  }

  #onEvent(event: Told.LockEvent, entry: Entry): void {
    switch (event.type) {
      case 'queued':
        return this.#onQueued(event, entry)
      case 'waitEnded':
        return this.#onWaitEnded(event, entry)
      case 'granted':
        return this.#onGranted(event, entry)
      case 'updated':
        return this.#onUpdated(event, entry)
      case 'released':
        return this.#onReleased(event, entry)
      case 'expired':
        return this.#onExpired(event, entry)
      case 'revoked':
        return this.#onRevoked(event, entry)
      case 'lost':
        return this.#onLost(event, entry)
      case 'contended':
        return this.#onContended(event)
      case 'delayed':
        return this.#onDelayed(event)
    }
  }

  #onQueued(event: Told.QueuedEvent, { command, timeMs, appendedUs }: Entry): void {
    const { key, owner, session, index } = event
    const lock = this.#table.of(key)
    if (command?.type !== 'acquire' || command.key !== key || command.owner !== owner) {
      this.#fail(ORDER, `${owner} was made to wait for ${key} by ${command?.type}`)
    }
    if (lock.queue.length === 0 && lock.hasRoom(command.mode)) {
      this.#fail(GOES, `${owner} was made to wait for ${key}, which it could have`)
    }
    const deadlineMs = timeMs + command.waitMs
    lock.queue.push({ command, session, enteredIndex: index, deadlineMs, appendedUs })
    this.#mustBeWithinLimits(key, event)
  }

  #onWaitEnded(event: Told.WaitEndedEvent, entry: Entry): void {
    const { key, owner, by, enteredIndex } = event
    const { command, timeMs, appendedUs } = entry
    this.#evaluated(WAIT)
    const waiter = this.#table.of(key).leave(enteredIndex)
    const ended = `${owner} stopped waiting for ${key}`
    if (waiter === undefined) this.#fail(WAIT, `${ended}, and did not wait`)
    if (by === 'timeout') {
      const waitedUs = appendedUs - waiter.appendedUs
      const { waitMs } = waiter.command
      if (timeMs >= waiter.deadlineMs && waitedUs >= this.#leastUs(waitMs)) return
      this.#fail(WAIT, `${ended} after ${waitedUs / 1_000} ms of ${waitMs} ms`)
    }
    if (by === 'reentry') {
      this.#reentering = waiter
      return
    }
    const { requestId } = waiter.command
    const isAsked = command?.type === 'cancel' && command.requestId === requestId
    if (by !== 'cancel' || !isAsked || command.key !== key || command.owner !== owner) {
      this.#fail(WAIT, `${ended} by ${by}, and ${command?.type} was applied`)
    }
    this.#stage.probe('wait cancelled')
  }

  #onGranted(event: Told.GrantedEvent, entry: Entry): void {
    const { key, owner, session, mode, token, enteredIndex } = event
    const { index, timeMs, appendedUs } = entry
    const lock = this.#table.of(key)
    this.#mustGrow(event, index, lock)
    this.#evaluated(ONE)
    if (lock.isHeld && !lock.hasRoom(mode)) {
      const [holder] = lock.holders
      const held = `${holder?.owner} held it ${lock.mode} with token ${holder?.token}`
      this.#fail(ONE, `${owner} was granted ${key} ${mode} while ${held}`)
    }
    if (!lock.isHeld && lock.delayUntilMs > 0) {
      this.#evaluated(DELAY)
      if (lock.delayUntilMs > timeMs) {
        this.#fail(DELAY, `${owner} was granted ${key} before ${lock.delayUntilMs}, at ${timeMs}`)
      }
      this.#stage.probe('granted after a lock-delay')
    }
    const command = this.#nextIn(lock, event, entry)
    const { ttlMs, lockDelayMs } = command
    if (mode !== command.mode) this.#fail(ONE, `${owner} was granted ${key} ${mode}, unasked`)
    if (lock.isHeld) this.#stage.probe('granted beside other holders')
    else lock.endDelay()
    lock.mode = mode
    const deadlineMs = ttlMs === null ? null : timeMs + ttlMs
    this.#mustEnd(event, deadlineMs)
    const lease = { ttlMs, deadlineMs, leftMs: ttlMs ?? Infinity, appendedUs }
    lock.put({ owner, session, token, count: 1, revoked: false, lockDelayMs, ...lease })
    if (enteredIndex < index && entry.command?.type === 'expire') {
      this.#stage.probe('waiter promoted after the holder was lost')
    }
    this.#mustBeWithinLimits(key, event)
  }

  /** Shared holders that one entry lets in have one token; all others have a later one. */
  #mustGrow({ key, owner, mode, token }: Told.GrantedEvent, index: number, lock: TableLock): void {
    this.#evaluated(GROW)
    const last = this.#tokens.get(key) ?? { token: 0, index: 0 }
    this.#tokens.set(key, { token, index })
    if (token > last.token) return
    const isOne = token === last.token && index === last.index
    if (isOne && lock.isHeld && lock.mode === 'shared' && mode === 'shared') return
    this.#fail(GROW, `${owner} got ${key} with token ${token} after ${last.token}`)
  }

  /** Whose turn it is: the first of the queue, or whoever comes when there is none. */
  #nextIn(lock: TableLock, event: Told.GrantedEvent, { command, index, timeMs }: Entry): Acquire {
    const { key, owner, enteredIndex } = event
    const [first] = lock.queue
    if (first === undefined && enteredIndex === index) {
      if (command?.type === 'acquire' && command.owner === owner && command.key === key) {
        return command
      }
      this.#fail(ORDER, `${owner} was granted ${key} by ${command?.type}`)
    }
    this.#evaluated(ORDER)
    if (first === undefined || first.enteredIndex !== enteredIndex) {
      const order = `of entry ${enteredIndex} before that of entry ${first?.enteredIndex}`
      this.#fail(ORDER, `${key} went to the request ${order}`)
    }
    lock.leave(enteredIndex)
    this.#evaluated(LATE)
    if (first.deadlineMs <= timeMs) {
      const until = `and waited until ${first.deadlineMs}`
      this.#fail(LATE, `${owner} was granted ${key} at ${timeMs}, ${until}`)
    }
    return first.command
  }

  #onUpdated(event: Told.UpdatedEvent, entry: Entry): void {
    const { key, owner, session, mode, token, count } = event
    const { timeMs, appendedUs } = entry
    this.#evaluated(LEVELS)
    const lock = this.#table.of(key)
    const holder = this.#holderOf(event, LEVELS, 'changed')
    const command = this.#reentering?.command ?? entry.command
    this.#reentering = null
    if (command === null || !isMeant(holder, key, command)) {
      const by = JSON.stringify(command)
      this.#fail(LEVELS, `${key}, held by ${owner} with token ${token}, changed by ${by}`)
    }
    if (count !== levelAfter(holder.count, command)) {
      const from = `from ${holder.count} to ${count} by ${JSON.stringify(command)}`
      this.#fail(LEVELS, `the level of ${key} went ${from}`)
    }
    if (holder.revoked && command.type !== 'release') {
      this.#fail(TAKEN, `${owner} goes on holding ${key}, which was taken from it`)
    }
    this.#onMode(lock, event, command.type === 'acquire' ? command.mode : lock.mode)
    if (command.type === 'acquire' && !command.reentrant) this.#stage.probe('lock refreshed')
    const { ttlMs, deadlineMs } = leaseAfter(holder, timeMs, command)
    this.#mustEnd(event, deadlineMs)
    const leftMs = deadlineMs === null ? Infinity : deadlineMs - timeMs
    const { revoked, lockDelayMs } = holder
    const lease = { ttlMs, deadlineMs, leftMs, appendedUs }
    lock.put({ owner, session, token, count, revoked, lockDelayMs, ...lease })
    lock.mode = mode
    this.#mustBeWithinLimits(key, event)
  }

  /** A holder may come to share what it held alone, and not the other way. */
  #onMode(lock: TableLock, { key, owner, mode }: Told.UpdatedEvent, asked: Mode): void {
    const isRight = mode === asked && (mode === lock.mode || mode === 'shared')
    if (!isRight) this.#fail(ONE, `${owner} came to hold ${key} ${mode}, after ${lock.mode}`)
    if (mode !== lock.mode) this.#stage.probe('lock downgraded')
  }

  #onReleased(event: Told.ReleasedEvent, { command }: Entry): void {
    const { key, owner, token } = event
    this.#evaluated(OWN)
    const holder = this.#holderOf(event, OWN, 'released')
    if (command?.type !== 'release' || command.owner !== owner) {
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

  #onExpired(event: Told.ExpiredEvent, { timeMs, appendedUs, node }: Entry): void {
    const { key, token, owner } = event
    this.#evaluated(EXPIRY)
    const holder = this.#holderOf(event, EXPIRY, 'lost')
    const { deadlineMs, leftMs } = holder
    const heldUs = appendedUs - holder.appendedUs
    if (deadlineMs === null || deadlineMs > timeMs || heldUs < this.#leastUs(leftMs)) {
      const time = `after ${heldUs / 1_000} ms of ${leftMs} ms`
      this.#fail(EXPIRY, `${owner} lost ${key} (token ${token}) ${time}`)
    }
    this.#table.of(key).drop(holder, timeMs)
    if (this.#stage.isCutOff(clientOf(owner), node)) {
      this.#stage.probe('lease ran out behind a partition')
    }
  }

  #onRevoked(event: Told.RevokedEvent, { command }: Entry): void {
    const { key, owner, token, deadlineMs } = event
    this.#evaluated(TAKEN)
    const holder = this.#holderOf(event, TAKEN, 'was refused')
    const isAsked = command?.type === 'forceRelease' && command.key === key && !command.now
    if (!isAsked || (command.token !== null && command.token !== token)) {
      this.#fail(TAKEN, `${key} was revoked from ${owner} by ${command?.type}`)
    }
    if (deadlineMs !== holder.deadlineMs) this.#fail(ASKED, `${key} was revoked for ${deadlineMs}`)
    this.#table.of(key).put({ ...holder, revoked: true })
  }

  #onLost(event: Told.LostEvent, { command, timeMs }: Entry): void {
    const { key, owner, token, by } = event
    this.#evaluated(TAKEN)
    const holder = this.#holderOf(event, TAKEN, 'lost')
    const isAsked = command?.type === 'forceRelease' && command.key === key && command.now
    if (by !== 'force' || !isAsked || (command.token !== null && command.token !== token)) {
      this.#fail(TAKEN, `${owner} lost ${key} by ${by}, and ${command?.type} was applied`)
    }
    this.#stage.probe('lock taken away at once')
    this.#table.of(key).drop(holder, timeMs)
    this.#beliefs.forced(clientOf(owner), key, token)
  }

  /** All that an operator meant is taken; when it is all there is, the lock takes in no more. */
  #onForced({ key, token, now }: ForceRelease, { events }: Entry): void {
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

  #onContended({ key, waiters }: Told.ContendedEvent): void {
    this.#evaluated(WATCH)
    const lock = this.#table.of(key)
    if (lock.isHeld && waiters > 0 && lock.queue.length === waiters) return
    this.#fail(WATCH, `of ${waiters} for ${key}, where ${lock.queue.length} wait`)
  }

  #onDelayed({ key, untilMs }: Told.DelayedEvent): void {
    this.#evaluated(DELAY)
    const lock = this.#table.of(key)
    if (lock.isHeld || untilMs !== lock.delayUntilMs) {
      this.#fail(DELAY, `${key} is kept until ${untilMs}, and not until ${lock.delayUntilMs}`)
    }
    lock.isDelayed = true
    this.#stage.probe('lock kept by a lock-delay')
  }

  /** Delays that an expiry ends leave no event behind: they are the first, by their end and key. */
  #endDelays(count: number, { timeMs }: Entry): void {
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
  #mustHaveEnded(max: number, { reply, timeMs }: Entry): void {
    if (reply?.type !== 'swept') return
    this.#evaluated(DUE)
    const ended = reply.locks + reply.waiters + reply.delays
    if (ended > max) this.#fail(DUE, `${ended} were ended at once, and ${max} may be`)
    if (ended === max) return
    for (const [key, lock] of this.#table.entries()) {
      const ends = [...lock.holders, ...lock.queue].map(({ deadlineMs }) => deadlineMs ?? Infinity)
      if (lock.isDelayed) ends.push(lock.delayUntilMs)
      if (ends.some((endMs) => endMs <= timeMs)) this.#fail(DUE, `${key} is as it was at ${timeMs}`)
    }
  }

  /** Whoever is next and can go has gone, and watchers of a key that is held know who waits. */
  #mustHaveGone(key: string, { events, index }: Entry): void {
    this.#evaluated(GOES)
    const lock = this.#table.of(key)
    const [first] = lock.queue
    if (first === undefined) return
    if (lock.hasRoom(first.command.mode)) {
      this.#fail(GOES, `${first.command.owner} waits for ${key}, and could have it`)
    }
    const isOf = (type: string): boolean =>
      events.some((event) => event.type === type && event.key === key)
    const isFirst = first.enteredIndex === index
    if (!lock.isHeld || !(isFirst || isOf('granted'))) return
    if (!isOf('contended')) this.#fail(WATCH, `nothing, though ${key} is held and waited for`)
  }

  /** A request is refused for the first time: it must be as the reason says. */
  #onRejected(command: LockCommand | null, { reason }: { readonly reason: Reason }): void {
    this.#stage.probe(`refused: ${reason}`)
    // `overloaded` is judged with the memos.
    if (!isRefusal(reason) || command === null || !('owner' in command)) return
    this.#evaluated(REFUSED)
    if (reached(this.#table, this.#limits, reason, command)) return
    this.#fail(REFUSED, `${command.owner}, ${command.key}: ${reason}`)
  }

  /** The holding that an event is about: it must be the owner's, under that token. */
  #holderOf(
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

  /** A lease ends when it was asked to, and neither earlier nor later. */
  #mustEnd(told: Told.GrantedEvent | Told.UpdatedEvent, deadlineMs: number | null): void {
    this.#evaluated(ASKED)
    if (told.deadlineMs === deadlineMs) return
    const what = `${told.owner} has ${told.key} until ${told.deadlineMs} of log time`
    this.#fail(ASKED, `${what}, and asked for ${deadlineMs}`)
  }

  /** The least true time, microseconds, that a span of log time takes by clocks within bounds. */
  #leastUs(spanMs: number): number {
    return spanMs * 1_000 * (1 - (2 * this.#stage.clockDriftPpm) / 1e6) - GRANULARITY_US
  }

  #mustBeWithinLimits(key: string, whose: Whose): void {
    this.#evaluated('limits')
    const problem = beyondLimits(this.#table, this.#limits, key, whose)
    if (problem !== null) this.#fail('limits', problem)
  }

  #evaluated(oracle: string): void {
    this.#stage.evaluated(oracle)
  }

  #fail(oracle: string, message: string): never {
    this.#stage.fail(oracle, message)
  }
}

/** The number in a client's owner name. */
function clientOf(owner: string): number {
  return Number(owner.slice(1))
}
