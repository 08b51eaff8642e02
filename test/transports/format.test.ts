// Format version 1, byte by byte: whoever changes one of these changes the version with it.

import * as assert from 'uvu/assert'
import type { Outcome, RefusalReason } from '../../core/effect.ts'
import type { Message } from '../../core/raft/message.ts'
import {
  decodeClientReply,
  decodeClientRequest,
  encodeClientReply,
  encodeClientRequest,
} from '../../transports/client-codec.ts'
import { decodeFrame, encodeFrame } from '../../transports/codec.ts'
import { suite } from '../harness.ts'
import { reasons } from './arbitraries.ts'

const test = suite('codec-format')

type Sample<Value> = readonly [value: Value, hex: string]
type MessageOf<Type> = Extract<Message, { readonly type: Type }>
type OutcomeOf<Type> = Extract<Outcome<Uint8Array>, { readonly type: Type }>
type OutcomeType = Outcome<Uint8Array>['type']

const term = 7
const round = 5
const bytes = Uint8Array.of(10, 11)
const empty = new Uint8Array(0)
const snapshot = {
  index: 300,
  term: 6,
  stampMs: 1_000,
  membership: { voters: ['a', 'b'], outgoing: ['a'], learners: ['c'], autoLeave: true },
  version: 2,
  bytesCount: 2 ** 31,
}
const hint = { prevIndex: 300, hintIndex: 200, hintTerm: 6 }
const entries = [
  { term: 6, stampMs: 1_000, kind: 'noop', payload: empty },
  { term: 7, stampMs: 1_001, kind: 'command', payload: bytes },
  { term: 7, stampMs: 1_001, kind: 'membership', payload: Uint8Array.of(1, 1, 97, 0, 0) },
  { term: 7, stampMs: 1_001, kind: 'version', payload: Uint8Array.of(2) },
] as const

const messages: { readonly [Type in Message['type']]: Sample<MessageOf<Type>> } = {
  preVoteRequest: [
    { type: 'preVoteRequest', term, lastIndex: 300, lastTerm: 6 },
    '01 07 ac02 06',
  ],
  preVoteReply: [{ type: 'preVoteReply', term, granted: true }, '02 07 01'],
  voteRequest: [
    { type: 'voteRequest', term, lastIndex: 300, lastTerm: 6, transfer: true },
    '03 07 ac02 06 01',
  ],
  voteReply: [{ type: 'voteReply', term, granted: false }, '04 07 00'],
  appendRequest: [
    { type: 'appendRequest', term, prevIndex: 300, prevTerm: 6, commit: 200, round, entries },
    '05 07 ac02 06 c801 05 04' +
      '06 e807 00 00' +
      '07 e907 01 02 0a0b' +
      '07 e907 02 05 0101610000' +
      '07 e907 03 01 02',
  ],
  appendAccepted: [
    { type: 'appendAccepted', term, matchIndex: 300, round, versions: 1 },
    '06 07 ac02 05 01',
  ],
  appendRejected: [
    { type: 'appendRejected', term, ...hint, round, damaged: true },
    '07 07 ac02 c801 06 05 01',
  ],
  snapshotRequest: [
    { type: 'snapshotRequest', term, round, snapshot, offset: 200, bytes },
    '08 07 05' +
      'ac02 06 e807' +
      '02 0161 0162' + '01 01 0161 01' + '01 0163' +
      '02 8080808008' +
      'c801 02 0a0b',
  ],
  snapshotReply: [
    { type: 'snapshotReply', term, round, index: 300, offset: 200 },
    '09 07 05 ac02 c801',
  ],
  timeoutNow: [{ type: 'timeoutNow', term }, '0a 07'],
  readRequest: [{ type: 'readRequest', term, id: 2 ** 53 - 1 }, '0b 07 ffffffffffffff0f'],
  readReply: [{ type: 'readReply', term, id: 3, index: 300 }, '0c 07 03 ac02'],
  forwardRequest: [{ type: 'forwardRequest', term, id: 3, payload: bytes }, '0d 07 03 02 0a0b'],
  forwardReply: [
    { type: 'forwardReply', term, id: 3, outcome: { type: 'done', index: 300, reply: bytes } },
    '0e 07 03 01 ac02 02 0a0b',
  ],
}

const outcomes: { readonly [Type in OutcomeType]: readonly Sample<OutcomeOf<Type>>[] } = {
  done: [[{ type: 'done', index: 300, reply: bytes }, '01 ac02 02 0a0b']],
  notLeader: [
    [{ type: 'notLeader', leader: null }, '02 00'],
    [{ type: 'notLeader', leader: 'b' }, '02 01 0162'],
  ],
  malformed: [[{ type: 'malformed' }, '03']],
  unknown: [[{ type: 'unknown' }, '04']],
  changed: [[{ type: 'changed', index: 300 }, '05 ac02']],
  transferred: [[{ type: 'transferred' }, '06']],
  tooLarge: [[{ type: 'tooLarge' }, '07']],
  overloaded: [[{ type: 'overloaded' }, '08']],
  refused: [[{ type: 'refused', reason: 'isJoint' }, '09 04']],
  forbidden: [[{ type: 'forbidden' }, '0a']],
}

const reasonsInOrder: readonly RefusalReason[] = [
  ...(['noVoters', 'badId', 'duplicateId', 'isJoint', 'notJoint'] as const),
  ...(['notCommittedInTerm', 'pending', 'transferring', 'notVoter'] as const),
  ...(['farBehind', 'timedOut', 'versionInForce', 'versionUnsupported'] as const),
]

const LINK = { cluster: 'c', group: '0', from: '0', to: 'n2' } as const
const FRAME_START = '01 01 0163 0130 0130 026e32'
const REPLY_START = '01 03 05'

