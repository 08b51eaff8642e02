// Random messages, frames and client frames for the codec's tests.

import fc from 'fast-check'
import type { Outcome, RefusalReason } from '../../core/effect.ts'
import type { Membership } from '../../core/raft/membership.ts'
import type { Entry, Message, SnapshotHeader } from '../../core/raft/message.ts'
import type { ClientReply, ClientRequest } from '../../transports/client-codec.ts'
import type { Frame } from '../../transports/codec.ts'

type OutcomeType = Outcome<Uint8Array>['type']
type OutcomeOf<Type> = Extract<Outcome<Uint8Array>, { readonly type: Type }>
type MessageOf<Type> = Extract<Message, { readonly type: Type }>

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
  kind: fc.constantFrom('noop', 'command', 'membership', 'version'),
  payload
})

/** Names as a membership lists them: sorted by code units, none twice. */
function names(minLength: number): fc.Arbitrary<readonly string[]> {
  const lists = fc.uniqueArray(nodeId, { minLength, maxLength: 4 })
  return lists.map(list => list.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
}

/** Every form of membership: joint or not, with learners that vote in the outgoing one or not. */
export const membership: fc.Arbitrary<Membership> = fc
  .tuple(names(1), fc.option(names(1)), names(0), fc.boolean())
  .map(([voters, outgoing, others, autoLeave]) => ({
    voters,
    outgoing,
    learners: others.filter(name => !voters.includes(name)),
    autoLeave: outgoing !== null && autoLeave
  }))

const snapshotHeader: fc.Arbitrary<SnapshotHeader> = plain({
  index: integer,
  term: integer,
  stampMs: integer,
  membership,
  version: integer,
  bytesCount: integer
})

/** Every reason of a refusal: a new one does not compile until it is here. */
export const reasons = Object.keys({
  noVoters: true,
  badId: true,
  duplicateId: true,
  isJoint: true,
  notJoint: true,
  notCommittedInTerm: true,
  pending: true,
  transferring: true,
  notVoter: true,
  farBehind: true,
  timedOut: true,
  versionInForce: true,
  versionUnsupported: true
} satisfies Record<RefusalReason, true>) as RefusalReason[]

const outcomes: { readonly [Type in OutcomeType]: fc.Arbitrary<OutcomeOf<Type>> } = {
  done: plain({ type: fc.constant('done'), index: integer, reply: payload }),
  changed: plain({ type: fc.constant('changed'), index: integer }),
  transferred: plain({ type: fc.constant('transferred') }),
  notLeader: plain({ type: fc.constant('notLeader'), leader: fc.option(nodeId) }),
  malformed: plain({ type: fc.constant('malformed') }),
  forbidden: plain({ type: fc.constant('forbidden') }),
  tooLarge: plain({ type: fc.constant('tooLarge') }),
  overloaded: plain({ type: fc.constant('overloaded') }),
  refused: plain({ type: fc.constant('refused'), reason: fc.constantFrom(...reasons) }),
  unknown: plain({ type: fc.constant('unknown') })
}

/** Every kind of outcome. */
export const outcome: fc.Arbitrary<Outcome<Uint8Array>> = fc.oneof(...Object.values(outcomes))

const lastOf = { term: integer, lastIndex: integer, lastTerm: integer }
const answer = { term: integer, granted: fc.boolean() }
const asked = { term: integer, id: integer }

const messages: { readonly [Type in Message['type']]: fc.Arbitrary<MessageOf<Type>> } = {
  preVoteRequest: plain({ type: fc.constant('preVoteRequest'), ...lastOf }),
  preVoteReply: plain({ type: fc.constant('preVoteReply'), ...answer }),
  voteRequest: plain({ type: fc.constant('voteRequest'), ...lastOf, transfer: fc.boolean() }),
  voteReply: plain({ type: fc.constant('voteReply'), ...answer }),
  appendRequest: plain({
    type: fc.constant('appendRequest'),
    term: integer,
    prevIndex: integer,
    prevTerm: integer,
    commit: integer,
    round: integer,
    entries: fc.array(entry, { maxLength: 5 })
  }),
  appendAccepted: plain({
    type: fc.constant('appendAccepted'),
    term: integer,
    matchIndex: integer,
    round: integer,
    versions: integer
  }),
  appendRejected: plain({
    type: fc.constant('appendRejected'),
    term: integer,
    prevIndex: integer,
    hintIndex: integer,
    hintTerm: integer,
    round: integer,
    damaged: fc.boolean()
  }),
  snapshotRequest: plain({
    type: fc.constant('snapshotRequest'),
    term: integer,
    round: integer,
    snapshot: snapshotHeader,
    offset: integer,
    bytes: payload
  }),
  snapshotReply: plain({
    type: fc.constant('snapshotReply'),
    term: integer,
    round: integer,
    index: integer,
    offset: integer
  }),
  timeoutNow: plain({ type: fc.constant('timeoutNow'), term: integer }),
  readRequest: plain({ type: fc.constant('readRequest'), ...asked }),
  readReply: plain({ type: fc.constant('readReply'), ...asked, index: integer }),
  forwardRequest: plain({ type: fc.constant('forwardRequest'), ...asked, payload }),
  forwardReply: plain({ type: fc.constant('forwardReply'), ...asked, outcome })
}

/** Every kind of message, with any numbers. */
export const message: fc.Arbitrary<Message> = fc.oneof(...Object.values(messages))

export const frame: fc.Arbitrary<Frame> = plain({
  cluster: text,
  group: text,
  from: nodeId,
  to: nodeId,
  message
})

export const clientRequest: fc.Arbitrary<ClientRequest> = plain({
  request: integer,
  read: fc.boolean(),
  payload
})

export const clientReply: fc.Arbitrary<ClientReply> = plain({
  request: integer,
  outcome,
  leader: fc.option(nodeId)
})
