// Who the other nodes are, as the node that runs here knows it from its connections: names and
// addresses beside the ids that the consensus counts. An interface; the node implements it.

import type { NodeId } from '../core/raft/config.ts'

/** A node as it is known here. */
export interface ClusterNode {
  /** `name@incarnation`. */
  readonly id: NodeId
  /** Host and port of its Raft port, or null when not known. */
  readonly address: string | null
  /** Where its HTTP API is, as `http://host:port`, or null when not known. */
  readonly url: string | null
  /** Whether there is a connection to it now; true for this node. */
  readonly isConnected: boolean
}

/** The other nodes. */
export interface ClusterView {
  /** All nodes that are known here, this one included; in any order. */
  nodes(): readonly ClusterNode[]
}

/** The name within a node id. */
export function nameOf(id: NodeId): string {
  const at = id.lastIndexOf('@')
  return at === -1 ? id : id.slice(0, at)
}

/** The incarnation within a node id, or null. */
export function incarnationOf(id: NodeId): string | null {
  const at = id.lastIndexOf('@')
  return at === -1 ? null : id.slice(at + 1)
}
