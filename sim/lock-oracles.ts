// What must hold of locks, in true time: who is entitled to believe what, the order of grants, the
// growth of tokens, levels and limits, no expiry before its time, and a fenced resource that no
// stale writer reaches.

import type {
  LockCommand,
  LockEvent,
  LockReply,
  LockRequest,
  Refusal,
} from '../core/lock/command.ts'
import { isRefusal } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import { RequestFates } from './request-fates.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { FirstApplied, Stage } from './workload.ts'

/** Log time counts whole milliseconds at two ends. */
const GRANULARITY_US = 2_000

/** The rules that are looked at here. */
export const LOCK_ORACLES: readonly string[] = [
  'mutual exclusion',
  'fencing',
  'tokens grow',
  'one holder in the log',
  'first come, first served',
  'only the holder releases',
  'no early end of a wait',
  'no early expiry',
  'levels',
  'limits',
  'refused only at a limit',
  'one fate for each request',
]

interface Belief {
  readonly client: number
  readonly token: number
  readonly untilUs: number
}

interface Lease {
  readonly owner: string
  readonly token: number
  readonly count: number
  /** Log time of its end, from what was asked for: the machine's own word is not taken for it. */
  readonly deadlineMs: number
  /** What was left of it, and the true time, when its last grant or change was appended. */
  readonly ttlMs: number
  readonly appendedUs: number
}

interface Waiter {
  readonly owner: string
  readonly enteredIndex: number
  readonly waitMs: number
  readonly ttlMs: number
  /** True time at which its request was appended. */
  readonly appendedUs: number
}

interface Resource {
  readonly token: number
  readonly client: number
}

export class LockOracles {
  readonly #stage: Stage
  readonly #limits: Limits
  readonly #fates: RequestFates
  readonly #beliefs = new Map<string, Belief[]>()
  readonly #leases = new Map<string, Lease>()
  readonly #highestToken = new Map<string, number>()
  /** For each key, those that wait, in order. */
  readonly #queues = new Map<string, Waiter[]>()
  readonly #resources = new Map<string, Resource>()

  constructor(stage: Stage, limits: Limits) {
    this.#stage = stage
    this.#limits = limits
    this.#fates = new RequestFates(stage, limits, (key) => this.#leases.get(key)?.token ?? 0)
  }

  /** A client is entitled to believe that it holds `key` until `untilUs` of true time. */
  believes(client: number, key: string, token: number, untilUs: number): void {
    this.#stage.evaluated('mutual exclusion')
    const nowUs = this.#stage.timeUs()
    const live: Belief[] = []
    for (const belief of this.#beliefs.get(key) ?? []) {
      if (belief.untilUs <= nowUs || belief.client === client) continue
      live.push(belief)
      if (untilUs <= nowUs) continue
      const other = `c${belief.client} with token ${belief.token} until ${seconds(belief.untilUs)}`
      const us = `c${client} holds ${key} with token ${token} until ${seconds(untilUs)}`
      this.#stage.fail('mutual exclusion', `${us}, and so does ${other}`)
    }
    if (untilUs > nowUs) live.push({ client, token, untilUs })
    this.#beliefs.set(key, live)
  }

  /** A write under `token` reaches the resource, which refuses a token below the highest it saw. */
  writes(client: number, key: string, token: number): void {
    const before = this.#resources.get(key)
    if (before !== undefined && token < before.token) {
      this.#stage.probe('stale write refused by the fenced resource')
      return
    }
    this.#stage.evaluated('fencing')
    if (before !== undefined && token === before.token && client !== before.client) {
      const both = `c${before.client} and c${client}`
      this.#stage.fail('fencing', `${both} both wrote to ${key} under token ${token}`)
    }
    this.#resources.set(key, { token, client })
  }

  applied(entry: FirstApplied<LockCommand, LockReply, LockEvent>): void {
    const { command, reply } = entry
    if (this.#fates.applied(entry) && reply?.type === 'rejected') this.#onRejected(command, reply)
    for (const event of entry.events) {
      switch (event.type) {
        case 'queued':
          this.#onQueued(event, entry)
          break
        case 'waitTimedOut':
          this.#onWaitTimedOut(event, entry)
          break
        case 'granted':
          this.#onGranted(event, entry)
          break
        case 'updated':
          this.#onUpdated(event, entry)
          break
        case 'released':
          this.#onReleased(event, command)
          break
        case 'expired':
          this.#onExpired(event, entry)
      }
    }
  }

  #onQueued(
    event: Extract<LockEvent, { readonly type: 'queued' }>,
    { command, appendedUs }: FirstApplied<LockCommand, LockReply, LockEvent>,
  ): void {
    const { key, owner, index } = event
    if (command?.type !== 'acquire' || command.key !== key || command.owner !== owner) {
      const what = `${owner} was made to wait for ${key} by ${command?.type}`
      this.#stage.fail('first come, first served', what)
    }
    const { waitMs, ttlMs } = command
    this.#queue(key).push({ owner, enteredIndex: index, waitMs, ttlMs, appendedUs })
    this.#mustBeWithinLimits(key, owner)
  }

