// Mistakes of sessions: when they end, what ends with them, and which calls have an effect.

import type { Mutant } from './mutant.ts'

/** Bugs of sessions. */
export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    id: 'X3',
    file: 'core/session/apply.ts',
    find: 'if (first === null || first[1].atMs > draft.timeMs) break',
    replace: 'if (first === null || (sessions > 0 && first[1].atMs > draft.timeMs)) break',
    story: "A session ends since a leader's timer said so, though its client was heard since.",
    source: 'https://github.com/etcd-io/etcd/issues/15247',
    killedBy: { seed: 11, oracle: 'no early end of a session' },
  },
  {
    id: 'X5',
    file: 'core/lock/admission.ts',
    find: 'return session !== null && mapGet(draft.ended, session) !== undefined ?',
    replace: "return session !== null && mapGet(draft.ended, session) === 'close' ?",
    story: 'A lock goes to a waiter whose session has run out.',
    source: 'https://github.com/etcd-io/etcd/issues/11456',
    killedBy: { seed: 2, oracle: 'nothing for a session that has ended' },
  },
  {
    id: 'L33',
    file: 'core/session/apply.ts',
    find: 'putSession(draft, session, renewed(session, draft.timeMs))',
    replace: 'putSession(draft, session, session)',
    story: 'A session that is kept alive ends all the same.',
    source: 'https://github.com/atomix/copycat/issues/232',
    killedBy: { seed: 2, oracle: 'no early end of a session' },
  },
  {
    id: 'L34',
    file: 'core/session/apply.ts',
    find: 'const isNew = known === undefined && sequence > session.acknowledged',
    replace: `const isAnswered = known?.type === 'answered'
  const isNew = (known === undefined || isAnswered) && sequence > session.acknowledged`,
    story: 'A call that comes again after an answer has its effect once more.',
    source: 'https://github.com/hashicorp/raft/issues/142',
    killedBy: { seed: 9, oracle: 'one effect for each call' },
  },
  {
    id: 'L35',
    file: 'core/session/apply.ts',
    find: `const isNew = known === undefined && sequence > session.acknowledged
  if (!isNew || isFull(session, sequence, limits)) {
    putSession(draft, before, session)
    if (sequence <= session.acknowledged) return rejected('alreadyAnswered')`,
    replace: `const isNew = known === undefined
  if (!isNew || isFull(session, sequence, limits)) {
    putSession(draft, before, session)`,
    story: 'A call that its client has given up has its effect when it comes late.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 14, oracle: 'one effect for each call' },
  },
  {
    id: 'L36',
    file: 'core/lock/apply.ts',
    find: "if (locksOf(draft, session, '') > 0) putEnded(draft, session, by)",
    replace: "if (by === 'expiry' && locksOf(draft, session, '') > 0) putEnded(draft, session, by)",
    story: 'What was taken in a session stays when that is closed.',
    source: 'https://github.com/hashicorp/consul/issues/2893',
    killedBy: { seed: 33, oracle: 'what a session has ends with it' },
  },
  {
    id: 'L37',
    file: 'core/lock/expire.ts',
    find: "endHolding(draft, lock, holding, by === 'expiry')",
    replace: "endHolding(draft, lock, holding, by === 'expiry' || by === 'close')",
    story: 'A lock-delay keeps what a client gave back with its session.',
    source: 'https://github.com/hashicorp/consul/blob/main/agent/consul/state/session.go',
    killedBy: { seed: 105, oracle: 'nobody within a lock-delay' },
  },
  {
    id: 'L38',
    file: 'core/session/apply.ts',
    find: 'putWait(draft, known.index, { ...wait, answerIndex: draft.index })',
    replace: 'putWait(draft, known.index, { ...wait })',
    story: 'A call that waits is answered to its first attempt, which nobody listens to any more.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 9, oracle: 'one effect for each call' },
  },
  {
    id: 'L39',
    file: 'core/session/records.ts',
    find: '  if (mark <= session.acknowledged) return session\n',
    replace: '  if (mark === session.acknowledged) return session\n',
    story: 'The mark of what a client has acknowledged goes back when an old call comes late.',
    source: 'https://github.com/logcabin/logcabin/commit/163fba5',
    killedBy: { seed: 14, oracle: 'one effect for each call' },
  },
  {
    id: 'L40',
    file: 'core/session/records.ts',
    find: `    ttlMs,
    deadlineMs: timeMs + ttlMs,`,
    replace: `    ttlMs,
    deadlineMs: timeMs + 2 * ttlMs,`,
    story: 'A session that is opened lives twice as long as was asked for.',
    source: 'https://github.com/hashicorp/consul/blob/main/agent/consul/session_ttl.go',
    killedBy: { seed: 2, oracle: 'snapshots on disk are the log' },
  },
  {
    id: 'L41',
    file: 'core/session/apply.ts',
    find: 'session: command.bound ? session.id : null, guarded: true',
    replace: 'session: session.id, guarded: true',
    story: 'A lock that is taken by an unbound call ends with the session that the call came in.',
    source: 'https://github.com/hashicorp/consul/issues/2893',
    killedBy: { seed: 9, oracle: 'first come, first served' },
  },
  {
    id: 'L42',
    file: 'core/session/apply.ts',
    find: 'const isNew = known === undefined && sequence > session.acknowledged',
    replace: `const isFirst = known === undefined || !command.bound
  const isNew = isFirst && sequence > session.acknowledged`,
    story: 'An unbound call that comes again has its effect once more.',
    source: 'https://github.com/hashicorp/raft/issues/142',
    killedBy: { seed: 9, oracle: 'one effect for each call' },
  },
  {
    id: 'L43',
    file: 'core/lock/queue.ts',
    find: '(guarded || !waiter.hasMemo) &&',
    replace: 'guarded &&',
    story: 'A cancel from outside of sessions leaves the wait of an unbound call in the queue.',
    source: 'https://github.com/etcd-io/etcd/issues/11456',
    killedBy: { seed: 11, oracle: 'who cancels waits no more' },
  },
  {
    id: 'L44',
    file: 'core/lock/snapshot.ts',
    find: 'const hasMemo = reader.bool()',
    replace: 'const hasMemo = reader.bool() || session === null',
    story: 'A snapshot makes a request that is remembered of an unbound call that waits.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 9, oracle: 'snapshot equals replay' },
  },
  {
    id: 'L45',
    file: 'core/lock/apply.ts',
    find: 'if (draft.guarded) return applyNew(draft, command)',
    replace: `if (draft.session !== null) return applyNew(draft, command)
  if (draft.guarded && command.type !== 'acquire') return applyNew(draft, command)`,
    story: 'An unbound acquire is answered from the memory of another request of its name.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 9, oracle: 'snapshot equals replay' },
  },
]
