// A random network of real replicas: what is lost, doubled, late, written and forgotten, who is
// taken in and let go, comes out of plain numbers, so that fast-check can shrink them. It is
// watched at each turn, and heals in the end.

import type { Event } from '../../../core/event.ts'
import type { NodeId } from '../../../core/raft/config.ts'
import type { MembershipChange } from '../../../core/raft/membership.ts'
import { encodeText } from './journal.ts'
import type { Turn } from './kit.ts'
import { BASE_MS, Cluster, machine } from './kit.ts'
import type { Asked, Tally } from './watch.ts'
import { Watch } from './watch.ts'

/** One move of fate: which kind, and two numbers that say what it hits. */
export type Move = readonly [kind: number, x: number, y: number]

/** Moves of these kinds, 0 to this. */
export const MOVE_KIND_MAX = 119

export class Soup {
  readonly cluster: Cluster
  /** All that run: the founders, and whoever may be taken in. */
  readonly nodes: readonly NodeId[]
  readonly turns: Turn[] = []
  readonly watch: Watch
  /** Reports of the disk that were not handed in yet. */
  readonly #reports = new Map<NodeId, number>()
  #requests = 0

  constructor(size: number, outside = 1, leaseReads = false) {
    this.nodes = Array.from({ length: size + outside }, (_, at) => String(at))
    const voters = this.nodes.slice(0, size)
    this.watch = new Watch(voters, this.nodes)
    this.cluster = new Cluster({
      voters,
      running: this.nodes,
      config: {
        inFlightMessagesMax: 3,
        appendBytesMax: 8,
        snapshotEntriesMin: 12,
        snapshotKeepEntries: 3,
        snapshotChunkBytes: 150,
        leaseReads,
      },
      diskAtOnce: false,
      appliesAtOnce: false,
      onPost: (packet) => this.watch.message(this.cluster, packet),
      onStep: (turn) => {
        this.turns.push(turn)
        this.watch.turn(this.cluster, turn)
      },
    })
  }

  get tally(): Tally {
    return this.watch.tally
  }

  move([kind, x, y]: Move): void {
    const { cluster, nodes } = this
    const { network } = cluster
    const node = nodes[x % nodes.length] as NodeId
    const at = x % Math.max(network.length, 1)
    if (kind === 0) return
    if (kind < 50) this.#deliver(at, 1 + (y % 8))
    else if (kind < 56) this.#double(at)
    else if (kind < 60) network.splice(at, 1)
    else if (kind < 76) this.#write(node, y)
    else if (kind < 90) this.#pass(y % (BASE_MS / 6), x)
    else if (kind < 96) this.#ask(y)
    else if (kind === 96 && y % 4 === 0) this.#restart(node)
    else if (kind === 97) cluster.drop(y % 2 === 0 ? { from: node } : { to: node })
    else if (kind === 98) this.#deliverAll(x)
    else if (kind === 99 && y % 2 === 0) this.#pass(BASE_MS + (y % BASE_MS), x)
    else if (kind >= 100) this.#operate(kind, x, y)
  }

  /** All disks and links work: a leader, equal logs and nothing left undone, within a bound. */
  heal(): void {
    const { cluster, nodes } = this
    for (const node of nodes) cluster.step(node, this.#takeReport(node))
    cluster.drop()
    for (let round = 0; round < 400; round++) {
      cluster.advance(10)
      for (const node of nodes) {
        cluster.step(node)
        if (cluster.member(node).wanted !== null) cluster.finishSnapshot(node)
      }
      cluster.settle()
    }
    this.watch.healed(cluster)
  }

  /** What an operator, a reader and a host do: changes, transfers, reads and snapshots. */
  #operate(kind: number, x: number, y: number): void {
    const { cluster, nodes } = this
    const leader = nodes.find((node) => cluster.raft(node).role === 'leader')
    const any = nodes[x % nodes.length] as NodeId
    const node = leader !== undefined && y % 8 > 0 ? leader : any
    const request = this.#requests++
    if (kind < 104) {
      this.#note(request, node, 'change')
      cluster.change(node, request, this.#wish(x, y >> 3))
    } else if (kind < 106) {
      this.#note(request, node, 'transfer')
      cluster.transfer(node, request, any)
    } else if (kind < 114) {
      const reader = y % 3 === 0 ? node : any
      this.#note(request, reader, 'read')
      cluster.read(reader, request, 'count')
    } else if (kind < 118) {
      if (cluster.member(any).wanted !== null) cluster.finishSnapshot(any)
      else if (y % 3 === 0) cluster.step(any, [{ type: 'snapshotWanted' }])
    } else if (kind === 118 && y % 4 === 0) cluster.step(any, [{ type: 'forgetLeader' }])
  }

  /** Any members, of all that there are; the leader most often among them. */
  #wish(x: number, y: number): MembershipChange {
    if (y % 5 === 0) return { type: 'leave' }
    const voters = this.nodes.filter((_, at) => ((x >> at) & 1) === 1)
    const rest = this.nodes.filter((node) => !voters.includes(node))
    const learners = rest.filter((_, at) => ((y >> at) & 1) === 1)
    return { type: 'change', voters, learners, autoLeave: y % 4 > 0 }
  }

