// The options of a node: from flags, environment and file, and a sentence for each that is wrong.

import * as assert from 'uvu/assert'
import { NODE_OPTIONS, OptionsError, readNodeOptions } from '../../server/options.ts'
import type { NodeOptions, OptionSources } from '../../server/options.ts'
import { ownUrl } from '../../server/own-url.ts'
import { suite } from '../harness.ts'

const test = suite('node options')

function read(sources: Partial<OptionSources> = {}): NodeOptions {
  const readFile = (path: string): string => {
    throw new Error(`no such file: ${path}`)
  }
  return readNodeOptions({ flags: {}, environment: {}, readFile, ...sources })
}

/** The sentences on what is wrong. */
function wrong(flags: Record<string, string | true>, sources: Partial<OptionSources> = {}) {
  try {
    read({ flags, ...sources })
  } catch (error) {
    if (error instanceof OptionsError) return error.problems
    throw error
  }
  return []
}

test('options: nothing said: the defaults of the manual', () => {
  const options = read()
  assert.equal(options.id, 'node1')
  assert.equal([options.host, options.port], ['127.0.0.1', 8001])
  assert.equal([options.raftHost, options.raftPort], ['127.0.0.1', 9001])
  assert.equal([options.dataDir, options.peers], ['./data', []])
  assert.equal([options.electionTimeoutMs, options.heartbeatIntervalMs], [150, 50])
  assert.equal(options.snapshotIntervalMs, 300_000)
  const { minTtlMs, defaultTtlMs, maxTtlMs } = options
  assert.equal([minTtlMs, defaultTtlMs, maxTtlMs], [100, 30_000, 86_400_000])
  assert.equal([options.tls, options.raftTls, options.authFile], [null, null, null])
  assert.equal(options.warnings, [])
})

test('options: one name in three places: a flag beats a variable beats the file', () => {
  const readFile = (): string => '{"id":"file","port":1,"raft-port":2,"max-ttl":"1m30s"}'
  const flags = { id: 'flag', config: 'x.json' }
  const environment = { LOCKSTEP_ID: 'env', LOCKSTEP_PORT: '3', LOCKSTEP_DATA_DIR: '' }
  const options = read({ flags, environment, readFile })
  assert.equal([options.id, options.port, options.raftPort], ['flag', 3, 2])
  assert.equal([options.maxTtlMs, options.dataDir], [90_000, './data'])
})

test('options: every option: has a variable and a field of its own', () => {
  const variables = NODE_OPTIONS.map(({ variable }) => variable)
  assert.is(new Set(variables).size, NODE_OPTIONS.length)
  assert.ok(variables.includes('LOCKSTEP_RAFT_PORT'))
  for (const { name, variable, value, fallback } of NODE_OPTIONS) {
    if (name === 'config' || fallback === null) continue
    assert.ok(value !== null)
    assert.equal(wrong({}, { environment: { [variable]: fallback } }), [], name)
    const readFile = (): string => JSON.stringify({ [name]: fallback })
    assert.equal(wrong({ config: 'c' }, { readFile }), [], name)
  }
})

test('options: peers: names, hosts and ports, IPv6 in brackets, a list in the file', () => {
  const peers = 'node2:localhost:9002,node3:[::1]:9003'
  const expected = [
    { id: 'node2', host: 'localhost', port: 9002 },
    { id: 'node3', host: '::1', port: 9003 },
  ]
  assert.equal(read({ flags: { peers } }).peers, expected)
  const readFile = (): string => JSON.stringify({ peers: peers.split(',') })
  assert.equal(read({ flags: { config: 'c' }, readFile }).peers, expected)
  const flags = { advertise: '[fe80::1]:9001' }
  assert.equal(read({ flags }).advertise, { host: 'fe80::1', port: 9001 })
})

test('options: where clients reach it: as far as can be told, or as is said', () => {
  const url = (flags: Record<string, string>): string | null => {
    return ownUrl(read({ flags: { insecure: 'true', ...flags } }), 8001)
  }
  assert.is(url({}), 'http://127.0.0.1:8001')
  assert.is(url({ host: '10.0.0.1', 'raft-host': '10.0.0.1' }), 'http://10.0.0.1:8001')
  assert.is(url({ host: '::1', 'raft-host': '::1' }), 'http://[::1]:8001')
  const every = { host: '0.0.0.0', 'raft-host': '0.0.0.0' }
  assert.is(url(every), null)
  assert.is(url({ ...every, advertise: 'node1:9001' }), 'http://node1:8001')
  assert.is(url({ host: '::', 'raft-host': '10.0.0.1' }), 'http://10.0.0.1:8001')
  const tls = { 'tls-cert': 'a', 'tls-key': 'b' }
  assert.is(url({ ...every, ...tls, advertise: 'node1:9001' }), 'https://node1:8001')
  assert.is(url({ 'raft-host': '10.0.0.1' }), null, 'no other machine reaches it')
  assert.is(url({ advertise: 'node1:9001' }), null)
  const said = { ...every, 'advertise-url': 'https://locks.example/' }
  assert.is(url(said), 'https://locks.example')
})

