// What two nodes say to each other before the first frame: who they are and whether they take each
// other in. Kinds of frame from 16 on. What makes a node take another in is not known here.
//
//   hello     u8 version | u8 kind | life | introduction               the one that dials
//   answer    u8 version | u8 kind | life | introduction | verdict     the one that was dialled
//   verdict   u8 version | u8 kind | verdict                           the one that dials
//   beat      u8 version | u8 kind                                     either, later, when silent
//
// The layout of these four is the same in all versions; the introduction says which frames follow.

import { ByteReader, ByteWriter } from '../core/bytes.ts'
import { unreachable } from '../core/invariant.ts'
import type { NodeId } from '../core/raft/config.ts'
import { FRAME_VERSION } from './codec.ts'

/** Kinds below this are of the replicas. */
export const HANDSHAKE_KIND_MIN = 16

const KIND = { hello: 16, answer: 17, verdict: 18, beat: 19 } as const
const LAYOUT_VERSION = 1
const REASON_CHARS_MAX = 500

/** Bytes of the longest body of a handshake. */
export const HANDSHAKE_BYTES_MAX = 65_536

/** How a cluster began. */
export interface Founding {
  /** The cluster's id. */
  readonly cluster: string
  /** The voters that founded it, sorted. */
  readonly voters: readonly NodeId[]
  /** Who of them drew the id and counted the others. */
  readonly founder: NodeId
  /** In which of its attempts the founder did so. */
  readonly round: number
}

/** What an empty node has promised: to take part in no attempt at a founding before this one. */
export interface FoundingPromise {
  readonly round: number
  readonly founder: NodeId
}

/** Who a node is and where it belongs. */
export interface Standing {
  /** `name@incarnation`. */
  readonly node: NodeId
  /** The cluster that it belongs to; null: none yet. */
  readonly cluster: string | null
  /** How that began; null: it belongs to none. */
  readonly founding: Founding | null
  /** Null: it has promised nothing, or belongs to a cluster. */
  readonly promise: FoundingPromise | null
}

/** What a node says of itself. */
export interface Introduction extends Standing {
  /** The lowest version of frames that it reads and writes. */
  readonly versionMin: number
  /** The highest version of frames that it reads and writes. */
  readonly versionMax: number
  /** Where it can be dialled, `host:port`. */
  readonly address: string
  /** Where clients reach it, as the base of a URL; null: it does not know. */
  readonly url: string | null
}

/** What a node decides on another one's introduction. */
export type Verdict =
  /** Frames flow. */
  | { readonly type: 'admit' }
  /** Not yet: whoever dialled is to try again. */
  | { readonly type: 'later' }
  /** They do not belong together. `reason` is for the other one's operator. */
  | { readonly type: 'refuse'; readonly reason: string }

/** One body of a handshake. */
export type Greeting =
  | { readonly type: 'hello'; readonly life: number; readonly introduction: Introduction }
  | {
      readonly type: 'answer'
      readonly life: number
      readonly introduction: Introduction
      readonly verdict: Verdict
    }
  | { readonly type: 'verdict'; readonly verdict: Verdict }
  | { readonly type: 'beat' }

/** The name in a node id: what stands before its last `@`, or all of it when there is none. */
export function nameOf(node: NodeId): string {
  const at = node.lastIndexOf('@')
  return at < 0 ? node : node.slice(0, at)
}

/** Whether a body is of the handshake, and not a frame. */
export function isGreeting(body: Uint8Array): boolean {
  return (body[1] ?? 0) >= HANDSHAKE_KIND_MIN
}

/** The bytes of one body of a handshake. */
export function encodeGreeting(greeting: Greeting): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(LAYOUT_VERSION)
  writer.u8(KIND[greeting.type])
  switch (greeting.type) {
    case 'hello':
    case 'answer':
      writer.varint(greeting.life)
      writeIntroduction(writer, greeting.introduction)
      if (greeting.type === 'answer') writeVerdict(writer, greeting.verdict)
      break
    case 'verdict':
      writeVerdict(writer, greeting.verdict)
      break
    case 'beat':
      break
    default:
      unreachable(greeting)
  }
  return writer.finish()
}

