// What all peers share: how long a lock lasts and a client pauses, where their client libraries
// are, and what they say of their version.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** How long a lock outlives its client. */
export const TTL_SECONDS = 30

/** A lock that is taken is asked for again after so long, where nothing tells that it is free. */
export const POLL_MS = 2

/** A client library, from the folder $PEERS_DIR. Throws when that is not set. */
export function load(name: string): unknown {
  const folder = process.env['PEERS_DIR']
  if (folder === undefined) {
    throw new Error('set PEERS_DIR to a folder where npm has installed the clients of the peers')
  }
  return createRequire(join(folder, 'index.js'))(name)
}

/** The first line that a command prints. */
export function versionOf(file: string, ...args: readonly string[]): string {
  const text = execFileSync(file, args, { encoding: 'utf8' })
  return (text.split('\n')[0] ?? '').trim()
}
