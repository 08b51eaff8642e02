// Redis and ZooKeeper, as their users would set them up on one machine, with the calls that are
// cheapest for them.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../ports.ts'
import { pause } from './closed-loop.ts'
import type { LoadClient } from './closed-loop.ts'
import { load, POLL_MS, TTL_SECONDS, versionOf } from './peer.ts'
import { endProcesses, listening, startProcess } from './system.ts'
import type { System } from './system.ts'

/** What is used of `ioredis`. */
interface Redis {
  set(key: string, value: string, px: 'PX', ms: number, nx: 'NX'): Promise<string | null>
  eval(script: string, keys: number, key: string, value: string): Promise<unknown>
  disconnect(): void
}

/** What is used of `node-zookeeper-client`. */
interface ZooKeeper {
  connect(): void
  close(): void
  once(event: 'connected', then: () => void): void
  mkdirp(path: string, done: (error: Error | null) => void): void
  create(
    path: string,
    data: Buffer,
    mode: number,
    done: (error: Error | null, path: string) => void,
  ): void
  getChildren(path: string, done: (error: Error | null, names: string[]) => void): void
  exists(
    path: string,
    changed: () => void,
    done: (error: Error | null, stat: unknown) => void,
  ): void
  remove(path: string, version: number, done: (error: Error | null) => void): void
}

const DELETE_IF_OURS =
  'if redis.call("get",KEYS[1])==ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end'

/** One Redis without replication and without fsync: not safe, and the upper bound for that. */
export async function startRedis(folder: string): Promise<System> {
  const [port = 0] = await freePorts(1)
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--dir', folder]
  const command = ['redis-server', ...options, '--appendonly', 'no']
  const version = versionOf('redis-server', '--version')
  const child = startProcess(command)
  await listening(port)
  const loaded = load('ioredis') as { default: new (port: number) => Redis }
  return {
    name: 'redis, one, no fsync',
    version,
    commands: [command.join(' ')],
    open: (client) => Promise.resolve(redisClient(new loaded.default(port), client)),
    stop: () => endProcesses([child]),
  }
}

function redisClient(redis: Redis, client: number): LoadClient {
  let count = 0
  return {
    async acquire(key) {
      const value = `${client}:${count++}`
      while ((await redis.set(key, value, 'PX', TTL_SECONDS * 1_000, 'NX')) === null) {
        await pause(POLL_MS)
      }
      return value
    },
    async release(key, value) {
      await redis.eval(DELETE_IF_OURS, 1, key, value as string)
    },
    close: () => Promise.resolve(redis.disconnect()),
  }
}

const ZOOKEEPER_CLASS = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

/** Three of ZooKeeper with its recipe: sequential nodes, each watches the one before. */
export async function startZooKeeper(folder: string): Promise<System> {
  const ports = await freePorts(9)
  const servers = [0, 1, 2].map((at) => {
    return `server.${at + 1}=127.0.0.1:${ports[at + 3]}:${ports[at + 6]}`
  })
  const commands = [0, 1, 2].map((at) => {
    const home = join(folder, `zk${at}`)
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'myid'), String(at + 1))
    const times = ['tickTime=500', 'initLimit=20', 'syncLimit=10', 'maxClientCnxns=0']
    const mine = [`dataDir=${home}`, `clientPort=${ports[at]}`, 'admin.enableServer=false']
    writeFileSync(join(home, 'zoo.cfg'), [...times, ...mine, ...servers, ''].join('\n'))
    const classes = '/usr/share/java/*:/etc/zookeeper/conf'
    const java = ['java', '-Xmx512m', '-cp', classes, `-Dzookeeper.log.dir=${home}`]
    return [...java, ZOOKEEPER_CLASS, join(home, 'zoo.cfg')]
  })
  const version = versionOf('dpkg-query', '-W', 'zookeeper').replace('\t', ' ')
  const children = commands.map((command) => startProcess(command))
  await Promise.all([0, 1, 2].map((at) => listening(ports[at] ?? 0)))
  await pause(4_000)
  const loaded = load('node-zookeeper-client') as {
    createClient(servers: string, options: object): ZooKeeper
    CreateMode: { EPHEMERAL_SEQUENTIAL: number }
  }
  const hosts = [0, 1, 2].map((at) => `127.0.0.1:${ports[at]}`).join(',')
  return {
    name: 'zookeeper, 3 nodes, recipe',
    version,
    commands: commands.map((command) => command.join(' ')),
    open: async () => {
      const client = loaded.createClient(hosts, { sessionTimeout: TTL_SECONDS * 1_000 })
      await new Promise<void>((resolve) => {
        client.once('connected', resolve)
        client.connect()
      })
      return zooKeeperClient(client, loaded.CreateMode.EPHEMERAL_SEQUENTIAL)
    },
    stop: () => endProcesses(children),
  }
}

function zooKeeperClient(client: ZooKeeper, mode: number): LoadClient {
  const made = new Set<string>()
  const call = <Value>(
    ask: (done: (error: Error | null, value: Value) => void) => void,
  ): Promise<Value> => {
    return new Promise((resolve, reject) => {
      ask((error, value) => (error === null ? resolve(value) : reject(error)))
    })
  }
  return {
    async acquire(key) {
      const folder = `/${key}`
      if (!made.has(folder)) await call<void>((done) => client.mkdirp(folder, (e) => done(e)))
      made.add(folder)
      const mine = await call<string>((done) => {
        client.create(`${folder}/lock-`, Buffer.alloc(0), mode, done)
      })
      for (;;) {
        const names = await call<string[]>((done) => client.getChildren(folder, done))
        names.sort()
        const at = names.indexOf(mine.slice(folder.length + 1))
        if (at === 0) return mine
        const before = `${folder}/${names[at - 1]}`
        await new Promise<void>((resolve) => {
          client.exists(before, resolve, (_, stat) => {
            if (stat === null || stat === undefined) resolve()
          })
        })
      }
    },
    release: (_, mine) => {
      return call<void>((done) => client.remove(mine as string, -1, (error) => done(error)))
    },
    close: () => Promise.resolve(client.close()),
  }
}
