// The simulated network: who can talk to whom, what is lost, delayed, doubled and reordered. It
// carries payloads that it never looks into, except through a user's rules.

import { Immer } from 'immer'
import type { RandomStream, Streams } from './random.ts'
import type { Endpoint, Fault, FaultKind, Scenario } from './scenario.ts'

/** One message on its way, as a rule sees it. */
export interface Packet {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly timeUs: number
  /** The encoded frame, or the message itself where messages go by reference. */
  readonly payload: unknown
}

/**
 * What a rule says of a packet. The first answer other than `pass` counts. What a client or a
 * follower asks for must not be doubled: it travels at most once, as on a connection.
 */
export type Verdict =
  | { readonly type: 'pass' }
  | { readonly type: 'delay'; readonly byUs: number }
  | { readonly type: 'drop' }
  | { readonly type: 'duplicate'; readonly afterUs: number }

export type Rule = (packet: Packet) => Verdict

interface Cut {
  /** Index of the fault in the scenario. */
  readonly fault: number
  readonly kind: (typeof CUT_KINDS)[number]
  /** from * endpoints + to, for each link that is cut. Typed, so that immer does not walk it. */
  readonly links: Uint32Array
}

interface Weather {
  readonly fault: number
  readonly per1024: number
  readonly upToUs: number
}

/** What is wrong with the network at this moment. */
interface Conditions {
  readonly cuts: readonly Cut[]
  readonly loss: readonly Weather[]
  readonly duplicate: readonly Weather[]
  readonly delay: readonly Weather[]
  readonly reorder: readonly Weather[]
}

/** Nobody keeps conditions to edit them: freezing them at each change would cost half of it. */
const immer = new Immer({ autoFreeze: false })

const CALM: Conditions = { cuts: [], loss: [], duplicate: [], delay: [], reorder: [] }
const NO_CUT = 0
const CUT_KINDS = ['partition', 'oneway', 'partial', 'isolate'] as const

/** How the network is told of packets it delivers, and tells of faults that struck. */
export interface NetworkHost {
  readonly endpoints: number
  deliver(atUs: number, from: Endpoint, to: Endpoint, payload: unknown): void
  fired(kind: FaultKind): void
}

/** Unreliable, unordered delivery between endpoints. */
export class SimulatedNetwork {
  readonly #host: NetworkHost
  #rules: readonly Rule[]
  readonly #links: RandomStream[] = []
  readonly #members: number
  readonly #delayMinUs: number
  readonly #delaySpanUs: number
  #conditions: Conditions = CALM
  /** For each link 0, or 1 + the kind that cuts it. */
  #cut: Uint8Array
  #dead: ReadonlySet<Endpoint> = new Set()
  #calm = true

  constructor(
    host: NetworkHost,
    scenario: Scenario<unknown>,
    streams: Streams,
    rules: readonly Rule[],
  ) {
    this.#host = host
    this.#rules = rules
    this.#members = scenario.nodes + scenario.spares
    this.#delayMinUs = scenario.delayMinUs
    this.#delaySpanUs = scenario.delayMaxUs - scenario.delayMinUs + 1
    this.#cut = new Uint8Array(host.endpoints * host.endpoints)
    for (let from = 0; from < host.endpoints; from++) {
      for (let to = 0; to < host.endpoints; to++) {
        this.#links.push(streams.stream(`link/${from}>${to}`))
      }
    }
  }

