// Commands, replies and snapshots of sessions as bytes: there and back, and garbage never throws.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ByteWriter, equalBytes } from '../../../core/bytes.ts'
import { SESSION_REASONS } from '../../../core/session/codec.ts'
import type { SessionCommand, SessionReply } from '../../../core/session/command.ts'
import { withSessions } from '../../../core/session/machine.ts'
import { suite } from '../../harness.ts'
import { boardCommand, typed } from './arbitrary.ts'
import type { BoardCommand, BoardReply } from './support.ts'
import { Driver, add, board, sleep } from './support.ts'

const test = suite('session codec')
const seed = 20_241_109
const machine = withSessions(board)
const twice = withSessions(machine)

const integer = fc.maxSafeNat()
const session = integer
const commands = fc.oneof(
  typed('openSession', { ttlMs: integer }),
  typed('keepAlive', { session }),
  typed('closeSession', { session }),
  typed('call', {
    session,
    sequence: integer,
    acknowledged: integer,
    bound: fc.boolean(),
    command: boardCommand,
  }),
  typed('plain', { command: boardCommand }),
  typed('expireSessions', { max: integer.filter((max) => max > 0) }),
) as fc.Arbitrary<SessionCommand<BoardCommand>>

const replies = fc.oneof(
  typed('opened', { session, ttlMs: integer }),
  typed('keptAlive', { ttlMs: integer }),
  typed('closed', {}),
  typed('replied', { reply: fc.oneof(integer, fc.string()) }),
  typed('superseded', {}),
  typed('expired', { sessions: integer }),
  typed('rejected', { reason: fc.constantFrom(...SESSION_REASONS) }),
) as fc.Arbitrary<SessionReply<BoardReply>>

/** A state with records of every sort. */
function richState(): Driver {
  const log = new Driver()
  const [one, two, ended] = [log.open(), log.open(700), log.open(500)]
  for (const sequence of [5, 2, 9]) log.call(one, sequence, add(sequence))
  log.call(one, 4, { type: 'say', letters: 200 }, 2)
  for (const id of [two, ended, two]) log.call(id, 1, sleep('k'))
  log.call(two, 300, add(1))
  log.plain({ type: 'alarm', atMs: 900 })
  log.timeMs = 600
  log.expire()
  return log
}

test('session codec: commands and replies: there and back', () => {
  fc.assert(
    fc.property(commands, replies, (command, reply) => {
      assert.equal(machine.decodeCommand(machine.encodeCommand(command)), command)
      assert.equal(machine.decodeReply(machine.encodeReply(reply)), reply)
      const numbers = { session: 1, sequence: 2, acknowledged: 0 }
      const call = { type: 'call', ...numbers, bound: false, command } as const
      assert.equal(twice.decodeCommand(twice.encodeCommand(call)), call, 'sessions in sessions')
      const outer = { type: 'replied', reply } as const
      assert.equal(twice.decodeReply(twice.encodeReply(outer)), outer, 'sessions in sessions')
    }),
    { seed, numRuns: 1_000 },
  )
})

test('session codec: bytes: as they have always been', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  const command = add(1)
  const inner = hex(board.encodeCommand(command))
  const length = (inner.length / 2).toString(16)
  assert.is(hex(machine.encodeCommand({ type: 'openSession', ttlMs: 300 })), '00ac02')
  assert.is(hex(machine.encodeCommand({ type: 'keepAlive', session: 7 })), '0107')
  assert.is(hex(machine.encodeCommand({ type: 'closeSession', session: 7 })), '0207')
  const numbers = { session: 7, sequence: 3, acknowledged: 2 }
  const call = { type: 'call', ...numbers, bound: true, command } as const
  assert.is(hex(machine.encodeCommand(call)), `03070302${length}${inner}`)
  const unbound = { ...call, bound: false }
  assert.is(hex(machine.encodeCommand(unbound)), `06070302${length}${inner}`)
  assert.is(hex(machine.encodeCommand({ type: 'plain', command })), `04${length}${inner}`)
  assert.is(hex(machine.encodeCommand({ type: 'expireSessions', max: 9 })), '0509')
  assert.is(hex(machine.encodeReply({ type: 'opened', session: 7, ttlMs: 1 })), '000701')
  assert.is(hex(machine.encodeReply({ type: 'keptAlive', ttlMs: 1 })), '0101')
  assert.is(hex(machine.encodeReply({ type: 'closed' })), '02')
  assert.is(hex(machine.encodeReply({ type: 'replied', reply: 5 })), '030135')
  assert.is(hex(machine.encodeReply({ type: 'superseded' })), '04')
  assert.is(hex(machine.encodeReply({ type: 'expired', sessions: 2 })), '0502')
  for (const [at, reason] of SESSION_REASONS.entries()) {
    assert.is(hex(machine.encodeReply({ type: 'rejected', reason })), `060${at}`)
  }
})

