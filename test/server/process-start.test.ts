// A node that cannot start says why in one line, and what its exit code is.

import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { freePorts } from '../../bench/ports.ts'
import { lockstep } from '../cli/support.ts'
import { certificate } from '../client/certificate.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { NodeCluster } from '../support/node-cluster.ts'
import { isListening } from '../support/processes.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite('process: start')
const clusters: NodeCluster[] = []

test.after(async () => {
  for (const cluster of clusters) await cluster.close()
  removeTemporaryFolders()
})

/** Starts a node that is to fail; more options beat the first ones. */
async function failed(
  options: Readonly<Record<string, string>>,
): Promise<{ code: number | null; said: string }> {
  const [port, raftPort] = await freePorts(2)
  const all = {
    port: `${port}`,
    'raft-port': `${raftPort}`,
    'data-dir': join(temporaryFolder(), 'data'),
    'log-level': 'silent',
    ...options,
  }
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
  const { code, stdout, stderr } = lockstep(repositoryRoot, ['node', ...args])
  const said = stdout + stderr
  assert.is(said.split('\n').length, 2, `more than one line: ${said}`)
  assert.match(said, /^lockstep: /)
  assert.not.match(said, /\n\s+at /)
  return { code, said }
}

async function one(): Promise<NodeCluster> {
  const cluster = await NodeCluster.running({ count: 1 })
  clusters.push(cluster)
  return cluster
}

test('start: bad options: a sentence, and exit code 2', async () => {
  const self = await failed({ id: 'node1', peers: 'node1:localhost:9' })
  assert.is(self.code, 2)
  assert.match(self.said, /--peers names this node itself/)
  const twice = await failed({ id: 'node1', peers: 'node2:localhost:9,node2:localhost:10' })
  assert.is(twice.code, 2)
  assert.match(twice.said, /--peers names 'node2' twice/)
  const open = await failed({ host: '0.0.0.0' })
  assert.is(open.code, 2)
  assert.match(open.said, /--insecure allows it/)
  const slip = lockstep(repositoryRoot, ['node', '--raft-prot', '1'])
  assert.is(slip.code, 2)
  assert.match(slip.stderr, /did you mean '--raft-port'/)
})

test('start: a port in use: which, and exit code 1', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => blocker.once('listening', resolve))
  const { port } = blocker.address() as AddressInfo
  const http = await failed({ port: `${port}` })
  assert.is(http.code, 1)
  assert.match(http.said, new RegExp(`port ${port} .*in use`))
  const raft = await failed({ 'raft-port': `${port}` })
  assert.is(raft.code, 1)
  assert.match(raft.said, new RegExp(`${port}.*in use`))
  await new Promise((resolve) => blocker.close(resolve))
})

test('start: a data directory that is a file, or not writable: named, and exit code', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const onFile = await failed({ 'data-dir': file })
  assert.is(onFile.code, 2)
  assert.match(onFile.said, /data directory .*file/)
  if (process.getuid?.() === 0) return
  const closed = join(folder, 'closed')
  mkdirSync(closed, { mode: 0o500 })
  const notWritable = await failed({ 'data-dir': closed })
  assert.is(notWritable.code, 2)
  assert.match(notWritable.said, /must be writable/)
})

test('start: a second process on one directory: refused, the first is not disturbed', async () => {
  const cluster = await one()
  const place = cluster.at(0)
  const second = await failed({ 'data-dir': place.folder })
  assert.is(second.code, 1)
  assert.match(second.said, new RegExp(`process ${place.process?.pid} is using it`))
  assert.ok(await isListening(place.port))
})

test("start: another node's directory: refused with exit code 2", async () => {
  const cluster = await one()
  const place = cluster.at(0)
  await cluster.stop(place)
  const other = await failed({ 'data-dir': place.folder, id: 'other' })
  assert.is(other.code, 2)
  assert.match(other.said, /it is node "node1"'s, not "other"'s/)
})

test('start: certificates and tokens of no use: named, and exit code 2', async () => {
  const tls = await failed({ 'tls-cert': '/no/cert.pem', 'tls-key': '/no/key.pem' })
  assert.is(tls.code, 2)
  assert.match(tls.said, /--tls-cert \/no\/cert\.pem/)
  const cert = join(temporaryFolder(), 'cert.pem')
  const key = join(temporaryFolder(), 'key.pem')
  writeFileSync(cert, certificate)
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = { type: 'pkcs8', format: 'pem' } as const
  writeFileSync(key, pair.privateKey.export(pem))
  const other = await failed({ 'tls-cert': cert, 'tls-key': key })
  assert.is(other.code, 2)
  assert.match(other.said, /--tls-cert, -key and -ca cannot be used: the certificate is of another/)
  writeFileSync(key, pair.privateKey.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'x' }))
  const locked = await failed({ 'tls-cert': cert, 'tls-key': key })
  assert.is(locked.code, 2)
  assert.match(locked.said, /cannot be used: the key is encrypted; write it without a passphrase/)
  const file = join(temporaryFolder(), 'tokens.json')
  writeFileSync(file, '[{"token":"short"}]')
  const tokens = await failed({ 'auth-file': file })
  assert.is(tokens.code, 2)
  assert.match(tokens.said, /--auth-file .*token 1: token must be/)
})

test.run()
