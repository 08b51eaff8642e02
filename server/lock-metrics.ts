// The metrics of one node, in a registry of its own. Requests are counted on the node that answers
// them, so that the sum over all nodes is right; holdings are measured by the leader. An answer is
// counted whenever it is given: whether it is remembered from an earlier one, it does not tell.

import { Counter, Gauge, Registry } from 'prom-client'
import { unreachable } from '../core/invariant.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { ReplicaStatus } from '../core/status.ts'
import { replyFailure } from './failure.ts'
import type { ProblemCode } from './http/problem.ts'
import type { LockFeed } from './lock-feed.ts'
import type { LockReplica } from './lock-replica.ts'
import { PlainHistogram } from './plain-histogram.ts'

/** Seconds. */
const WAIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]
const HOLD_BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 86_400]

/** Counts, and says it all in the text format of Prometheus. */
export class LockMetrics {
  readonly #registry = new Registry()
  readonly #failures = new Map<ProblemCode, number>()
  readonly #waits = new PlainHistogram(
    'lock_acquire_wait_seconds',
    'From the arrival of an acquire to its grant.',
    WAIT_BUCKETS,
  )
  readonly #holds = new PlainHistogram(
    'lock_hold_seconds',
    'From the grant of an exclusive lock to its end, measured by the leader.',
    HOLD_BUCKETS,
  )
  #acquired = 0
  #released = 0
  #renewed = 0

  constructor(replica: LockReplica, feed: LockFeed) {
    this.#counter('lock_acquire_total', 'Acquires answered with a grant.', () => this.#acquired)
    this.#counter('lock_release_total', 'Releases answered as done.', () => this.#released)
    this.#counter('lock_renew_total', 'Renewals answered as done.', () => this.#renewed)
    const elections = 'Elections that this node has called.'
    this.#counter('raft_election_count', elections, () => feed.electionsCount)
    this.#counterOfFailures()
    feed.onHeld = (heldMs) => this.#holds.observe(heldMs / 1_000)
    this.#gauge('lock_active_count', 'Locks that are held.', () => activeCount(replica))
    this.#gauge('raft_term', 'Current term.', () => replica.status().term)
    this.#gauge('raft_commit_index', 'Commit index.', () => replica.status().commitIndex)
    const states = '0 follower, 1 candidate, 2 leader.'
    this.#gauge('raft_state', states, () => stateNumber(replica.status().role))
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** A request was answered with this reply, `tookMs` after it arrived. */
  answered(reply: LockReply, tookMs: number): void {
    switch (reply.type) {
      case 'granted':
        return this.granted(tookMs)
      case 'released':
        return this.released()
      case 'renewed':
        return this.renewed()
      default: {
        const code = replyFailure(reply)
        if (code !== null) this.failed(code)
      }
    }
  }

  /** An acquire was answered with a grant, `tookMs` after it arrived. */
  granted(tookMs: number): void {
    this.#acquired += 1
    this.#waits.observe(tookMs / 1_000)
  }

  released(): void {
    this.#released += 1
  }

  renewed(): void {
    this.#renewed += 1
  }

  /** A request to change a lock was answered with this failure. */
  failed(code: ProblemCode): void {
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
  }

  /** All metrics as text. */
  async text(): Promise<string> {
    const text = await this.#registry.metrics()
    return [text.trimEnd(), this.#waits.text(), this.#holds.text()].join('\n\n')
  }

  /** The count is kept as a plain number, which costs less on the way of every request. */
  #counter(name: string, help: string, count: () => number): void {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.#registry],
      collect: () => {
        counter.reset()
        counter.inc(count())
      },
    })
  }

  #counterOfFailures(): void {
    const counter: Counter<'reason'> = new Counter({
      name: 'lock_failures_total',
      help: 'Requests to change a lock answered with a failure, by its code.',
      labelNames: ['reason'],
      registers: [this.#registry],
      collect: () => {
        counter.reset()
        for (const [reason, count] of this.#failures) counter.inc({ reason }, count)
      },
    })
  }

  #gauge(name: string, help: string, value: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect: () => gauge.set(value()),
    })
  }
}

function activeCount(replica: LockReplica): number {
  const reply = replica.readStale({ type: 'plain', command: { type: 'countLocks', prefix: '' } })
  return reply?.type === 'replied' && reply.reply.type === 'lockCount' ? reply.reply.locks : 0
}

function stateNumber(role: ReplicaStatus['role']): number {
  switch (role) {
    case 'follower':
      return 0
    case 'precandidate':
    case 'candidate':
      return 1
    case 'leader':
      return 2
    default:
      return unreachable(role)
  }
}
