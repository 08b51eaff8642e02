// What must hold of locks, entry by entry: who comes first, who may hold together, how tokens grow,
// what changes a holding, and that nobody waits who need not. lock-ends.ts looks at what ends it.

import type { Acquire, Cancel, Mode } from '../core/lock/command.ts'
import type * as Told from '../core/lock/event.ts'
import { isRefusal } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import type { Reason } from '../core/lock/reply.ts'
import type { LockBeliefs } from './lock-beliefs.ts'
import { ASKED, DELAY, END_ORACLES, LEVELS, LockEnds, TAKEN } from './lock-ends.ts'
import type { EndOf } from './lock-ends.ts'
import { beyondLimits, reached } from './lock-room.ts'
import type { TableLock, Waiter, Whose } from './lock-table.ts'
import { LockTable } from './lock-table.ts'
import { isMeant, isOf, leaseAfter, levelAfter } from './lock-terms.ts'
import type { LockEntry } from './lock-terms.ts'
import { leastUs } from './log-time.ts'
import { RequestFates } from './request-fates.ts'
import type { Stage } from './workload.ts'

/** A request that gets the lock. */
type Claim = Pick<Waiter, 'command' | 'session'>

const GROW = 'tokens grow'
const ONE = 'one holder in the log'
const ORDER = 'first come, first served'
const GOES = 'who can go goes'
const DEAD = 'nothing for a session that has ended'
const WAIT = 'no early end of a wait'
const LATE = 'no grant after its wait'
const CANCEL = 'who cancels waits no more'
const WATCH = 'watchers hear of who waits'
/** Of sessions, which know the numbers only. */
const CALL = 'one effect for each call'
const REFUSED = 'refused only at a limit'

/** The rules that are looked at here. */
export const LOCK_ORACLES: readonly string[] = [
  GROW,
  ONE,
  ORDER,
  GOES,
  DEAD,
  WAIT,
  LATE,
  CANCEL,
  WATCH,
  REFUSED,
  'limits',
  'one fate for each request',
  ...END_ORACLES,
]

export class LockOracles {
  readonly #stage: Stage
  readonly #limits: Limits
  readonly #ends: LockEnds
  readonly #endOf: EndOf
  readonly #fates: RequestFates
  readonly #table = new LockTable()
  /** The last token of each key, and the entry that gave it. */
  readonly #tokens = new Map<string, { readonly token: number; readonly index: number }>()
  /** Acquires that had their effect as calls. */
  readonly #called = new Set<string>()
  /** The waiter whose wait has just ended as a re-entry. */
  #reentering: Waiter | null = null

  constructor(stage: Stage, limits: Limits, beliefs: LockBeliefs, endOf: EndOf) {
    this.#stage = stage
    this.#limits = limits
    this.#ends = new LockEnds(stage, this.#table, beliefs, endOf)
    this.#endOf = endOf
    this.#fates = new RequestFates(stage, limits, this.#table)
  }

  /** How many levels of a key an owner has outside of sessions, and how often it waits for it. */
  readonly claimsOf = (key: string, owner: string): number => {
    const lock = this.#table.of(key)
    const waits = lock.queue.filter(({ command, session }) => {
      return command.owner === owner && session === null
    })
    return (lock.holderOf({ owner, session: null })?.count ?? 0) + waits.length
  }

  applied(entry: LockEntry): void {
    const { command, reply, events } = entry
    if (entry.guarded && command?.type === 'acquire') this.#mustBeOnce(command, entry)
    // Of a session's calls, what reaches the locks is new.
    const isNew = this.#fates.applied(entry) || entry.guarded
    if (isNew && reply?.type === 'rejected') this.#onRejected(entry, reply)
    const forced = isNew && reply?.type === 'forced' && command?.type === 'forceRelease'
    if (forced && command.now) this.#table.of(command.key).endDelayed()
    if (reply?.type === 'swept') this.#ends.endDelays(reply.delays, entry)
    for (const event of events) this.#onEvent(event, entry)
    if (forced) this.#ends.forced(command, entry)
    if (command?.type === 'cancel') this.#mustHaveLeft(command, entry)
    if (command?.type === 'expire') this.#ends.mustHaveEnded(command.max, entry)
    for (const key of new Set(events.map((event) => event.key))) this.#mustHaveGone(key, entry)
  }