test('session codec: garbage: null or a value, never a throw', () => {
  const decoders = [twice.decodeCommand, twice.decodeReply, twice.decodeSnapshot]
  const tag = fc.nat(7)
  const garbage = fc.tuple(tag, fc.uint8Array({ maxLength: 60 }))
  fc.assert(
    fc.property(garbage, ([first, rest]) => {
      for (const decode of [...decoders, machine.decodeCommand, machine.decodeReply]) {
        decode(rest)
        decode(Uint8Array.from([first, ...rest]))
      }
    }),
    { seed, numRuns: 3_000 },
  )
})

test('session codec: bytes cut short or too long: null', () => {
  const { state } = richState()
  const commandBytes = machine.encodeCommand({ type: 'plain', command: add(1) })
  const replyBytes = machine.encodeReply({ type: 'opened', session: 7, ttlMs: 300 })
  const snapshot = machine.encodeSnapshot(state)
  const cases = [
    [machine.decodeCommand, commandBytes],
    [machine.decodeReply, replyBytes],
    [machine.decodeSnapshot, snapshot],
  ] as const
  for (const [decode, bytes] of cases) {
    for (let length = 0; length < bytes.length; length++) {
      assert.is(decode(bytes.subarray(0, length)), null, `${length} of ${bytes.length}`)
    }
    assert.ok(decode(bytes) !== null)
    assert.is(decode(Uint8Array.from([...bytes, 0])), null)
  }
})

test('session codec: a byte of a snapshot changed: null, or a state of another hash', () => {
  const log = richState()
  const bytes = log.bytes()
  let readable = 0
  for (let at = 0; at < bytes.length; at++) {
    for (const change of [1, 2, 0x40, 0x80, 0xff]) {
      const state = machine.decodeSnapshot(bytes.with(at, bytes[at]! ^ change))
      if (state === null) continue
      readable += 1
      const isSame = equalBytes(machine.encodeSnapshot(state), bytes)
      assert.is(machine.hash(state) === machine.hash(log.state), isSame, `byte ${at}`)
      const command = { type: 'expireSessions', max: 9 } as const
      machine.apply(state, command, { index: log.index + 1, timeMs: 700, version: 1 })
    }
  }
  assert.ok(readable > 400, `${readable} could be read`)
})

test('session codec: snapshot whose records contradict each other: null', () => {
  const session = [1, 100, 100, 2]
  const lanes = Array.from({ length: 16 }, () => 0)
  const reply = [1, 1, 0x35]
  const good: readonly number[][] = [
    [1, ...session, 1, 3, ...lanes, ...reply, 0],
    [1, ...session, 1, 3, ...lanes, 0, 9, 1, 9, 1, 3, 12],
    [1, ...session, 0, 1, 9, 1, 2, 12],
    [0, 1, 9, 1, 3, 9],
  ]
  const bad: Readonly<Record<string, number[]>> = {
    'id 0': [1, 0, 100, 100, 2, 0, 0],
    'ids out of order': [2, 2, 100, 100, 0, 0, 1, 100, 100, 0, 0, 0],
    'opened before the start of time': [1, 1, 100, 99, 2, 0, 0],
    'a call below the mark': [1, ...session, 1, 2, ...lanes, ...reply, 0],
    'calls out of order': [1, ...session, 2, 4, ...lanes, ...reply, 3, ...lanes, ...reply, 0],
    'no such kind of call': [1, ...session, 1, 3, ...lanes, 2, 9, 0],
    'a waiting call without a wait': [1, ...session, 1, 3, ...lanes, 0, 9, 0],
    'a wait of an answered call': [1, ...session, 1, 3, ...lanes, ...reply, 1, 9, 1, 3, 12],
    'a wait of no call': [1, ...session, 0, 1, 9, 1, 3, 12],
    'a wait at another index': [1, ...session, 1, 3, ...lanes, 0, 9, 1, 8, 1, 3, 12],
    'a wait that is answered before it began': [0, 1, 9, 1, 3, 8],
    'waits out of order': [0, 2, 9, 1, 3, 9, 8, 1, 4, 9],
    'a reply that is none': [1, ...session, 1, 3, ...lanes, 1, 1, 0x5b, 0],
  }
  const bytesOf = (rest: readonly number[]): Uint8Array => {
    const writer = new ByteWriter()
    writer.u8(2)
    writer.raw(Uint8Array.from(rest))
    writer.raw(board.encodeSnapshot(board.initial()))
    return writer.finish()
  }
  for (const rest of good) {
    const state = machine.decodeSnapshot(bytesOf(rest))
    assert.ok(state !== null, rest.join())
    assert.equal(machine.encodeSnapshot(state), bytesOf(rest))
  }
  for (const [title, rest] of Object.entries(bad)) {
    assert.is(machine.decodeSnapshot(bytesOf(rest)), null, title)
  }
  const otherVersion = bytesOf(good[0]!)
  otherVersion[0] = 1
  assert.is(machine.decodeSnapshot(otherVersion), null)
})

test.run()
