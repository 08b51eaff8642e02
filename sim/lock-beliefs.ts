// What clients are entitled to believe, in true time, and what they do in that belief: no two hold
// a lock that they cannot share, and a fenced resource is reached by no stale writer.

import type { Mode } from '../core/lock/command.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { Stage } from './workload.ts'

/** The rules that are looked at here. */
export const BELIEF_ORACLES: readonly string[] = ['mutual exclusion', 'fencing']

const OVERLAP = 'two believed in one lock, by clocks beyond the bound'

interface Belief {
  readonly client: number
  readonly mode: Mode
  readonly token: number
  readonly untilUs: number
}

interface Resource {
  readonly token: number
  readonly client: number
}

export class LockBeliefs {
  readonly #stage: Stage
  /** Clocks go wrong by more than is declared: nothing but the token is promised. */
  readonly #isBeyond: boolean
  readonly #beliefs = new Map<string, Belief[]>()
  /** Holdings that an operator has ended at once: their holders may go on believing in them. */
  readonly #forced = new Set<string>()
  readonly #resources = new Map<string, Resource>()

  constructor(stage: Stage) {
    this.#stage = stage
    this.#isBeyond = stage.clockDriftPpm > EPSILON_PPM
  }

  /** A client is entitled to believe that it holds `key` until `untilUs` of true time. */
  believes(client: number, key: string, mode: Mode, token: number, untilUs: number): void {
    if (this.#forced.has(holdingId(client, key, token))) return
    this.#stage.evaluated('mutual exclusion')
    const nowUs = this.#stage.timeUs()
    const live: Belief[] = []
    for (const belief of this.#beliefs.get(key) ?? []) {
      if (belief.untilUs <= nowUs || belief.client === client) continue
      live.push(belief)
      if (untilUs <= nowUs || (mode === 'shared' && belief.mode === 'shared')) continue
      const other = `c${belief.client} with token ${belief.token} until ${seconds(belief.untilUs)}`
      const us = `c${client} holds ${key} with token ${token} until ${seconds(untilUs)}`
      if (this.#isBeyond) this.#stage.probe(OVERLAP)
      else this.#stage.fail('mutual exclusion', `${us}, and so does ${other}`)
    }
    if (untilUs > nowUs) {
      if (live.length > 0) this.#stage.probe('a lock shared by several')
      live.push({ client, mode, token, untilUs })
    }
    this.#beliefs.set(key, live)
  }

  /** An operator has taken it away at once: nothing but the token keeps its holder out. */
  forced(client: number, key: string, token: number): void {
    this.#forced.add(holdingId(client, key, token))
    const others = (this.#beliefs.get(key) ?? []).filter((belief) => {
      return belief.client !== client || belief.token !== token
    })
    this.#beliefs.set(key, others)
  }

  /** A write under `token` reaches the resource, which refuses a token below the highest it saw. */
  writes(client: number, key: string, token: number): void {
    const before = this.#resources.get(key)
    if (before !== undefined && token < before.token) {
      this.#stage.probe('stale write refused by the fenced resource')
      return
    }
    this.#stage.evaluated('fencing')
    if (before !== undefined && token === before.token && client !== before.client) {
      const both = `c${before.client} and c${client}`
      this.#stage.fail('fencing', `${both} both wrote to ${key} under token ${token}`)
    }
    this.#resources.set(key, { token, client })
  }
}

function holdingId(client: number, key: string, token: number): string {
  return `${client} ${token} ${key}`
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`
}
