// What clients may send, and how many of them: bad bodies, slow and idle connections, and keys of
// every kind. None of it disturbs the others, and nobody is shown a stack.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { LIMITS } from '../../../core/lock/limits.ts'
import { utf8Bytes } from '../../../core/bytes.ts'
import { suite } from '../../harness.ts'
import { until } from '../../support/until.ts'
import { ask, post, serve } from './support.ts'
import type { Said, Served } from './support.ts'

const test = suite<{ served: Served; url: string }>('http protection')
const ROUNDS = Number(process.env['ROUNDS'] ?? 1)
const fuzzing = { deadlineMs: 3_600_000 }

test.before(async (context) => {
  context.served = await serve(1, { server: { headersTimeoutMs: 300, requestTimeoutMs: 600 } })
  context.url = context.served.leader.url
})
test.after((context) => context.served.close())

/** It is a problem document with this code, and no stack is in it. */
function isProblem(said: Said, status: number, code: string): void {
  assert.is(said.status, status, said.text)
  assert.is(said.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.is(said.json['code'], code)
  assert.is(said.json['status'], status)
  assert.is(said.json['success'], false)
  assert.is(said.json['type'], `urn:lockstep:problem:${code}`)
  assert.ok(typeof said.json['detail'] === 'string' && said.json['detail'] !== '')
  assert.not.match(said.text, /\bat .*\.[tj]s|node:internal|node_modules/)
}

function fieldsOf(said: Said): unknown[] {
  return (said.json['errors'] as { field: unknown }[]).map(({ field }) => field)
}

test('http protection: malformed JSON: told where it breaks', async ({ url }) => {
  const cases: [string, RegExp][] = [
    ['{"key": "a",\n "owner" "b"}', /line 2, column 10/],
    ['{"key": "a"', /line 1, column 12: the end of the body/],
    ["{'key': 1}", /line 1, column 2: "'"/],
    ['{"key": "a\tb"}', /line 1, column 11: the control character 9/],
    ['nul', /line 1, column 1: "n"/],
    ['', /object/],
    [' \n ', /empty/],
    ['{"a":1}}', /line 1, column 8/],
    ['['.repeat(500_000), /the end of the body/],
  ]
  for (const [body, detail] of cases) {
    const said = await post(`${url}/locks/acquire`, body)
    assert.is(said.status, 400, said.text)
    assert.match(String(said.json['detail']), detail)
    if (body !== '') isProblem(said, 400, 'bad_json')
  }
  const bytes = Uint8Array.of(0x22, 0xff, 0x22)
  const headers = { 'content-type': 'application/json' }
  const said = await ask(`${url}/locks/acquire`, { method: 'POST', headers, body: bytes })
  isProblem(said, 400, 'bad_json')
})

test('http protection: bad fields: each is named', async ({ url }) => {
  const body = { key: '', owner: 7, ttl: '1 hour', mode: 'both', reentrant: 'yes', tll: '1s' }
  const said = await post(`${url}/locks/acquire`, body)
  isProblem(said, 400, 'bad_request')
  const expected = ['key', 'mode', 'owner', 'reentrant', 'tll', 'ttl']
  assert.equal(fieldsOf(said).sort(), expected)
  for (const field of expected) assert.match(String(said.json['detail']), field)
  const missing = await post(`${url}/locks/renew`, {})
  assert.equal(fieldsOf(missing).sort(), ['key', 'owner'])
  const proto = await post(`${url}/locks/acquire`, '{"key":"k","owner":"o","__proto__":{"a":1}}')
  assert.equal(fieldsOf(proto), ['__proto__'])
  const query = await ask(`${url}/locks?limit=0&perfix=a`)
  assert.equal(fieldsOf(query).sort(), ['limit', 'perfix'])
  const twice = await ask(`${url}/locks/one?key=a&key=b`)
  isProblem(twice, 400, 'bad_request')
})

test('http protection: out of the limits: 400 with the limits', async ({ url }) => {
  const base = { key: 'k', owner: 'o' }
  const cases: [object, RegExp][] = [
    [{ ttl: '99ms' }, /ttl must be .* from 100ms to 24h/],
    [{ ttl: '25h' }, /ttl/],
    [{ wait: '25h' }, /wait/],
    [{ lock_delay: '61s' }, /lock_delay/],
    [{ key: 'k'.repeat(1_025) }, /key must be .* 1024 bytes/],
    [{ key: 'é'.repeat(513) }, /key/],
    [{ owner: 'o'.repeat(257) }, /owner/],
    [{ metadata: 'm'.repeat(4_097) }, /metadata/],
    [{ request_id: 'r'.repeat(97) }, /request_id/],
  ]
  for (const [more, detail] of cases) {
    const said = await post(`${url}/locks/acquire`, { ...base, ...more })
    isProblem(said, 400, 'bad_request')
    assert.match(String(said.json['detail']), detail)
  }
  const lone = await post(`${url}/locks/acquire`, '{"key":"\\ud800","owner":"o"}')
  isProblem(lone, 400, 'bad_request')
  const token = await post(`${url}/locks/renew`, '{"key":"k","owner":"o","token":1e300}')
  isProblem(token, 400, 'bad_request')
  const differ = { 'idempotency-key': 'a' }
  const two = await post(`${url}/locks/acquire`, { ...base, request_id: 'b' }, differ)
  isProblem(two, 400, 'bad_request')
  assert.is((await ask(`${url}/locks/k`)).json['locked'], false)
})

test('http protection: other kinds of bodies and routes: 415, 404, 400', async ({ url }) => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  isProblem(await post(`${url}/locks/acquire`, 'key=k', headers), 415, 'unsupported_media_type')
  isProblem(await ask(`${url}/lock/k`), 404, 'not_found')
  const slash = await ask(`${url}/locks/a/b`)
  isProblem(slash, 404, 'not_found')
  assert.match(String(slash.json['detail']), /%2F/)
  isProblem(await ask(`${url}/locks/%ff`), 400, 'bad_url')
  isProblem(await ask(`${url}/locks/k`, { method: 'DELETE' }), 404, 'not_found')
})