test('options: bad values: one sentence each, that names where it was said', () => {
  const cases: readonly [Record<string, string | true>, RegExp][] = [
    [{ id: 'a b' }, /^--id wants 1 to 64 letters.*not 'a b'$/],
    [{ port: '65536' }, /^--port wants a port from 0 to 65535, not '65536'$/],
    [{ port: '8001x' }, /^--port wants a port/],
    [{ 'election-timeout': '150' }, /^--election-timeout wants a duration such as/],
    [{ 'election-timeout': '0s' }, /^--election-timeout wants a duration such as/],
    [{ 'snapshot-interval': '596h0.001s' }, /^--snapshot-interval wants 596h or less, not '596h/],
    [{ 'snapshot-interval': '5' }, /^--snapshot-interval wants a duration such as/],
    [{ 'log-level': 'loud' }, /^--log-level wants one of fatal, /],
    [{ peers: 'node2:localhost' }, /^--peers wants id:host:raft-port .*'node2:localhost'/],
    [{ peers: 'node2:localhost:9002,' }, /^--peers wants .*'' is not that$/],
    [{ peers: 'node2:::1:9002' }, /^--peers wants .*IPv6 in brackets/],
    [{ peers: 'node1:localhost:9002' }, /^--peers names this node itself, 'node1'/],
    [{ peers: 'b:x:1,c:x:2,b:x:3' }, /^--peers names 'b' twice$/],
    [{ 'raft-port': '8001' }, /^--port and --raft-port are both 8001/],
    [{ 'heartbeat-interval': '150ms' }, /^--heartbeat-interval must be below/],
    [{ 'max-ttl': '25h' }, /^--max-ttl must be 24h or less$/],
    [{ 'min-ttl': '1ms' }, /^--min-ttl must be 100ms or more$/],
    [{ 'min-ttl': '1m' }, /^--default-ttl must lie between/],
    [{ 'min-ttl': '1m', 'max-ttl': '1s' }, /^--min-ttl must not be above/],
    [{ advertise: 'node1' }, /^--advertise wants host:port/],
    [{ 'advertise-url': 'node1:8001' }, /^--advertise-url wants http:\/\/host:port or/],
    [{ 'advertise-url': 'http://node1/x' }, /^--advertise-url wants http:\/\/host:port or/],
    [{ 'tls-cert': 'a' }, /^--tls-cert wants --tls-key too$/],
    [{ 'tls-ca': 'a' }, /^--tls-ca wants --tls-cert/],
    [{ 'raft-tls-cert': 'a', 'raft-tls-key': 'b' }, /^--raft-tls-cert wants --raft-tls-ca too/],
    [{ 'raft-prt': '1' }, /^unknown option --raft-prt \(did you mean '--raft-port'\?\)$/],
  ]
  for (const [flags, expected] of cases) {
    const problems = wrong(flags)
    assert.is(problems.length, 1, JSON.stringify([flags, problems]))
    assert.match(problems[0] as string, expected)
  }
})

test('options: the longest pause between snapshots: is one that a timer can wait', () => {
  const { snapshotIntervalMs } = read({ flags: { 'snapshot-interval': '596h' } })
  assert.ok(snapshotIntervalMs < 2 ** 31)
})

test('options: several things wrong: all of them are said', () => {
  assert.is(wrong({ id: '', port: 'x', peers: 'y' }).length, 3)
})

test('options: a variable that nobody knows: refused, unless it is the client\'s', () => {
  const [slip] = wrong({}, { environment: { LOCKSTEP_RAFTPORT: '1' } })
  assert.match(slip as string, /LOCKSTEP_RAFTPORT \(did you mean 'LOCKSTEP_RAFT_PORT'\?\)/)
  assert.equal(wrong({}, { environment: { LOCKSTEP_NODES: 'a:1', HOME: '/' } }), [])
  const [link] = wrong({}, { environment: { LOCKSTEP_PORT: 'tcp://10.0.0.1:8001' } })
  assert.match(link as string, /enableServiceLinks: false/)
})

test('options: the file: not there, no JSON, no object, unknown names, wrong types', () => {
  const file = (content: string): string => {
    const [problem = ''] = wrong({ config: 'c.json' }, { readFile: () => content })
    return problem
  }
  assert.match(wrong({ config: 'c.json' })[0] as string, /c\.json: cannot be read: no such file/)
  assert.match(file('{'), /c\.json: is not JSON/)
  assert.match(file('[]'), /c\.json: wants a JSON object/)
  assert.match(file('{"prot":1}'), /c\.json: option 'prot' \(did you mean 'port'\?\)/)
  assert.match(file('{"config":"d"}'), /unknown c\.json: option 'config'/)
  assert.match(file('{"port":{}}'), /c\.json: port wants a string, a number, true or false/)
  assert.match(file('{"port":"x"}'), /c\.json: port wants a port/)
})

test('options: ports that others reach: refused without TLS and tokens, --insecure warns', () => {
  const open = wrong({ host: '0.0.0.0', 'raft-host': '::' })
  assert.is(open.length, 2)
  assert.match(open[0] as string, /--host 0\.0\.0\.0 lets anyone .* --tls-cert .* and --auth-file/)
  assert.match(open[1] as string, /--raft-host :: lets anyone .*; --insecure allows it$/)
  const insecure = read({ flags: { host: '0.0.0.0', insecure: true } })
  assert.is(insecure.warnings.length, 1)
  const files = { 'tls-cert': 'c', 'tls-key': 'k', 'auth-file': 'a' }
  assert.equal(wrong({ host: '0.0.0.0', ...files }), [])
  for (const host of ['localhost', '127.0.0.2', '::1']) assert.equal(wrong({ host }), [])
})

test.run()