  /** Sends; whether and when it arrives is decided here. `once`: it is never doubled. */
  send(timeUs: number, from: Endpoint, to: Endpoint, payload: unknown, once = false): void {
    const link = from * this.#host.endpoints + to
    let delayUs = 0
    for (const rule of this.#rules) {
      const verdict = rule({ from, to, timeUs, payload })
      if (verdict.type === 'pass') continue
      if (verdict.type === 'drop') return
      if (verdict.type === 'delay') delayUs = verdict.byUs
      else this.#deliver(timeUs + verdict.afterUs, link, from, to, payload)
      break
    }
    if (this.#isCut(link)) return
    if (!this.#calm) {
      const random = this.#links[link] as RandomStream
      const { loss, duplicate, delay, reorder } = this.#conditions
      if (this.#strikes(loss, random) !== null) return this.#host.fired('loss')
      // A command travels at most once, as on a connection, from a client and when it is passed on:
      // only answers are doubled, and what a client's own retries double.
      const mayDouble = from < this.#members && !once
      const doubled = mayDouble ? this.#strikes(duplicate, random) : null
      if (doubled !== null) {
        this.#host.fired('duplicate')
        const laterUs = random.below(doubled.upToUs + 1)
        this.#deliver(timeUs + laterUs, link, from, to, payload)
      }
      const late = this.#strikes(delay, random)
      if (late !== null) {
        this.#host.fired('delay')
        delayUs += random.below(late.upToUs + 1)
      }
      const overtaken = this.#strikes(reorder, random)
      if (overtaken !== null) {
        this.#host.fired('reorder')
        delayUs += random.below(overtaken.upToUs + 1)
      }
    }
    this.#deliver(timeUs + delayUs, link, from, to, payload)
  }

  /** Whether a packet that arrives now gets through: a cut also stops what is on its way. */
  passes(from: Endpoint, to: Endpoint): boolean {
    return !this.#isCut(from * this.#host.endpoints + to)
  }

  /** Whether the link is cut, without counting it as a fault that struck. */
  isCut(from: Endpoint, to: Endpoint): boolean {
    return this.#cut[from * this.#host.endpoints + to] !== NO_CUT
  }

  /** A fault of the network begins. `side` and ends are resolved endpoints. */
  begin(fault: number, what: Fault, side: readonly Endpoint[]): void {
    const cut = this.#cutOf(fault, what, side)
    this.#change((draft) => {
      if (cut !== null) draft.cuts.push(cut)
      else if (what.type === 'loss') draft.loss.push({ fault, per1024: what.per1024, upToUs: 0 })
      else if (
        what.type === 'duplicate' ||
        what.type === 'delay' ||
        what.type === 'reorder'
      ) {
        draft[what.type].push({ fault, per1024: what.per1024, upToUs: what.upToUs })
      }
    })
  }

  end(fault: number): void {
    this.#change((draft) => {
      for (const name of ['cuts', 'loss', 'duplicate', 'delay', 'reorder'] as const) {
        const list: { fault: number }[] = draft[name]
        const at = list.findIndex((item) => item.fault === fault)
        if (at >= 0) list.splice(at, 1)
      }
    })
  }

  /** From now on the user's rules are not asked any more. */
  endRules(): void {
    this.#rules = []
  }

  /** All is well again, but for the endpoints in `dead`, which nobody reaches any more. */
  heal(dead: ReadonlySet<Endpoint>): void {
    this.#dead = dead
    this.#change((draft) => {
      Object.assign(draft, CALM)
    })
  }

  #deliver(atUs: number, link: number, from: Endpoint, to: Endpoint, payload: unknown): void {
    const random = this.#links[link] as RandomStream
    const delayUs = this.#delayMinUs + random.below(this.#delaySpanUs)
    this.#host.deliver(atUs + delayUs, from, to, payload)
  }

  #isCut(link: number): boolean {
    const cut = this.#cut[link] as number
    if (cut === NO_CUT) return false
    const kind = CUT_KINDS[cut - 1]
    if (kind !== undefined) this.#host.fired(kind)
    return true
  }

  #strikes(weather: readonly Weather[], random: RandomStream): Weather | null {
    for (const one of weather) if (random.chance(one.per1024)) return one
    return null
  }

  #cutOf(fault: number, what: Fault, side: readonly Endpoint[]): Cut | null {
    const { endpoints } = this.#host
    const kind = CUT_KINDS.find((one) => one === what.type)
    if (kind === undefined) return null
    if (kind === 'partial') {
      const [a, b] = side as readonly [number, number]
      return { fault, kind, links: Uint32Array.of(a * endpoints + b, b * endpoints + a) }
    }
    const links: number[] = []
    for (let other = 0; other < endpoints; other++) {
      if (side.includes(other)) continue
      for (const inside of side) {
        links.push(inside * endpoints + other)
        if (kind !== 'oneway') links.push(other * endpoints + inside)
      }
    }
    return { fault, kind, links: Uint32Array.from(links) }
  }

  #change(edit: (draft: MutableConditions) => void): void {
    this.#conditions = immer.produce(this.#conditions, (draft) => edit(draft as MutableConditions))
    const { cuts, loss, duplicate, delay, reorder } = this.#conditions
    this.#calm = loss.length + duplicate.length + delay.length + reorder.length === 0
    this.#cut.fill(NO_CUT)
    for (const cut of cuts) {
      for (const link of cut.links) this.#cut[link] = 1 + CUT_KINDS.indexOf(cut.kind)
    }
    const { endpoints } = this.#host
    for (const dead of this.#dead) {
      for (let other = 0; other < endpoints; other++) {
        this.#cut[dead * endpoints + other] = DEAD
        this.#cut[other * endpoints + dead] = DEAD
      }
    }
  }
}

/** A link to a dead endpoint: cut, but no fault of the network. */
const DEAD = 255

type MutableConditions = { -readonly [Name in keyof Conditions]: Conditions[Name][number][] }
