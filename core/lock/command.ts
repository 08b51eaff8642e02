// What the lock machine is asked. All times are milliseconds of log time, all numbers integers from
// 0. Nothing happens here.
//
// Who asks is an owner, and the session its request came in, if any: owners of one name in two
// sessions, or in one and in none, are two owners. An unbound call is guarded by a session, and
// comes in none.

/** Exclusive holders are alone; shared ones hold together. */
export type Mode = 'exclusive' | 'shared'

/** Takes the lock, takes it once more, or waits for it. */
export interface Acquire {
  readonly type: 'acquire'
  readonly key: string
  readonly owner: string
  /** Shared, by who holds it alone, is a downgrade. */
  readonly mode: Mode
  /** Length of the lease from the grant on; null, in a session only: as long as that lasts. */
  readonly ttlMs: number | null
  /** How long to wait in the queue; 0 only tries. */
  readonly waitMs: number
  /** What the holder's own acquire does: true adds one to the count, false only keeps the lease. */
  readonly reentrant: boolean
  /** How long nobody gets the key after this holding was lost, and not given back. */
  readonly lockDelayMs: number
  /** The holder's own words, for others to read. */
  readonly metadata: string
  /** Of a call a mere name, which may be null: its sequence number takes the place of it. */
  readonly requestId: string | null
}

/**
 * Asks what has become of an acquire, and sees to it that it does not wait any longer: if it has no
 * answer yet, `cancelled` is its answer, also when it comes only later. It ends waits of unbound
 * calls of that name as well, but keeps out none of those that come later.
 *
 * As a call of a session, which by its own numbers keeps out what comes later: of the owner's
 * acquires that wait for the key now, those with this request id, or all when it is null.
 */
export interface Cancel {
  readonly type: 'cancel'
  readonly key: string
  readonly owner: string
  /** That of the acquire. */
  readonly requestId: string | null
}

/** Gives the lock back: one count of it, or all. */
export interface Release {
  readonly type: 'release'
  readonly key: string
  readonly owner: string
  /**
   * The holding that is meant; null means whatever the owner holds, and so a later holding too, if
   * an attempt that nobody waits for any more comes as late as that.
   */
  readonly token: number | null
  readonly all: boolean
  readonly requestId: string | null
}

/** Sets the lease to end `ttlMs` from now, which may be earlier than before. Never acquires. */
export interface Renew {
  readonly type: 'renew'
  readonly key: string
  readonly owner: string
  /** The holding that is meant; null means whatever the owner holds. */
  readonly token: number | null
  /** Null: as long as the last time, a heartbeat. */
  readonly ttlMs: number | null
  readonly requestId: string | null
}

/** Takes the lock from its holders, whoever they are. An operator's command. */
export interface ForceRelease {
  readonly type: 'forceRelease'
  readonly key: string
  /** Who asks for it. */
  readonly owner: string
  /** The holdings that are meant; null means all. */
  readonly token: number | null
  /**
   * False: the leases cannot be renewed any more, and the key is free when they end. True: at once,
   * and then nothing but the fencing token keeps the holders out.
   */
  readonly now: boolean
  readonly requestId: string | null
}

/** Asks who holds the lock. Changes nothing. */
export interface Status {
  readonly type: 'status'
  readonly key: string
  /** Null: tell of any holder; else of this one alone. */
  readonly holder: { readonly owner: string; readonly session: number | null } | null
}

/** Asks for the holders of a key, `max` at most, by session and owner. Changes nothing. */
export interface ListHolders {
  readonly type: 'listHolders'
  readonly key: string
  /** Null, or `next` of the page before. */
  readonly after: string | null
  readonly max: number
}

/** Asks who waits for a key, `max` at most, the next in turn first. Changes nothing. */
export interface ListWaiters {
  readonly type: 'listWaiters'
  readonly key: string
  /** Null, or `next` of the page before. */
  readonly after: number | null
  readonly max: number
}

/** Asks for the locks whose keys begin so, `max` at most, in key order. Changes nothing. */
export interface ListLocks {
  readonly type: 'listLocks'
  readonly prefix: string
  /** Null, or `next` of the page before. */
  readonly after: string | null
  readonly max: number
}

/** Asks how many locks there are whose keys begin so. Changes nothing. */
export interface CountLocks {
  readonly type: 'countLocks'
  readonly prefix: string
}

/** Ends what has run out, at most `max` of waits, leases and delays. The leader proposes it. */
export interface Expire {
  readonly type: 'expire'
  readonly max: number
}

/** The commands of clients that have an effect of their own, and are answered by their id. */
export type LockRequest = Acquire | Release | Renew | ForceRelease

/** The commands that change nothing. */
export type LockQuery = Status | ListHolders | ListWaiters | ListLocks | CountLocks

/** All commands. */
export type LockCommand = LockRequest | Cancel | LockQuery | Expire