test('http protection: a body of 10 MB: 413, before it is read', async ({ url }) => {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => undefined)
  const lines = ['POST /locks/acquire HTTP/1.1', 'host: x', 'content-type: application/json']
  socket.write([...lines, 'content-length: 10000000', '', '{'].join('\r\n'))
  const said = await answerOn(socket)
  assert.match(said, /^HTTP\/1\.1 413 /)
  assert.match(said, /"code":"too_large"/)
  assert.match(said, /connection: close/i)
  const big = await post(`${url}/locks/acquire`, { key: 'k', owner: 'o', x: 'x'.repeat(1 << 20) })
  isProblem(big, 413, 'too_large')
})

/** All that a socket gets until it ends. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    socket.on('data', (chunk: Uint8Array) => (said += Buffer.from(chunk).toString()))
    socket.on('close', () => resolve(said))
    socket.on('end', () => resolve(said))
  })
}

test('http protection: a head or a body that does not come: 408', async ({ url }) => {
  const { port } = new URL(url)
  const body = ['content-type: application/json', 'content-length: 10', '', '{']
  for (const lines of [['host: x'], ['host: x', ...body]]) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(['POST /locks/acquire HTTP/1.1', ...lines].join('\r\n'))
    const said = await answerOn(socket)
    assert.match(said, /^HTTP\/1\.1 408 /)
    assert.match(said, /"code":"request_timeout","success":false/)
  }
})

test('http protection: what is no HTTP, or too long a head: told so, and closed', async ({
  url,
}) => {
  const { port } = new URL(url)
  const long = `GET / HTTP/1.1\r\nhost: ${'x'.repeat(100_000)}\r\n\r\n`
  for (const [bytes, status] of [['\u0001\u0002\u0003\r\n\r\n', 400], [long, 431]] as const) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(bytes)
    const said = await answerOn(socket)
    assert.match(said, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(said, /"code":"bad_request"/)
  }
})

test('http protection: a refused connection that its client keeps half open: is closed', async ({
  url,
}) => {
  const port = Number(new URL(url).port)
  const upgrade = 'GET /client HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'
  for (const bytes of ['\u0001\r\n\r\n', upgrade, '']) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    socket.write(bytes)
    assert.match(await answerOn(socket), /^HTTP\/1.1 4/)
    // Only a socket that is gone refuses what is sent to it.
    await until('it is closed', () => {
      socket.write('x')
      return socket.destroyed ? true : undefined
    })
  }
})

test('http protection: hundreds of idle connections: others are served', async ({ url }) => {
  const { port } = new URL(url)
  const sockets = Array.from({ length: 400 }, () => connect(Number(port), '127.0.0.1'))
  for (const socket of sockets) socket.on('error', () => undefined)
  await until('all are connected', () => (sockets.every((one) => !one.pending) ? true : undefined))
  const said = await post(`${url}/locks/acquire`, { key: 'idle', owner: 'me' })
  assert.is(said.status, 200)
  for (const socket of sockets) socket.destroy()
})

test('http protection: more connections than there may be: closed at once', async () => {
  const served = await serve(1, { server: { connectionsMax: 3 } })
  const { port } = new URL(served.leader.url)
  const sockets = Array.from({ length: 6 }, () => connect(Number(port), '127.0.0.1'))
  const closed = new Set<Socket>()
  for (const socket of sockets) {
    socket.on('error', () => undefined)
    socket.on('close', () => closed.add(socket))
    socket.resume()
  }
  await until('three are closed', () => (closed.size === 3 ? true : undefined))
  for (const socket of sockets) socket.destroy()
  await served.close()
})

const character = fc.oneof(
  fc.constantFrom('.', '/', '\\', '%', '?', '#', ' ', '"', '\0', '\n', '\u007f', '+', '&', ':'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
)
const keys = fc.oneof(
  fc.constantFrom('.', '..', '/', '//', 'one', 'acquire', '../..', '%2F', 'a/events', '😀'),
  fc.constant('k'.repeat(LIMITS.keyBytesMax)),
  fc.constant('é'.repeat(LIMITS.keyBytesMax / 2)),
  fc.array(character, { minLength: 1, maxLength: 60 }).map((all) => all.join('')),
).filter((key) => utf8Bytes(key) <= LIMITS.keyBytesMax)

/** Keys that an address cannot carry: `.` and `..` mean something else in it, `one` is a route. */
const NOT_IN_PATHS = ['.', '..', 'one']

