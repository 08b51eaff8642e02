// After the fire: all heals but a minority that is dead for good, and the world must make progress
// within bounds: a leader that stays, every node caught up with it, answers to all that is pending,
// a fresh operation, equal logs, and then what the drill asks. How long catching up may take is
// fixed when the leader is found.

import type { Outcome } from '../core/outcome.ts'
import type { NodeId } from '../core/raft/config.ts'
import { termAt } from '../core/raft/log.ts'
import { isVoter, membersOf } from '../core/raft/membership.ts'
import { activeMembership } from '../core/raft/state.ts'
import type { LoggedMembership, RaftState } from '../core/raft/state.ts'
import type { ReplicaState } from '../core/work.ts'
import { CatchUp } from './catch-up.ts'
import { Drill, DRILL_ORACLES } from './drill.ts'
import type { DrillHost } from './drill.ts'
import { isMajorityOf } from './majority.ts'
import type { ObservedNode } from './raft-oracles.ts'
import type { Scenario } from './scenario.ts'
import { Violation } from './violation.ts'

/**
 * The bounds, in maximum election timeouts (twice the base). A leader and all answers from the heal
 * on, a fresh operation from its asking, both later where to bring on a majority may take longer
 * than to find a leader; the rest from when enough nodes must have caught up. All of them begin
 * anew when a change of members that was under way takes the leader away.
 */
const LEADER_WITHIN = 10
const ANSWERS_WITHIN = 20
const ANSWERS_ONCE_CAUGHT_UP = 15
const FRESH_WITHIN = 20
const FRESH_ONCE_CAUGHT_UP = 10
/** Once all have caught up: only the last few entries, and the word that they are committed. */
const EQUAL_WITHIN = 2

const LEADER = 'a leader after the heal'
const CAUGHT_UP = 'caught up after the heal'

/** The rules that are looked at here. */
export const RECOVERY_ORACLES: readonly string[] = [
  LEADER,
  CAUGHT_UP,
  'answers after the heal',
  'a fresh operation after the heal',
  'equal logs after the heal',
  ...DRILL_ORACLES,
]

/** What the recovery looks at and asks of clients. */
export interface RecoveryHost<Op, Output> {
  readonly nodes: readonly (ObservedNode<unknown> & DrillHost['nodes'][number])[]
  readonly names: readonly string[]
  /** How many versions of the machine's rules every living node knows after the heal. */
  readonly versions: number
  /** Nodes that stay dead. */
  isDead(node: number): boolean
  readonly clients: readonly {
    readonly isBusy: boolean
    readonly lastOutput: Output | null
    stopWorking(): void
    ask(operation: Op): boolean
  }[]
  /** The rules of the user's, which held for messages until now, hold no longer. */
  endRules(): void
  /** How big the snapshot of a state is. */
  snapshotBytes(state: ReplicaState<unknown>): number
  timeUs(): number
  evaluated(oracle: string): void
  trace(who: string, what: string): void
}

type Stage = 'leader' | 'answers' | 'fresh' | 'equal' | 'drill'

export class Recovery<Op, Output> {
  readonly #scenario: Scenario<Op>
  readonly #workload: { fresh(): Op; isServed(output: Output): boolean }
  readonly #host: RecoveryHost<Op, Output>
  readonly #catchUp: CatchUp
  readonly #drill: Drill
  #stage: Stage = 'leader'
  #healedUs = 0
  #stageUs = 0
  /** The term in which the world was last found led, and by whom; 0 and null before. */
  #ledTerm = 0
  #led: NodeId | null = null
  /** Since when there is to be a leader: the heal, or the last leader's leaving by right. */
  #leaderDueUs = 0

  constructor(
    scenario: Scenario<Op>,
    workload: { fresh(): Op; isServed(output: Output): boolean; query?(): unknown },
    host: RecoveryHost<Op, Output>,
  ) {
    this.#scenario = scenario
    this.#workload = workload
    this.#host = host
    const { nodes, names } = host
    this.#catchUp = new CatchUp(scenario, nodes, names, (state) => host.snapshotBytes(state))
    this.#drill = new Drill(scenario, host, workload.query !== undefined)
  }

  /** Until when it is looked at even if nothing happens, microseconds: a leader has heartbeats. */
  get lookUntilUs(): number {
    return this.#healedUs + (LEADER_WITHIN + 1) * this.#maximumTimeoutUs
  }

  /** A node has answered what an operator asked of it. */
  operated(node: number, request: number, outcome: Outcome<unknown>): void {
    this.#drill.answered(node, request, outcome)
  }

