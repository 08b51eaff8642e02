// Who a node is, and the file that says so: text that people can read and a checksum that tells
// whether one has edited it. It knows no directory.

import { crc32c } from '../core/crc32.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Founding, FoundingPromise } from '../transports/handshake.ts'

/** What a data directory knows of the node that it belongs to. */
export interface NodeIdentity {
  /** What the operator calls it. */
  readonly name: string
  /** 8 hex digits, drawn when the directory was made: the node without it is another node. */
  readonly incarnation: string
  /** Null until it was part of a founding, or was told of one. */
  readonly founding: Founding | null
  /** Which attempt at a founding it has promised to take part in; null: none, or it is over. */
  readonly promise: FoundingPromise | null
}

/** The id of a member: its name and its incarnation. */
export function nodeIdOf(identity: Pick<NodeIdentity, 'name' | 'incarnation'>): NodeId {
  const { name, incarnation } = identity
  return `${name}@${incarnation}`
}

/** Whether this node is known to have been no founding voter: it votes only once it is taken in. */
export function isJoiner(identity: NodeIdentity): boolean {
  const { founding } = identity
  return founding !== null && !founding.voters.includes(nodeIdOf(identity))
}

/** What an identity file says: a line with a checksum of all that follows it, then JSON. */
export function encodeIdentity(identity: NodeIdentity): string {
  const { name, incarnation, founding, promise } = identity
  const json = `${JSON.stringify({ name, incarnation, founding, promise }, null, 2)}\n`
  return `crc32c ${checksum(json)}\n${json}`
}

/** Reads it back, or says what is wrong. */
export function decodeIdentity(text: string): NodeIdentity | { readonly problem: string } {
  const [line = ''] = text.split('\n', 1)
  const json = text.slice(line.length + 1)
  const found = /^crc32c ([0-9a-f]{8})$/.exec(line)?.[1]
  if (found === undefined) return { problem: 'its first line is no checksum' }
  if (found !== checksum(json)) {
    return { problem: `its checksum should be ${checksum(json)} and is ${found}: it has changed` }
  }
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    return { problem: (error as Error).message }
  }
  return identityIn(value) ?? { problem: 'its checksum is right and its content makes no sense' }
}

function identityIn(value: unknown): NodeIdentity | null {
  if (!isRecord(value)) return null
  const { name, incarnation, founding, promise } = value
  if (typeof name !== 'string' || !isHex(incarnation, 8)) return null
  if (founding !== null && !isFounding(founding)) return null
  if (promise !== null && !isPromise(promise)) return null
  return { name, incarnation, founding, promise }
}

function isFounding(value: unknown): value is Founding {
  if (!isRecord(value) || !isPromise(value)) return false
  const { cluster, voters } = value as Readonly<Record<string, unknown>>
  return isHex(cluster, 16) && isTexts(voters)
}

function isPromise(value: unknown): value is FoundingPromise {
  if (!isRecord(value)) return false
  const { founder, round } = value
  return typeof founder === 'string' && founder !== '' && Number.isSafeInteger(round)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(one => typeof one === 'string' && one !== '')
}

function checksum(json: string): string {
  const bytes = new TextEncoder().encode(json)
  return crc32c(bytes, 0, bytes.length, 0).toString(16).padStart(8, '0')
}
