// After the fire: all heals but a minority that is dead for good, and the world must make progress
// within bounds: a leader, answers to all that is pending, a fresh operation, equal logs.

import { termAt } from '../core/raft/log.ts'
import type { ObservedNode } from './raft-oracles.ts'
import type { Scenario } from './scenario.ts'
import { Violation } from './violation.ts'

/** The bounds, in maximum election timeouts (twice the base). */
const LEADER_WITHIN = 10
const ANSWERS_WITHIN = 20
const FRESH_WITHIN = 20
/** Of standing still: a small window may need many round trips, but each must bring a node on. */
const EQUAL_WITHIN = 10

/** What the recovery looks at and asks of clients. */
export interface RecoveryHost<Op, Output> {
  readonly nodes: readonly ObservedNode<unknown>[]
  readonly clients: readonly {
    readonly isBusy: boolean
    readonly lastOutput: Output | null
    stopWorking(): void
    ask(operation: Op): boolean
  }[]
  timeUs(): number
  evaluated(oracle: string): void
  trace(who: string, what: string): void
}

type Stage = 'leader' | 'answers' | 'fresh' | 'equal' | 'done'

export class Recovery<Op, Output> {
  readonly #scenario: Scenario<Op>
  readonly #workload: { fresh(): Op; isServed(output: Output): boolean }
  readonly #host: RecoveryHost<Op, Output>
  #stage: Stage = 'leader'
  #healedUs = 0
  #stageUs = 0
  /** How far the node that is furthest behind had applied when it last came on. */
  #applied = 0

  constructor(
    scenario: Scenario<Op>,
    workload: { fresh(): Op; isServed(output: Output): boolean },
    host: RecoveryHost<Op, Output>,
  ) {
    this.#scenario = scenario
    this.#workload = workload
    this.#host = host
  }

  /** When the last bound has passed, microseconds. */
  get endUs(): number {
    const all = ANSWERS_WITHIN + FRESH_WITHIN + EQUAL_WITHIN + 1
    return this.#healedUs + all * this.#maximumTimeoutUs
  }

  begin(timeUs: number): void {
    this.#healedUs = timeUs
    this.#stageUs = timeUs
    for (const client of this.#host.clients) client.stopWorking()
  }

  /** Looked at after every event once all is healed: goes on to the next stage, or fails. */
  isDone(): boolean {
    switch (this.#stage) {
      case 'leader':
        if (this.#isLed()) this.#next('answers', 'a leader after the heal')
        else this.#mustBeWithin(LEADER_WITHIN, this.#healedUs, 'a leader after the heal', 'none')
        return false
      case 'answers': {
        const busy = this.#host.clients.findIndex((client) => client.isBusy)
        const what = 'answers after the heal'
        if (busy < 0) {
          this.#next('fresh', what)
          this.#host.clients[0]?.ask(this.#workload.fresh())
        } else this.#mustBeWithin(ANSWERS_WITHIN, this.#healedUs, what, `c${busy} has none`)
        return false
      }
      case 'fresh':
        return this.#checkFresh()
      case 'equal': {
        const different = this.#firstDifferent()
        const what = 'equal logs after the heal'
        const applied = this.#leastApplied()
        if (applied > this.#applied) this.#stageUs = this.#host.timeUs()
        this.#applied = applied
        if (different === null) this.#next('done', what)
        else this.#mustBeWithin(EQUAL_WITHIN, this.#stageUs, what, different)
        return false
      }
      case 'done':
        return true
    }
  }

  #checkFresh(): boolean {
    const [client] = this.#host.clients
    const what = 'a fresh operation after the heal'
    if (client === undefined) this.#next('equal', what)
    else if (client.isBusy) this.#mustBeWithin(FRESH_WITHIN, this.#stageUs, what, 'no answer')
    else if (client.lastOutput === null) {
      // It asked a dead node, or lost its answer: an application would ask again.
      this.#mustBeWithin(FRESH_WITHIN, this.#stageUs, what, 'no answer')
      client.ask(this.#workload.fresh())
    } else if (!this.#workload.isServed(client.lastOutput)) {
      throw new Violation(what, `it was answered ${JSON.stringify(client.lastOutput)}`)
    } else this.#next('equal', what)
    return false
  }

  get #maximumTimeoutUs(): number {
    return this.#scenario.electionTimeoutMs * 2_000
  }

  #next(stage: Stage, oracle: string): void {
    this.#host.evaluated(oracle)
    this.#host.trace('world', oracle)
    this.#stage = stage
    this.#stageUs = this.#host.timeUs()
  }

  #mustBeWithin(timeouts: number, sinceUs: number, oracle: string, found: string): void {
    const boundUs = timeouts * this.#maximumTimeoutUs
    if (this.#host.timeUs() - sinceUs <= boundUs) return
    throw new Violation(oracle, `not within ${boundUs / 1_000} ms: ${found}`)
  }

  /** Led by a node that a majority follows, itself counted, and that nobody's term is above. */
  #isLed(): boolean {
    const leader = this.#leader()?.state?.raft
    if (leader === undefined) return false
    let following = 1
    for (const { state } of this.#host.nodes) {
      if (state === null) continue
      const { raft } = state
      if (raft.term > leader.term) return false
      if (raft.role === 'follower' && raft.leader === leader.config.node) following++
    }
    return following * 2 > this.#host.nodes.length
  }

  /** The leader of the highest term among the living. */
  #leader(): ObservedNode<unknown> | undefined {
    let leader: ObservedNode<unknown> | undefined
    for (const node of this.#host.nodes) {
      if (node.state?.raft.role !== 'leader') continue
      if (leader === undefined || node.state.raft.term > (leader.state?.raft.term ?? 0)) {
        leader = node
      }
    }
    return leader
  }

  #leastApplied(): number {
    let least = Infinity
    this.#host.nodes.forEach(({ state }, at) => {
      if (!this.#scenario.dead.includes(at)) least = Math.min(least, state?.applied ?? 0)
    })
    return least
  }

  #firstDifferent(): string | null {
    const leader = this.#leader()?.state
    if (leader === undefined || leader === null) return 'there is no leader'
    const { log } = leader.raft
    for (let at = 0; at < this.#host.nodes.length; at++) {
      if (this.#scenario.dead.includes(at)) continue
      const state = this.#host.nodes[at]?.state
      if (state === undefined || state === null) return `node ${at} is down`
      const { lastIndex } = state.raft.log
      if (lastIndex !== log.lastIndex || termAt(state.raft.log, lastIndex) !== log.lastTerm) {
        return `node ${at} ends at ${lastIndex}, the leader at ${log.lastIndex}`
      }
      if (state.applied !== lastIndex) return `node ${at} has applied ${state.applied}`
    }
    return null
  }
}
