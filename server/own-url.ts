// Where clients reach the HTTP API of this node, as far as its options tell: for the other nodes,
// which say it to clients that look for the leader.

import { addressText } from '../transports/node/tcp-options.ts'
import { isLoopback } from './options.ts'
import type { NodeOptions } from './options.ts'

type Places = Pick<NodeOptions, 'host' | 'raftHost' | 'advertise' | 'advertiseUrl' | 'tls'>

/** The base of the URL, `port` being the true one; null: it cannot be told. */
export function ownUrl(options: Places, port: number): string | null {
  if (options.advertiseUrl !== null) return options.advertiseUrl
  const host = hostOf(options)
  if (host === null) return null
  return `${options.tls === null ? 'http' : 'https'}://${addressText({ host, port })}`
}

function hostOf({ host, raftHost, advertise }: Places): string | null {
  const raft = advertise?.host ?? (isEvery(raftHost) ? null : raftHost)
  if (isEvery(host)) return raft
  // Where other machines have nodes, they would take it for an address of their own.
  return isLoopback(host) && (raft === null || !isLoopback(raft)) ? null : host
}

/** Whether it stands for every address of this machine, and so is none of them. */
function isEvery(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