  #note(request: number, node: NodeId, kind: Asked['kind'], payload?: Uint8Array): void {
    const committed = this.watch.committed.length
    this.watch.asked.set(request, { node, kind, payload: payload ?? null, committed })
  }

  /** Doubles a message, but for what a transport promises to deliver once at most. */
  #double(at: number): void {
    const { network } = this.cluster
    const [packet] = network.slice(at, at + 1)
    if (packet !== undefined && packet.message.type !== 'forwardRequest') network.push(packet)
  }

  /** Hands some messages for one node to it in one turn, with its disk's report, if any. */
  #deliver(at: number, count: number): void {
    const { network } = this.cluster
    const target = network[at]?.to
    if (target === undefined) return
    const chosen = network.filter(({ to }, place) => to === target && place >= at).slice(0, count)
    for (const packet of chosen) network.splice(network.indexOf(packet), 1)
    const events: Event[] = chosen.map(({ from, message }) => ({ type: 'received', from, message }))
    this.cluster.step(target, [...this.#takeReport(target), ...events])
  }

  /** A quiet while: what is on its way arrives, and most disks keep up. */
  #deliverAll(mask: number): void {
    for (let left = 40; left > 0 && this.cluster.network.length > 0; left--) {
      this.#deliver(0, 8)
      const node = this.nodes[left % this.nodes.length] as NodeId
      if (((mask >> (left % 5)) & 3) > 0) this.#write(node, 7)
    }
  }

  #write(node: NodeId, choice: number): void {
    const { writes } = this.cluster.member(node)
    const upTo = writes[Math.min(writes.length - 1, choice % 4)]?.id
    if (upTo !== undefined) this.#reports.set(node, this.cluster.reachDisk(node, upTo))
    if (choice % 3 > 0) this.cluster.step(node, this.#takeReport(node))
  }

  #takeReport(node: NodeId): Event[] {
    const id = this.#reports.get(node)
    this.#reports.delete(node)
    return id === undefined ? [] : [{ type: 'persisted', id }]
  }

  /** Time passes; some nodes sleep through their deadlines. */
  #pass(byMs: number, awake: number): void {
    const { cluster, nodes } = this
    cluster.advance(byMs)
    for (const [at, node] of nodes.entries()) {
      const late = machine.deadlineMs(cluster.member(node).state) <= cluster.nowMs
      if (late && ((awake >> at) & 3) > 0) cluster.step(node)
    }
  }

  #ask(choice: number): void {
    const { cluster, nodes } = this
    const leader = nodes.find((node) => cluster.raft(node).role === 'leader')
    const other = nodes[choice % nodes.length] as NodeId
    const node = leader !== undefined && choice % 4 > 0 ? leader : other
    const kinds = [`x${choice}`, `due ${choice % 1000}`, 'late', `answer ${choice % 30}`, 'y']
    const events: Event[] = []
    for (let count = 0; count <= choice % 3; count++) {
      const payload = encodeText(kinds[(choice + count) % kinds.length] as string)
      const request = this.#requests++
      this.#note(request, node, 'command', payload)
      events.push({ type: 'request', request, payload })
    }
    cluster.step(node, events)
  }

  #restart(node: NodeId): void {
    this.#reports.delete(node)
    this.watch.died(node)
    this.cluster.restart(node)
  }
}
