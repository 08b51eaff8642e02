// What must hold in every transcript after every turn: it watches, and throws at the first breach.
// Ref: Raft, Figure 3.

import type { Entry } from '../../core/raft/message.ts'
import type { NodeId } from '../../core/raft/config.ts'
import { entryAt } from '../../core/raft/log.ts'
import { isQuorum } from '../../core/raft/quorum.ts'
import { activeMembership } from '../../core/raft/state.ts'
import type { RaftState, Restored } from '../../core/raft/state.ts'

/** The rules, and what they remember of all that has happened. */
export class Safety {
  readonly #leaders = new Map<number, NodeId>()
  /** What was ever committed, by index. */
  readonly #committed = new Map<number, { readonly term: number; readonly said: string }>()
  /** What was ever in a log, by index and term, with the term of the entry before. */
  readonly #entries = new Map<string, string>()

  /** Looks at one node after its turn; `diskOf` says what the disks hold. */
  check(before: RaftState, after: RaftState, diskOf: (node: NodeId) => Restored | null): void {
    this.#monotonic(before, after)
    this.#oneLeader(after)
    this.#logMatching(after)
    this.#neverChanges(after)
    this.#complete(after)
    if (after.role === 'leader' && after.commit > before.commit) onQuorum(after, diskOf)
  }

  /** A node that starts again remembers its term, and what it had promised. */
  checkStart(disk: Restored, after: RaftState): void {
    if (after.term !== disk.hardState.term) fail('a term was lost in a restart')
    this.#logMatching(after)
    this.#neverChanges(after)
  }

  #monotonic(before: RaftState, after: RaftState): void {
    if (after.term < before.term) fail(`the term of ${after.config.node} fell`)
    if (after.commit < before.commit) fail(`the commit index of ${after.config.node} fell`)
    if (after.term !== before.term || before.vote === null) return
    if (after.vote !== before.vote) fail(`${after.config.node} changed its vote within a term`)
  }

  #oneLeader({ role, term, config }: RaftState): void {
    if (role !== 'leader') return
    const known = this.#leaders.get(term)
    if (known !== undefined && known !== config.node) fail(`two leaders in term ${term}`)
    this.#leaders.set(term, config.node)
  }

  /** Equal index and term: equal entry, and an equal term before it, so by induction all equal. */
  #logMatching({ log }: RaftState): void {
    let lastTerm = log.base.term
    for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
      const entry = entryAt(log, index)
      const key = `${index}/${entry.term}`
      const said = `behind ${lastTerm}: ${textOf(entry)}`
      const known = this.#entries.get(key)
      if (known !== undefined && known !== said) fail(`two entries ${key}`)
      this.#entries.set(key, said)
      lastTerm = entry.term
    }
  }

  #neverChanges({ log, commit, config }: RaftState): void {
    for (let index = log.base.index + 1; index <= commit; index++) {
      const entry = entryAt(log, index)
      const known = this.#committed.get(index)
      const said = textOf(entry)
      if (known === undefined) this.#committed.set(index, { term: entry.term, said })
      else if (known.said !== said || known.term !== entry.term) {
        fail(`${config.node} has committed another entry ${index}`)
      }
    }
  }

  /** A leader's log holds all that was committed in earlier terms. */
  #complete({ role, log, term, config }: RaftState): void {
    if (role !== 'leader') return
    for (const [index, known] of this.#committed) {
      if (index <= log.base.index || known.term >= term) continue
      const has = index <= log.lastIndex && entryAt(log, index).term === known.term
      if (!has) fail(`leader ${config.node} lacks the committed entry ${index}`)
    }
  }
}

/** What a leader takes for committed is on the disks of a majority. */
function onQuorum(state: RaftState, diskOf: (node: NodeId) => Restored | null): void {
  const { commit, log } = state
  const { term } = entryAt(log, commit)
  const holds = (node: NodeId): boolean => {
    const disk = diskOf(node)
    if (disk === null) return false
    if ((disk.snapshot?.index ?? 0) >= commit) return true
    return disk.entries[commit - disk.base.index - 1]?.term === term
  }
  if (!isQuorum(activeMembership(state), holds)) {
    fail(`${state.config.node} has committed ${commit}, which is on no majority of disks`)
  }
}

function textOf({ term, stampMs, kind, payload }: Entry): string {
  return `${term} ${stampMs} ${kind} ${payload.join(',')}`
}

function fail(problem: string): never {
  throw new Error(`safety: ${problem}`)
}
