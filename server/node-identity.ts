// Who a node is, and the file that says so: text that people can read and a checksum that tells
// whether one has edited it. It knows no directory.

import { crc32c } from '../core/crc32.ts'
import type { NodeId } from '../core/raft/config.ts'

/** Which cluster a node belongs to, and who voted in it at first. */
export interface Founding {
  /** 16 hex digits, drawn by the founder. */
  readonly cluster: string
  /** Ids of the founding voters, sorted. A node that is none of them joins as no voter. */
  readonly voters: readonly NodeId[]
}

/** What a data directory knows of the node that it belongs to. */
export interface NodeIdentity {
  /** What the operator calls it. */
  readonly name: string
  /** 8 hex digits, drawn when the directory was made: the node without it is another node. */
  readonly incarnation: string
  /** Null until it was part of a founding, or was told of one. */
  readonly founding: Founding | null
}

/** The id of a member: its name and its incarnation. */
export function nodeIdOf({ name, incarnation }: Omit<NodeIdentity, 'founding'>): NodeId {
  return `${name}@${incarnation}`
}

/** Whether this node is known to have been no founding voter: it votes only once it is taken in. */
export function isJoiner(identity: NodeIdentity): boolean {
  const { founding } = identity
  return founding !== null && !founding.voters.includes(nodeIdOf(identity))
}

/** What an identity file says: a line with a checksum of all that follows it, then JSON. */
export function encodeIdentity(identity: NodeIdentity): string {
  const { name, incarnation, founding } = identity
  const json = `${JSON.stringify({ name, incarnation, founding }, null, 2)}\n`
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
  const { name, incarnation, founding } = value
  if (typeof name !== 'string' || !isHex(incarnation, 8)) return null
  if (founding === null) return { name, incarnation, founding }
  if (!isRecord(founding)) return null
  const { cluster, voters } = founding
  if (!isHex(cluster, 16) || !isTexts(voters)) return null
  return { name, incarnation, founding: { cluster, voters } }
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