  #onGranted(
    event: Extract<LockEvent, { readonly type: 'granted' }>,
    entry: FirstApplied<LockCommand, LockReply, LockEvent>,
  ): void {
    const { key, token, owner, enteredIndex } = event
    this.#stage.evaluated('tokens grow')
    const highest = this.#highestToken.get(key) ?? 0
    if (token <= highest) {
      this.#stage.fail('tokens grow', `${owner} got ${key} with token ${token} after ${highest}`)
    }
    this.#highestToken.set(key, token)
    this.#stage.evaluated('one holder in the log')
    const holder = this.#leases.get(key)
    if (holder !== undefined) {
      const held = `${holder.owner} held it with token ${holder.token}`
      this.#stage.fail('one holder in the log', `${owner} was granted ${key} while ${held}`)
    }
    const { command, timeMs } = entry
    const [first] = this.#queue(key)
    let ttlMs = command?.type === 'acquire' ? command.ttlMs : 0
    if (first !== undefined || enteredIndex < entry.index) {
      this.#stage.evaluated('first come, first served')
      if (first?.enteredIndex !== enteredIndex) {
        const order = `of entry ${enteredIndex} before that of entry ${first?.enteredIndex}`
        this.#stage.fail('first come, first served', `${key} went to the request ${order}`)
      }
      ttlMs = first.ttlMs
      this.#leave(key, enteredIndex)
      if (command?.type === 'expire') {
        this.#stage.probe('waiter promoted after the holder was lost')
      }
    }
    const { appendedUs } = entry
    const deadlineMs = timeMs + ttlMs
    this.#leases.set(key, { owner, token, count: 1, deadlineMs, ttlMs, appendedUs })
    this.#mustBeWithinLimits(key, owner)
  }

  #onUpdated(
    event: Extract<LockEvent, { readonly type: 'updated' }>,
    entry: FirstApplied<LockCommand, LockReply, LockEvent>,
  ): void {
    const { key, owner, token, count } = event
    const { command, timeMs, appendedUs } = entry
    this.#stage.evaluated('levels')
    const lease = this.#leaseOf(event, 'levels', 'changed')
    if (command === null || !('owner' in command) || !isMeant(lease, key, command)) {
      const by = command === null ? 'no command' : JSON.stringify(command)
      this.#stage.fail('levels', `${key}, held by ${owner} with token ${token}, changed by ${by}`)
    }
    if (count !== levelAfter(lease.count, command)) {
      const from = `from ${lease.count} to ${count} by ${JSON.stringify(command)}`
      this.#stage.fail('levels', `the level of ${key} went ${from}`)
    }
    if (command.type === 'acquire' && !command.reentrant) this.#stage.probe('lock refreshed')
    const deadlineMs = deadlineAfter(lease.deadlineMs, timeMs, command)
    const ttlMs = deadlineMs - timeMs
    this.#leases.set(key, { owner, token, count, deadlineMs, ttlMs, appendedUs })
    this.#mustBeWithinLimits(key, owner)
  }

  #onReleased(
    event: Extract<LockEvent, { readonly type: 'released' }>,
    command: LockCommand | null,
  ): void {
    const { key, owner, token } = event
    this.#stage.evaluated('only the holder releases')
    const lease = this.#leaseOf(event, 'only the holder releases', 'released')
    if (command?.type !== 'release' || command.owner !== owner) {
      this.#stage.fail('only the holder releases', `${key} was freed by ${command?.type}`)
    }
    if (command.token !== null && command.token !== token) {
      const meant = `a release of token ${command.token} freed token ${token}`
      this.#stage.fail('only the holder releases', `of ${key}, ${meant}`)
    }
    this.#stage.evaluated('levels')
    if (lease.count > 1 && !command.all) {
      this.#stage.fail('levels', `${key} was freed by a release of one of ${lease.count} levels`)
    }
    if (lease.count > 1) this.#stage.probe('all levels released at once')
    if (command.token === null) this.#stage.probe('lock freed without naming its token')
    this.#leases.delete(key)
  }

  /** The lease that an event is about: it must be the owner's, under that token. */
  #leaseOf(
    { key, owner, token }: { readonly key: string; readonly owner: string; readonly token: number },
    oracle: string,
    did: string,
  ): Lease {
    const lease = this.#leases.get(key)
    if (lease?.owner === owner && lease.token === token) return lease
    const held = lease === undefined ? 'nobody held it' : `${lease.owner} held it`
    return this.#stage.fail(oracle, `${owner} ${did} ${key} with token ${token} while ${held}`)
  }

  /** A request is refused for the first time: there must be no room for it. */
  #onRejected(
    command: LockCommand | null,
    { reason }: Extract<LockReply, { readonly type: 'rejected' }>,
  ): void {
    this.#stage.probe(`refused: ${reason}`)
    // `overloaded` is judged with the memos.
    if (!isRefusal(reason) || command?.type !== 'acquire') return
    this.#stage.evaluated('refused only at a limit')
    if (this.#hasReached(reason, command.key, command.owner)) return
    this.#stage.fail('refused only at a limit', `${command.owner}, ${command.key}: ${reason}`)
  }

  #hasReached(reason: Refusal, key: string, owner: string): boolean {
    const { keysMax, countMax, locksPerOwnerMax, waitersPerKeyMax } = this.#limits
    const lease = this.#leases.get(key)
    switch (reason) {
      case 'tooManyKeys':
        return lease === undefined && this.#leases.size >= keysMax
      case 'tooManyLocks':
        return lease?.owner !== owner && this.#locksOf(owner) >= locksPerOwnerMax
      case 'tooManyWaiters':
        return lease !== undefined && this.#queue(key).length >= waitersPerKeyMax
      case 'countTooHigh':
        return lease?.owner === owner && lease.count >= countMax
    }
  }

  #mustBeWithinLimits(key: string, owner: string): void {
    this.#stage.evaluated('limits')
    const { keysMax, countMax, locksPerOwnerMax, waitersPerKeyMax } = this.#limits
    const count = this.#leases.get(key)?.count ?? 0
    const waiters = this.#queue(key).length
    const isWithin =
      this.#leases.size <= keysMax &&
      count <= countMax &&
      waiters <= waitersPerKeyMax &&
      this.#locksOf(owner) <= locksPerOwnerMax
    if (isWithin) return
    const locks = `${owner} has ${this.#locksOf(owner)} locks`
    const levels = `${key} has ${count} levels and ${waiters} waiters`
    this.#stage.fail('limits', `${this.#leases.size} keys are held, ${locks}, ${levels}`)
  }

  /** How many locks an owner holds and waits for. */
  #locksOf(owner: string): number {
    let count = 0
    for (const lease of this.#leases.values()) if (lease.owner === owner) count++
    for (const queue of this.#queues.values()) {
      for (const waiter of queue) if (waiter.owner === owner) count++
    }
    return count
  }

  #onWaitTimedOut(
    event: Extract<LockEvent, { readonly type: 'waitTimedOut' }>,
    entry: FirstApplied<LockCommand, LockReply, LockEvent>,
  ): void {
    const { key, owner, enteredIndex } = event
    this.#stage.evaluated('no early end of a wait')
    const waiter = this.#queue(key).find((one) => one.enteredIndex === enteredIndex)
    const waitedUs = entry.appendedUs - (waiter?.appendedUs ?? Infinity)
    if (waiter === undefined || waitedUs < leastUs(waiter.waitMs)) {
      const time = `after ${waitedUs / 1_000} ms of ${waiter?.waitMs} ms`
      this.#stage.fail('no early end of a wait', `${owner} stopped waiting for ${key} ${time}`)
    }
    this.#leave(key, enteredIndex)
  }

  #onExpired(
    event: Extract<LockEvent, { readonly type: 'expired' }>,
    entry: FirstApplied<LockCommand, LockReply, LockEvent>,
  ): void {
    const { key, token, owner } = event
    this.#stage.evaluated('no early expiry')
    const lease = this.#leases.get(key)
    if (lease === undefined || lease.token !== token) {
      this.#stage.fail('no early expiry', `${key} expired with token ${token}, which is not held`)
    }
    const heldUs = entry.appendedUs - lease.appendedUs
    if (heldUs < leastUs(lease.ttlMs)) {
      const time = `after ${heldUs / 1_000} ms of ${lease.ttlMs} ms`
      this.#stage.fail('no early expiry', `${owner} lost ${key} (token ${token}) ${time}`)
    }
    this.#leases.delete(key)
    const client = Number(owner.slice(1))
    if (this.#stage.isCutOff(client, entry.node)) {
      this.#stage.probe('lease ran out behind a partition')
    }
  }

  #queue(key: string): Waiter[] {
    let queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, (queue = []))
    return queue
  }

  #leave(key: string, enteredIndex: number): void {
    const queue = this.#queue(key)
    const at = queue.findIndex((one) => one.enteredIndex === enteredIndex)
    if (at >= 0) queue.splice(at, 1)
  }
}

/** Whether a request is the holder's, and of this holding if it names one. */
function isMeant(lease: Lease, key: string, command: LockRequest): boolean {
  if (command.key !== key || command.owner !== lease.owner) return false
  return command.type === 'acquire' || command.token === null || command.token === lease.token
}

/** The level after the holder's request; null when it must not leave the lock held. */
function levelAfter(count: number, command: LockRequest): number | null {
  if (command.type === 'acquire') return count + (command.reentrant ? 1 : 0)
  if (command.type === 'renew') return count
  return command.all || count === 1 ? null : count - 1
}

/** The end of the lease after the holder's request: only a renewal may bring it nearer. */
function deadlineAfter(deadlineMs: number, timeMs: number, command: LockRequest): number {
  if (command.type === 'release') return deadlineMs
  const asked = timeMs + command.ttlMs
  return command.type === 'renew' ? asked : Math.max(deadlineMs, asked)
}

/** The least true time, microseconds, that a span of log time takes by clocks within the bound. */
function leastUs(spanMs: number): number {
  return spanMs * 1_000 * (1 - (2 * EPSILON_PPM) / 1e6) - GRANULARITY_US
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`
}
