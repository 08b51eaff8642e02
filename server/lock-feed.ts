// What a running replica tells its front ends: the latest events of locks for watchers, and what
// the consensus does for metrics. Made before the replica, whose `onTrace` and `onApplied` it has.

import type { TraceEvent } from '../core/effect.ts'
import type { LockEvent } from '../core/lock/event.ts'
import type { AppliedLockCommand } from './lock-replica.ts'

/** Events that are kept for watchers who come back. */
const EVENTS_MAX = 10_000
/** Holdings whose length is measured at a time; more are not. */
const HOLDINGS_MAX = 100_000

/** Whoever watches a key. Neither method may throw. */
export interface Watcher {
  /** All events of the key by one entry, in order. */
  happened(events: readonly LockEvent[]): void
  /** Events were missed: look at the key anew. */
  missed(index: number): void
}

/** Joins one replica to its front ends. */
export class LockFeed {
  /** Elections that this node has called. */
  electionsCount = 0
  /** Told of the length of each holding that ended while this node led, milliseconds. */
  onHeld: (heldMs: number) => void = () => undefined
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #grantedMs = new Map<number, number>()
  readonly #ring: LockEvent[] = []
  #next = 0
  /** All events after this entry are in the ring; null: nothing was applied yet. */
  #fromIndex: number | null = null
  #leads = false

  /** `onTrace` of the replica. */
  readonly traced = (trace: TraceEvent): void => {
    switch (trace.type) {
      case 'becameCandidate':
        this.electionsCount += 1
        this.#leads = false
        return
      case 'becameLeader':
        this.#leads = true
        return
      case 'becameFollower':
      case 'becamePrecandidate':
        this.#leads = false
        return
      case 'snapshotInstalled':
        this.#missed(trace.index)
        return
      default:
        return
    }
  }

  /** `onApplied` of the replica. */
  readonly applied = ({ index, events }: AppliedLockCommand): void => {
    this.#fromIndex ??= index - 1
    for (const event of events) {
      if (event.type !== 'inner') continue
      this.#keep(event.event)
      this.#measure(event.event)
    }
    if (events.length > 0 && this.#watchers.size > 0) this.#tell(events)
  }

  /** The replica started with what it had applied up to `index`. */
  startedAt(index: number): void {
    this.#fromIndex ??= index
  }

  /** Watches a key from now on; what is returned ends it. */
  watch(key: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers)
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key)
    }
  }

  /** The events of a key after the entry at `index`; null: not all of them are kept. */
  since(key: string, index: number): readonly LockEvent[] | null {
    if (this.#fromIndex === null || index < this.#fromIndex) return null
    const inOrder = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
    return inOrder.filter((event) => event.key === key && event.index > index)
  }

  #keep(event: LockEvent): void {
    const old = this.#ring[this.#next]
    if (old !== undefined) this.#fromIndex = Math.max(this.#fromIndex ?? 0, old.index)
    this.#ring[this.#next] = event
    this.#next = (this.#next + 1) % EVENTS_MAX
  }

  /** Exclusive ones alone: shared holdings may have one token together. */
  #measure(event: LockEvent): void {
    if (event.type === 'granted') {
      if (event.mode !== 'exclusive' || this.#grantedMs.size >= HOLDINGS_MAX) return
      this.#grantedMs.set(event.token, event.timeMs)
    } else if (event.type === 'released' || event.type === 'expired' || event.type === 'lost') {
      const grantedMs = this.#grantedMs.get(event.token)
      if (grantedMs === undefined) return
      this.#grantedMs.delete(event.token)
      if (this.#leads) this.onHeld(event.timeMs - grantedMs)
    }
  }

  #tell(events: AppliedLockCommand['events']): void {
    const byKey = new Map<string, LockEvent[]>()
    for (const event of events) {
      if (event.type !== 'inner' || !this.#watchers.has(event.event.key)) continue
      const { key } = event.event
      const ofKey = byKey.get(key)
      if (ofKey === undefined) byKey.set(key, [event.event])
      else ofKey.push(event.event)
    }
    for (const [key, ofKey] of byKey) {
      for (const watcher of [...(this.#watchers.get(key) ?? [])]) watcher.happened(ofKey)
    }
  }

  /** A snapshot of the leader's took the place of entries, whose events nobody here has seen. */
  #missed(index: number): void {
    this.#ring.length = 0
    this.#next = 0
    this.#fromIndex = index
    this.#grantedMs.clear()
    for (const watchers of [...this.#watchers.values()]) {
      for (const watcher of [...watchers]) watcher.missed(index)
    }
  }
}
