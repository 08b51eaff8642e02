// What the deployments start is started here, to the word: entrypoint, arguments and environment
// of each service, as processes of this machine, until they are ready. Hosts become loopback
// addresses, folders temporary ones. The image itself is not built.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { freePorts } from '../../bench/ports.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, run, temporaryFolder } from '../support/commands.ts'
import * as deployments from '../support/deployments.ts'
import type { Service } from '../support/deployments.ts'
import { startProcess } from '../support/processes.ts'
import type { Process } from '../support/processes.ts'
import { repositoryRoot } from '../support/source-files.ts'
import { until } from '../support/until.ts'

const test = suite('process: packaging')
const started: Process[] = []

test.after.each(async () => {
  for (const one of started) if (one.isRunning()) one.kill('SIGKILL')
  await Promise.all(started.splice(0).map((one) => one.ended))
})
test.after(removeTemporaryFolders)

/** What stands for a machine of a deployment. */
interface Machine {
  readonly service: Service
  readonly address: string
  readonly folder: string
}

/** So many loopback addresses: every machine has its ports to itself, as in the real thing. */
function machinesOf(services: readonly Service[]): readonly Machine[] {
  return services.map((service, at) => {
    return { service, address: `127.0.0.1${at}`, folder: temporaryFolder() }
  })
}

interface Rewriting {
  readonly http: number
  readonly raft: number
  /** More replacements, in order. */
  readonly paths?: readonly (readonly [string, string])[]
}

/** A text of a deployment as it reads on `machine`. */
function here(text: string, machine: Machine, all: readonly Machine[], rewriting: Rewriting) {
  const { http, raft, paths = [] } = rewriting
  let found = text
  for (const { service, address } of all) {
    found = found.replaceAll(new RegExp(`\\b${service.name}(\\.[a-z-]+)?:9001`, 'g'), (host) => {
      return `${address}${host.slice(host.indexOf(':'))}`
    })
  }
  const pairs: readonly (readonly [string, string])[] = [
    ['$id.lockstep-nodes', '127.0.0.1$number'],
    [':9001', `:${raft}`],
    [':8001', `:${http}`],
    ['0.0.0.0', machine.address],
    ...paths,
  ]
  for (const [from, to] of pairs) found = found.replaceAll(from, to)
  return found === '/data' ? join(machine.folder, 'data') : found
}

function start(machine: Machine, all: readonly Machine[], rewriting: Rewriting): Process {
  const { service, folder } = machine
  const text = (one: string): string => here(one, machine, all, rewriting)
  const environment = Object.fromEntries(
    Object.entries(service.environment).map(([name, value]) => [name, text(value)]),
  )
  const ports = { LOCKSTEP_PORT: `${rewriting.http}`, LOCKSTEP_RAFT_PORT: `${rewriting.raft}` }
  const { PATH, TMPDIR = '/tmp' } = process.env
  const process_ = startProcess(service.words.map(text), {
    folder: repositoryRoot,
    environment: { PATH, TMPDIR, HOME: folder, ...environment, ...ports },
  })
  started.push(process_)
  return process_
}

async function ready(url: string, one: Process, ca: string | null = null): Promise<void> {
  await until(`${url} to be ready`, async () => {
    if (!one.isRunning()) throw new Error(`it has ended: ${one.stderr()}${one.stdout()}`)
    return (await statusOf(`${url}/readyz`, ca)) === 200 ? true : undefined
  })
}

function statusOf(url: string, ca: string | null): Promise<number | null> {
  if (ca === null) {
    return fetch(url).then(
      ({ status }) => status,
      () => null,
    )
  }
  return new Promise((resolve) => {
    const request = get(url, { ca, timeout: 2_000 }, (response) => {
      response.resume()
      resolve(response.statusCode ?? null)
    })
    request.on('error', () => resolve(null))
  })
}

test('packaging: docker-compose.yml: its three services found a cluster', async () => {
  const machines = machinesOf(deployments.composeNodes())
  assert.is(machines.length, 3)
  const [http, raft] = (await freePorts(2)) as [number, number]
  const all = machines.map((machine) => start(machine, machines, { http, raft }))
  for (const [at, { address }] of machines.entries()) {
    await ready(`http://${address}:${http}`, all[at] as Process)
  }
})

