// Takes many locks of a cluster and keeps them. They are taken in sessions, so that no reply is
// remembered beside them, and each has a lease of its own that outlives every bench.

import { Caller } from '../../client/caller.ts'
import { systemClock } from '../../client/clock.ts'
import { SocketCarrier } from '../../client/node/carrier.ts'
import type { CallResult } from '../../client/request-data.ts'
import { weighReply } from '../../client/service-backend.ts'
import type { LockCommand } from '../../core/lock/command.ts'
import { lockService } from '../../core/lock/machine.ts'
import type { LockReply } from '../../core/lock/reply.ts'
import type { SessionCommand, SessionReply } from '../../core/session/command.ts'

/** A day: the longest that a lease and a session may have. */
const TTL_MS = 86_400_000
/** What one session takes; the machine allows 10 000. */
const SESSION_LOCKS = 8_000
/** Calls of one session under way at once. */
const BATCH = 256
/** Sessions that are filled at once. */
const SESSIONS_AT_ONCE = 2
const TIMEOUT_MS = 120_000
const ATTEMPT_MS = 30_000
const RETRY_PAUSE_MS = 50
const DIAL_MS = 2_000

const machine = lockService()

type Ask = (command: SessionCommand<LockCommand>) => Promise<SessionReply<LockReply>>

/** Takes `count` locks, each of another key; throws when one is not granted. */
export async function takeLocks(nodes: readonly string[], count: number): Promise<void> {
  const caller = new Caller({
    nodes,
    attemptTimeoutMs: ATTEMPT_MS,
    retryPauseMs: RETRY_PAUSE_MS,
    clock: systemClock,
    random: () => Math.floor(Math.random() * 0x100000000),
    weigh: weighReply,
    open: (events) =>
      new SocketCarrier({ nodes, token: null, tls: null, dialTimeoutMs: DIAL_MS }, events),
  })
  const ask: Ask = async (command) => {
    const payload = machine.encodeCommand(command)
    const result = await new Promise<CallResult>((resolve) => {
      caller.ask(payload, { timeoutMs: TIMEOUT_MS, read: false }, resolve)
    })
    const reply = result.type === 'done' ? machine.decodeReply(result.reply) : null
    if (reply === null) throw new Error(`a ${command.type} was answered ${JSON.stringify(result)}`)
    return reply
  }
  let next = 0
  const fill = async (): Promise<void> => {
    while (next < count) {
      const first = next
      next = Math.min(count, first + SESSION_LOCKS)
      await takeInSession(ask, first, next)
    }
  }
  try {
    await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, fill))
  } finally {
    caller.close()
  }
}

async function takeInSession(ask: Ask, first: number, end: number): Promise<void> {
  const opened = await ask({ type: 'openSession', ttlMs: TTL_MS })
  if (opened.type !== 'opened') throw new Error(`no session: ${JSON.stringify(opened)}`)
  const { session } = opened
  for (let at = first; at < end; at += BATCH) {
    const acknowledged = at - first
    const replies = Array.from({ length: Math.min(BATCH, end - at) }, (_, place) => {
      const command = acquire(at + place)
      const sequence = acknowledged + place + 1
      return ask({ type: 'call', session, sequence, acknowledged, bound: false, command })
    })
    for (const reply of await Promise.all(replies)) {
      if (reply.type === 'replied' && reply.reply.type === 'granted') continue
      throw new Error(`a lock was not granted: ${JSON.stringify(reply)}`)
    }
  }
}

function acquire(number: number): LockCommand {
  const terms = { mode: 'exclusive', ttlMs: TTL_MS, waitMs: 0, lockDelayMs: 0 } as const
  const names = { key: `orders/${number}`, owner: `worker-${number % 1_000}`, requestId: null }
  return { type: 'acquire', ...names, ...terms, reentrant: false, metadata: '' }
}