/** Reads one body of a handshake; null when the bytes are none. Total on garbage. */
export function decodeGreeting(body: Uint8Array): Greeting | null {
  const reader = new ByteReader(body)
  if (reader.u8() !== LAYOUT_VERSION) return null
  const greeting = readGreeting(reader, reader.u8())
  return reader.done ? greeting : null
}

function readGreeting(reader: ByteReader, kind: number): Greeting | null {
  switch (kind) {
    case KIND.hello:
      return { type: 'hello', life: reader.varint(), introduction: readIntroduction(reader) }
    case KIND.answer: {
      const life = reader.varint()
      const introduction = readIntroduction(reader)
      const verdict = readVerdict(reader)
      return verdict === null ? null : { type: 'answer', life, introduction, verdict }
    }
    case KIND.verdict: {
      const verdict = readVerdict(reader)
      return verdict === null ? null : { type: 'verdict', verdict }
    }
    case KIND.beat:
      return { type: 'beat' }
    default:
      return null
  }
}

/** Why frames cannot flow between builds of these versions, or null when they can. */
export function versionProblem(ours: Introduction, theirs: Introduction): string | null {
  if (theirs.versionMin <= ours.versionMax && ours.versionMin <= theirs.versionMax) return null
  return (
    `${theirs.node} speaks frame versions ${theirs.versionMin} to ${theirs.versionMax}, and ` +
    `${ours.node} ${ours.versionMin} to ${ours.versionMax}: upgrade one version at a time`
  )
}

/** The versions that this build speaks, for an introduction. */
export const FRAME_VERSIONS: Pick<Introduction, 'versionMin' | 'versionMax'> = {
  versionMin: FRAME_VERSION,
  versionMax: FRAME_VERSION
}

function writeIntroduction(writer: ByteWriter, introduction: Introduction): void {
  const { versionMin, versionMax, node, address, url, cluster, founding, promise } = introduction
  writer.varint(versionMin)
  writer.varint(versionMax)
  writer.text(node)
  writer.text(address)
  writer.bool(url !== null)
  if (url !== null) writer.text(url)
  writer.bool(cluster !== null)
  if (cluster !== null) writer.text(cluster)
  writer.bool(founding !== null)
  if (founding !== null) {
    writer.text(founding.cluster)
    writer.varint(founding.voters.length)
    for (const voter of founding.voters) writer.text(voter)
    writer.text(founding.founder)
    writer.varint(founding.round)
  }
  writer.bool(promise !== null)
  if (promise !== null) {
    writer.varint(promise.round)
    writer.text(promise.founder)
  }
}

function readIntroduction(reader: ByteReader): Introduction {
  const versionMin = reader.varint()
  const versionMax = reader.varint()
  const node = reader.text()
  const address = reader.text()
  const url = reader.bool() ? reader.text() : null
  const cluster = reader.bool() ? reader.text() : null
  const founding = reader.bool() ? readFounding(reader) : null
  const promise = reader.bool() ? { round: reader.varint(), founder: reader.text() } : null
  return { versionMin, versionMax, node, address, url, cluster, founding, promise }
}

function readFounding(reader: ByteReader): Founding {
  const cluster = reader.text()
  const count = reader.varint()
  const voters: NodeId[] = []
  while (voters.length < count && reader.ok) voters.push(reader.text())
  return { cluster, voters, founder: reader.text(), round: reader.varint() }
}

const VERDICTS = ['admit', 'later', 'refuse'] as const

function writeVerdict(writer: ByteWriter, verdict: Verdict): void {
  writer.u8(VERDICTS.indexOf(verdict.type))
  if (verdict.type === 'refuse') writer.text(verdict.reason.slice(0, REASON_CHARS_MAX))
}

function readVerdict(reader: ByteReader): Verdict | null {
  const type = VERDICTS[reader.u8()]
  if (type === undefined) return null
  return type === 'refuse' ? { type, reason: reader.text() } : { type }
}
