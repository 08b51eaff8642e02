// Renews a lease again and again while its lock is held: each third of the TTL, one renewal at a
// time. It outlasts failures for as long as the lease does.

import type { ClientClock } from './clock.ts'

/** What is refreshed, and how. */
export interface AutoRefreshParts {
  readonly clock: ClientClock
  readonly keepsAlive: boolean
  /** How long each renewal makes the lease last. */
  readonly ttlMs: number
  /** How long it lasts as granted: the first renewal must come well before it is over. */
  readonly grantedTtlMs: number
  /** Renews; rejects when that failed. */
  renew(): Promise<void>
  /** Whether there is still something to renew. */
  isValid(): boolean
  /** Told of each failure. */
  failed(error: unknown): void
}

/** Starts at once; each renewal comes a third of the TTL after the last. Returns what ends it. */
export function autoRefresh(parts: AutoRefreshParts): () => void {
  const { clock, keepsAlive, ttlMs, grantedTtlMs } = parts
  const intervalMs = Math.max(1, Math.floor(ttlMs / 3))
  const firstMs = Math.max(1, Math.floor(Math.min(ttlMs, grantedTtlMs) / 3))
  const retryMs = Math.max(1, Math.min(intervalMs, Math.max(50, Math.floor(intervalMs / 4))))
  let isOn = true
  let stopTimer = (): void => {}
  const wait = (afterMs: number): void => {
    if (isOn) stopTimer = clock.setTimer(afterMs, () => void refresh(), keepsAlive)
  }
  const refresh = async (): Promise<void> => {
    const startedMs = clock.now()
    try {
      await parts.renew()
      // From the sending on, which is what the lease counts from.
      wait(Math.max(1, startedMs + intervalMs - clock.now()))
    } catch (error) {
      if (!isOn) return
      parts.failed(error)
      if (parts.isValid()) wait(retryMs)
    }
  }
  wait(firstMs)
  return () => {
    isOn = false
    stopTimer()
  }
}
