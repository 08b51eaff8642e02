// Random messages, frames and client frames for the codec's tests.

import fc from 'fast-check'
import type { Outcome } from '../../core/effect.ts'
import type { Entry, Message } from '../../core/raft/message.ts'
import type { ClientReply, ClientRequest } from '../../transports/client-codec.ts'
import type { Frame } from '../../transports/codec.ts'

/** Records with the ordinary prototype, since `assert.equal` compares it. */
export const plain = <Value>(model: {
  [Key in keyof Value]: fc.Arbitrary<Value[Key]>
}): fc.Arbitrary<Value> =>
  fc.record<Value>(model, { noNullPrototype: true })

/** 0 to 2^53 - 1, with the steps of the varint and small values often. */
export const integer: fc.Arbitrary<number> = fc.oneof(
  fc.nat(3),
  fc.constantFrom(0x7f, 0x80, 0x3fff, 0x4000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  fc.maxSafeNat()
)

/** Well-formed text, empty and astral included. */
export const text: fc.Arbitrary<string> = fc.string({ unit: 'binary', maxLength: 12 })

/** Node ids, some of which read as false. */
export const nodeId: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('0', 'false', 'n1', 'ключ'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 9 })
)

export const payload: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 80 })

export const entry: fc.Arbitrary<Entry> = plain({
  term: integer,
  stampMs: integer,
  kind: fc.constantFrom('noop' as const, 'command' as const),
  payload
})

const lastOf = { term: integer, lastIndex: integer, lastTerm: integer }
const answer = { term: integer, granted: fc.boolean() }

/** Every kind of message, with any numbers. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  plain({ type: fc.constant('preVoteRequest' as const), ...lastOf }),
  plain({ type: fc.constant('voteRequest' as const), ...lastOf }),
  plain({ type: fc.constant('preVoteReply' as const), ...answer }),
  plain({ type: fc.constant('voteReply' as const), ...answer }),
  plain({
    type: fc.constant('appendRequest' as const),
    term: integer,
    prevIndex: integer,
    prevTerm: integer,
    commit: integer,
    entries: fc.array(entry, { maxLength: 5 })
  }),
  plain({
    type: fc.constant('appendAccepted' as const),
    term: integer,
    matchIndex: integer
  }),
  plain({
    type: fc.constant('appendRejected' as const),
    term: integer,
    prevIndex: integer,
    hintIndex: integer,
    hintTerm: integer
  })
)

export const frame: fc.Arbitrary<Frame> = plain({
  cluster: text,
  group: text,
  from: nodeId,
  to: nodeId,
  message
})

export const clientRequest: fc.Arbitrary<ClientRequest> = plain({ request: integer, payload })

const outcome: fc.Arbitrary<Outcome<Uint8Array>> = fc.oneof(
  plain({ type: fc.constant('done' as const), index: integer, reply: payload }),
  plain({ type: fc.constant('notLeader' as const), leader: fc.option(nodeId) }),
  fc.constant({ type: 'malformed' as const }),
  fc.constant({ type: 'unknown' as const })
)

export const clientReply: fc.Arbitrary<ClientReply> = plain({ request: integer, outcome })
