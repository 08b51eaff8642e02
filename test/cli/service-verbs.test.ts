// The verbs that ask a cluster, as real commands against a real node: what they print, what they
// answer as JSON, and their exit codes.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { http, NodeCluster } from '../support/node-cluster.ts'
import type { Json } from '../support/node-cluster.ts'
import { startProcess } from '../support/processes.ts'
import { repositoryRoot } from '../support/source-files.ts'
import { until } from '../support/until.ts'
import { commandLine, environmentOf, jsonOf, lockstep } from './support.ts'
import type { Outcome } from './support.ts'

const test = suite('service verbs')
let cluster: NodeCluster
let environment: Record<string, string>
const open: Server[] = []

test.before(async () => {
  cluster = await NodeCluster.running({ count: 1, args: ['--log-level', 'warn'] })
  environment = { LOCKSTEP_NODES: `127.0.0.1:${cluster.at(0).port}` }
})
test.after.each(() => {
  for (const server of open.splice(0)) server.close().closeAllConnections()
})
test.after(async () => {
  await cluster.close()
  removeTemporaryFolders()
})

function run(...args: readonly string[]): Outcome {
  return lockstep(repositoryRoot, args, { environment })
}

test('acquire, renew, release: a lock from hand to hand: lines, JSON and exit codes', () => {
  const taken = run('acquire', 'backup', '--owner', 'a', '--ttl', '1m', '--json')
  assert.is(taken.code, 0, taken.stderr)
  const token = (jsonOf(taken)['lock'] as Json)['fencing_token']
  const busy = run('acquire', 'backup', '--owner', 'b')
  assert.is(busy.code, 1)
  assert.is(busy.stdout, '')
  assert.match(busy.stderr, /^lockstep: "backup" is held \(held\)\n$/)
  assert.is(run('renew', 'backup', '--owner', 'a', '--fencing-token', `${token}`).code, 0)
  assert.is(run('release', 'backup', '--owner', 'b').code, 1)
  const status = run('status', 'backup')
  assert.match(status.stdout, /^key +backup$/m)
  assert.match(status.stdout, /^owner +a$/m)
  const released = run('release', 'backup', '--owner', 'a')
  assert.equal([released.code, released.stdout], [0, 'released\n'])
  assert.is(jsonOf(run('status', 'backup', '--json'))['locked'], false)
  const next = run('acquire', 'backup', '--wait', '1s', '--json')
  assert.ok(((jsonOf(next)['lock'] as Json)['fencing_token'] as number) > (token as number))
})

test('locks: some keys: a table on a terminal, JSON for scripts, by prefix and limit', () => {
  for (const key of ['list:a', 'list:b', 'list:"quoted"\n']) {
    assert.is(run('acquire', key, '--owner', 'lister').code, 0)
  }
  const { code, stdout } = run('locks', 'list:')
  assert.is(code, 0)
  assert.match(stdout, /^key +owner +mode/)
  assert.match(stdout, /^list:a +lister +exclusive/m)
  assert.match(stdout, /"list:\\"quoted\\"\\n"/)
  const found = jsonOf(run('locks', 'list:', '--limit', '2', '--json'))
  assert.is((found['locks'] as Json[]).length, 2)
  assert.is(run('locks', 'nothing:').stdout, 'no locks\n')
})

test('keys that a path cannot carry: take, show and give back', () => {
  for (const key of ['.', '..', 'a/b', '%2F', 'ü\u0001', ' ']) {
    assert.is(run('acquire', '--owner', 'me', '--', key).code, 0, key)
    assert.is(jsonOf(run('status', '--json', '--', key))['key'], key)
    assert.is(run('release', '--owner', 'me', '--', key).code, 0)
  }
})

test('wrong usage: said in a line, exit code 2', () => {
  for (const [args, says] of [
    [['acquire'], /acquire wants the key/],
    [['release', 'k'], /release wants --owner/],
    [['acquire', 'k', '--ttl', 'long'], /--ttl wants a duration/],
    [['acquire', 'k', '--ttl', '1ms'], /ttl/],
    [['renew', 'k', '--owner', 'a', '--fencing-token', 'x'], /--fencing-token wants a number/],
    [['status', 'k', '--nodes', 'http://x/y'], /--nodes wants host:port/],
    [['cluster'], /cluster wants to know what/],
    [['cluster', 'promot', 'x'], /did you mean 'promote'/],
    [['cluster', 'add'], /cluster add wants a node/],
    [['lock', 'k'], /lock wants a key and a command/],
    [['lock', 'k', '--try', '--wait', '1s', '--', 'true'], /exclude each other/],
    [['lock', 'k', '--grace', '20s', '--', 'true'], /--grace wants at most half/],
    [['status', 'k', '--token-file', '/no/such'], /--token-file \/no\/such/],
  ] as const) {
    const { code, stderr } = run(...args)
    assert.is(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, says)
  }
})

test('nobody there: says so, exit code 1', () => {
  const { code, stderr } = run('status', 'k', '--nodes', '127.0.0.1:1', '--timeout', '200ms')
  assert.is(code, 1)
  assert.match(stderr, /http:\/\/127\.0\.0\.1:1 does not answer/)
})

test('a timeout that no timer can wait: as long as one can, and not none', () => {
  for (const timeout of ['1000h', '10000h']) {
    const { code, stderr } = run('status', 'k', '--timeout', timeout)
    assert.is(code, 0, stderr)
    assert.is(stderr, '')
  }
})

