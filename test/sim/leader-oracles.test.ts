// The oracles of a leader's accounts on what no honest run shows them: each has something to say.

import * as assert from 'uvu/assert'
import type { Effect } from '../../core/effect.ts'
import type { Event } from '../../core/event.ts'
import { lockMachine } from '../../core/lock/machine.ts'
import { mapSet } from '../../core/ordered-map.ts'
import { DEFAULTS } from '../../core/raft/config.ts'
import { append } from '../../core/raft/log.ts'
import type { Message } from '../../core/raft/message.ts'
import { accepted, newProgress } from '../../core/raft/progress.ts'
import type { Progress } from '../../core/raft/progress.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { Leader, RaftState } from '../../core/raft/state.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { DurableView } from '../../sim/durable.ts'
import { LeaderOracles } from '../../sim/leader-oracles.ts'
import { suite } from '../harness.ts'

const test = suite('sim/leader-oracles')

type State = ReplicaState<unknown>
interface Given {
  readonly events?: readonly Event[]
  readonly effects?: readonly Effect<never, never>[]
}

const VOTERS = ['0', '1', '2']
const IDENTITY = { cluster: 'c', group: '0', node: '0', voters: VOTERS }
const CONFIG = { ...DEFAULTS, ...IDENTITY, inFlightMessagesMax: 2 }
const ENTRY = { term: 3, stampMs: 0, kind: 'command', payload: Uint8Array.of(1, 2) } as const
const FOLLOWER = replica(lockMachine()).initial(CONFIG, NOTHING_RESTORED, 0, 0)

/** A leader of term 3 whose only entry is not committed. */
function leading(other: Partial<Leader & RaftState> = {}): State {
  const role = {
    role: 'leader',
    progress: ['1', '2'].map((peer) => newProgress(peer, 1)),
    durableIndex: 1,
    clockStartMs: 0,
    uncommittedBytes: 2,
    round: 1,
    reads: [],
    leaseRound: 0,
    hasSentTimeoutNow: false,
    transfer: null,
  } as const
  const { role: _, leader: __, ...common } = FOLLOWER.raft as RaftState & { leader: null }
  const log = append(common.log, ENTRY)
  return { ...FOLLOWER, raft: { ...common, term: 3, log, ...role, ...other } as RaftState }
}

/** The name of the rule that one step breaks. */
function broken(before: State, after: State, given: Given = {}): string {
  return brokenBy([before, after, given])
}

/** The name of the rule that the first of these steps that breaks one does. */
function brokenBy(...steps: readonly (readonly [State, State, Given])[]): string {
  const durables = VOTERS.map(() => ({ durable: new DurableView(VOTERS), state: null }))
  const oracles = new LeaderOracles(durables, VOTERS, () => undefined)
  for (const [before, after, { events = [], effects = [] }] of steps) {
    const input = { now: 0, random: 0, events }
    try {
      oracles.stepped({ node: 0, readUs: 0, before, after, input, effects })
    } catch (error) {
      return (error as { readonly oracle: string }).oracle
    }
  }
  return 'none'
}

function of(...changed: Progress[]): { readonly progress: readonly Progress[] } {
  return { progress: [...changed, newProgress('2', 1)] }
}

const NEW = newProgress('1', 1)
const NOTHING = { prevIndex: 0, prevTerm: 0, commit: 0 }
const APPEND = { type: 'appendRequest', term: 3, ...NOTHING, round: 1 } as const

function sending(message: Message): Effect<never, never> {
  return { type: 'send', to: '1', message } as Effect<never, never>
}

test('leader oracles: an honest leader: nothing to say', () => {
  const effects = [sending({ ...APPEND, entries: [ENTRY] })]
  assert.is(broken(FOLLOWER, leading(), { effects }), 'none')
  assert.is(broken(leading(), FOLLOWER), 'none')
})

test('leader oracles: what a peer has falls, or is to be sent again: seen', () => {
  const had = leading(of({ ...NEW, nextIndex: 2, matchIndex: 1 }))
  assert.is(broken(had, leading(of(NEW))), 'what a peer has is not forgotten')
  const again = leading(of({ ...NEW, nextIndex: 1, matchIndex: 1 }))
  assert.is(broken(had, again), 'what a peer has is not forgotten')
})

test('leader oracles: a peer counts for what its disk does not hold: seen', () => {
  const after = leading(of(accepted(NEW, 1, 0)))
  assert.is(broken(leading(), after), 'what a leader counts is on disk')
})

test('leader oracles: an answer of an earlier term counts: seen', () => {
  const message = { type: 'appendAccepted', term: 2, matchIndex: 0, round: 9, versions: 1 } as const
  const events = [{ type: 'received', from: '1', message }] as const
  const after = leading(of({ ...NEW, ackedRound: 9 }))
  assert.is(broken(leading(), after, { events }), 'answers of an earlier term count for nothing')
})

test('leader oracles: counts of bytes that are wrong: seen', () => {
  const rule = 'bytes under way are counted'
  assert.is(broken(FOLLOWER, leading({ uncommittedBytes: 3 })), rule)
  const stream = { ...accepted(NEW, 0, 0), inFlightBytes: 7 } as Progress
  assert.is(broken(FOLLOWER, leading(of(stream))), rule)
})

test('leader oracles: more messages than may be in flight: seen', () => {
  const effects = [1, 2, 3].map((index) => {
    return sending({ ...APPEND, prevIndex: index - 1, entries: [ENTRY] })
  })
  const after = leading(of(accepted(NEW, 0, 0)))
  assert.is(broken(leading(), after, { effects }), 'what is in flight is within its caps')
  assert.is(broken(leading(), after, { effects: effects.slice(1) }), 'none')
})

test('leader oracles: more messages than may be in flight, to a member of old: fine', () => {
  const two = [1, 2].map((index) => {
    return sending({ ...APPEND, prevIndex: index - 1, entries: [ENTRY] })
  })
  const one = [sending({ ...APPEND, prevIndex: 2, entries: [ENTRY] })]
  const stream = leading(of(accepted(NEW, 0, 0)))
  const without = leading({ progress: [newProgress('2', 1)] })
  const given = { effects: two }
  const rule = 'what is in flight is within its caps'
  const more = [stream, stream, { effects: one }] as const
  assert.is(brokenBy([leading(), stream, given], [stream, stream, {}], more), rule)
  assert.is(brokenBy([leading(), stream, given], [stream, without, {}], more), 'none')
})

test('leader oracles: entries in a term that another leads: seen', () => {
  const effects = [sending({ ...APPEND, term: 4, entries: [] })]
  assert.is(broken(leading(), FOLLOWER, { effects }), 'only its leader speaks in a term')
})

test('leader oracles: a leader that hands over takes a command: seen', () => {
  const transfer = { to: '1', request: 1 }
  const before = leading({ transfer })
  const log = append(before.raft.log, ENTRY)
  const after = leading({ transfer, log })
  assert.is(broken(before, after), 'a leader that hands over takes nothing new')
})

test('leader oracles: one that follows keeps somebody waiting: seen', () => {
  const waiting = mapSet(FOLLOWER.waiting, 1, { request: 1, peer: null, term: 3 })
  const after = { ...FOLLOWER, waiting }
  assert.is(broken(leading(), after), 'nobody waits for a leader that is gone')
})

test.run()
