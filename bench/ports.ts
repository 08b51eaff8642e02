// Ports for servers that come and go: nobody else is given one while the server of it is away.
//
// Tests and benches run beside one another, and a node that is stopped leaves its ports free for a
// while. So each process that starts servers has blocks of ports of its own, for as long as it
// listens on a block's first port: whose a block is, is the kernel's word, and ends with the
// process.

import { createServer } from 'node:net'
import type { Server } from 'node:net'

/** All are below the range that the system draws ephemeral ports from. */
const PORT_FIRST = 12_000
const BLOCK_PORTS = 50
/** Each second thousand is for those of `lockstep dev`, which takes some of both. */
const BLOCKS_OF_THOUSAND = 1_000 / BLOCK_PORTS
const BLOCKS_COUNT = 10 * BLOCKS_OF_THOUSAND

/** Ports of our blocks that were given to nobody yet, in ascending order. */
const left: number[] = []

/**
 * Ports on which nothing listens now, and that nobody else is given while this process lives, nor
 * what lies 1 000 above them.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = left.shift()
    if (port === undefined) await takeBlock()
    else if (await isFree(port)) ports.push(port)
  }
  return ports
}

/** Takes the first block from a random one on that nobody has. */
async function takeBlock(): Promise<void> {
  const start = Math.floor(Math.random() * BLOCKS_COUNT)
  for (let at = start; at < start + BLOCKS_COUNT; at++) {
    const first = firstOf(at % BLOCKS_COUNT)
    const holder = await listenOn(first)
    if (holder === null) continue
    holder.unref()
    for (let port = first + 1; port < first + BLOCK_PORTS; port++) left.push(port)
    return
  }
  throw new Error(`all ${BLOCKS_COUNT} blocks of ports from ${PORT_FIRST} on are taken`)
}

function firstOf(block: number): number {
  const thousand = Math.floor(block / BLOCKS_OF_THOUSAND)
  return PORT_FIRST + 2_000 * thousand + (block % BLOCKS_OF_THOUSAND) * BLOCK_PORTS
}

async function isFree(port: number): Promise<boolean> {
  const server = await listenOn(port)
  if (server === null) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** A server that listens on that port, or null where another does. */
function listenOn(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
