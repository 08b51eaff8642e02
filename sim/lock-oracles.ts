// What must hold of locks, in true time: who is entitled to believe what, the order of grants, the
// growth of tokens, no expiry before its time, and a fenced resource that no stale writer reaches.

import type { LockCommand, LockEvent, LockReply } from '../core/lock/command.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { FirstApplied, Stage } from './workload.ts'

/** Log time counts whole milliseconds at two ends. */
const GRANULARITY_US = 2_000

interface Belief {
  readonly client: number
  readonly token: number
  readonly untilUs: number
}

interface Lease {
  readonly owner: string
  readonly token: number
  readonly ttlMs: number
  /** True time at which its last grant or renewal was appended. */
  readonly appendedUs: number
}

interface Waiter {
  readonly enteredIndex: number
  readonly waitMs: number
  /** True time at which its request was appended. */
  readonly appendedUs: number
}

interface Resource {
  readonly token: number
  readonly client: number
}

export class LockOracles {
  readonly #stage: Stage
  readonly #beliefs = new Map<string, Belief[]>()
  readonly #leases = new Map<string, Lease>()
  readonly #highestToken = new Map<string, number>()
  /** For each key, those that wait, in order. */
  readonly #queues = new Map<string, Waiter[]>()
  readonly #resources = new Map<string, Resource>()
  readonly #answered = new Set<string>()

  constructor(stage: Stage) {
    this.#stage = stage
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
    this.#onRetry(entry)
    for (const event of entry.events) {
      switch (event.type) {
        case 'queued': {
          const waitMs = event.deadlineMs - entry.timeMs
          const { appendedUs } = entry
          this.#queue(event.key).push({ enteredIndex: event.index, waitMs, appendedUs })
          break
        }
        case 'waitTimedOut':
          this.#onWaitTimedOut(event, entry)
          break
        case 'granted':
          this.#onGranted(event, entry)
          break
        case 'updated':
          this.#lease(event.key, event.owner, event.token, event.deadlineMs, entry)
          break
        case 'released':
          this.#onReleased(event)
          break
        case 'expired':
          this.#onExpired(event, entry)
      }
    }
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
    const [first] = this.#queue(key)
    if (first !== undefined || enteredIndex < entry.index) {
      this.#stage.evaluated('first come, first served')
      if (first?.enteredIndex !== enteredIndex) {
        const order = `of entry ${enteredIndex} before that of entry ${first?.enteredIndex}`
        this.#stage.fail('first come, first served', `${key} went to the request ${order}`)
      }
      this.#leave(key, enteredIndex)
      if (entry.command?.type === 'expire') {
        this.#stage.probe('waiter promoted after the holder was lost')
      }
    }
    this.#lease(key, owner, token, event.deadlineMs, entry)
  }

  #onReleased(event: Extract<LockEvent, { readonly type: 'released' }>): void {
    const { key, owner, token } = event
    this.#stage.evaluated('only the holder releases')
    const lease = this.#leases.get(key)
    if (lease?.owner !== owner || lease.token !== token) {
      const held = lease === undefined ? 'nobody held it' : `${lease.owner} held it`
      this.#stage.fail('only the holder releases', `${owner} released ${key} while ${held}`)
    }
    this.#leases.delete(key)
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

  #lease(
    key: string,
    owner: string,
    token: number,
    deadlineMs: number,
    entry: FirstApplied<LockCommand, LockReply, LockEvent>,
  ): void {
    // A partial release or a shorter re-entry keeps the deadline: what is left counts from here.
    const ttlMs = deadlineMs - entry.timeMs
    this.#leases.set(key, { owner, token, ttlMs, appendedUs: entry.appendedUs })
  }

  /** The same request applied again, and answered at once: its reply was remembered. */
  #onRetry(entry: FirstApplied<LockCommand, LockReply, LockEvent>): void {
    const { command, reply } = entry
    if (command === null || command.type === 'status' || command.type === 'expire') return
    const id = `${command.key}/${command.requestId}`
    if (reply !== null && this.#answered.has(id)) this.#stage.probe('retry answered from memory')
    else this.#answered.add(id)
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

/** The least true time, microseconds, that a span of log time takes by clocks within the bound. */
function leastUs(spanMs: number): number {
  return spanMs * 1_000 * (1 - (2 * EPSILON_PPM) / 1e6) - GRANULARITY_US
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`
}