  /** An acquire that is made anew, under another number, has had no effect before. */
  #mustBeOnce({ key, requestId }: Acquire, { reply }: LockEntry): void {
    if (requestId === null || reply?.type === 'rejected') return
    this.#evaluated(CALL)
    const id = `${key}/${requestId}`
    if (this.#called.has(id)) this.#fail(CALL, `acquire ${id} has its effect under two numbers`)
    this.#called.add(id)
  }

  #onEvent(event: Told.LockEvent, entry: LockEntry): void {
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
        return this.#ends.released(event, entry)
      case 'expired':
        return this.#ends.expired(event, entry)
      case 'revoked':
        return this.#ends.revoked(event, entry)
      case 'lost':
        return this.#ends.lost(event, entry)
      case 'contended':
        return this.#onContended(event)
      case 'delayed':
        return this.#ends.delayed(event)
    }
  }

  #onQueued(event: Told.QueuedEvent, entry: LockEntry): void {
    const { key, owner, session, index } = event
    const { command, guarded, timeMs, appendedUs } = entry
    const lock = this.#table.of(key)
    if (command?.type !== 'acquire' || !isOf(entry, event)) {
      this.#fail(ORDER, `${owner} was made to wait for ${key} by ${command?.type}`)
    }
    if (lock.queue.length === 0 && lock.hasRoom(command.mode)) {
      this.#fail(GOES, `${owner} was made to wait for ${key}, which it could have`)
    }
    const deadlineMs = timeMs + command.waitMs
    if (guarded && session === null) this.#stage.probe('an unbound call waits')
    lock.queue.push({ command, session, guarded, enteredIndex: index, deadlineMs, appendedUs })
    this.#mustBeWithinLimits(key, event)
  }

  #onWaitEnded(event: Told.WaitEndedEvent, entry: LockEntry): void {
    const { key, owner, by, enteredIndex } = event
    const { command, timeMs, appendedUs } = entry
    this.#evaluated(WAIT)
    const waiter = this.#table.of(key).leave(enteredIndex)
    const ended = `${owner} stopped waiting for ${key}`
    if (waiter === undefined) this.#fail(WAIT, `${ended}, and did not wait`)
    if (by === 'timeout') {
      const waitedUs = appendedUs - waiter.appendedUs
      const { waitMs } = waiter.command
      const least = leastUs(waitMs, this.#stage.clockDriftPpm)
      if (timeMs >= waiter.deadlineMs && waitedUs >= least) return
      this.#fail(WAIT, `${ended} after ${waitedUs / 1_000} ms of ${waitMs} ms`)
    }
    if (by === 'reentry') {
      this.#reentering = waiter
      return
    }
    if (by === 'session') {
      this.#ends.mustHaveLostIts(waiter.session, ended)
      const isPassed = entry.events.some((other) => other.key === key && other.type !== 'waitEnded')
      this.#stage.probe(isPassed ? 'passed over, its session had ended' : 'swept with its session')
      return
    }
    const isAsked = command?.type === 'cancel' && isNamed(command, entry, waiter)
    if (by !== 'cancel' || !isAsked || !isOf(entry, event)) {
      this.#fail(WAIT, `${ended} by ${by}, and ${command?.type} was applied`)
    }
    this.#stage.probe('wait cancelled')
    const isFromOutside = waiter.guarded && !entry.guarded
    if (isFromOutside) this.#stage.probe('the wait of an unbound call cancelled from outside')
  }

  /** What a cancel means waits no more: not as it did, and not by another name or way. */
  #mustHaveLeft(command: Cancel, entry: LockEntry): void {
    const { owner, key } = command
    if (entry.reply?.type === 'rejected') return
    this.#evaluated(CANCEL)
    const left = this.#table.of(key).queue.find((waiter) => {
      const isOurs = waiter.command.owner === owner && waiter.session === entry.session
      return isOurs && isNamed(command, entry, waiter)
    })
    if (left === undefined) return
    this.#fail(CANCEL, `${owner} waits for ${key} still, since entry ${left.enteredIndex}`)
  }

  #onGranted(event: Told.GrantedEvent, entry: LockEntry): void {
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
    const { command, session: claimant } = this.#nextIn(lock, event, entry)
    const { ttlMs, lockDelayMs } = command
    if (session !== claimant) this.#fail(ONE, `${owner} was granted ${key} in ${session}, unasked`)
    this.#mustLive(session, `was granted ${key}`)
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
  #nextIn(lock: TableLock, event: Told.GrantedEvent, entry: LockEntry): Claim {
    const { key, owner, enteredIndex } = event
    const { command, session, index, timeMs } = entry
    const [first] = lock.queue
    if (first === undefined && enteredIndex === index) {
      if (command?.type === 'acquire' && isOf(entry, event)) return { command, session }
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
    return first
  }

  #onUpdated(event: Told.UpdatedEvent, entry: LockEntry): void {
    const { key, owner, session, mode, token, count } = event
    const { timeMs, appendedUs } = entry
    this.#evaluated(LEVELS)
    const lock = this.#table.of(key)
    const holder = this.#ends.holderOf(event, LEVELS, 'changed')
    const { command, session: claimant } = this.#reentering ?? entry
    this.#reentering = null
    this.#mustLive(claimant, `keeps ${key}`)
    if (command === null || claimant !== session || !isMeant(holder, key, command)) {
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

  #onContended({ key, waiters }: Told.ContendedEvent): void {
    this.#evaluated(WATCH)
    const lock = this.#table.of(key)
    if (lock.isHeld && waiters > 0 && lock.queue.length === waiters) return
    this.#fail(WATCH, `of ${waiters} for ${key}, where ${lock.queue.length} wait`)
  }

  /** Who gets something must not be gone. */
  #mustLive(session: number | null, what: string): void {
    if (session === null) return
    this.#evaluated(DEAD)
    const end = this.#endOf(session)
    if (end !== null) this.#fail(DEAD, `session ${session} ${what} after its ${end}`)
  }

  /** Whoever is next and can go has gone, and watchers of a key that is held know who waits. */
  #mustHaveGone(key: string, { events, index }: LockEntry): void {
    this.#evaluated(GOES)
    const lock = this.#table.of(key)
    const [first] = lock.queue
    if (first === undefined) return
    if (lock.hasRoom(first.command.mode)) {
      this.#fail(GOES, `${first.command.owner} waits for ${key}, and could have it`)
    }
    const isTold = (type: string): boolean =>
      events.some((event) => event.type === type && event.key === key)
    const isFirst = first.enteredIndex === index
    if (!lock.isHeld || !(isFirst || isTold('granted'))) return
    if (!isTold('contended')) this.#fail(WATCH, `nothing, though ${key} is held and waited for`)
  }

  /** A request is refused for the first time: it must be as the reason says. */
  #onRejected(entry: LockEntry, { reason }: { readonly reason: Reason }): void {
    const { command, session, guarded } = entry
    this.#stage.probe(`refused: ${reason}`)
    // Elsewhere these are judged with the memos; a call has none.
    if (guarded && (reason === 'overloaded' || reason === 'requestIdReused')) {
      this.#fail(REFUSED, `a call of ${session ?? 'no session'}: ${reason}`)
    }
    if (!isRefusal(reason) || command === null || !('owner' in command)) return
    this.#evaluated(REFUSED)
    if (reached(this.#table, this.#limits, reason, command, session)) return
    this.#fail(REFUSED, `${command.owner}, ${command.key}: ${reason}`)
  }

  /** A lease ends when it was asked to, and neither earlier nor later. */
  #mustEnd(told: Told.GrantedEvent | Told.UpdatedEvent, deadlineMs: number | null): void {
    this.#evaluated(ASKED)
    if (told.deadlineMs === deadlineMs) return
    const what = `${told.owner} has ${told.key} until ${told.deadlineMs} of log time`
    this.#fail(ASKED, `${what}, and asked for ${deadlineMs}`)
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

/** Whether a cancel's words are of this waiter; a call may mean all that its owner waits for. */
function isNamed({ requestId }: Cancel, { guarded }: LockEntry, { command }: Waiter): boolean {
  return command.requestId === requestId || (guarded && requestId === null)
}
