// GET /locks/{key}/events: what a client sees of a key, when it comes back, and when it does not
// read.

import * as assert from 'uvu/assert'
import { LockFeed } from '../../../server/lock-feed.ts'
import type { AppliedLockCommand } from '../../../server/lock-replica.ts'
import { suite } from '../../harness.ts'
import { until } from '../../support/until.ts'
import { ask, post, serve } from './support.ts'
import type { Served } from './support.ts'

const test = suite<{ served: Served }>('http events')

test.before(async (context) => {
  context.served = await serve(3, { streamPingMs: 20, streamsMax: 5 })
})
test.after((context) => context.served.close())

interface Seen {
  readonly event: string
  readonly id: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A client that reads a stream. */
class Stream {
  readonly seen: Seen[] = []
  pings = 0
  isEnded = false
  readonly #controller = new AbortController()

  static async open(url: string, lastId?: string): Promise<Stream> {
    const stream = new Stream()
    const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
    const { signal } = stream.#controller
    const response = await fetch(url, { headers, signal })
    assert.is(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
    void stream.#read(response).catch(() => undefined)
    return stream
  }

  close(): void {
    this.#controller.abort()
  }

  /** Waits until it has seen so many events, and gives their types. */
  async types(count: number): Promise<string[]> {
    await until(`${count} events`, () => (this.seen.length >= count ? true : undefined))
    return this.seen.map(({ event }) => event)
  }

  async #read(response: Response): Promise<void> {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      rest += decoder.decode(chunk, { stream: true })
      for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
        this.#take(rest.slice(0, end))
        rest = rest.slice(end + 2)
      }
    }
    this.isEnded = true
  }

  #take(block: string): void {
    if (block === ': ping') this.pings++
    const field = (name: string): string => {
      const line = block.split('\n').find((one) => one.startsWith(`${name}: `))
      return line?.slice(name.length + 2) ?? ''
    }
    if (field('data') === '') return
    const data = JSON.parse(field('data')) as Seen['data']
    this.seen.push({ event: field('event'), id: field('id'), data })
  }
}

const urlOf = ({ nodes }: Served, index: number): string => nodes[index]?.url ?? ''

test('http events: a key: all that happens to it, and to no other', async ({ served }) => {
  const url = urlOf(served, 0)
  const stream = await Stream.open(`${urlOf(served, 1)}/locks/a%2Fb/events`)
  await stream.types(1)
  await post(`${url}/locks/acquire`, { key: 'other', owner: 'me' })
  const got = await post(`${url}/locks/acquire`, { key: 'a/b', owner: 'me', ttl: '1m' })
  const waiting = post(`${url}/locks/acquire`, { key: 'a/b', owner: 'you', wait: '20s' })
  await stream.types(4)
  await post(`${url}/locks/renew`, { key: 'a/b', owner: 'me' })
  await post(`${url}/locks/release`, { key: 'a/b', owner: 'me' })
  await waiting
  const types = await stream.types(7)
  const expected = ['ready', 'granted', 'queued', 'contended', 'updated', 'released', 'granted']
  assert.equal(types, expected)
  const [, granted] = stream.seen
  const { version } = got.json['lock'] as { version: number }
  assert.is(granted?.data['owner'], 'me')
  assert.is(granted?.data['fencing_token'], version)
  assert.is(granted?.data['remaining_ms'], 60_000)
  assert.ok(stream.seen.every(({ data }) => !('request_id' in data || 'requestId' in data)))
  await until('pings', () => (stream.pings > 1 ? true : undefined))
  stream.close()
})