test('cluster info, snapshot, remove: what an operator sees', () => {
  assert.match(run('cluster', 'info').stdout, /^node1 +[0-9a-f]{8} +leader/m)
  assert.is(run('cluster', 'snapshot').code, 0)
  const unknown = run('cluster', 'remove', 'nobody', '--timeout', '1s')
  assert.is(unknown.code, 1)
  assert.match(unknown.stderr, /there is no member "nobody"/)
})

test('cluster backup: into a new file, never over an old one', () => {
  const file = join(temporaryFolder(), 'backup.bin')
  const saved = run('cluster', 'backup', file, '--json')
  assert.is(saved.code, 0, saved.stderr)
  assert.is(jsonOf(saved)['bytes'], readFileSync(file).length)
  const again = run('cluster', 'backup', file)
  assert.is(again.code, 2)
  assert.match(again.stderr, /backup\.bin cannot be written: EEXIST/)
})

test('watch: a lock is taken and given back: both are told, until it is interrupted', async () => {
  const words = [process.execPath, ...commandLine(repositoryRoot, ['watch', 'seen', '--json'])]
  const watching = startProcess(words, {
    folder: repositoryRoot,
    environment: environmentOf({ environment }),
  })
  const { url } = cluster.at(0)
  await until('an event of the lock', async () => {
    const key = { key: 'seen', owner: 'me' }
    await http(`${url}/locks/acquire`, { ...key, ttl: '30s' })
    await http(`${url}/locks/release`, key)
    return /released/.test(watching.stdout()) ? true : undefined
  })
  assert.match(watching.stdout(), /granted/)
  watching.kill('SIGINT')
  assert.is(await watching.ended, 130)
})

test('watch: a lock that a path cannot name: is told of all the same', async () => {
  for (const key of ['..', 'one']) {
    const args = ['watch', '--json', '--', key]
    const watching = startProcess([process.execPath, ...commandLine(repositoryRoot, args)], {
      folder: repositoryRoot,
      environment: environmentOf({ environment }),
    })
    const { url } = cluster.at(0)
    await until('an event of the lock', async () => {
      await http(`${url}/locks/acquire`, { key, owner: 'me' })
      await http(`${url}/locks/release`, { key, owner: 'me' })
      return /"released"/.test(watching.stdout()) ? true : undefined
    })
    watching.kill('SIGINT')
    assert.is(await watching.ended, 130)
  }
})

test('watch: nobody answers for a while: said once, and said when it is over', async () => {
  let asked = 0
  let lastId: unknown = null
  const server = createServer((request, response) => {
    asked += 1
    if (asked < 6) return void request.socket.destroy()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    lastId = request.headers['last-event-id'] ?? null
    const event = 'id: 7\nevent: granted\ndata: {"type":"granted"}\n\n'
    if (asked === 6) response.write(event, () => request.socket.end())
  })
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const node = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const words = commandLine(repositoryRoot, ['watch', 'k', '--nodes', node])
  const watching = startProcess([process.execPath, ...words], {
    folder: repositoryRoot,
    environment: environmentOf(),
  })
  await until('it to be told', () => (asked > 6 ? true : undefined))
  watching.kill('SIGINT')
  assert.is(await watching.ended, 130)
  assert.is(watching.stdout(), 'granted\n')
  assert.is(lastId, '7', 'it goes on where it was cut off')
  const said = watching.stderr().trim().split('\n')
  const silence = new RegExp(`^lockstep: no node answers: http://${node}: .`)
  assert.match(said[0] ?? '', silence, `not that no node answers: ${said.join('; ')}`)
  assert.is(said[1], `lockstep: http://${node} answers again`)
  assert.ok(said.length < 5, `said more than once: ${said.join('; ')}`)
})

test('lock: a command: runs alone, knows its token, and its exit code is ours', async () => {
  const file = join(temporaryFolder(), 'out')
  const script = `echo "$LOCKSTEP_KEY $LOCKSTEP_TOKEN" >> ${file}; exit 5`
  const first = run('lock', 'job', '--', 'sh', '-c', script)
  assert.is(first.code, 5, first.stderr)
  assert.is(run('lock', 'job', '--', 'sh', '-c', script).code, 5)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const tokens = lines.map((line) => Number(/^job (\d+)$/.exec(line)?.[1]))
  assert.ok((tokens[1] as number) > (tokens[0] as number))
  const { url } = cluster.at(0)
  await http(`${url}/locks/acquire`, { key: 'job', owner: 'other', ttl: '1m' })
  assert.is(run('lock', 'job', '--try', '--', 'true').code, 75)
  assert.is(run('lock', 'job', '--wait', '200ms', '--', 'true').code, 75)
})

test('lock: all nodes are gone: the command is stopped before its lease ends, and 76', async () => {
  const alone = await NodeCluster.running({ count: 1, args: ['--log-level', 'warn'] })
  const file = join(temporaryFolder(), 'up')
  const args = ['lock', 'k', '--ttl', '2s', '--', 'sh', '-c', `echo > ${file}; sleep 60`]
  const child = spawn(process.execPath, commandLine(repositoryRoot, args), {
    env: environmentOf({ environment: { LOCKSTEP_NODES: `127.0.0.1:${alone.at(0).port}` } }),
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  await until('the command', () => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return undefined
    }
  })
  await alone.close()
  assert.is(await ended, 76)
})

test.run()
