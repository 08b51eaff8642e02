// Histories that come event by event: the verdict of the whole, and no event more than it takes.

import * as assert from 'uvu/assert'
import { checkWords } from '../../checker/check-words.ts'
import type { HistoryEvent, Plain } from '../../checker/event.ts'
import { Pairing, type Failed } from '../../checker/formats/pairing.ts'
import { modelNamed, type AnyModel } from '../../checker/models/catalogue.ts'
import { checkStream, type EventPiece } from '../../checker/stream.ts'
import type { Verdict } from '../../checker/verdict.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import { drawLocks } from './draw-locks.ts'
import { generate } from '../../bench/histories/generate.ts'

const test = suite('stream')

function judge(name: string, events: readonly HistoryEvent[], failed: Failed): Verdict {
  const pairing = new Pairing({ failed })
  const ended = events.map((event) => pairing.observe(event)).filter((one) => one !== null)
  return checkWords([...ended, ...pairing.end()], modelNamed(name) as AnyModel)
}

for (const failed of ['dropped', 'observed'] as const) {
  test(`stream: locks, a fail was ${failed}: as the whole history`, async () => {
    const seen = { ok: 0, violation: 0, unknown: 0 }
    for (let seed = 1; seed <= 600; seed++) {
      const chance = chanceOf(seed)
      const name = chance.pick(['owner-mutex', 'fenced-mutex', 'mutex'])
      const tells = (_: unknown, granted: number): Plain => granted
      const model = modelNamed(name) as AnyModel
      const retries = chance.pick([0, 50])
      const events = drawLocks({ model, retries, tells }, chance)
      const { verdict } = await checkStream(events, name, { failed })
      assert.is(verdict, judge(name, events, failed).verdict, JSON.stringify(events))
      seen[verdict] += 1
    }
    assert.ok(seen.ok > 100 && seen.violation > 50 && seen.unknown === 0, JSON.stringify(seen))
  })
}

test('stream: a violation of locks: nothing is read after it', async () => {
  const options = { operations: 5_000, clients: 20, lie: 'double-grant', lieAt: 0.5 } as const
  const { events } = generate({ kind: 'lock', ...options })
  let read = 0
  async function* pieces(): AsyncGenerator<EventPiece> {
    for (let at = 0; at < events.length; at += 100) {
      read += 1
      yield events.slice(at, at + 100)
    }
  }
  const found = await checkStream(pieces(), 'fenced-mutex')
  assert.is(found.verdict, 'violation')
  assert.ok(read > 40 && read < 60, `${read}`)
})

test('stream: any other model: judged in the end', async () => {
  const lie = { kind: 'cas-register', operations: 300, lie: 'phantom-read' } as const
  const bad = await checkStream(generate(lie).events, 'cas-register')
  assert.is(bad.verdict, 'violation')
  const good = await checkStream(generate({ kind: 'kv-append', operations: 300 }).events, 'kv')
  assert.equal([good.verdict, good.checked], ['ok', 300])
})

test('stream: leases: by the times of the events', async () => {
  type Type = HistoryEvent['type']
  const event = (type: Type, process: number, ms: number, value: Plain): HistoryEvent => {
    return { type, process, f: 'acquire', value, time: ms * 1_000_000 }
  }
  const until = (ms: number): Promise<Verdict> => {
    const first = [event('invoke', 0, 0, null), event('ok', 0, 1, 1)]
    const next = [event('invoke', 1, ms, null), event('ok', 1, ms + 1, 2)]
    return checkStream([...first, ...next], 'lease', { ttlMs: 100 })
  }
  assert.is((await until(50)).verdict, 'violation')
  assert.is((await until(150)).verdict, 'ok')
})

test('stream: an unknown model: says so', async () => {
  let said = ''
  await checkStream([], 'nothing').catch((error: Error) => (said = error.message))
  assert.is(said, 'there is no model nothing')
})

test.run()
