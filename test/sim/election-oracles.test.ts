// The oracles of elections on what no honest run shows them: each has something to say.

import * as assert from 'uvu/assert'
import type { Effect } from '../../core/effect.ts'
import { lockMachine } from '../../core/lock/machine.ts'
import { DEFAULTS } from '../../core/raft/config.ts'
import { append } from '../../core/raft/log.ts'
import type { Message } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { RaftState } from '../../core/raft/state.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { ElectionOracles } from '../../sim/election-oracles.ts'
import { suite } from '../harness.ts'

const test = suite('sim/election-oracles')

type State = ReplicaState<unknown>

const VOTERS = ['0', '1', '2']
const CONFIG = { ...DEFAULTS, cluster: 'c', group: '0', node: '0', voters: VOTERS }
const START = replica(lockMachine()).initial(CONFIG, NOTHING_RESTORED, 0, 0)
const ENTRY = { term: 1, stampMs: 0, kind: 'noop', payload: new Uint8Array(0) } as const

/** The node in term 1, so many milliseconds after its start. */
function at(nowMs: number, other: Partial<RaftState> = {}): State {
  const timers = { ...START.raft.timers, nowMs }
  return { ...START, raft: { ...START.raft, term: 1, timers, ...other } as RaftState }
}

interface Turn {
  readonly before: State
  readonly after: State
  /** What node 1 said, and what it is answered. */
  readonly said?: Message
  readonly answer?: Message
  /** The node has died before. */
  readonly isNewLife?: boolean
}

/** The name of the rule that the last of some turns of node 0 breaks. */
function broken(...turns: readonly Turn[]): string {
  const oracles = new ElectionOracles(VOTERS, () => undefined)
  for (const { before, after, said, answer, isNewLife } of turns) {
    if (isNewLife) oracles.crashed(0)
    const heard = { type: 'received', from: '1' } as const
    const events = said === undefined ? [] : [{ ...heard, message: said }]
    const effects = answer === undefined ? [] : [{ type: 'send', to: '1', message: answer }]
    const input = { now: 0, random: 0, events }
    const step = { node: 0, readUs: 0, before, after, input }
    try {
      oracles.stepped({ ...step, effects: effects as Effect<never, never>[] })
    } catch (error) {
      return (error as { readonly oracle: string }).oracle
    }
  }
  return 'none'
}

const ASKED = { type: 'preVoteRequest', term: 2, lastIndex: 0, lastTerm: 0 } as const
const YES = { type: 'preVoteReply', term: 2, granted: true } as const
const NO = { type: 'preVoteReply', term: 1, granted: false } as const
const BEAT = {
  type: 'appendRequest',
  term: 1,
  prevIndex: 0,
  prevTerm: 0,
  commit: 0,
  round: 1,
  entries: [],
} as const
const CANDIDATE = { role: 'candidate', term: 2, vote: '0', votes: [], votePersistId: 1 } as const
const LONG_AGO = { before: at(0), after: at(0) }

test('election oracles: an honest voter: nothing to say', () => {
  const free = { before: at(150), after: at(150), said: ASKED, answer: YES }
  const bound = { before: at(0), after: at(149), said: ASKED, answer: NO }
  assert.is(broken(LONG_AGO, free), 'none')
  assert.is(broken(LONG_AGO, bound), 'none')
})

test('election oracles: a candidate that has not asked, nor was told to: seen', () => {
  const stands = { before: at(200), after: at(200, CANDIDATE) }
  assert.is(broken(LONG_AGO, stands), 'nobody stands without pre-votes')
  const said = { type: 'timeoutNow', term: 1 } as const
  assert.is(broken(LONG_AGO, { ...stands, said }), 'none')
})

test('election oracles: the term is lost in a crash, its pre-votes come again: they count', () => {
  const rule = 'nobody stands without pre-votes'
  const asks = at(200, { role: 'precandidate', votes: ['0'] })
  const stands = { before: asks, after: at(200, CANDIDATE) }
  const told = { ...stands, said: YES }
  assert.is(broken(LONG_AGO, told), 'none')
  assert.is(broken(LONG_AGO, { ...stands, said: { ...NO, term: 2 } }), rule)
  assert.is(broken(LONG_AGO, { ...stands, said: { ...YES, term: 3 } }), rule)
  const restarts = { ...LONG_AGO, isNewLife: true }
  assert.is(broken(LONG_AGO, told, restarts, told), 'none')
  assert.is(broken(LONG_AGO, told, restarts, stands), rule)
})

test('election oracles: a vote, or a higher term, while a leader is heard: seen', () => {
  const rule = 'votes are withheld while a leader is heard'
  const follower = { role: 'follower', leader: '1' } as const
  const hears = { before: at(200), after: at(200, follower), said: BEAT }
  const votes = { before: at(300, follower), after: at(300, follower), said: ASKED, answer: YES }
  assert.is(broken(LONG_AGO, hears, votes), rule)
  const said = { ...ASKED, type: 'voteRequest', transfer: false } as const
  const follows = { before: at(300, follower), after: at(300, { term: 2 }), said }
  assert.is(broken(LONG_AGO, hears, follows), rule)
  const isNamed = { ...follows, said: { ...said, transfer: true } }
  assert.is(broken(LONG_AGO, hears, isNamed), 'none')
})

test('election oracles: no vote though no leader is heard: seen', () => {
  const refuses = { before: at(150), after: at(150), said: ASKED, answer: NO }
  assert.is(broken(LONG_AGO, refuses), 'votes are given when no leader is heard')
})

test('election oracles: a vote for who lacks an entry: seen', () => {
  const log = append(START.raft.log, ENTRY)
  const [before, after] = [at(150, { log }), at(150, { log })]
  const votes = { before, after, said: ASKED, answer: YES }
  assert.is(broken(LONG_AGO, votes), 'votes go to logs that have all of ours')
})

test('election oracles: one that is behind gets no answer: seen', () => {
  const ignores = { before: at(150, { term: 5 }), after: at(150, { term: 5 }), said: ASKED }
  const rule = 'who is behind learns the term'
  assert.is(broken(LONG_AGO, ignores), rule)
  assert.is(broken(LONG_AGO, { ...ignores, answer: { ...NO, term: 5 } }), 'none')
})

test.run()
