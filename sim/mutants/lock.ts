// Mistakes of locks: of the lock machine, of log time that its leases go by, and of clients.

import type { Mutant } from './mutant.ts'

/** Bugs of locks. */
export const LOCK_MUTANTS: readonly Mutant[] = [
  {
    id: 'X8',
    file: 'core/replica.ts',
    find: 'const timeMs = work.clockMs',
    replace: 'const timeMs = work.turn.now',
    story: "The state machine goes by the applying node's own clock, which others do not share.",
    source: 'https://github.com/hashicorp/nomad/pull/13725',
    killedBy: { seed: 1, oracle: 'equal replies at equal index' },
  },
  {
    id: 'X7',
    file: 'core/lock/limits.ts',
    find: 'memoLifeMs: 600_000',
    replace: 'memoLifeMs: 1',
    story: 'Replies are forgotten too soon, so a request that is sent again takes effect twice.',
    source: 'https://github.com/logcabin/logcabin/commit/163fba5',
    killedBy: { seed: 1, oracle: 'one fate for each request' },
  },
  {
    id: 'X1',
    file: 'core/lock/apply.ts',
    find: `if (memo.type === 'answered') return repeatedReply(draft, memo)
    attach(draft, memo)
    return null`,
    replace: `if (memo.type === 'answered') return applyNew(draft, command)
    attach(draft, memo)
    return null`,
    story: 'A request that is sent again after an answer has its effect once more.',
    source: 'https://github.com/hashicorp/raft/issues/142',
    killedBy: { seed: 1, oracle: 'one fate for each request' },
  },
  {
    id: 'L2',
    file: 'core/raft/election.ts',
    find: 'clockStartMs: log.lastStampMs',
    replace: 'clockStartMs: Math.max(log.lastStampMs, turn.now)',
    story: 'A new leader sets log time by its own clock, so one that is ahead ends leases early.',
    source: 'https://github.com/etcd-io/etcd/issues/7320',
    killedBy: { seed: 1, oracle: 'log time goes by its leader' },
  },
  {
    id: 'L3',
    file: 'core/raft/leader.ts',
    find: 'const stampMs = role.clockStartMs + (turn.now - turn.leadSinceMs)',
    replace: `const outageMs = 5_000
  const sinceMs = turn.now - turn.leadSinceMs - outageMs
  const stampMs = Math.max(turn.log.lastStampMs, role.clockStartMs + Math.max(0, sinceMs))`,
    story:
      'A new leader gives every lease more time, so a holder that is dead blocks others for ever.',
    source: 'https://github.com/etcd-io/etcd/issues/9888',
    killedBy: { seed: 1, oracle: 'log time goes by its leader' },
  },
  {
    id: 'L4',
    file: 'core/raft/election.ts',
    find: 'clockStartMs: log.lastStampMs',
    replace: 'clockStartMs: log.lastStampMs - (log.lastIndex - turn.commit)',
    story: "A new leader's log time begins before that of entries which are not committed yet.",
    source: 'https://github.com/etcd-io/etcd/issues/15247',
    killedBy: { seed: 1, oracle: 'log time goes by its leader' },
  },
  {
    id: 'L5',
    file: 'core/raft/turn.ts',
    find: 'now: now > timers.nowMs ? now : timers.nowMs,',
    replace: 'now: Math.min(now, timers.nowMs + 5),',
    story: 'A leader goes by a clock that it read before, which lags behind after a pause.',
    source: 'https://github.com/etcd-io/etcd/issues/15247',
    killedBy: { seed: 1, oracle: 'log time goes by its leader' },
  },
  {
    id: 'L6',
    file: 'core/lock/admission.ts',
    find: `const deadlineMs = ttlMs === null ? null : timeMs + ttlMs
  const holding`,
    replace: `const deadlineMs = ttlMs === null ? null : Date.now() + ttlMs
  const holding`,
    story: 'The end of a lease is set by the wall clock, which jumps.',
    source: 'https://github.com/redis/redis-doc/issues/2106',
    killedBy: { seed: 1, oracle: 'equal replies at equal index' },
  },
  {
    id: 'L7',
    file: 'core/lock/apply.ts',
    find: 'const deadlineMs = ttlMs === null ? null : draft.timeMs + ttlMs',
    replace: 'const deadlineMs = ttlMs === null ? null : draft.timeMs + 2 * ttlMs',
    story: 'A lease lasts twice as long as was asked for.',
    source: 'https://github.com/hashicorp/consul/blob/main/agent/consul/session_ttl.go',
    killedBy: { seed: 1, oracle: 'a lease ends as asked' },
  },
  {
    id: 'L8',
    file: 'core/lock/admission.ts',
    find: `const { key, owner, session, enteredIndex, token, lockDelayMs, metadata } = before
`,
    replace: `const { key, owner, session, enteredIndex, lockDelayMs, metadata } = before
  const token = draft.tokenBase + draft.index
`,
    story: 'The fencing token changes when its holder takes the lock once more.',
    source: 'https://github.com/redisson/redisson/issues/4684',
    killedBy: { seed: 1, oracle: 'levels' },
  },
  {
    id: 'L9',
    file: 'core/lock/apply.ts',
    find: "if (meant === null) return { type: 'expired', token: presentToken(lock) }",
    replace: `if (meant === null) {
    const { key, owner, ttlMs, requestId } = command
    if (lock !== undefined || ttlMs === null) return { type: 'expired', token: presentToken(lock) }
    const terms = { mode: 'exclusive', waitMs: 0, reentrant: false, lockDelayMs: 0 } as const
    const again = { key, owner, ttlMs, ...terms, metadata: '', requestId }
    const reply = acquire(draft, { type: 'acquire', ...again })
    if (reply?.type !== 'granted') return refused('revoked')
    return { type: 'renewed', token: reply.token, ttlMs }
  }`,
    story: 'A renewal that comes after the lease has ended takes the lock anew.',
    source: 'https://github.com/swarthy/redis-semaphore/issues/175',
    killedBy: { seed: 1, oracle: 'first come, first served' },
  },
  {
    id: 'L10',
    file: 'core/lock/apply.ts',
    find: `const mine = holdingOf(lock, draft.session, owner)
  if (mine === null || (token !== null && token !== mine.token)) return null`,
    replace: `const mine = holdingOf(lock, draft.session, owner) ?? firstHolding(lock)
  if (mine === null || (token !== null && token !== mine.token)) return null`,
    story: 'A release frees the lock whoever holds it.',
    source: 'https://github.com/etcd-io/etcd/issues/22082',
    killedBy: { seed: 1, oracle: 'only the holder releases' },
  },
  {
    id: 'L11',
    file: 'core/lock/apply.ts',
    find: 'if (mine === null || (token !== null && token !== mine.token)) return null',
    replace: 'if (mine === null || (token !== null && token < 0)) return null',
    story: 'A release that names an earlier holding frees the present one.',
    source: 'https://github.com/etcd-io/etcd/issues/22082',
    killedBy: { seed: 6, oracle: 'only the holder releases' },
  },
  {
    id: 'L12',
    file: 'core/lock/memo.ts',
    find: `if (reply.type !== 'granted') return reply
  const lock`,
    replace: `if (reply.type !== 'granted' || draft.index > 0) return reply
  const lock`,
    story: 'A request that comes again is told that it holds a lock which it has lost since.',
    source: 'https://github.com/redisson/redisson/issues/3636',
    killedBy: { seed: 1, oracle: 'one fate for each request' },
  },
  {
    id: 'L13',
    file: 'core/lock/admission.ts',
    find: 'const first = mapFirst(lock.waiters)?.[1] ?? null',
    replace: 'const first = [...mapEntries(lock.waiters)].at(-1)?.[1] ?? null',
    also: [
      {
        file: 'core/lock/admission.ts',
        find: 'mapDelete, mapFirst,',
        replace: 'mapDelete, mapEntries,',
      },
    ],
    story: 'Who came last is served first.',
    source: 'https://en.wikipedia.org/wiki/Readers%E2%80%93writers_problem',
    killedBy: { seed: 1, oracle: 'first come, first served' },
  },
  {
    id: 'L14',
    file: 'core/lock/apply.ts',
    find: '!lock.closed && mapSize(lock.waiters) === 0',
    replace: '!lock.closed && mapSize(lock.waiters) >= 0',
    story: 'Readers join those that hold a lock past a writer who waits, and starve it.',
    source: 'https://en.wikipedia.org/wiki/Readers%E2%80%93writers_problem',
    killedBy: { seed: 1, oracle: 'first come, first served' },
  },
  {
    id: 'L15',
    file: 'core/lock/admission.ts',
    find: "return lock.closed || first.command.mode === 'exclusive' ? null : first",
    replace: "return lock.closed || first.command.mode === 'shared' ? null : first",
    story: 'A writer is let in beside the readers that hold the lock.',
    source: 'https://en.wikipedia.org/wiki/Readers%E2%80%93writers_problem',
    killedBy: { seed: 1, oracle: 'who can go goes' },
  },
  {
    id: 'L16',
    file: 'core/lock/apply.ts',
    find: "if (mapSize(lock.waiters) >= limits.waitersPerKeyMax) return refused('tooManyWaiters')",
    replace:
      "if (mapSize(lock.waiters) > limits.waitersPerKeyMax) return refused('tooManyWaiters')",
    story: 'One more may wait for a key than the limit says.',
    source: 'https://cwe.mitre.org/data/definitions/193.html',
    killedBy: { seed: 5, oracle: 'limits' },
  },
  {
    id: 'L17',
    file: 'core/lock/admission.ts',
    find: "if (count > draft.limits.countMax) return 'countTooHigh'",
    replace: "if (count > draft.limits.countMax + 1) return 'countTooHigh'",
    story: 'A lock may be taken once more by its holder than the limit says.',
    source: 'https://cwe.mitre.org/data/definitions/193.html',
    killedBy: { seed: 11, oracle: 'limits' },
  },
  {
    id: 'L18',
    file: 'core/lock/admission.ts',
    find: "if (waitDeadlineMs(waiter) <= draft.timeMs) return 'timeout'",
    replace: "if (waitDeadlineMs(waiter) < 0) return 'timeout'",
    story: 'A lock goes to a waiter whose time is over, and who does not expect it any more.',
    source: 'https://github.com/etcd-io/etcd/issues/11456',
    killedBy: { seed: 2, oracle: 'no grant after its wait' },
  },
  {
    id: 'L19',
    file: 'core/lock/expire.ts',
    find: 'endHolding(draft, heldOf(draft, first.key), first, true)',
    replace: 'endHolding(draft, heldOf(draft, first.key), first, false)',
    story: 'A lock whose lease has run out is granted at once, in spite of its lock-delay.',
    source: 'https://github.com/hashicorp/consul/blob/main/agent/consul/state/session.go',
    killedBy: { seed: 1, oracle: 'nobody within a lock-delay' },
  },
  {
    id: 'L20',
    file: 'core/lock/apply.ts',
    find: 'else admit(draft, lock, shared(lock, after))',
    replace: 'else putLock(draft, lock, shared(lock, after))',
    story: 'A downgrade is answered, and nobody else let in.',
    source: 'https://docs.oracle.com/javase/tutorial/essential/concurrency/newlocks.html',
    killedBy: { seed: 1, oracle: 'who can go goes' },
  },
  {
    id: 'L21',
    file: 'core/lock/admission.ts',
    find: "if (lock.type === 'shared' && command.mode === 'exclusive') return 'upgrade'",
    replace: "if (lock.type === 'shared' && command.waitMs < 0) return 'upgrade'",
    story: 'A reader that asks for the lock alone is told that it has it so.',
    source: 'https://docs.oracle.com/javase/tutorial/essential/concurrency/newlocks.html',
    killedBy: { seed: 1, oracle: 'one holder in the log' },
  },
  {
    id: 'L22',
    file: 'core/lock/apply.ts',
    find: "if (mine.revoked) return refused('revoked')",
    replace: "if (mine.count < 0) return refused('revoked')",
    story: 'A holder renews a lock that an operator has taken from it, and keeps it.',
    source: 'https://github.com/redisson/redisson/issues/3636',
    killedBy: { seed: 7, oracle: 'only an operator takes away' },
  },
  {
    id: 'L23',
    file: 'core/lock/apply.ts',
    find: 'const meant = all.filter((holding) => token === null || holding.token === token)',
    replace: 'const meant = all.filter((holding) => token === null || holding.token >= 0)',
    story: 'An operator who means an old holding takes the lock from the new one.',
    source: 'https://github.com/etcd-io/etcd/issues/22082',
    killedBy: { seed: 1, oracle: 'only an operator takes away' },
  },
  {
    id: 'L24',
    file: 'core/lock/apply.ts',
    find: `remember(draft, id, null, command, { type: 'cancelled' })
    return`,
    replace: `if (draft.index < 0) remember(draft, id, null, command, { type: 'cancelled' })
    return`,
    story: 'A request that was cancelled before it came is granted when it comes.',
    source: 'https://github.com/mike-marcacci/node-redlock/issues/86',
    killedBy: { seed: 13, oracle: 'limits' },
  },
  {
    id: 'L25',
    file: 'core/lock/apply.ts',
    find: `cancelWaiting(draft, memo)
  return`,
    replace: `if (draft.index < 0) cancelWaiting(draft, memo)
  return`,
    story: 'A wait is said to be cancelled, and goes on.',
    source: 'https://github.com/mike-marcacci/node-redlock/issues/86',
    killedBy: { seed: 1, oracle: 'one fate for each request' },
  },
  {
    id: 'L26',
    file: 'core/lock/admission.ts',
    find: 'const isLater = deadlineMs !== null && (asked === null || asked > deadlineMs)',
    replace: 'const isLater = deadlineMs !== null',
    story: 'A refresh with a short lease takes away what was left of a longer one.',
    source: 'https://github.com/mike-marcacci/node-redlock/issues/283',
    killedBy: { seed: 1, oracle: 'a lease ends as asked' },
  },
  {
    id: 'L27',
    file: 'core/lock/expire.ts',
    find: 'for (; count() < max; ended.locks++) {',
    replace: 'for (; ; ended.locks++) {',
    story:
      'One entry ends every lease that has run out, and stops the service for as long as it takes.',
    source: 'https://github.com/etcd-io/etcd/issues/9395',
    killedBy: { seed: 44, oracle: 'what is due ends' },
  },
  {
    id: 'L28',
    file: 'client/request.ts',
    find: 'call.firstSentMs ??= turn.now',
    replace: 'call.firstSentMs = turn.now',
    story: 'A client counts its lease from the last time that it asked, not from the first.',
    source: 'https://redis.io/docs/latest/develop/use/patterns/distributed-locks/',
    killedBy: { seed: 1, oracle: 'mutual exclusion' },
  },
  {
    id: 'L29',
    file: 'client/lease.ts',
    find: "if (now >= answeredUntilMs) return 'tooLate'",
    replace: "if (now >= answeredUntilMs + ttlMs) return 'tooLate'",
    also: [
      {
        file: 'client/lease.ts',
        find: `  return {
    type: 'held',
    token,
    driftPpm,
    answeredUntilMs,
    renewSentMs: null,`,
        replace: `  return {
    type: 'held',
    token,
    driftPpm,
    answeredUntilMs: Math.max(answeredUntilMs, now + ttlMs),
    renewSentMs: null,`,
      },
    ],
    story: 'A grant that comes after its lease has ended counts, from its arrival on.',
    source: 'https://github.com/etcd-io/etcd/issues/11456',
    killedBy: { seed: 1, oracle: 'mutual exclusion' },
  },
  {
    id: 'L30',
    file: 'client/lease.ts',
    find: "return lease.type === 'ended' ? lease : ended(lease, 'released')",
    replace: 'return lease',
    story: 'A holder believes in its lock until its release is answered.',
    source: 'https://github.com/jepsen-io/etcd',
    killedBy: { seed: 1, oracle: 'mutual exclusion' },
  },
  {
    id: 'L31',
    file: 'client/lease.ts',
    find: '  for (const { sentMs, ttlMs } of lease.renewals) {',
    replace: '  for (const { sentMs, ttlMs } of lease.renewals.slice(1)) {',
    story: 'A renewal that shortens the lease counts only once it is answered.',
    source: 'https://github.com/mike-marcacci/node-redlock/issues/169',
    killedBy: { seed: 76, oracle: 'mutual exclusion' },
  },
  {
    id: 'L32',
    file: 'core/lock/state.ts',
    find: `if (orderBefore !== null && orderBefore !== orderAfter) {
    draft.leaseDeadlines = mapDelete(draft.leaseDeadlines, orderBefore)`,
    replace: `if (orderBefore !== null && after === null) {
    draft.leaseDeadlines = mapDelete(draft.leaseDeadlines, orderBefore)`,
    story: 'A lease that was renewed still ends when it was to end before.',
    source: 'https://github.com/etcd-io/etcd/issues/15247',
    killedBy: { seed: 1, oracle: 'no early expiry' },
  },
]
