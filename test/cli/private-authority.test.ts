// The verbs that ask a cluster, against a real node under TLS whose certificate no public authority
// has signed.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { certificate, privateKey } from '../client/certificate.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { NodeCluster } from '../support/node-cluster.ts'
import { startProcess } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { commandLine, environmentOf, jsonOf, lockstep } from './support.ts'
import type { Outcome } from './support.ts'

const test = suite('private authority')
let cluster: NodeCluster
let ca: string
let nodes: string

test.before(async () => {
  const folder = temporaryFolder()
  ca = join(folder, 'ca.pem')
  const key = join(folder, 'key.pem')
  writeFileSync(ca, certificate)
  writeFileSync(key, privateKey)
  const args = ['--tls-cert', ca, '--tls-key', key, '--log-level', 'warn']
  cluster = await NodeCluster.make({ count: 1, args })
  nodes = `https://localhost:${cluster.at(0).port}`
  cluster.start(cluster.at(0))
  await until('the node to be ready', () => {
    const { code } = run('cluster', 'info', '--ca-file', ca, '--timeout', '1s')
    return code === 0 ? true : undefined
  })
})
test.after(async () => {
  await cluster.close()
  removeTemporaryFolders()
})

function run(...args: readonly string[]): Outcome {
  return lockstep(cluster.root, [...args, '--nodes', nodes])
}

test('private authority: --ca-file: requests, downloads and connections trust it', () => {
  const trusted = ['--ca-file', ca, '--json']
  assert.is(run('acquire', 'k', '--owner', 'me', ...trusted).code, 0)
  assert.is(jsonOf(run('status', 'k', ...trusted))['locked'], true)
  const file = join(temporaryFolder(), 'backup')
  const backup = run('cluster', 'backup', file, ...trusted)
  assert.is(backup.code, 0, backup.stderr)
  const environment = { LOCKSTEP_CA_FILE: ca, LOCKSTEP_NODES: nodes }
  const words = ['lock', 'other', '--wait', '5s', '--', 'sh', '-c', 'exit 5']
  const locked = lockstep(cluster.root, words, { environment })
  assert.is(locked.code, 5, locked.stderr)
})

test('private authority: watch: is told of what happens', async () => {
  const args = ['watch', 'watched', '--ca-file', ca, '--nodes', nodes]
  const watching = startProcess([process.execPath, ...commandLine(cluster.root, args)], {
    folder: cluster.root,
    environment: environmentOf(),
  })
  await until('it to be told', () => {
    run('acquire', 'watched', '--owner', 'me', '--ca-file', ca)
    return /^(granted|updated) /m.test(watching.stdout()) ? true : undefined
  })
  watching.kill('SIGINT')
  assert.is(await watching.ended, 130)
})

test('private authority: nobody said to trust it: says why, exit code 1; lock 75', () => {
  const asked = run('status', 'k', '--timeout', '500ms')
  assert.is(asked.code, 1)
  assert.match(asked.stderr, /does not answer: self-signed certificate/)
  const environment = { LOCKSTEP_NODES: nodes }
  const locked = lockstep(cluster.root, ['lock', 'k', '--try', '--', 'true'], { environment })
  assert.is(locked.code, 75)
  assert.match(locked.stderr, /self-signed certificate/)
})

test('private authority: a file that is not there, or is none: exit code 2', () => {
  const none = run('status', 'k', '--ca-file', '/no/such')
  assert.is(none.code, 2)
  assert.match(none.stderr, /^lockstep: --ca-file \/no\/such: ENOENT/)
  const file = join(temporaryFolder(), 'ca')
  writeFileSync(file, 'nothing')
  const bad = run('status', 'k', '--ca-file', file)
  assert.is(bad.code, 2)
  assert.match(bad.stderr, /--ca-file .*ca: there is no certificate in it/)
})

test.run()
