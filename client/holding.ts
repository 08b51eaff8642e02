// A lock that this process has, as long as it may believe so: it joins the lease, which is pure, to
// a clock, an alarm and the backend. Several handles may share one: they were taken by one owner.

import type { Mode } from '../core/lock/command.ts'
import { unreachable } from '../core/invariant.ts'
import type { GrantedReply, LockBackend, ReleaseReply } from './backend.ts'
import type { ClientClock } from './clock.ts'
import { expiredError, LockError, mayHaveHappened } from './errors.ts'
import type { HeldLease, Lease } from './lease.ts'
import {
  expired,
  granted,
  isValid,
  reentered,
  releaseSent,
  renewAnswered,
  renewFailed,
  renewSent,
  renewUnknown,
  safeUntilMs,
} from './lease.ts'

/** By how much wall time may run ahead before the machine is taken to have slept. */
export const SLEEP_MARGIN_MS = 500

/** How long at most until wall time is looked at, or a quarter of the TTL if that is longer. */
const LOOK_MS = 1_000

/** What a holding stands on. */
export interface Ground {
  readonly backend: LockBackend
  readonly clock: ClientClock
  /** Whether the timers of what is held keep the process from ending. */
  readonly keepsAlive: boolean
}

/** Who holds what. */
export interface HoldingNames {
  readonly key: string
  readonly owner: string
  readonly mode: Mode
  /** Whether another client may have the same owner: then it gives back one count at a time. */
  readonly ownerIsShared: boolean
}

/** What a holding tells each of its handles. */
export interface Holder {
  /** Once, and not after its release. */
  lost(error: LockError): void
}

/** A reading of the two clocks: how far wall time is ahead. */
export function wallAheadMs(clock: ClientClock): number {
  return clock.wallNow() - clock.now()
}

/** The lease of a grant; `tooLate` when it is over. */
export function leaseOf(reply: GrantedReply, clock: ClientClock): HeldLease | 'tooLate' {
  const { token, firstSentMs, grantedAfterMs, ttlMs } = reply
  return granted({ token, firstSentMs, grantedAfterMs, ttlMs, now: clock.now() })
}

/** A lock that is held, or was. */
export class Holding {
  readonly names: HoldingNames
  readonly token: number
  readonly #ground: Ground
  #holders: readonly Holder[] = []
  #lease: Lease
  #ttlMs: number
  /** How far wall time was ahead when what the belief counts from was sent. */
  #wallAheadMs: number
  #renewals = 0
  #stopAlarm: (() => void) | null = null
  #lostBy: LockError | null = null
  #ended: (() => void) | null = null

  constructor(
    names: HoldingNames,
    ground: Ground,
    lease: HeldLease,
    ttlMs: number,
    aheadMs: number,
  ) {
    this.names = names
    this.token = lease.token
    this.#ground = ground
    this.#lease = lease
    this.#ttlMs = ttlMs
    this.#wallAheadMs = aheadMs
    this.#setAlarm()
  }

  /** The TTL of the last grant or renewal. */
  get ttlMs(): number {
    return this.#ttlMs
  }

