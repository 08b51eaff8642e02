// The bounds of sessions. Every node of a group must have the same: they decide what `apply` does.

/** The bounds. */
export interface SessionLimits {
  /** Sessions in all. */
  readonly sessionsMax: number
  readonly ttlMsMin: number
  readonly ttlMsMax: number
  /** How far above the acknowledged mark a call's number may be: so many calls are remembered. */
  readonly unacknowledgedMax: number
  /**
   * Bytes of replies that one session may have remembered when a new call comes. Calls that were
   * taken before may exceed it by their own replies, which are known only afterwards; and so may
   * the number next to the mark, which is always taken: without it the mark could not move on.
   */
  readonly replyBytesMax: number
  /** The `max` of the `expireSessions` that `due` asks for. */
  readonly expireMax: number
}

/** The limits of sessions made without any. */
export const SESSION_LIMITS: SessionLimits = {
  sessionsMax: 100_000,
  ttlMsMin: 100,
  ttlMsMax: 86_400_000,
  unacknowledgedMax: 1_024,
  replyBytesMax: 1_048_576,
  expireMax: 1_000,
}

/** True when a session may ask for such a life. */
export function isTtlWithin(ttlMs: number, limits: SessionLimits): boolean {
  return Number.isSafeInteger(ttlMs) && ttlMs >= limits.ttlMsMin && ttlMs <= limits.ttlMsMax
}