test('http events: it comes back, to another node: it gets what it missed', async ({ served }) => {
  const url = urlOf(served, 0)
  const path = '/locks/back/events'
  const first = await Stream.open(urlOf(served, 1) + path)
  await first.types(1)
  await post(`${url}/locks/acquire`, { key: 'back', owner: 'me' })
  await first.types(2)
  first.close()
  await post(`${url}/locks/release`, { key: 'back', owner: 'me' })
  await post(`${url}/locks/acquire`, { key: 'back', owner: 'you' })
  const second = await Stream.open(urlOf(served, 2) + path, first.seen.at(-1)?.id)
  assert.equal(await second.types(2), ['released', 'granted'])
  await post(`${url}/locks/release`, { key: 'back', owner: 'you' })
  assert.equal(await second.types(3), ['released', 'granted', 'released'])
  const ids = second.seen.map(({ id }) => Number(id))
  assert.ok(ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? 0)))
  second.close()
})

test('http events: a bad Last-Event-ID: 400', async ({ served }) => {
  const headers = { 'last-event-id': 'yesterday' }
  const said = await ask(`${urlOf(served, 0)}/locks/k/events`, { headers })
  assert.is(said.status, 400)
})

test('http events: more streams than there may be: 429, until one ends', async ({ served }) => {
  const url = `${urlOf(served, 0)}/locks/k/events`
  const streams = await Promise.all(Array.from({ length: 5 }, () => Stream.open(url)))
  assert.is((await ask(url)).json['code'], 'too_many_streams')
  for (const stream of streams) stream.close()
  const again = await until('there is room', () => Stream.open(url).catch(() => undefined))
  again.close()
})

test('http events: the server closes: the stream ends', async () => {
  const served = await serve(1)
  const stream = await Stream.open(`${urlOf(served, 0)}/locks/k/events`)
  await served.leader.fastify.close()
  await until('it ends', () => (stream.isEnded ? true : undefined))
  await served.leader.replica.close()
})

function granted(index: number, key: string): AppliedLockCommand {
  const who = { key, owner: 'me', session: null, index, timeMs: index }
  const terms = { mode: 'exclusive', token: index, requestId: 'r', deadlineMs: null } as const
  const event = { type: 'granted', ...who, ...terms, enteredIndex: index } as const
  const inner = { type: 'inner', event } as const
  return { type: 'applied', index, term: 1, timeMs: index, reply: null, events: [inner] }
}

test('http events: the feed: keeps the last 10 000, and says when more are asked for', () => {
  const feed = new LockFeed()
  feed.startedAt(7)
  assert.is(feed.since('k', 6), null)
  assert.equal(feed.since('k', 7), [])
  for (let index = 8; index <= 10_007; index++) feed.applied(granted(index, 'k'))
  assert.is(feed.since('k', 7)?.length, 10_000)
  feed.applied(granted(10_008, 'k'))
  assert.is(feed.since('k', 7), null)
  const rest = feed.since('k', 10_005)
  assert.equal(rest?.map(({ index }) => index), [10_006, 10_007, 10_008])
  assert.equal(feed.since('other', 10_005), [])
})

test('http events: the feed: a snapshot of the leader: watchers have missed something', () => {
  const feed = new LockFeed()
  const missed: number[] = []
  const happened: number[] = []
  feed.watch('k', {
    happened: (events) => happened.push(...events.map(({ index }) => index)),
    missed: (index) => missed.push(index),
  })
  feed.applied(granted(1, 'k'))
  feed.applied(granted(2, 'other'))
  feed.traced({ type: 'snapshotInstalled', index: 50 })
  feed.applied(granted(51, 'k'))
  assert.equal(missed, [50])
  assert.equal(happened, [1, 51])
  assert.is(feed.since('k', 1), null)
  assert.equal(feed.since('k', 50)?.map(({ index }) => index), [51])
})

test('http events: a point that is gone: reset, and then what happens', async () => {
  const served = await serve(1)
  const { url, feed } = served.leader
  await post(`${url}/locks/acquire`, { key: 'k', owner: 'me' })
  feed.traced({ type: 'snapshotInstalled', index: 5 })
  const stream = await Stream.open(`${url}/locks/k/events`, '1')
  assert.equal(await stream.types(1), ['reset'])
  await post(`${url}/locks/release`, { key: 'k', owner: 'me' })
  assert.equal(await stream.types(2), ['reset', 'released'])
  stream.close()
  await served.close()
})

test.run()