  /** When belief ends, by the monotonic clock; -Infinity once it has. */
  get safeUntilMs(): number {
    return safeUntilMs(this.#lease)
  }

  /** Why it was lost; null while it is held, and once it was given back. */
  get lostBy(): LockError | null {
    return this.#lostBy
  }

  /** Reads the clocks; what is found lost is told at once. */
  isValid(): boolean {
    if (this.#lease.type === 'ended') return false
    const { clock } = this.#ground
    const wallMs = clock.wallNow()
    const now = clock.now()
    if (wallMs - now - this.#wallAheadMs > SLEEP_MARGIN_MS) {
      this.#lose('wall time ran ahead: the machine has slept, or its clock was set')
    } else if (!isValid(this.#lease, now)) {
      this.#lose('its lease ran out and no renewal was answered in time')
    }
    return this.#lostBy === null
  }

  /** Calls `ended` once, when the belief ends. */
  whenEnded(ended: () => void): void {
    this.#ended = ended
  }

  add(holder: Holder): void {
    this.#holders = [...this.#holders, holder]
  }

  /** The same owner was granted it once more. */
  reentered({ token, firstSentMs, ttlMs }: GrantedReply): void {
    const entry = { token, firstSentMs, ttlMs, now: this.#ground.clock.now() }
    this.#believe(reentered(this.#lease, entry))
  }

  /** An answer has shown that it is over. */
  foundExpired(): void {
    this.#believe(expired(this.#lease))
  }

  /**
   * Makes the lease last `ttlMs` from now. Rejects with `LEASE_EXPIRED` when it is over; after any
   * other error it lasts as long as is sure.
   */
  async renew(ttlMs: number): Promise<void> {
    const { key, owner } = this.names
    if (!this.isValid()) throw expiredError(key)
    const { clock, backend } = this.#ground
    this.#renewals += 1
    const renewal = this.#renewals
    const aheadMs = wallAheadMs(clock)
    this.#believe(renewSent(this.#lease, renewal, clock.now(), ttlMs))
    const reply = await backend.renew({ key, owner, token: this.token, ttlMs }).catch((error) => {
      const after = mayHaveHappened(error) ? renewUnknown : renewFailed
      this.#believe(after(this.#lease, renewal))
      throw error
    })
    // The lease is told of the answer before the clocks are looked at: it knows what came too late.
    switch (reply.type) {
      case 'renewed':
        this.#ttlMs = ttlMs
        this.#believe(renewAnswered(this.#lease, renewal, this.token, clock.now()))
        if (this.#lease.type === 'held') this.#wallAheadMs = aheadMs
        break
      case 'expired':
        this.#believe(expired(this.#lease))
        break
      default:
        unreachable(reply)
    }
    if (this.#lease.type === 'ended') throw expiredError(key)
  }

  /** A handle is given up: the last one ends the belief. Resolves once the store has answered. */
  release(holder: Holder): Promise<ReleaseReply> {
    const { key, owner, ownerIsShared } = this.names
    this.#holders = this.#holders.filter((other) => other !== holder)
    const isLast = this.#holders.length === 0
    if (isLast) this.#believe(releaseSent(this.#lease))
    const all = isLast && !ownerIsShared
    return this.#ground.backend.release({ key, owner, token: this.token, all })
  }

  /** Whether a release that failed may be repeated: not where it could take another's count. */
  get canReleaseAgain(): boolean {
    return this.#holders.length === 0 && !this.names.ownerIsShared
  }

  /** Gives it back once more, after a release that failed. */
  releaseAgain(): Promise<ReleaseReply> {
    const { key, owner } = this.names
    return this.#ground.backend.release({ key, owner, token: this.token, all: true })
  }

  #believe(lease: Lease): void {
    const wasHeld = this.#lease.type === 'held'
    this.#lease = lease
    this.#setAlarm()
    if (!wasHeld || lease.type !== 'ended') return
    this.#ended?.()
    if (lease.reason === 'released') return
    this.#lose(lease.reason === 'late' ? 'its renewal was answered too late' : 'it has expired')
  }

  #setAlarm(): void {
    this.#stopAlarm?.()
    this.#stopAlarm = null
    if (this.#lease.type === 'ended') return
    const { clock, keepsAlive } = this.#ground
    const leftMs = safeUntilMs(this.#lease) - clock.now()
    const lookMs = Math.max(LOOK_MS, Math.floor(this.#ttlMs / 4))
    const afterMs = Math.max(0, Math.min(leftMs, lookMs))
    const ring = (): void => {
      this.#stopAlarm = null
      if (this.isValid()) this.#setAlarm()
    }
    this.#stopAlarm = clock.setTimer(afterMs, ring, keepsAlive)
  }

  /** Ends the belief for good and tells each handle. */
  #lose(why: string): void {
    if (this.#lostBy !== null) return
    const { key } = this.names
    this.#lostBy = new LockError('LOST', `lock ${key} lost: ${why}`, { key })
    this.#lease = expired(this.#lease)
    this.#ended?.()
    this.#setAlarm()
    for (const holder of this.#holders) holder.lost(this.#lostBy)
  }
}
