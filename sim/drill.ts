// After the heal, when all is quiet: what a healthy group must do when it is asked. One after the
// other, reads at each node, a snapshot, a change of members, newer rules where there are some, a
// transfer, the founders' leave when there are others; then the power fails everywhere, and it must
// answer again. It asks as an operator does, who asks again when told to.

import type { Outcome } from '../core/effect.ts'
import { membersOf } from '../core/raft/membership.ts'
import { activeMembership } from '../core/raft/state.ts'
import { FIRST_VERSION } from '../core/raft/version.ts'
import type { RaftState } from '../core/raft/state.ts'
import { roundTripUs, slowSyncsUs } from './catch-up.ts'
import type { Operation } from './node-requests.ts'
import type { Scenario } from './scenario.ts'
import { samePlain } from './same.ts'
import { Violation } from './violation.ts'

/** The bounds, in maximum election timeouts (twice the base), from the first asking on. */
const READ_WITHIN = 4
const CHANGE_WITHIN = 12
const TRANSFER_WITHIN = 6
const SNAPSHOT_WITHIN = 4
const RAISE_WITHIN = 4
const POWER_WITHIN = 10

/**
 * A leader that has nothing else to do answers a read after so many round trips: one of heartbeats,
 * which do not wait until they are due, and what its last entries may still need.
 */
const READ_ROUND_TRIPS = 4

const READ = 'a fresh read after the heal'
const SOON = 'a read starts its own round'
const RAISE = 'a newer version after the heal'
const SNAPSHOT = 'a snapshot when it is asked for'
const CHANGE = 'a change of members after the heal'
const TRANSFER = 'a transfer after the heal'
const POWER = 'a leader after a loss of power'

/** The rules that are looked at here. */
export const DRILL_ORACLES: readonly string[] = [
  READ,
  SOON,
  RAISE,
  SNAPSHOT,
  CHANGE,
  TRANSFER,
  POWER,
]

/** How long an operator waits before he asks again, microseconds. */
const RETRY_US = 20_000

/** What the drill works on. */
export interface DrillHost {
  readonly nodes: readonly {
    readonly state: {
      readonly raft: RaftState
      readonly applied: number
      readonly version: number
    } | null
    /** Both return the number by which the answer is known; null when there will be none. */
    operate(operation: Operation): number | null
    query(): number | null
    crash(power: boolean, torn: boolean): void
    boot(): void
  }[]
  readonly names: readonly string[]
  /** How many versions of the machine's rules every living node knows after the heal. */
  readonly versions: number
  isDead(node: number): boolean
  timeUs(): number
  evaluated(oracle: string): void
  trace(who: string, what: string): void
}

interface Asked {
  readonly node: number
  readonly request: number
  readonly sinceUs: number
}

/** One thing that is wanted. */
interface Task {
  readonly oracle: string
  readonly within: number
  /** What is to be had, looked at whenever nothing is asked. */
  isDone(leader: RaftState): boolean
  /** Asks for it; null when it cannot be asked now. */
  ask(leader: RaftState): { readonly node: number; readonly request: number } | null
}

export class Drill {
  readonly #scenario: Scenario<unknown>
  readonly #host: DrillHost
  readonly #tasks: Task[]
  #asked: Asked | null = null
  #askAtUs = 0
  #sinceUs = -1
  #last: Outcome<unknown> | null = null
  #early: Outcome<unknown> | null = null

