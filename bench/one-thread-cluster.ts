// A cluster in one thread, for benches of the core alone: messages are delivered by direct calls of
// `step`, storage is an array in memory that is durable at once, and the machine applies nothing.

import type { Effect, Persist } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import { invariant } from '../core/invariant.ts'
import type { Machine } from '../core/machine.ts'
import type { NodeId } from '../core/raft/config.ts'
import { DEFAULTS } from '../core/raft/config.ts'
import type { Entry } from '../core/raft/message.ts'
import { NOTHING_RESTORED } from '../core/raft/state.ts'
import { replica } from '../core/replica.ts'
import type { ReplicaState } from '../core/work.ts'

interface Nothing {
  readonly type: 'nothing'
}

interface Member {
  readonly node: NodeId
  readonly storage: Entry[]
  state: ReplicaState<0>
  /** What arrived and no step has taken yet. */
  inbox: Event[]
}

/** What is in an inbox goes into one step together, or each of it into a step of its own. */
export type Delivery = 'together' | 'single'

const NODES: readonly NodeId[] = ['a', 'b', 'c']
/** Of each request. The core copies no payload, so that it does not matter whose bytes they are. */
export const PAYLOAD: Uint8Array = new Uint8Array(16)
/** Time passes with the work: heartbeats and checks of the quorum come as they would. */
const REQUESTS_PER_MS = 100
const APPLIED = [0, 0, []] as const

/** Applies nothing, as etcd's bench does: what is measured is the consensus. */
const machine: Machine<0, Uint8Array, number, Nothing> = {
  initial: () => 0,
  apply: () => APPLIED,
  query: () => null,
  due: () => null,
  encodeCommand: (command) => command,
  decodeCommand: (bytes) => bytes,
  encodeReply: () => PAYLOAD,
  decodeReply: () => 0,
  encodeSnapshot: () => PAYLOAD,
  decodeSnapshot: () => 0,
  hash: () => '',
}

const { initial, step } = replica(machine)

/** Three nodes, of which `a` leads, with PreVote and CheckQuorum as always. */
export class OneThreadCluster {
  /** Calls of `replica.step` so far. */
  steps = 0
  readonly #delivery: Delivery
  readonly #members: readonly Member[]
  #nowMs = 0
  #asked = 0
  #answered = 0
  #toAsk = 0

  /** `entries` are in every log from the start. */
  constructor(delivery: Delivery, entries: readonly Entry[]) {
    this.#delivery = delivery
    const hardState = { term: entries.at(-1)?.term ?? 0, vote: null }
    const restored = { ...NOTHING_RESTORED, hardState, entries }
    this.#members = NODES.map((node, at) => {
      // No snapshots: the log is measured at the length that it has.
      const own = { cluster: 'bench', group: '0', node, voters: NODES }
      const config = { ...DEFAULTS, ...own, snapshotEntriesMin: Number.MAX_SAFE_INTEGER }
      const state = initial(config, restored, this.#nowMs, at)
      return { node, storage: [...entries], state, inbox: [] }
    })
    // Nobody withholds votes for its start any more.
    this.#nowMs += DEFAULTS.electionTimeoutMs
    this.#fire('election')
    this.#settle()
    this.#fire('heartbeat')
    this.#settle()
    invariant(this.#leader.state.raft.role === 'leader', 'bench: no leader')
  }

  /** Index of the last entry that all have applied. */
  get appliedOnAll(): number {
    return Math.min(...this.#members.map(({ state }) => state.applied))
  }

  /**
   * Asks for `count` commands: `outstanding` of them before the first answer, and one more after
   * each answer. Returns when nothing is on its way any more.
   */
  ask(count: number, outstanding: number): void {
    this.#toAsk = count
    for (let at = 0; at < outstanding; at++) this.#askNext()
    this.#settle()
    invariant(this.#asked === this.#answered, 'bench: a request was not answered')
  }

  /** One heartbeat, which tells the followers what is committed. */
  heartbeat(): void {
    this.#fire('heartbeat')
    this.#settle()
  }

  get #leader(): Member {
    return this.#members[0] as Member
  }

  #askNext(): void {
    if (this.#toAsk === 0) return
    this.#toAsk--
    if (++this.#asked % REQUESTS_PER_MS === 0) this.#nowMs++
    this.#leader.inbox.push({ type: 'request', request: this.#asked, payload: PAYLOAD })
  }

  #fire(timer: 'election' | 'heartbeat'): void {
    this.#leader.inbox.push({ type: 'timerFired', timer })
  }

  /** Delivers, node by node, until nothing is on its way. */
  #settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const member of this.#members) {
        const events = member.inbox
        // A follower applies some entries a turn, and wants the next turn at once.
        const isBehind = member.state.applied < member.state.raft.commit
        if (events.length === 0 && !isBehind) continue
        member.inbox = []
        if (this.#delivery === 'together' || events.length === 0) this.#step(member, events)
        else for (const event of events) this.#step(member, [event])
        moved = true
      }
    }
  }

  #step(member: Member, events: readonly Event[]): void {
    const random = Math.imul(++this.steps, 0x9e3779b1) >>> 0
    const [state, effects] = step(member.state, { now: this.#nowMs, random, events })
    member.state = state
    for (const effect of effects) this.#execute(member, effect)
  }

  #execute(member: Member, effect: Effect<number, Nothing>): void {
    switch (effect.type) {
      case 'persist':
        store(member.storage, effect)
        member.inbox.push({ type: 'persisted', id: effect.id })
        return
      case 'send':
      case 'sendAfter': {
        // Whatever a promise waits for is durable already: storage comes first among the effects.
        const { to, message } = effect
        for (const { node, inbox } of this.#members) {
          if (node === to) inbox.push({ type: 'received', from: member.node, message })
        }
        return
      }
      case 'reply':
        invariant(effect.outcome.type === 'done', 'bench: a request failed')
        this.#answered++
        this.#askNext()
        return
      default:
    }
  }
}

/** Entries of one term as a log may hold, each with a payload of its own. */
export function makeEntries(count: number): Entry[] {
  const entries: Entry[] = []
  while (entries.length < count) {
    const stampMs = entries.length
    entries.push({ term: 1, stampMs, kind: 'command', payload: PAYLOAD.slice() })
  }
  return entries
}

function store(storage: Entry[], { firstIndex, entries, logChanged }: Persist): void {
  if (!logChanged) return
  storage.length = firstIndex - 1
  for (const entry of entries) storage.push(entry)
}
