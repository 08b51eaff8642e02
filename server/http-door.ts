// The HTTP port of a node, open from its start to its end, whoever answers behind it: at first
// whoever founds the cluster, later the lock service. It knows no route.

import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { nodeServer } from './http/server.ts'
import { nowAndThen } from './now-and-then.ts'

/** An open port. */
export interface HttpDoor {
  /** Where it listens: the port that the system chose where 0 was asked for. */
  readonly port: number
  /** Hands everything that comes from now on to `next`, which is ready and listens nowhere. */
  passTo(next: FastifyInstance): void
  /**
   * Takes no new connections, and ends those without a request; after `withinMs` those with one
   * too. `next` must have been closed before, so that what waits was answered.
   */
  close(withinMs: number): Promise<void>
}

/** Between two lines in the log on connections that were closed, milliseconds. */
const TOLD_MS = 10_000
const HANDED_ON = ['request', 'upgrade', 'checkContinue'] as const

/** Opens the port with `first` behind it. Rejects with the system's error, such as `EADDRINUSE`. */
export async function openDoor(
  first: FastifyInstance,
  at: { readonly host: string; readonly port: number },
): Promise<HttpDoor> {
  await first.listen(at)
  const server = nodeServer(first)
  const dropped = nowAndThen(TOLD_MS, (closedCount) => {
    const fields = { closedCount, connectionsMax: server.maxConnections }
    first.log.warn(fields, 'too many HTTP connections: the newest were closed')
  })
  server.on('drop', () => dropped(1))
  // Where an accept that fails is told at all, the next one may succeed.
  server.on('error', (error) => first.log.warn({ err: error }, 'a connection was not accepted'))
  return {
    port: (server.address() as AddressInfo).port,
    passTo: (next) => {
      const behind = nodeServer(next)
      for (const event of HANDED_ON) {
        server.removeAllListeners(event)
        if (behind.listenerCount(event) === 0) continue
        server.on(event, (...sent: unknown[]) => void behind.emit(event, ...sent))
      }
    },
    close: async (withinMs) => {
      const timer = setTimeout(() => server.closeAllConnections(), withinMs)
      await first.close()
      clearTimeout(timer)
    },
  }
}
