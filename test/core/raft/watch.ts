// Raft's safety, looked at after every turn and at every message of a random network: one leader a
// term, committed entries that stay, answers that are true, and members that the log says.

import * as assert from 'uvu/assert'
import type { Outcome } from '../../../core/effect.ts'
import { equalBytes } from '../../../core/bytes.ts'
import type { NodeId } from '../../../core/raft/config.ts'
import { entryAt, termAt } from '../../../core/raft/log.ts'
import { decodeMembership, foundedBy } from '../../../core/raft/membership.ts'
import type { Membership } from '../../../core/raft/membership.ts'
import type { Entry } from '../../../core/raft/message.ts'
import { isQuorum } from '../../../core/raft/quorum.ts'
import { activeMembership } from '../../../core/raft/state.ts'
import type { RaftState, Restored } from '../../../core/raft/state.ts'
import { journal } from './journal.ts'
import { diskLastIndex, diskTermAt, only } from './kit.ts'
import type { Cluster, Packet, Turn } from './kit.ts'

/** What runs came to, so that a test can say that they were no idle ones. */
export interface Tally {
  leaders: number
  committed: number
  truncated: number
  restarts: number
  changed: number
  taken: number
  installed: number
  transferred: number
  reads: number
  forwarded: number
}

export const NO_TALLY: Tally = {
  leaders: 0,
  committed: 0,
  truncated: 0,
  restarts: 0,
  changed: 0,
  taken: 0,
  installed: 0,
  transferred: 0,
  reads: 0,
  forwarded: 0,
}

/** Something that a node was asked, and has not answered. */
export interface Asked {
  readonly node: NodeId
  readonly kind: 'command' | 'read' | 'change' | 'transfer'
  readonly payload: Uint8Array | null
  /** Entries that were committed when it was asked. */
  readonly committed: number
}

export class Watch {
  readonly tally: Tally = { ...NO_TALLY }
  /** What is not answered yet, by the number of the request. */
  readonly asked: Map<number, Asked> = new Map()
  readonly committed: Entry[] = []
  readonly #founders: Membership
  readonly #nodes: readonly NodeId[]
  readonly #leaders = new Map<number, NodeId>()
  readonly #votes = new Map<string, NodeId>()
  readonly #hashes = new Map<number, string>()

  constructor(founders: readonly NodeId[], nodes: readonly NodeId[]) {
    this.#founders = foundedBy(founders)
    this.#nodes = nodes
  }

