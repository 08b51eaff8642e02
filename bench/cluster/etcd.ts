// Three of etcd with two recipes: one transaction for a try, the cheapest that etcd has, and the
// fair one of its own concurrency package, in which each waits for the one before.

import { join } from 'node:path'
import { freePorts } from '../ports.ts'
import { pause } from './closed-loop.ts'
import type { LoadClient } from './closed-loop.ts'
import { load, POLL_MS, TTL_SECONDS, versionOf } from './peer.ts'
import { endProcesses, listening, startProcess } from './system.ts'
import type { System } from './system.ts'

/** Connections that the clients of etcd share, as its gRPC has many streams on each. */
const CONNECTIONS = 8

/** What is used of `etcd3`. */
interface Etcd {
  lease(seconds: number): { grant(): Promise<string>; revoke(): Promise<void> }
  if(key: string, what: 'Create', is: '==', value: number): EtcdIf
  put(key: string): { value(value: string): { lease(lease: string): unknown } }
  delete(): { key(key: string): Promise<unknown> }
  getAll(): EtcdRange
  watch(): EtcdWatch
  close(): void
}

interface EtcdIf {
  then(...operations: readonly unknown[]): {
    commit(): Promise<{
      readonly succeeded: boolean
      readonly header: { readonly revision: string }
      readonly responses: readonly { readonly response_range?: EtcdFound }[]
    }>
  }
}

interface EtcdFound {
  readonly header: { readonly revision: string }
  readonly kvs: readonly { readonly key: Buffer }[]
}

interface EtcdRange {
  prefix(prefix: string): EtcdRange
  sort(by: 'Create', order: 'Ascend' | 'Descend'): EtcdRange
  limit(count: number): EtcdRange
  maxCreateRevision(revision: string): EtcdRange
  exec(): Promise<EtcdFound>
}

interface EtcdWatch {
  key(key: string): EtcdWatch
  startRevision(revision: string): EtcdWatch
  create(): Promise<{ once(event: 'delete', then: () => void): void; cancel(): Promise<void> }>
}

type Client = (etcd: Etcd, client: number) => Promise<LoadClient>

/** One lease for each client, one transaction to take a lock, one delete to free it. */
export function startEtcdTxn(folder: string): Promise<System> {
  return startEtcd(folder, 'etcdtxn', txnClient)
}

/** One lease for each client, a key below the lock's, and the key created before it is watched. */
export function startEtcdFair(folder: string): Promise<System> {
  return startEtcd(folder, 'etcd, fair', fairClient)
}

async function startEtcd(folder: string, name: string, open: Client): Promise<System> {
  const ports = await freePorts(6)
  const names = ['e1', 'e2', 'e3']
  const peer = (at: number): string => `http://127.0.0.1:${ports[at + 3]}`
  const cluster = names.map((one, at) => `${one}=${peer(at)}`).join(',')
  const commands = names.map((one, at) => {
    const client = `http://127.0.0.1:${ports[at]}`
    const mine = ['--name', one, '--data-dir', join(folder, one)]
    const clients = ['--listen-client-urls', client, '--advertise-client-urls', client]
    const peers = ['--listen-peer-urls', peer(at), '--initial-advertise-peer-urls', peer(at)]
    const rest = ['--initial-cluster', cluster, '--initial-cluster-state', 'new']
    return ['etcd', ...mine, ...clients, ...peers, ...rest, '--log-level', 'error']
  })
  const version = versionOf('etcd', '--version')
  const { Etcd3 } = load('etcd3') as { Etcd3: new (options: object) => Etcd }
  const children = commands.map((command) => startProcess(command))
  const hosts = names.map((_, at) => `http://127.0.0.1:${ports[at]}`)
  await Promise.all(names.map((_, at) => listening(ports[at] ?? 0)))
  await pause(2_000)
  const shared: Etcd[] = []
  return {
    name: `${name}, 3 nodes`,
    version,
    commands: commands.map((command) => command.join(' ')),
    open: (client) => open((shared[client % CONNECTIONS] ??= new Etcd3({ hosts })), client),
    stop: async () => {
      for (const one of shared) one.close()
      await endProcesses(children)
    },
  }
}

async function txnClient(etcd: Etcd, client: number): Promise<LoadClient> {
  const lease = etcd.lease(TTL_SECONDS)
  const id = await lease.grant()
  return {
    async acquire(key) {
      for (;;) {
        const put = etcd.put(key).value(String(client)).lease(id)
        const { succeeded } = await etcd.if(key, 'Create', '==', 0).then(put).commit()
        if (succeeded) return null
        await pause(POLL_MS)
      }
    },
    async release(key) {
      await etcd.delete().key(key)
    },
    close: () => lease.revoke(),
  }
}

async function fairClient(etcd: Etcd): Promise<LoadClient> {
  const lease = etcd.lease(TTL_SECONDS)
  const id = await lease.grant()
  return {
    async acquire(key) {
      const mine = `${key}/${id}`
      const put = etcd.put(mine).value('').lease(id)
      const first = etcd.getAll().prefix(`${key}/`).sort('Create', 'Ascend').limit(1)
      const taken = await etcd.if(mine, 'Create', '==', 0).then(put, first).commit()
      if (!taken.succeeded) throw new Error(`etcd: the key ${mine} is there already`)
      const owner = taken.responses[1]?.response_range?.kvs[0]?.key.toString()
      if (owner !== mine) await allBefore(etcd, `${key}/`, taken.header.revision)
      return mine
    },
    async release(_, mine) {
      await etcd.delete().key(mine as string)
    },
    close: () => lease.revoke(),
  }
}

/** Waits until no key below `prefix` is left that was created before `revision`. */
async function allBefore(etcd: Etcd, prefix: string, revision: string): Promise<void> {
  const before = String(BigInt(revision) - 1n)
  for (;;) {
    const range = etcd.getAll().prefix(prefix).maxCreateRevision(before)
    const { header, kvs } = await range.sort('Create', 'Descend').limit(1).exec()
    const key = kvs[0]?.key.toString()
    if (key === undefined) return
    const from = String(BigInt(header.revision) + 1n)
    const watcher = await etcd.watch().key(key).startRevision(from).create()
    await new Promise<void>((resolve) => watcher.once('delete', resolve))
    await watcher.cancel()
  }
}
