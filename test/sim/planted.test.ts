// Bugs of members, reads, snapshots and forwarding, planted into the core one by one: in whole
// worlds, on default seeds, the oracle that is there for each says so.

import * as assert from 'uvu/assert'
import { openWorkshop } from '../../cli/mutant-build.ts'
import type { Workshop } from '../../cli/mutant-build.ts'
import { HANG_MS, tryMutant } from '../../cli/mutant-hunt.ts'
import { suite } from '../harness.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite<{ workshop: Workshop }>('sim/planted')

/** Far above what any of them takes on a machine that has time. */
const BUDGET_MS = 90_000
const deadlineMs = 240_000

interface Plant {
  readonly what: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly oracle: string
}

const PLANTS: readonly Plant[] = [
  {
    what: 'a new leader answers reads from what it knows to be committed, which may be less',
    file: 'core/raft/reads.ts',
    find: 'index: turn.log.lastIndex, round: 0',
    replace: 'index: turn.commit, round: 0',
    oracle: 'reads are fresh',
  },
  {
    what: 'a forwarded command stays open when it was answered',
    file: 'core/asked.ts',
    find: "if (asked?.type !== 'forward') return\n  work.asked = mapDelete(work.asked, id)",
    replace: "if (asked?.type !== 'forward') return",
    oracle: 'one answer a request',
  },
  {
    what: 'a snapshot names the members of now, not those of its index',
    file: 'core/raft/snapshot.ts',
    find: 'const { membership } = first',
    replace: 'const { membership } = turn',
    oracle: 'snapshots on disk are the log',
  },
  {
    what: 'a log that is cut keeps the members that were cut off',
    file: 'core/raft/follower.ts',
    find: 'if (kept.length < turn.memberships.length) setMemberships',
    replace: 'if (kept.length > turn.memberships.length) setMemberships',
    oracle: 'members are those of the log',
  },
  {
    what: 'joint consensus is left before it is committed',
    file: 'core/raft/leader.ts',
    find: '!membership.autoLeave || !isMembershipCommitted(turn)',
    replace: '!membership.autoLeave',
    oracle: 'one change of members at a time',
  },
  {
    what: 'members change before the leader has committed in its own term',
    file: 'core/raft/reconfigure.ts',
    find: "if (!hasCommittedInTerm(turn)) return 'notCommittedInTerm'",
    replace: '',
    oracle: 'one change of members at a time',
  },
  {
    what: 'voters change at once, without joint consensus',
    file: 'core/raft/membership.ts',
    find: 'return { ...after, outgoing: before.voters, autoLeave: change.autoLeave }',
    replace: 'return after',
    oracle: 'one change of members at a time',
  },
  {
    what: 'a follower that stands for election does not say that it has no leader',
    file: 'core/raft/election.ts',
    find: "  role.leader = null\n  trace(turn, { type: 'leaderChanged', term, leader: null })",
    replace: '  role.leader = term > 0 ? null : role.leader',
    oracle: 'changes of leader are told',
  },
  {
    what: 'a follower acknowledges all of its log, proved equal or not',
    file: 'core/raft/follower.ts',
    find: "{ type: 'appendAccepted', term, matchIndex, round, versions }",
    replace: "{ type: 'appendAccepted', term, matchIndex: turn.log.lastIndex, round, versions }",
    oracle: 'promises are durable',
  },
  {
    what: 'in joint consensus the new voters elect alone',
    file: 'core/raft/election.ts',
    find: 'isQuorum(turn.membership, (node) => votes',
    replace: 'isQuorum({ ...turn.membership, outgoing: null }, (node) => votes',
    oracle: 'election quorum',
  },
  {
    what: 'in joint consensus the new voters commit alone',
    file: 'core/raft/quorum.ts',
    find: 'outgoing === null ? value : Math.min',
    replace: 'outgoing !== undefined ? value : Math.min',
    oracle: 'committed is durable on a quorum',
  },
]

test.before(async (context) => {
  context.workshop = await openWorkshop(repositoryRoot)
})

test.after((context) => context.workshop.close())

for (const { what, oracle, ...edit } of PLANTS) {
  test(`planted: ${what}: seen`, async ({ workshop }) => {
    const copy = workshop.build({ id: 'P', ...edit })
    const suspect = { id: 'P', killedBy: null, copy, original: workshop.original }
    const plan = { budgetMs: BUDGET_MS, recorded: false, hangMs: HANG_MS, onSeed: () => undefined }
    const trial = await tryMutant(suspect, plan)
    assert.equal([trial.killed, trial.oracle], [true, oracle], trial.note ?? `seed ${trial.seed}`)
  }, { deadlineMs })
}

test.run()