  message(cluster: Cluster, { from, to, message }: Packet): void {
    const { disk } = cluster.member(from)
    const { hardState } = disk
    if (message.type === 'voteReply' && message.granted) {
      const key = `${from} ${message.term}`
      assert.is(this.#votes.get(key) ?? to, to, 'one vote a term')
      this.#votes.set(key, to)
      const kept = hardState.term > message.term || hardState.vote === to
      assert.ok(kept, 'a vote that left is on disk')
    }
    if (message.type === 'voteRequest') assert.ok(hardState.term >= message.term)
    if (message.type === 'appendAccepted' && hardState.term === message.term) {
      assert.ok(diskLastIndex(disk) >= message.matchIndex, 'what is acknowledged is on disk')
    }
  }

  turn(cluster: Cluster, turn: Turn): void {
    const { node, before, after } = turn
    const { raft } = after
    if (raft.role === 'leader') {
      if (!this.#leaders.has(raft.term)) this.tally.leaders++
      assert.is(this.#leaders.get(raft.term) ?? node, node, 'one leader a term')
      this.#leaders.set(raft.term, node)
    }
    this.#commits(cluster, turn)
    if (raft.role === 'leader' && before.raft.role !== 'leader') this.#complete(raft)
    if (raft.log !== before.raft.log || raft.memberships !== before.raft.memberships) {
      assert.equal(activeMembership(raft), this.#membersByLog(raft), 'the last that the log names')
    }
    const hash = journal.hash(after.machine)
    assert.is(this.#hashes.get(after.applied) ?? hash, hash, 'equal states at equal indexes')
    this.#hashes.set(after.applied, hash)
    this.#effects(turn)
  }

  /** The node forgets what it was asked. */
  died(node: NodeId): void {
    for (const [request, asked] of this.asked) if (asked.node === node) this.asked.delete(request)
    this.tally.restarts++
  }

  #commits(cluster: Cluster, { before, after }: Turn): void {
    const { raft } = after
    const { base } = raft.log
    if (raft.commit > before.raft.commit && base.index > before.raft.commit) {
      assert.ok(base.index <= this.committed.length, 'a snapshot holds what is committed')
      assert.is(this.committed[base.index - 1]?.term, base.term)
    }
    for (let index = Math.max(before.raft.commit, base.index) + 1; index <= raft.commit; index++) {
      const entry = entryAt(raft.log, index)
      const known = this.committed[index - 1]
      if (known !== undefined) {
        assert.equal(entry, known, 'what is committed stays')
        continue
      }
      const leads = raft.role === 'leader' || before.raft.role === 'leader'
      assert.ok(leads, 'a leader commits first')
      this.committed.push(entry)
      this.tally.committed++
      const holds = (voter: NodeId): boolean => has(cluster.member(voter).disk, index, entry.term)
      const decides = [before.raft, raft].some((one) => isQuorum(activeMembership(one), holds))
      assert.ok(decides, 'on the disks of a majority')
    }
  }

  #complete({ log }: RaftState): void {
    assert.ok(log.lastIndex >= this.committed.length, 'a leader has all that is committed')
    for (let index = log.base.index; index <= this.committed.length; index++) {
      const term = this.committed[index - 1]?.term ?? 0
      assert.is(termAt(log, index), term, 'a leader has all that is committed')
    }
  }

  /** Told by the log itself: the snapshot or the founders, and the last entry that names any. */
  #membersByLog({ log, snapshot }: RaftState): Membership {
    for (let index = log.lastIndex; index > (snapshot?.index ?? 0); index--) {
      const { kind, payload } = entryAt(log, index)
      if (kind === 'membership') return decodeMembership(payload) as Membership
    }
    return snapshot?.membership ?? this.#founders
  }

  #effects({ node, after, effects }: Turn): void {
    for (const { trace } of only(effects, 'trace')) {
      if (trace.type === 'truncated') this.tally.truncated++
      if (trace.type === 'snapshotTaken') this.tally.taken++
      if (trace.type === 'snapshotInstalled') this.tally.installed++
    }
    for (const { request, outcome } of only(effects, 'reply')) {
      const asked = this.asked.get(request)
      assert.ok(asked !== undefined && asked.node === node, 'each request is answered once')
      this.asked.delete(request)
      this.#answer(asked, outcome, after.raft)
    }
  }

  #answer(asked: Asked, outcome: Outcome<string>, raft: RaftState): void {
    if (outcome.type === 'done') {
      if (asked.kind === 'read') {
        this.tally.reads++
        assert.ok(outcome.index >= asked.committed, 'a read sees what was committed before it')
        const seen = this.committed.slice(0, outcome.index)
        const count = seen.filter(({ kind }) => kind === 'command').length
        assert.is(outcome.reply, String(count), 'and all of it')
        return
      }
      const { payload } = this.committed[outcome.index - 1] as Entry
      assert.ok(asked.payload !== null && equalBytes(payload, asked.payload), 'it was this command')
      if (raft.role !== 'leader') this.tally.forwarded++
    }
    if (outcome.type === 'changed') {
      this.tally.changed++
      const { kind, payload } = this.committed[outcome.index - 1] as Entry
      assert.is(kind, 'membership')
      assert.is(decodeMembership(payload)?.autoLeave, false, 'joint consensus is left')
    }
    if (outcome.type === 'transferred') this.tally.transferred++
  }

  /** All members of the leader's group have all of it; nothing that ends by itself is left open. */
  healed(cluster: Cluster): void {
    const leader = this.#nodes.find((node) => cluster.raft(node).role === 'leader')
    assert.ok(leader !== undefined, 'a leader after all is well')
    const { log } = cluster.raft(leader)
    const { voters, outgoing, learners, autoLeave } = activeMembership(cluster.raft(leader))
    assert.not(autoLeave, 'joint consensus is left')
    for (const node of [...voters, ...(outgoing ?? []), ...learners]) {
      const raft = cluster.raft(node)
      assert.is(raft.commit, log.lastIndex, `all is committed on ${node}`)
      assert.equal(cluster.member(node).state.machine.dues, [], 'what was due was done')
    }
    const open = [...this.asked.values()].filter(({ kind }) => kind !== 'command')
    assert.equal(open, [], 'reads, changes and transfers are answered')
  }
}

/** Whether a disk holds the entry at `index`, in its log or in its snapshot. */
function has(disk: Restored, index: number, term: number): boolean {
  return index <= (disk.snapshot?.index ?? 0) || diskTermAt(disk, index) === term
}