test('packaging: docker-compose.yml: nothing but this machine reaches its ports', () => {
  for (const { ports = [], volumes = [] } of Object.values(deployments.composeServices())) {
    assert.ok(ports.length > 0 && ports.every((one) => one.startsWith('127.0.0.1:')))
    assert.ok(volumes.some((one) => one.endsWith(`:${deployments.imageOf().environment[DATA]}`)))
  }
})

const DATA = 'LOCKSTEP_DATA_DIR'

test('packaging: the image: no root, and without more it is reached by nobody', () => {
  const { user, entrypoint, command, environment } = deployments.imageOf()
  assert.is(user, 'node')
  assert.equal([...entrypoint, ...command], ['node', 'cli/lockstep.js', 'node'])
  assert.not.ok(Object.keys(environment).some((name) => /HOST|INSECURE/.test(name)))
})

test('packaging: deploy/kubernetes.yaml: its pods found a cluster, with mutual TLS', async () => {
  if (run(repositoryRoot, 'openssl', 'version').code !== 0) return
  const machines = machinesOf(deployments.kubernetesNodes())
  assert.is(machines.length, 3)
  const secrets = temporaryFolder()
  makeCertificates(join(secrets, 'tls'), machines)
  mkdirSync(join(secrets, 'auth'))
  writeFileSync(join(secrets, 'auth', 'auth.json'), '[{"token":"a-long-token"}]')
  const [http, raft] = (await freePorts(2)) as [number, number]
  const paths = [['/etc/lockstep', secrets]] as const
  const all = machines.map((machine) => start(machine, machines, { http, raft, paths }))
  const ca = readFileSync(join(secrets, 'tls', 'ca.crt'), 'utf8')
  for (const [at, { address }] of machines.entries()) {
    await ready(`https://${address}:${http}`, all[at] as Process, ca)
  }
  assert.is(await statusOf(`https://${machines[0]?.address}:${http}/locks`, ca), 401)
})

/** One certificate for all, as the secret holds it. */
function makeCertificates(folder: string, machines: readonly Machine[]): void {
  mkdirSync(folder)
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  }
  const names = machines.map(({ address }) => `IP:${address}`).join(',')
  writeFileSync(join(folder, 'extensions'), `subjectAltName=${names}\n`)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=ca')
  openssl('req', ...key, '-keyout', 'tls.key', '-out', 'tls.csr', '-subj', '/CN=lockstep')
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2']
  const out = ['-extfile', 'extensions', '-out', 'tls.crt']
  openssl('x509', '-req', '-in', 'tls.csr', ...signer, ...out)
}

test('packaging: deploy/kubernetes.yaml: probes, ports and names fit the node', () => {
  const { container, name } = deployments.statefulSet()
  const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const
  const paths = probes.map((probe) => container[probe]?.httpGet.path)
  assert.equal(paths, ['/livez', '/livez', '/readyz'])
  assert.equal(container.ports.map(({ containerPort }) => containerPort), [8001, 9001])
  const services = deployments.kubernetesObjects().filter(({ kind }) => kind === 'Service')
  const headless = services.find(({ spec }) => spec['clusterIP'] === 'None')
  assert.is(headless?.metadata.name, 'lockstep-nodes')
  assert.is(headless?.spec['publishNotReadyAddresses'], true)
  assert.ok(services.some(({ metadata }) => metadata.name === name))
})

test('packaging: deploy/lockstep.service: a node of its own, unless told otherwise', async () => {
  const [machine] = machinesOf([deployments.systemdNode()]) as [Machine]
  const [http, raft] = (await freePorts(2)) as [number, number]
  const paths = [
    ['/usr/bin/node', process.execPath],
    ['/opt/lockstep', repositoryRoot],
    ['/var/lib/lockstep', join(machine.folder, 'state')],
  ] as const
  const one = start(machine, [machine], { http, raft, paths })
  await ready(`http://127.0.0.1:${http}`, one)
  one.kill('SIGTERM')
  assert.is(await one.ended, 0)
})

test.run()