/** Sees the grant after entry `since` on a stream of events. */
async function granted(url: string, path: string | null, since: number): Promise<void> {
  if (path === null) return
  const controller = new AbortController()
  const headers = { 'last-event-id': String(since) }
  const response = await fetch(`${url}/locks/${path}`, { headers, signal: controller.signal })
  assert.is(response.status, 200, path)
  let text = ''
  for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(bytes).toString('latin1')
    if (text.includes('event: granted')) break
  }
  controller.abort()
}

test('http protection: legal keys of every kind: the same through every route', async ({ url }) => {
  let count = 0
  const check = async (key: string): Promise<void> => {
    // Of one owner only so many answers are remembered.
    const owner = `me ${count++}`
    const got = await post(`${url}/locks/acquire`, { key, owner })
    assert.is(got.status, 200, got.text)
    const encoded = encodeURIComponent(key)
    const one = await ask(`${url}/locks/one?key=${encoded}`)
    assert.is(one.json['key'], key)
    assert.is(one.json['locked'], true)
    const list = await ask(`${url}/locks?prefix=${encoded}&limit=1`)
    assert.is((list.json['locks'] as { key: string }[])[0]?.key, key)
    if (!NOT_IN_PATHS.includes(key)) {
      for (const path of ['', '/holders', '/waiters']) {
        const said = await ask(`${url}/locks/${encoded}${path}`)
        assert.is(said.status, 200, `${path} ${said.text}`)
        if (path === '') assert.equal(said.json, { ...one.json, lock: said.json['lock'] })
      }
    }
    for (const path of ['holders', 'waiters']) {
      const said = await ask(`${url}/locks/one/${path}?key=${encoded}`)
      assert.is((said.json[path] as unknown[]).length, path === 'holders' ? 1 : 0, said.text)
    }
    const token = (got.json['lock'] as { fencing_token: number }).fencing_token
    await granted(url, NOT_IN_PATHS.includes(key) ? null : `${encoded}/events`, token - 1)
    await granted(url, `one/events?key=${encoded}`, token - 1)
    const renewed = await post(`${url}/locks/renew`, { key, owner, ttl: '1m' })
    assert.is((renewed.json['lock'] as { key: string }).key, key)
    const freed = await post(`${url}/locks/release`, { key, owner })
    assert.is(freed.json['count'], 0)
    const after = await ask(`${url}/locks/one?key=${encoded}`)
    assert.is(after.json['locked'], false)
  }
  const numRuns = 40 * ROUNDS
  await fc.assert(fc.asyncProperty(keys, check), { numRuns, includeErrorInReport: true })
}, fuzzing)

const PATHS = ['acquire', 'renew', 'release', 'force-release', 'cancel']
const names = fc.constantFrom('key', 'owner', 'ttl', 'wait', 'token', 'all', 'now', 'request_id')
const bodies = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: 'binary' }),
  fc.dictionary(names, fc.oneof(fc.jsonValue(), fc.constantFrom('k', 'o', '1s'))).map((body) =>
    JSON.stringify({ key: 'fuzz', owner: 'fuzz', ...body }),
  ),
)

/** Bodies that are sent at a time. */
const BATCH = 10

test('http protection: any body: an answer of ours, and the node goes on', async () => {
  // Of patience: a machine that is busy with other tests takes long to send a body.
  const served = await serve(1)
  const { url } = served.leader
  const check = async ([path, body]: readonly [string, string]): Promise<void> => {
    const said = await post(`${url}/locks/${path}`, body)
    if (said.status === 200) return
    assert.ok([400, 409, 422, 423].includes(said.status), `${said.status} ${said.text}`)
    isProblem(said, said.status, String(said.json['code']))
  }
  const sent = fc.tuple(fc.constantFrom(...PATHS), bodies)
  const property = fc.asyncProperty(
    fc.array(sent, { minLength: BATCH, maxLength: BATCH }),
    async (batch) => void (await Promise.all(batch.map(check))),
  )
  await fc.assert(property, { numRuns: (200 / BATCH) * ROUNDS, includeErrorInReport: true })
  assert.is((await post(`${url}/locks/acquire`, { key: 'after', owner: 'me' })).status, 200)
  await served.close()
}, fuzzing)

test.run()
