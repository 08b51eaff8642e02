// One PostgreSQL with its advisory locks: in memory, fair, and gone with the connection. Neither
// replicated nor on disk.

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../ports.ts'
import type { LoadClient } from './closed-loop.ts'
import { load, versionOf } from './peer.ts'
import { endProcesses, listening, startProcess } from './system.ts'
import type { System } from './system.ts'

/** Where Debian puts each version. */
const VERSIONS = '/usr/lib/postgresql'
/** It does not run as root: then this user does. */
const USER = 'postgres'
const CONNECTIONS_MAX = 300

/** What is used of `pg`. */
interface Client {
  connect(): Promise<void>
  query(text: string, values: readonly string[]): Promise<unknown>
  end(): Promise<void>
}

/** One connection for each client, which waits in the server. */
export async function startPostgres(folder: string): Promise<System> {
  const [port = 0] = await freePorts(1)
  const [newest = ''] = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))
  const programs = join(VERSIONS, newest, 'bin')
  const data = join(folder, 'pg')
  const user = process.getuid?.() === 0 ? userIds() : null
  mkdirSync(data)
  if (user !== null) {
    chmodSync(folder, 0o711)
    chownSync(data, user.uid, user.gid)
  }
  const make = ['--pgdata', data, '--username', USER, '--auth', 'trust']
  execFileSync(join(programs, 'initdb'), make, { ...user, cwd: '/', stdio: 'ignore' })
  const options = ['listen_addresses=127.0.0.1', 'unix_socket_directories=']
  const settings = [...options, `max_connections=${CONNECTIONS_MAX}`].flatMap((one) => ['-c', one])
  const command = [join(programs, 'postgres'), '-D', data, '-p', String(port), ...settings]
  const child = startProcess(command, { ...user, cwd: '/' })
  await listening(port)
  const pg = load('pg') as { Client: new (options: object) => Client }
  return {
    name: 'postgresql, one, advisory',
    version: versionOf(join(programs, 'postgres'), '--version'),
    commands: [[join(programs, 'initdb'), ...make].join(' '), command.join(' ')],
    open: async () => {
      const host = '127.0.0.1'
      const client = new pg.Client({ host, port, user: USER, database: USER })
      await client.connect()
      return postgresClient(client)
    },
    // It takes its own processes with it, unlike one that is killed.
    stop: () => endProcesses([child], 'SIGQUIT'),
  }
}

function userIds(): { readonly uid: number; readonly gid: number } {
  const id = (option: string): number => Number(versionOf('id', option, USER))
  return { uid: id('-u'), gid: id('-g') }
}

function postgresClient(client: Client): LoadClient {
  const call = (name: string, key: string): Promise<unknown> => {
    return client.query(`select ${name}(hashtextextended($1, 0))`, [key])
  }
  return {
    acquire: (key) => call('pg_advisory_lock', key),
    release: async (key) => void (await call('pg_advisory_unlock', key)),
    close: () => client.end(),
  }
}
