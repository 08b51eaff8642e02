// A random network of real replicas: what is lost, doubled, late, written and forgotten comes out
// of plain numbers, so that fast-check can shrink them. It watches over Raft's safety at each turn,
// and heals in the end.

import * as assert from 'uvu/assert'
import type { Event } from '../../../core/event.ts'
import type { NodeId } from '../../../core/raft/config.ts'
import { entryAt, termAt } from '../../../core/raft/log.ts'
import type { Entry } from '../../../core/raft/message.ts'
import { quorumSize } from '../../../core/raft/state.ts'
import { encodeText, journal } from './journal.ts'
import type { Packet, Turn } from './kit.ts'
import { BASE_MS, Cluster, machine } from './kit.ts'

/** One move of fate: which kind, and two numbers that say what it hits. */
export type Move = readonly [kind: number, x: number, y: number]

/** What runs came to, so that a test can say that they were no idle ones. */
export interface Tally {
  leaders: number
  committed: number
  truncated: number
  restarts: number
}

export class Soup {
  readonly cluster: Cluster
  readonly voters: readonly NodeId[]
  readonly turns: Turn[] = []
  readonly tally: Tally = { leaders: 0, committed: 0, truncated: 0, restarts: 0 }
  readonly #leaders = new Map<number, NodeId>()
  readonly #votes = new Map<string, NodeId>()
  readonly #committed: Entry[] = []
  readonly #hashes = new Map<number, string>()
  /** Reports of the disk that were not handed in yet. */
  readonly #reports = new Map<NodeId, number>()
  #requests = 0

  constructor(size: number) {
    this.voters = Array.from({ length: size }, (_, at) => String(at))
    this.cluster = new Cluster({
      voters: this.voters,
      config: { inFlightEntriesMax: 3, appendBytesMax: 8 },
      diskAtOnce: false,
      onPost: (packet) => this.#watchMessage(packet),
      onStep: (turn) => this.#watchTurn(turn),
    })
  }

  move([kind, x, y]: Move): void {
    const { cluster, voters } = this
    const { network } = cluster
    const node = voters[x % voters.length] as NodeId
    const at = x % Math.max(network.length, 1)
    if (kind === 0) return
    if (kind < 50) this.#deliver(at, 1 + (y % 8))
    else if (kind < 56) network.push(...network.slice(at, at + 1))
    else if (kind < 60) network.splice(at, 1)
    else if (kind < 76) this.#write(node, y)
    else if (kind < 90) this.#pass(y % (BASE_MS / 6), x)
    else if (kind < 96) this.#ask(y)
    else if (kind === 96 && y % 4 === 0) this.#restart(node)
    else if (kind === 97) cluster.drop(y % 2 === 0 ? { from: node } : { to: node })
    else if (kind === 98) this.#deliverAll(x)
    else if (kind === 99 && y % 2 === 0) this.#pass(BASE_MS + (y % BASE_MS), x)
  }

  /** All disks and links work: a leader, equal logs and nothing left undone, within a bound. */
  heal(): void {
    const { cluster, voters } = this
    for (const node of voters) cluster.step(node, this.#takeReport(node))
    cluster.drop()
    for (let round = 0; round < 400; round++) {
      cluster.advance(10)
      for (const node of voters) cluster.step(node)
      cluster.settle()
    }
    const leader = voters.find((node) => cluster.raft(node).role === 'leader')
    assert.ok(leader !== undefined, 'a leader after all is well')
    const { log } = cluster.raft(leader)
    for (const node of voters) {
      const raft = cluster.raft(node)
      assert.is(raft.commit, log.lastIndex, 'all is committed everywhere')
      const { dues } = cluster.member(node).state.machine
      assert.equal(dues, [], 'what was due was done')
    }
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
      const node = this.voters[left % this.voters.length] as NodeId
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
    const { cluster, voters } = this
    cluster.advance(byMs)
    for (const [at, node] of voters.entries()) {
      const late = machine.deadlineMs(cluster.member(node).state) <= cluster.nowMs
      if (late && ((awake >> at) & 3) > 0) cluster.step(node)
    }
  }

  #ask(choice: number): void {
    const { cluster, voters } = this
    const leader = voters.find((node) => cluster.raft(node).role === 'leader')
    const node = leader !== undefined && choice % 4 > 0 ? leader : voters[choice % voters.length]
    const kinds = [`x${choice}`, `due ${choice % 1000}`, 'late', `answer ${choice % 30}`, 'y']
    const events: Event[] = []
    for (let count = 0; count <= choice % 3; count++) {
      const payload = encodeText(kinds[(choice + count) % kinds.length] as string)
      events.push({ type: 'request', request: this.#requests++, payload })
    }
    cluster.step(node as NodeId, events)
  }

  #restart(node: NodeId): void {
    this.#reports.delete(node)
    this.cluster.restart(node)
    this.tally.restarts++
  }

  #watchMessage({ from, to, message }: Packet): void {
    const { hardState, entries } = this.cluster.member(from).disk
    if (message.type === 'voteReply' && message.granted) {
      const key = `${from} ${message.term}`
      assert.is(this.#votes.get(key) ?? to, to, 'one vote a term')
      this.#votes.set(key, to)
      const kept = hardState.term > message.term || hardState.vote === to
      assert.ok(kept, 'a vote that left is on disk')
    }
    if (message.type === 'voteRequest') assert.ok(hardState.term >= message.term)
    if (message.type === 'appendAccepted' && hardState.term === message.term) {
      assert.ok(entries.length >= message.matchIndex, 'what is acknowledged is on disk')
    }
  }

  #watchTurn(turn: Turn): void {
    const { node, before, after, effects } = turn
    this.turns.push(turn)
    const { raft } = after
    if (raft.role === 'leader') {
      if (!this.#leaders.has(raft.term)) this.tally.leaders++
      assert.is(this.#leaders.get(raft.term) ?? node, node, 'one leader a term')
      this.#leaders.set(raft.term, node)
    }
    for (const effect of effects) {
      if (effect.type === 'trace' && effect.trace.type === 'truncated') this.tally.truncated++
    }
    for (let index = before.raft.commit + 1; index <= raft.commit; index++) {
      const entry = entryAt(raft.log, index)
      const known = this.#committed[index - 1]
      if (known !== undefined) assert.equal(entry, known, 'what is committed stays')
      else {
        this.#committed.push(entry)
        this.tally.committed++
        const holders = this.voters.filter((voter) => {
          return this.cluster.member(voter).disk.entries[index - 1]?.term === entry.term
        })
        assert.ok(holders.length >= quorumSize(this.voters.length), 'on the disks of a majority')
      }
    }
    if (raft.role === 'leader' && before.raft.role !== 'leader') {
      for (const [at, { term }] of this.#committed.entries()) {
        assert.is(termAt(raft.log, at + 1), term, 'a leader has all that is committed')
      }
    }
    const hash = journal.hash(after.machine)
    assert.is(this.#hashes.get(after.applied) ?? hash, hash, 'equal states at equal indexes')
    this.#hashes.set(after.applied, hash)
  }
}