function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(' ', '').match(/../g) ?? []
  return Uint8Array.from(digits, (each) => Number.parseInt(each, 16))
}

function toHex(from: Uint8Array): string {
  return [...from].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** All numbers that one byte can say, without `known`. */
function unknownNumbers(known: (number: number) => boolean): readonly number[] {
  return Array.from({ length: 256 }, (_, number) => number).filter((number) => !known(number))
}

test('codec: format version 1: the bytes of each kind of message stay what they are', () => {
  for (const [message, hex] of Object.values(messages)) {
    const whole = FRAME_START + hex
    assert.is(toHex(encodeFrame({ ...LINK, message })), whole.replaceAll(' ', ''), message.type)
    const frame = { ...LINK, message }
    assert.equal(decodeFrame(fromHex(whole)), { type: 'frame', frame }, message.type)
  }
})

test('codec: format version 1: the bytes of each kind of outcome stay what they are', () => {
  for (const [outcome, hex] of Object.values(outcomes).flat()) {
    const whole = REPLY_START + hex
    const reply = { request: 5, outcome, leader: null }
    assert.is(toHex(encodeClientReply(reply)), whole.replaceAll(' ', ''), outcome.type)
    assert.equal(decodeClientReply(fromHex(whole)), { type: 'reply', reply }, outcome.type)
  }
})

test('codec: format version 1: a hinted reply ends with the node that leads', () => {
  const reply = { request: 5, outcome: { type: 'unknown' }, leader: 'a@1' } as const
  const hex = '01 04 05 04 03 614031'
  assert.is(toHex(encodeClientReply(reply)), hex.replaceAll(' ', ''))
  assert.equal(decodeClientReply(fromHex(hex)), { type: 'reply', reply })
})

test('codec: format version 1: the number of each reason stays what it is', () => {
  assert.equal([...reasonsInOrder].sort(), [...reasons].sort(), 'all of them')
  reasonsInOrder.forEach((reason, at) => {
    const outcome = { type: 'refused', reason } as const
    const sent = encodeClientReply({ request: 5, outcome, leader: null })
    assert.equal(sent, Uint8Array.of(1, 3, 5, 9, at + 1), reason)
  })
})

test('codec: format version 1: the bytes of requests stay what they are', () => {
  for (const read of [false, true]) {
    const request = { request: 300, read, payload: bytes }
    const hex = `0102ac02${read ? '01' : '00'}020a0b`
    assert.is(toHex(encodeClientRequest(request)), hex)
    assert.equal(decodeClientRequest(fromHex(hex)), { type: 'request', request })
  }
})

test('codec: a number that no message has: is malformed, whatever follows', () => {
  const count = Object.keys(messages).length
  const start = fromHex(FRAME_START)
  for (const number of unknownNumbers((one) => one >= 1 && one <= count)) {
    for (const [, hex] of Object.values(messages)) {
      const fields = fromHex(hex).slice(1)
      const decoded = decodeFrame(Uint8Array.of(...start, number, ...fields))
      assert.is(decoded.type, 'malformed', `${number} ${hex}`)
    }
  }
})

test('codec: a number that no outcome has: is malformed, whatever follows', () => {
  const count = Object.keys(outcomes).length
  for (const number of unknownNumbers((one) => one >= 1 && one <= count)) {
    for (const [, hex] of Object.values(outcomes).flat()) {
      const fields = fromHex(hex).slice(1)
      const reply = decodeClientReply(Uint8Array.of(1, 3, 5, number, ...fields))
      assert.is(reply.type, 'malformed', `${number} ${hex}`)
      const forwarded = Uint8Array.of(...fromHex(FRAME_START), 14, 7, 3, number, ...fields)
      assert.is(decodeFrame(forwarded).type, 'malformed', `${number} ${hex}`)
    }
  }
})

test('codec: a number that no reason, kind of entry or boolean has: is malformed', () => {
  for (const number of unknownNumbers((one) => one >= 1 && one <= reasons.length)) {
    assert.is(decodeClientReply(Uint8Array.of(1, 3, 5, 9, number)).type, 'malformed', `${number}`)
  }
  const start = fromHex(`${FRAME_START} 05 07 ac02 06 c801 05 01 06 e807`)
  for (const number of unknownNumbers((one) => one <= 3)) {
    for (const rest of [[], [0]]) {
      const decoded = decodeFrame(Uint8Array.of(...start, number, ...rest))
      assert.is(decoded.type, 'malformed', `${number}`)
    }
  }
  const vote = fromHex(`${FRAME_START} 03 07 ac02 06`)
  for (const number of unknownNumbers((one) => one <= 1)) {
    assert.is(decodeFrame(Uint8Array.of(...vote, number)).type, 'malformed', `${number}`)
    const request = Uint8Array.of(1, 2, 5, number, 0)
    assert.is(decodeClientRequest(request).type, 'malformed', `${number}`)
  }
})

test('codec: a snapshot whose members make no sense: is malformed', () => {
  const nobody = '00 00 00'
  const twice = '02 0161 0161 00 00'
  const unsorted = '02 0162 0161 00 00'
  const nameless = '01 00 00 00'
  const both = '01 0161 00 01 0161'
  const fine = '01 0161 00 01 0162'
  const decoded = [nobody, twice, unsorted, nameless, both, fine].map((members) => {
    const hex = `${FRAME_START} 08 07 05 ac02 06 e807 ${members} 01 02 00 02 0a0b`
    return decodeFrame(fromHex(hex)).type
  })
  assert.equal(decoded, [...Array.from({ length: 5 }, () => 'malformed'), 'frame'])
})

test.run()
