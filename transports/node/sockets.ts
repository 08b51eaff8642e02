// Makes sockets, plain or under mutual TLS, to and from other nodes. What is said on them is not
// known here.

import { connect, createServer, isIP } from 'node:net'
import type { Server, Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { Address, TlsFiles } from './tcp-options.ts'
import { addressText } from './tcp-options.ts'

/** Starts to dial. `onReady`: what was dialled is there, and is whom its certificate must name. */
export function dialSocket(
  { host, port }: Address,
  tls: TlsFiles | null,
  onReady: () => void
): Socket {
  if (tls === null) return connect({ host, port }, onReady)
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return connectTls({ host, port, ...tls, ...servername, minVersion: 'TLSv1.2' }, onReady)
}

/** Whom a listening server tells. */
export interface ServerOwner {
  /** A connection was made; under TLS nothing is known of it yet. */
  onRaw(socket: Socket): void
  /** A connection is ready for a handshake of ours. */
  onReady(socket: Socket): void
  /** TLS failed on a connection. */
  onFailed(socket: Socket, error: Error): void
}

/** A server that does not listen yet. Throws when a certificate or key cannot be used. */
export function makeServer(
  tls: TlsFiles | null,
  handshakeTimeoutMs: number,
  owner: ServerOwner
): Server {
  if (tls === null) return createServer((socket) => owner.onReady(socket))
  const options = {
    ...tls,
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2'
  } as const
  const server = createTlsServer(options, (socket) => owner.onReady(socket))
  server.on('connection', (socket: Socket) => owner.onRaw(socket))
  server.on('tlsClientError', (error, socket) => {
    owner.onFailed(socket, error)
    // After a timeout of the handshake it would be left open.
    socket.destroy()
  })
  return server
}

/** Listens; rejects with an error that says where it could not, and why. */
export function listen(server: Server, at: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(new Error(`cannot listen on ${addressText(at)}: ${adviceOn(error)}`, { cause: error }))
    }
    server.once('error', failed)
    server.listen({ host: at.host, port: at.port }, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

function adviceOn({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'the port is in use: stop whoever uses it, or take another one'
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address'
  if (code === 'EACCES') return 'the port is not allowed to this user'
  if (code === 'ENOTFOUND') return 'the host name is unknown'
  return message
}
