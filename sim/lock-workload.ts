// The lock service as a workload: what its clients do, what is looked at, and how their history is
// judged.

import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import { checkLocks } from '../checker/lock-monitor.ts'
import { weighLockReply } from '../client/lock-reply.ts'
import type { LockCommand } from '../core/lock/command.ts'
import type { LockEvent } from '../core/lock/event.ts'
import { LIMITS } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { SessionCommand, SessionEvent, SessionReply } from '../core/session/command.ts'
import { ASKED_ORACLES } from './asked-oracles.ts'
import { GuardedClient } from './guarded-client.ts'
import { BELIEF_ORACLES, LockBeliefs } from './lock-beliefs.ts'
import { LockClient } from './lock-client.ts'
import { patienceMs } from './lock-limits.ts'
import { drawOperation, KEY_OF_FRESH } from './lock-operation.ts'
import type { LockOperation } from './lock-operation.ts'
import { LOCK_ORACLES, LockOracles } from './lock-oracles.ts'
import type { LockEntry } from './lock-terms.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { GuardedSetting } from './scenario.ts'
import { SESSION_ORACLES, SessionOracles } from './session-oracles.ts'
import type { Stage, Workload } from './workload.ts'

/** Log times are whole milliseconds: an expiry may come this much early. */
const SLACK_MS = 2

/** The lock service as a workload. */
export type LockWorkload = Workload<
  SessionCommand<LockCommand>,
  SessionReply<LockReply>,
  SessionEvent<LockEvent>,
  LockOperation,
  LockInput,
  LockOutput
>

/**
 * The workload of `keys` locks of the lock service. Few keys make them contended. `limits` are
 * those of the machine, where they are not as in `LIMITS`; `clockDriftPpm` is how wrong clocks go,
 * where that is more than is declared: then locks promise less. `guarded`: of a scenario.
 */
export function lockWorkload(
  keys: number,
  limits: Partial<Limits> = {},
  clockDriftPpm: number = EPSILON_PPM,
  guarded: readonly GuardedSetting[] = [],
): LockWorkload {
  return {
    draw: (random) => drawOperation(random, keys),
    fresh: () => {
      const usual = { mode: 'exclusive', lockDelayMs: 0, giveUpMs: null } as const
      const key = KEY_OF_FRESH
      // A refresh, so that a second one, after a first that nobody heard of, is granted as well.
      return { type: 'acquire', key, ttlMs: 1_000, waitMs: 0, reentrant: false, ...usual }
    },
    isServed: (output) => output.type === 'granted' || isFull(output),
    query: () => {
      return { type: 'plain', command: { type: 'status', key: KEY_OF_FRESH, holder: null } }
    },
    weigh: (reply) => {
      if (reply.type === 'superseded') return 'superseded'
      return reply.type === 'replied' ? weighLockReply(reply.reply) : 'final'
    },
    oracles: [...BELIEF_ORACLES, ...LOCK_ORACLES, ...SESSION_ORACLES, ...ASKED_ORACLES],
    open: (stage) => {
      const beliefs = new LockBeliefs(stage)
      const sessions = new SessionOracles<LockCommand, LockReply, LockEvent>(stage)
      const all = { ...LIMITS, ...limits }
      const oracles = new LockOracles(stage, all, beliefs, (session) => sessions.endOf(session))
      return {
        actor: (client) => {
          const setting = guarded.find((one) => one.client === client)
          return setting === undefined
            ? new LockClient(client, stage, beliefs, patienceMs(limits))
            : new GuardedClient(client, stage, beliefs, oracles.claimsOf, setting)
        },
        applied: (entry) => {
          const ofLocks = sessions.applied(entry)
          if (stage.isTraced) traceEntry(stage, ofLocks)
          oracles.applied(ofLocks)
        },
      }
    },
    judge: (history) =>
      checkLocks(history, { unitsPerMs: 1_000, epsilonPpm: clockDriftPpm, slackMs: SLACK_MS }),
  }
}

/** What an entry did to the locks, as it is first applied. */
function traceEntry(stage: Stage, { index, events }: LockEntry): void {
  for (const event of events) {
    const where = 'session' in event && event.session !== null ? `, session ${event.session}` : ''
    const who = 'owner' in event ? event.owner : 'log'
    stage.trace(who, `${inWords(event)} (entry ${index}${where})`)
  }
}

function inWords(event: LockEvent): string {
  const { key } = event
  switch (event.type) {
    case 'queued':
      return `waits for ${key}${event.mode === 'shared' ? ', to share it' : ''}`
    case 'waitEnded':
      return event.by === 'timeout'
        ? `has waited for ${key} in vain`
        : `waits for ${key} no more: ${event.by}`
    case 'granted': {
      const how = event.mode === 'shared' ? ' to share' : ''
      return `is granted ${key}${how}, token ${event.token}`
    }
    case 'updated':
      return `keeps ${key}, token ${event.token}, level ${event.count}`
    case 'released':
      return `releases ${key}, token ${event.token}`
    case 'expired':
      return `loses ${key}, token ${event.token}: the lease has run out`
    case 'revoked':
      return `may not keep ${key}, token ${event.token}, beyond its lease`
    case 'lost':
      return `loses ${key}, token ${event.token}: ${event.by}`
    case 'contended':
      return `${key} is waited for by ${event.waiters}`
    case 'delayed':
      return `${key} is kept from all until ${event.untilMs}`
  }
}

/**
 * With a low limit on keys those still held may leave no room for a fresh one. Then this is the
 * right answer: the oracle `refused only at a limit` has counted them.
 */
function isFull(output: LockOutput): boolean {
  return output.type === 'rejected' && output.reason === 'tooManyKeys'
}
