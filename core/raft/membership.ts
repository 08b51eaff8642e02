// Who belongs to a group: voters, learners, and both sets of voters while one takes over from the
// other (joint consensus). Plain data and arithmetic; it knows no log. Ref: Raft 6; thesis 4.

import { ByteReader, ByteWriter } from '../bytes.ts'
import type { NodeId } from './config.ts'

/** The members of a group. Lists are sorted, and name nobody twice. */
export interface Membership {
  /** Who votes; in joint consensus the incoming configuration (C new). At least one. */
  readonly voters: readonly NodeId[]
  /**
   * In joint consensus the voters of the outgoing configuration (C old), whose majority is needed
   * as well; else null.
   */
  readonly outgoing: readonly NodeId[] | null
  /** Who gets the log and does not vote. One of `outgoing` may be here: it votes until then. */
  readonly learners: readonly NodeId[]
  /** In joint consensus: the leader leaves it by itself once it is committed. */
  readonly autoLeave: boolean
}

/** A wish for other members. */
export type MembershipChange =
  /** These voters and learners, whoever was there before. Other voters come by joint consensus. */
  | {
      readonly type: 'change'
      readonly voters: readonly NodeId[]
      readonly learners: readonly NodeId[]
      /** False: joint consensus lasts until a `leave`. */
      readonly autoLeave: boolean
    }
  /** Ends joint consensus. */
  | { readonly type: 'leave' }

/** Why a change cannot be made of what is active. */
export type MembershipProblem = 'noVoters' | 'badId' | 'duplicateId' | 'isJoint' | 'notJoint'

/** A membership of voters alone. */
export function foundedBy(voters: readonly NodeId[]): Membership {
  return { voters, outgoing: null, learners: [], autoLeave: false }
}

/** Whether `node` votes, in either configuration. */
export function isVoter(membership: Membership, node: NodeId): boolean {
  return membership.voters.includes(node) || (membership.outgoing?.includes(node) ?? false)
}

/** All members, sorted. */
export function membersOf({ voters, outgoing, learners }: Membership): readonly NodeId[] {
  return [...new Set([...voters, ...(outgoing ?? []), ...learners])].sort(byCodeUnits)
}

/** The membership that `change` makes of `before`, or why it cannot be made. */
export function changed(
  before: Membership,
  change: MembershipChange,
): Membership | MembershipProblem {
  const { outgoing, learners } = before
  if (change.type === 'leave') {
    if (outgoing === null) return 'notJoint'
    return { voters: before.voters, outgoing: null, learners, autoLeave: false }
  }
  if (outgoing !== null) return 'isJoint'
  const after = {
    voters: [...change.voters].sort(byCodeUnits),
    outgoing: null,
    learners: [...change.learners].sort(byCodeUnits),
    autoLeave: false,
  }
  const problem = membershipProblem(after)
  if (problem !== null) return problem
  if (sameNodes(before.voters, after.voters)) return after
  return { ...after, outgoing: before.voters, autoLeave: change.autoLeave }
}

/** What is wrong with a membership, or null. */
export function membershipProblem(membership: Membership): MembershipProblem | null {
  const { voters, outgoing, learners } = membership
  if (voters.length === 0 || outgoing?.length === 0) return 'noVoters'
  for (const nodes of [voters, outgoing ?? [], learners]) {
    for (let at = 0; at < nodes.length; at++) {
      const node = nodes[at] as NodeId
      if (node === '') return 'badId'
      if (at > 0 && (nodes[at - 1] as NodeId) >= node) return 'duplicateId'
    }
  }
  if (learners.some((node) => voters.includes(node))) return 'duplicateId'
  return null
}

/** Whether two memberships say the same. */
export function sameMembership(a: Membership, b: Membership): boolean {
  if (a.autoLeave !== b.autoLeave || (a.outgoing === null) !== (b.outgoing === null)) return false
  if (!sameNodes(a.voters, b.voters) || !sameNodes(a.learners, b.learners)) return false
  return sameNodes(a.outgoing ?? [], b.outgoing ?? [])
}

/** The payload of a `membership` entry. */
export function encodeMembership(membership: Membership): Uint8Array {
  const writer = new ByteWriter()
  writeMembership(writer, membership)
  return writer.finish()
}

/** Reads the payload of a `membership` entry; null on garbage. */
export function decodeMembership(bytes: Uint8Array): Membership | null {
  const reader = new ByteReader(bytes)
  const membership = readMembership(reader)
  return reader.done ? membership : null
}

/** Writes a membership as part of something else. */
export function writeMembership(writer: ByteWriter, membership: Membership): void {
  const { voters, outgoing, learners, autoLeave } = membership
  writeNodes(writer, voters)
  writer.bool(outgoing !== null)
  if (outgoing !== null) {
    writeNodes(writer, outgoing)
    writer.bool(autoLeave)
  }
  writeNodes(writer, learners)
}

/** Reads what `writeMembership` wrote; null when it makes no sense. */
export function readMembership(reader: ByteReader): Membership | null {
  const voters = readNodes(reader)
  const isJoint = reader.bool()
  const outgoing = isJoint ? readNodes(reader) : null
  const autoLeave = isJoint && reader.bool()
  const membership = { voters, outgoing, learners: readNodes(reader), autoLeave }
  return reader.ok && membershipProblem(membership) === null ? membership : null
}

function writeNodes(writer: ByteWriter, nodes: readonly NodeId[]): void {
  writer.varint(nodes.length)
  for (const node of nodes) writer.text(node)
}

/** Stops at the first that is not there, so that a garbage count costs nothing. */
function readNodes(reader: ByteReader): readonly NodeId[] {
  const count = reader.varint()
  const nodes: NodeId[] = []
  while (nodes.length < count && reader.ok) nodes.push(reader.text())
  return nodes
}

function sameNodes(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node, at) => node === b[at])
}

function byCodeUnits(a: NodeId, b: NodeId): number {
  return a < b ? -1 : a > b ? 1 : 0
}
