// What a TCP transport is told when it is made, and what it tells while it runs: plain data.

import type { NodeId } from '../../core/raft/config.ts'
import type { Introduction, Standing, Verdict } from '../handshake.ts'
import type { Ending, Side } from './connection.ts'

/** Where to listen or to dial. */
export interface Address {
  /** A name, or an IP address without brackets. */
  readonly host: string
  readonly port: number
}

/** Certificates for mutual TLS, in PEM. Both ends show theirs, and each checks the other's. */
export interface TlsFiles {
  /** This node's certificate, a server's and a client's, for the names that it is dialled by. */
  readonly cert: string
  /** The certificate's private key. */
  readonly key: string
  /** Whose signature the others' certificates must bear. */
  readonly ca: string
}

/** Sizes and times, all with defaults. */
export interface TcpLimits {
  /** Bytes of the longest frame that is carried. */
  readonly frameBytesMax: number
  /** Bytes that wait for a peer in this process, above which frames to it are dropped. */
  readonly queuedBytesMax: number
  /** Accepted connections whose handshake is not done; beyond them the oldest is closed. */
  readonly strangersMax: number
  /** A handshake that is not done by then, milliseconds, is given up. */
  readonly handshakeTimeoutMs: number
  /** A peer that was not heard for so long, milliseconds, counts as gone. */
  readonly silenceTimeoutMs: number
  /** The pause before a dial is repeated, milliseconds; then it doubles each time. */
  readonly retryMinMs: number
  /** The longest such pause, milliseconds. */
  readonly retryMaxMs: number
}

/** The limits of a transport that is told none. */
export const TCP_LIMITS: TcpLimits = {
  frameBytesMax: 16_777_216,
  queuedBytesMax: 16_777_216,
  strangersMax: 1_000,
  handshakeTimeoutMs: 5_000,
  silenceTimeoutMs: 3_000,
  retryMinMs: 100,
  retryMaxMs: 2_000
}

/** How a TCP transport is made. */
export interface TcpOptions {
  /** Where to accept connections. Port 0: any that is free. */
  readonly listen: Address
  /** Where the others reach this node. Default: where it listens. */
  readonly advertise?: Address
  /** The peers to dial, by name. Others may dial us, and are dialled from then on. */
  readonly peers: ReadonlyMap<string, Address>
  /** Null: neither encrypted nor authenticated. */
  readonly tls: TlsFiles | null
  /** Where clients reach this node, for the others to tell; asked in each handshake. */
  readonly url?: () => string | null
  /** What this node says of itself; asked in each handshake, after `consider` where we answer. */
  readonly introduce: () => Standing
  /**
   * Decides on another node's introduction. `dialled`: it answered our dial. `accepted`: it dialled
   * us, and what is said next is the answer.
   */
  readonly consider: (theirs: Introduction, side: Side) => Verdict
  /** Told what an operator may want to know. It must not call the transport. */
  readonly onNotice?: (notice: TcpNotice) => void
  /** A number from 0 to below 1, for pauses. Default: `Math.random`. */
  readonly random?: () => number
  readonly limits?: Partial<TcpLimits>
}

/** What an operator may want to know. */
export type TcpNotice =
  /** Frames flow between us and `node`. */
  | {
      readonly type: 'connected'
      readonly node: NodeId
      readonly place: string
      readonly side: Side
    }
  /** A connection over which frames flowed has ended. */
  | {
      readonly type: 'disconnected'
      readonly node: NodeId
      readonly place: string
      readonly ending: Ending
    }
  /** A handshake failed, or a dial. Of a dial it is said once until the reason is another. */
  | {
      readonly type: 'failed'
      /** The name that was dialled, or of who said hello; null: it did not say. */
      readonly name: string | null
      readonly place: string
      readonly side: Side
      readonly ending: Ending
    }
  /** So many failures of those who dialled us came at once that these were not told. */
  | { readonly type: 'untold'; readonly count: number }
  /** Too many connections without a handshake: so many were closed since the last notice. */
  | { readonly type: 'crowded'; readonly closedCount: number }

/** What is known of one peer. */
export interface TcpPeer {
  readonly name: string
  /** Its id as far as it was heard, else null. */
  readonly node: NodeId | null
  /** Where it is dialled, `host:port`, or where it dialled from. */
  readonly address: string
  /** Where clients reach it, as it last said; null: it did not. */
  readonly url: string | null
  /** True while frames can be sent to it. */
  readonly connected: boolean
  /** Bytes that wait for it in this process. */
  readonly queuedBytes: number
}

/** An address as it is written: an IPv6 host stands in brackets. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Reads what `addressText` writes; null when it is none. */
export function readAddress(text: string): Address | null {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  const host = found?.[1] ?? found?.[2]
  const port = Number(found?.[3])
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port }
}
