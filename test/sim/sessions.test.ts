// Client sessions in the simulated world: a machine that must not do anything twice, asked again
// and again by clients that hear nothing, under every fault.

import * as assert from 'uvu/assert'
import { Hash128 } from '../../core/hash.ts'
import type { Machine } from '../../core/machine.ts'
import type { SessionCommand, SessionEvent, SessionReply } from '../../core/session/command.ts'
import { withSessions } from '../../core/session/machine.ts'
import type { SessionState } from '../../core/session/state.ts'
import type { MachineOptions } from '../../sim/simulate.ts'
import { simulate } from '../../sim/simulate.ts'
import type { Actor, Ask, Ended, Workload } from '../../sim/workload.ts'
import { suite } from '../harness.ts'

const test = suite('sim/sessions')

type Command = SessionCommand<number>
type Reply = SessionReply<number>
/** Adds a number and says the total, which shows each addition; or keeps the session. */
type Op = number
type Input = { readonly add: number }

const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const valueOf = (bytes: Uint8Array): number | null => {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString())
    return typeof value === 'number' ? value : null
  } catch {
    return null
  }
}

const adder: Machine<number, number, number, never> = {
  initial: () => 0,
  apply: (total, add) => [total + add, total + add, []],
  query: (total) => total,
  due: () => null,
  encodeCommand: bytesOf,
  decodeCommand: valueOf,
  encodeReply: bytesOf,
  decodeReply: valueOf,
  encodeSnapshot: bytesOf,
  decodeSnapshot: valueOf,
  hash: (total) => {
    const hash = new Hash128()
    hash.integer(total)
    return hash.hex()
  },
}

type State = SessionState<number>
type Options = MachineOptions<State, Command, Reply, SessionEvent<never>, Op, Input, number>

/** A client that opens a session when it has none, and calls in it. */
function client(): Actor<Command, Reply, Op, Input, number> {
  let session: number | null = null
  let sequence = 0
  let wanted = 0
  const ask = (command: Command): Ask<Command, Input> => {
    const input = { add: command.type === 'call' ? command.command : 0 }
    return { command, timeoutMs: 3_000, retry: true, read: false, input }
  }
  const next = (): Ask<Command, Input> => {
    if (session === null) return ask({ type: 'openSession', ttlMs: 2_000 })
    sequence++
    const numbers = { session, sequence, acknowledged: sequence - 1 }
    return ask({ type: 'call', ...numbers, bound: true, command: wanted })
  }
  let isOpening = false
  return {
    begin: (add) => {
      wanted = add
      isOpening = session === null
      return next()
    },
    end: ({ command }, ended: Ended<Reply>) => {
      if (ended.type !== 'done') {
        // Whether the last call was applied stays unknown for good: another session, another try.
        session = null
        return null
      }
      const { reply } = ended
      if (reply.type === 'opened') session = reply.session
      if (reply.type === 'rejected') session = null
      return reply.type === 'replied' && command.type === 'call' ? reply.reply : null
    },
    followUp: () => {
      if (!isOpening || session === null) return null
      isOpening = false
      return next()
    },
  }
}

const workload: Workload<Command, Reply, SessionEvent<never>, Op, Input, number> = {
  draw: (random) => random.between(1, 9),
  fresh: () => 1,
  isServed: () => true,
  weigh: (reply) => (reply.type === 'superseded' ? 'superseded' : 'final'),
  oracles: ['exactly once'],
  open: (stage) => {
    // What each call was replied when it first had its effect.
    const replied = new Map<string, number>()
    let total = 0
    return {
      actor: client,
      applied: ({ command, reply }) => {
        if (command?.type !== 'call' || reply?.type !== 'replied') return
        stage.evaluated('exactly once')
        const call = `call ${command.sequence} of session ${command.session}`
        const before = replied.get(call)
        if (before === undefined) replied.set(call, (total += command.command))
        else stage.probe('a call came again')
        if (reply.reply === (before ?? total)) return
        stage.fail('exactly once', `${call} was replied ${reply.reply}, not ${before ?? total}`)
      },
    }
  },
}

function options(seed: number): Options {
  const machine = withSessions(adder)
  return { machine, workload, seed }
}

test('sessions: every fault: what a call adds is added once, however often it is asked for', () => {
  let answered = 0
  let again = 0
  for (let seed = 1; seed <= 12; seed++) {
    const { verdict, violation, probes, operations } = simulate(options(seed))
    assert.is(verdict, 'ok', `seed ${seed}: ${violation?.oracle}: ${violation?.message}`)
    answered += operations.ok
    again += probes['a call came again'] ?? 0
  }
  assert.ok(answered > 1_000, `${answered} calls answered`)
  assert.ok(again > 100, `${again} calls came again`)
})

test('sessions: a call that comes again is applied again: found out', () => {
  const sessions = withSessions(adder)
  const machine: typeof sessions = {
    ...sessions,
    apply: (state, command, context) => {
      if (command.type !== 'call') return sessions.apply(state, command, context)
      return sessions.apply(state, { type: 'plain', command: command.command }, context)
    },
  }
  const found: (string | undefined)[] = []
  for (let seed = 1; seed <= 12 && found.length === 0; seed++) {
    const { violation } = simulate({ ...options(seed), machine })
    if (violation !== null) found.push(violation.oracle)
  }
  assert.equal(found, ['exactly once'])
})

test.run()