  constructor(scenario: Scenario<unknown>, host: DrillHost, hasQueries: boolean) {
    this.#scenario = scenario
    this.#host = host
    const reads = hasQueries ? host.names.map((_, at) => this.#read(at)) : []
    const soon = hasQueries ? [this.#readAtLeader()] : []
    const all = this.#change((living) => living)
    const newcomers = this.#change((living) => {
      const others = living.filter((name) => host.names.indexOf(name) >= scenario.nodes)
      return others.length === 0 ? living : others
    })
    const raise = host.versions > FIRST_VERSION ? [this.#raise()] : []
    const asked = [...soon, ...reads, this.#snapshot(), all, ...raise, this.#transfer(), newcomers]
    this.#tasks = [...asked, this.#powerFails(), ...reads, all]
  }

  /** Looked at after every event, with whom the group follows: true when all was done. */
  isOver(leader: RaftState | null): boolean {
    const task = this.#tasks[0]
    if (task === undefined) return true
    const nowUs = this.#host.timeUs()
    if (this.#sinceUs < 0) this.#sinceUs = nowUs
    if (this.#asked === null && leader !== null && nowUs >= this.#askAtUs) {
      if (task.isDone(leader)) {
        this.#next(task.oracle)
        // At once: a leader that was just elected may not know yet what is committed.
        return this.isOver(leader)
      }
      this.#early = null
      const asked = task.ask(leader)
      const early = this.#early
      this.#early = null
      this.#asked = asked === null ? null : { ...asked, sinceUs: nowUs }
      if (asked === null) this.#askAtUs = nowUs + RETRY_US
      else if (early !== null) this.answered(asked.node, asked.request, early)
    }
    const boundUs = task.within * this.#scenario.electionTimeoutMs * 2_000
    if (nowUs - this.#sinceUs <= boundUs) return false
    const said = `the last answer is ${inWords(this.#last)}`
    const last = leader === null ? 'there is no leader' : said
    throw new Violation(task.oracle, `not within ${boundUs / 1_000} ms: ${last}`)
  }

  /** A node has answered a request. */
  answered(node: number, request: number, outcome: Outcome<unknown>): void {
    const asked = this.#asked
    // A node that is idle answers some things before the asking has returned.
    if (asked === null) this.#early = outcome
    if (asked === null || asked.node !== node || asked.request !== request) return
    this.#asked = null
    this.#last = outcome
    const nowUs = this.#host.timeUs()
    this.#askAtUs = outcome.type === 'done' || outcome.type === 'changed' ? 0 : nowUs + RETRY_US
    const oracle = this.#tasks[0]?.oracle
    if (oracle !== SOON || outcome.type !== 'done') return
    this.#host.evaluated(SOON)
    const boundUs = READ_ROUND_TRIPS * roundTripUs(this.#scenario) + slowSyncsUs(this.#scenario)
    const tookUs = nowUs - asked.sinceUs
    if (tookUs <= boundUs) return
    const what = `node ${this.#host.names[node]}: it took ${tookUs / 1_000} ms`
    throw new Violation(SOON, `${what}, more than ${READ_ROUND_TRIPS} round trips`)
  }

  #next(oracle: string): void {
    this.#tasks.shift()
    this.#sinceUs = -1
    this.#last = null
    if (oracle !== SOON) this.#host.evaluated(oracle)
    this.#host.trace('world', oracle)
  }

  /** A node that is a member answers a query; of the others nothing is wanted. */
  #read(node: number): Task {
    const name = this.#host.names[node] as string
    return {
      oracle: READ,
      within: READ_WITHIN,
      isDone: (leader) => {
        const isMember = membersOf(activeMembership(leader)).includes(name)
        return this.#last?.type === 'done' || !isMember || this.#host.isDead(node)
      },
      ask: () => this.#query(node),
    }
  }

  #readAtLeader(): Task {
    return {
      oracle: SOON,
      within: READ_WITHIN,
      isDone: () => this.#last?.type === 'done',
      ask: ({ config }) => this.#query(this.#host.names.indexOf(config.node)),
    }
  }

  /** The machine goes by the newest rules, which all members that live know by now. */
  #raise(): Task {
    const { versions } = this.#host
    return {
      oracle: RAISE,
      within: RAISE_WITHIN,
      isDone: ({ config }) => {
        const node = this.#host.nodes[this.#host.names.indexOf(config.node)]
        return (node?.state?.version ?? 0) >= versions
      },
      ask: (leader) => this.#operate(leader, { type: 'raiseVersion', version: versions }),
    }
  }

  /** The leader keeps a snapshot of all that it has applied: behind it its log may be empty. */
  #snapshot(): Task {
    let wanted = 0
    return {
      oracle: SNAPSHOT,
      within: SNAPSHOT_WITHIN,
      isDone: ({ snapshot }) => wanted > 0 && (snapshot?.index ?? 0) >= wanted,
      ask: ({ config }) => {
        const node = this.#host.nodes[this.#host.names.indexOf(config.node)]
        wanted = node?.state?.applied ?? 0
        node?.operate({ type: 'snapshotWanted' })
        return null
      },
    }
  }

  /** Ends joint consensus; then those vote that are wanted of the members that live. */
  #change(wantedOf: (living: readonly string[]) => readonly string[]): Task {
    return {
      oracle: CHANGE,
      within: CHANGE_WITHIN,
      isDone: (leader) => {
        const { voters, outgoing, learners } = activeMembership(leader)
        const isWanted = outgoing === null && samePlain(voters, wantedOf(this.#living(leader)))
        return isWanted && learners.length === 0 && this.#last?.type === 'changed'
      },
      ask: (leader) => {
        const voters = wantedOf(this.#living(leader))
        const isJoint = activeMembership(leader).outgoing !== null
        const wanted = { type: 'change', voters, learners: [], autoLeave: true } as const
        const change = isJoint ? ({ type: 'leave' } as const) : wanted
        return this.#operate(leader, { type: 'changeMembership', change })
      },
    }
  }

  /** The next living voter leads, by the first election: the others must not wait for theirs. */
  #transfer(): Task {
    let to: string | null = null
    let askedIn = 0
    return {
      oracle: TRANSFER,
      within: TRANSFER_WITHIN,
      isDone: (leader) => {
        const { node } = leader.config
        const living = this.#living(leader)
        to ??= living[(living.indexOf(node) + 1) % living.length] as string
        if (node !== to) return false
        if (askedIn === 0 || leader.term === askedIn + 1) return true
        const what = `node ${to} leads in term ${leader.term}`
        throw new Violation(TRANSFER, `${what}, asked for in term ${askedIn}`)
      },
      ask: (leader) => {
        askedIn = leader.term
        return this.#operate(leader, { type: 'transferLeadership', to: to as string })
      },
    }
  }

  /** The power fails everywhere at once. */
  #powerFails(): Task {
    let hasFailed = false
    return {
      oracle: POWER,
      within: POWER_WITHIN,
      isDone: () => hasFailed,
      ask: () => {
        hasFailed = true
        this.#host.nodes.forEach((node, at) => {
          if (this.#host.isDead(at)) return
          node.crash(true, false)
          node.boot()
        })
        return null
      },
    }
  }

  #living(leader: RaftState): readonly string[] {
    return membersOf(activeMembership(leader)).filter((name) => {
      return !this.#host.isDead(this.#host.names.indexOf(name))
    })
  }

  #query(node: number): { readonly node: number; readonly request: number } | null {
    const request = this.#host.nodes[node]?.query() ?? null
    return request === null ? null : { node, request }
  }

  #operate(
    { config }: RaftState,
    operation: Operation,
  ): { readonly node: number; readonly request: number } | null {
    const node = this.#host.names.indexOf(config.node)
    const request = this.#host.nodes[node]?.operate(operation) ?? null
    return request === null ? null : { node, request }
  }
}

function inWords(outcome: Outcome<unknown> | null): string {
  if (outcome === null) return 'none'
  return outcome.type === 'refused' ? `refused (${outcome.reason})` : outcome.type
}