  begin(timeUs: number): void {
    this.#healedUs = timeUs
    this.#stageUs = timeUs
    this.#leaderDueUs = timeUs
    for (const client of this.#host.clients) client.stopWorking()
  }

  /** Looked at after every event once all is healed: goes on to the next stage, or fails. */
  isDone(): boolean {
    const leader = this.#leader()
    // The drill takes leaders away, and has bounds of its own.
    if (this.#stage !== 'drill') this.#watch(leader)
    switch (this.#stage) {
      case 'leader':
        if (leader !== null) this.#next('answers', LEADER)
        return false
      case 'answers': {
        const busy = this.#host.clients.findIndex((client) => client.isBusy)
        const what = 'answers after the heal'
        if (busy < 0) {
          this.#next('fresh', what)
          this.#host.clients[0]?.ask(this.#workload.fresh())
          return false
        }
        const healedUs = this.#sinceOrWhileBroughtOn(this.#leaderDueUs)
        this.#mustBeWithin(ANSWERS_WITHIN, healedUs, what, `c${busy} has none`)
        const sinceUs = Math.max(this.#leaderDueUs, this.#catchUp.quorumByUs)
        this.#mustBeWithin(ANSWERS_ONCE_CAUGHT_UP, sinceUs, what, `c${busy} has none`)
        return false
      }
      case 'fresh':
        return this.#checkFresh()
      case 'equal': {
        // That there is one soon is looked at above.
        if (leader === null) return false
        const different = this.#firstDifferent(leader)
        const what = 'equal logs after the heal'
        const sinceUs = Math.max(this.#stageUs, this.#catchUp.allByUs)
        if (different === null) {
          this.#next('drill', what)
          this.#host.endRules()
        } else this.#mustBeWithin(EQUAL_WITHIN, sinceUs, what, different)
        return false
      }
      case 'drill':
        return this.#drill.isOver(leader)
    }
  }

  /**
   * Looked at in every stage: there is a leader soon, and from then on, and what it has when it is
   * found is soon everywhere. Another leader, while there still may be one, starts the time anew; a
   * change of members that was under way may take the leader away later than that.
   */
  #watch(leader: RaftState | null): void {
    const nowUs = this.#host.timeUs()
    if (leader === null) {
      if (this.#isLedRemoved()) {
        this.#led = null
        this.#leaderDueUs = nowUs
      }
      return this.#mustBeWithin(LEADER_WITHIN, this.#leaderDueUs, LEADER, 'none')
    }
    this.#led = leader.config.node
    if (leader.term !== this.#ledTerm) {
      this.#ledTerm = leader.term
      this.#catchUp.aim(leader, nowUs)
      this.#host.evaluated(CAUGHT_UP)
    }
    const late = this.#catchUp.late(leader, nowUs)
    if (late !== null) throw new Violation(CAUGHT_UP, late)
  }

  /** From when on to count: later where a majority may be brought on later than a leader found. */
  #sinceOrWhileBroughtOn(sinceUs: number): number {
    return Math.max(sinceUs, this.#catchUp.quorumByUs - LEADER_WITHIN * this.#maximumTimeoutUs)
  }

  /** Whether who led last is no voter any more, and that is committed: it steps down (Raft 6). */
  #isLedRemoved(): boolean {
    if (this.#led === null) return false
    const raft = this.#host.nodes[this.#host.names.indexOf(this.#led)]?.state?.raft
    if (raft === undefined || raft.role === 'leader' || raft.term !== this.#ledTerm) return false
    const { index, membership } = raft.memberships.at(-1) as LoggedMembership
    return index <= raft.commit && !isVoter(membership, this.#led)
  }

  #checkFresh(): boolean {
    const [client] = this.#host.clients
    const what = 'a fresh operation after the heal'
    if (client === undefined) {
      this.#next('equal', what)
      return false
    }
    if (client.isBusy || client.lastOutput === null) {
      const askedUs = Math.max(this.#stageUs, this.#leaderDueUs)
      this.#mustBeWithin(FRESH_WITHIN, this.#sinceOrWhileBroughtOn(askedUs), what, 'no answer')
      const sinceUs = Math.max(askedUs, this.#catchUp.quorumByUs)
      this.#mustBeWithin(FRESH_ONCE_CAUGHT_UP, sinceUs, what, 'no answer')
      // It asked a dead node, or lost its answer: an application would ask again.
      if (!client.isBusy) client.ask(this.#workload.fresh())
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

  /** Who leads: a majority of its voters follows, and no member that lives is of a higher term. */
  #leader(): RaftState | null {
    let leader: RaftState | null = null
    const { nodes, names } = this.#host
    for (let at = 0; at < nodes.length; at++) {
      const raft = nodes[at]?.state?.raft
      // One that still reads its disk may find a higher term there.
      if (raft === undefined && !this.#host.isDead(at)) return null
      if (raft?.role === 'leader' && raft.term > (leader?.term ?? 0)) leader = raft
    }
    if (leader === null) return null
    const { term } = leader
    const { node } = leader.config
    const membership = activeMembership(leader)
    const following: string[] = [node]
    for (let at = 0; at < nodes.length; at++) {
      const raft = nodes[at]?.state?.raft
      const name = names[at] as string
      if (raft === undefined) continue
      if (raft.term > term && isVoter(membership, name)) return null
      if (raft.role === 'follower' && raft.term === term && raft.leader === node) {
        following.push(name)
      }
    }
    return isMajorityOf(membership, (voter) => following.includes(voter)) ? leader : null
  }

  #firstDifferent(leader: RaftState): string | null {
    const { log } = leader
    const members = membersOf(activeMembership(leader))
    for (let at = 0; at < this.#host.nodes.length; at++) {
      if (this.#host.isDead(at) || !members.includes(this.#host.names[at] as string)) continue
      const state = this.#host.nodes[at]?.state
      if (state === undefined || state === null) return `node ${at} is down`
      const { lastIndex } = state.raft.log
      if (lastIndex !== log.lastIndex || termAt(state.raft.log, lastIndex) !== log.lastTerm) {
        return `node ${at} ends at ${lastIndex}, the leader at ${log.lastIndex}`
      }
      if (state.raft.damage !== null) return `node ${at} has not got back what its disk lost`
      if (state.applied !== lastIndex) return `node ${at} has applied ${state.applied}`
    }
    return null
  }
}
