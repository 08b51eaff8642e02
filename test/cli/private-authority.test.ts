// The verbs that ask a cluster, against a real node under TLS whose certificate no public authority
// has signed, and which may demand one of them too.

import { generateKeyPairSync } from 'node:crypto'
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
let privateKeyFile: string
let nodes: string

test.before(async () => {
  const folder = temporaryFolder()
  ca = join(folder, 'ca.pem')
  privateKeyFile = join(folder, 'key.pem')
  writeFileSync(ca, certificate)
  writeFileSync(privateKeyFile, privateKey)
  const args = ['--tls-cert', ca, '--tls-key', privateKeyFile, '--log-level', 'warn']
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

test('private authority: nodes that demand a certificate: --cert-file and --key-file', async () => {
  const node = ['--tls-cert', ca, '--tls-key', privateKeyFile, '--tls-ca', ca]
  const strict = await NodeCluster.make({ count: 1, args: [...node, '--log-level', 'warn'] })
  try {
    strict.start(strict.at(0))
    const address = `https://localhost:${strict.at(0).port}`
    const ask = (...args: readonly string[]): Outcome => {
      return lockstep(strict.root, [...args, '--nodes', address])
    }
    const shown = ['--ca-file', ca, '--cert-file', ca, '--key-file', privateKeyFile]
    await until('the node to be ready', () => {
      const { code } = ask('cluster', 'info', ...shown, '--timeout', '1s')
      return code === 0 ? true : undefined
    })
    assert.is(ask('acquire', 'k', '--owner', 'me', ...shown).code, 0)
    const none = ask('status', 'k', '--ca-file', ca, '--timeout', '500ms')
    assert.is(none.code, 1, none.stdout)
    assert.match(none.stderr, /does not answer: .*certificate required/)
    const environment = {
      LOCKSTEP_CA_FILE: ca,
      LOCKSTEP_CERT_FILE: ca,
      LOCKSTEP_KEY_FILE: privateKeyFile,
      LOCKSTEP_NODES: address,
    }
    const words = ['lock', 'other', '--wait', '5s', '--', 'sh', '-c', 'exit 5']
    const locked = lockstep(strict.root, words, { environment })
    assert.is(locked.code, 5, locked.stderr)
  } finally {
    await strict.close()
  }
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

test('private authority: files that are not there, or of no use: exit code 2', () => {
  const none = run('status', 'k', '--ca-file', '/no/such')
  assert.is(none.code, 2)
  assert.match(none.stderr, /^lockstep: --ca-file \/no\/such: ENOENT/)
  const file = join(temporaryFolder(), 'ca')
  writeFileSync(file, 'nothing')
  const bad = run('status', 'k', '--ca-file', file)
  assert.is(bad.code, 2)
  assert.match(bad.stderr, /--ca-file .*ca: there is no certificate in it/)
  const noKey = run('status', 'k', '--cert-file', ca, '--key-file', ca)
  assert.is(noKey.code, 2)
  assert.match(noKey.stderr, /--key-file .*ca\.pem: there is no private key in it/)
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = { type: 'pkcs8', format: 'pem' } as const
  writeFileSync(file, pair.privateKey.export(pem))
  const other = run('status', 'k', '--cert-file', ca, '--key-file', file)
  assert.is(other.code, 2)
  assert.match(other.stderr, /--key-file cannot be used: the certificate is of another key/)
  writeFileSync(file, pair.privateKey.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'x' }))
  const locked = run('status', 'k', '--cert-file', ca, '--key-file', file)
  assert.is(locked.code, 2)
  assert.match(locked.stderr, /--key-file cannot be used: the key is encrypted; write it without/)
  const half = run('status', 'k', '--cert-file', ca)
  assert.is(half.code, 2)
  assert.match(half.stderr, /--cert-file wants --key-file too/)
})

test.run()
