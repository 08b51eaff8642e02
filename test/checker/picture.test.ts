// The page of a picture as text: what it says, how large it is, and that nothing in it can run.

import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import type { CheckResult } from '../../checker/check.ts'
import type { Operation } from '../../checker/history.ts'
import { modelNamed } from '../../checker/models/catalogue.ts'
import { pageScript, pageScriptHash } from '../../checker/picture/page-script.ts'
import { pageStyle, pageStyleHash } from '../../checker/picture/page-style.ts'
import { renderHtml } from '../../checker/picture/picture.ts'
import { brokenScale } from '../../checker/picture/scale.ts'
import { nearestTo } from '../../checker/picture/select.ts'
import { bytesOf, visible } from '../../checker/picture/text.ts'
import type { View } from '../../checker/picture/view.ts'
import { suite } from '../harness.ts'
import type { GenerateOptions } from '../../bench/histories/generate-world.ts'
import { checked, staleRead, twoHolders } from './pictured.ts'

const test = suite('picture')
const bytesMax = 150_000

/** The timelines of a page. */
function viewsOf(page: string): readonly View[] {
  const text = /<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page)?.[1]
  return (JSON.parse(text ?? '') as { readonly views: readonly View[] }).views
}

/** The page without its scripts and style. */
function wordsOf(page: string): string {
  return page.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, '')
}

function bytes(text: string): number {
  return Buffer.byteLength(text)
}

/** A long history of a register, without a check: `count` writes by so many processes. */
function writes(count: number, processes: number, value: (at: number) => unknown): Operation[] {
  return Array.from({ length: count }, (_, at) => {
    const [call, answered] = [at * 2, at * 2 + 2 * processes - 1]
    const input = { type: 'write', value: value(at) }
    return { process: at % processes, input, call, return: answered, outcome: 'ok' as const }
  })
}

function resultOf(history: readonly Operation[], operations: readonly Operation[]): CheckResult {
  const model = modelNamed('cas-register')
  assert.ok(model)
  const message = 'it cannot be'
  return { verdict: 'violation', checked: history.length, message, operations, model, history }
}

function locks(operations: number): GenerateOptions {
  return { kind: 'lock', operations, lie: 'double-grant', crashRate: 0.01 }
}

function inConflict(result: CheckResult): readonly Operation[] {
  return result.verdict === 'violation' ? result.operations : []
}

test('picture: two holders: the page says who, and shows both holdings and their overlap', () => {
  const result = twoHolders()
  const page = renderHtml(result)
  const words = wordsOf(page)
  assert.match(words, 'c3 held L from 26 with token 7 while c1 held it with token 6 until 34')
  assert.match(words, 'fenced-mutex')
  assert.match(words, '6 operations')
  const [core, whole] = viewsOf(page)
  assert.equal(core?.rows[0], { is: 'lock', name: 'lock L', lines: 2, overlaps: [[26, 34]] })
  const held = core?.bars.filter(({ is }) => is === 'held')
  const spans = [['c1, token 6', 14, 34], ['c3, token 7', 26, 44]]
  assert.equal(held?.map(({ text, from, to }) => [text, from, to]), spans)
  assert.equal(core?.bars.flatMap(({ letter }) => letter ?? []), ['A', 'B'])
  const outcomes = whole?.bars.filter(({ is }) => is !== 'held').map(({ is }) => is)
  assert.equal(outcomes?.toSorted(), ['fail', 'info', 'ok', 'ok', 'ok', 'ok'])
  assert.is(whole?.bars.find(({ is }) => is === 'info')?.to, null)
})

test('picture: a stale read: its table tells who was told what, and when', () => {
  const page = renderHtml(staleRead(), { title: 'A night' })
  assert.match(page, '<title>\u2717 A night</title>')
  for (const operation of inConflict(staleRead())) {
    assert.match(wordsOf(page), `<td>process ${operation.process}</td>`)
    assert.match(wordsOf(page), `<td class="time">${operation.call}</td>`)
  }
  assert.match(wordsOf(page), '<code>read -&gt; 1</code>')
})

test('picture: ok: bars have their numbers in the order, and instants that keep it', () => {
  const { result, nanosecondsAt } = checked({ kind: 'kv', operations: 200, keys: 3 }, 'kv')
  const [whole] = viewsOf(renderHtml(result, { nanosecondsAt }))
  const placed = (whole?.bars ?? []).filter(({ order }) => order !== undefined)
  assert.ok(placed.length > 190)
  const sorted = placed.toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
  for (const [at, { from, to, at: point = NaN }] of sorted.entries()) {
    assert.ok(point >= from && point <= (to ?? Infinity))
    assert.ok(point >= (sorted[at - 1]?.at ?? -Infinity))
  }
})

test('picture: unknown: how far it was proved', () => {
  const { result } = checked({ kind: 'register', operations: 300 }, 'register')
  const { model, history } = result
  const proved = { answers: 100, until: 210 }
  const unknown = { verdict: 'unknown', checked: 300, reason: 'no time', proved } as const
  const page = renderHtml({ ...unknown, model, history })
  assert.match(wordsOf(page), 'no time. The first 100 answers are proved right, to 210.')
  const [region] = viewsOf(page)[0]?.regions ?? []
  assert.is(region?.from, 210)
  assert.is(region?.text, 'not proved')
})

test('picture: the same result: the same bytes', () => {
  const make = (): string => {
    const { result, nanosecondsAt } = checked(locks(2_000), 'fenced-mutex')
    return renderHtml(result, { nanosecondsAt })
  }
  assert.is(make(), make())
})

test('picture: times: in seconds from the first call, where they are known', () => {
  const { result } = checked({ kind: 'register', operations: 50 }, 'register')
  const page = renderHtml(result, { nanosecondsAt: (instant) => 1e18 + instant * 1e8 })
  const [whole] = viewsOf(page)
  assert.is(Math.min(...(whole?.bars ?? []).map(({ from }) => from)), 0)
  assert.match(wordsOf(page), /\d+\.\d+ s/)
})

test('picture: 10^5 operations: what is near is drawn, with all that is in conflict', () => {
  const { result } = checked(locks(100_000), 'fenced-mutex')
  assert.is(result.verdict, 'violation')
  const page = renderHtml(result)
  assert.ok(bytes(page) <= bytesMax, `${bytes(page)} bytes`)
  assert.match(wordsOf(page), /\d+ of 100,000 operations are drawn/)
  const whole = viewsOf(page)[1] as View
  const letters = whole.bars.flatMap(({ letter }) => letter ?? []).sort()
  assert.equal(letters, inConflict(result).map((_, at) => 'ABCDEFGH'[at]))
  assert.ok(whole.rows.some(({ overlaps = [] }) => overlaps.length > 0))
  for (const bar of whole.bars) if (bar.letter !== undefined) assert.ok(isWithin(whole, bar.from))
  assert.ok(whole.regions.some(({ text }) => text === 'not all drawn'))
})

function isWithin({ start: [from, to] }: View, time: number): boolean {
  return time >= from && time <= to
}

test('picture: 10^6 operations of a thousand processes with long values: bounded', () => {
  const long = '<"\u00e9\ud83d\ude00'.repeat(2_000)
  const history = writes(1_000_000, 1_000, (at) => (at % 2 === 0 ? long : `${at}`))
  const core = Array.from({ length: 30 }, (_, at) => history[at * 33_000] as Operation)
  const page = renderHtml(resultOf(history, core), { title: long })
  assert.ok(bytes(page) <= bytesMax, `${bytes(page)} bytes`)
  assert.match(wordsOf(page), 'These 16 operations, and 14 operations more')
  assert.ok((viewsOf(page)[1]?.rows.length ?? 0) <= 40)
}, { deadlineMs: 120_000 })

test('picture: what histories hold: inert', () => {
  const evil = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"\'&\u202e\u0000'
  const history = writes(3, 3, () => evil)
  const page = renderHtml(resultOf(history, history), { title: evil })
  assert.is(page.match(/<script/g)?.length, 2)
  assert.not.match(page, /<img/)
  assert.not.match(page, '\u202e')
  assert.not.match(page, '\u0000')
  const text = viewsOf(page)[0]?.bars[0]?.text ?? ''
  assert.match(text, '</script><script>alert(1)</script>')
  const spy = { ...resultOf(history, history), message: `said ${evil}` }
  assert.match(renderHtml(spy), 'said &lt;/script&gt;')
})

test('picture: no operations, one, and what has no instant: a page', () => {
  assert.match(renderHtml(resultOf([], [])), '0 operations')
  const [one] = writes(1, 1, () => 1) as [Operation]
  assert.is(viewsOf(renderHtml(resultOf([one], [one]))).length, 2)
  const odd = { ...one, call: NaN }
  assert.is(viewsOf(renderHtml(resultOf([one, odd], [odd]))).length, 1)
})

test('picture: the policy names the script and the style as they are', () => {
  const hashOf = (text: string): string => {
    return `sha256-${createHash('sha256').update(text).digest('base64')}`
  }
  assert.is(pageScriptHash, hashOf(pageScript), 'pageScriptHash')
  assert.is(pageStyleHash, hashOf(pageStyle), 'pageStyleHash')
  const page = renderHtml(twoHolders())
  assert.match(page, `script-src '${pageScriptHash}'; style-src '${pageStyleHash}'`)
  assert.not.match(page, / (style|on[a-z]+)=/)
  assert.not.match(page.replace('http://www.w3.org/2000/svg', ''), /https?:/)
})

test('picture: a scale: long gaps are cut, all else is to one scale', () => {
  const scale = brokenScale([0, 10, 20, 100_000, 100_010])
  const at = (time: number): number => scale.find((point) => point.time === time)?.place ?? NaN
  assert.ok(scale.find(({ time }) => time === 20)?.isCut)
  const [first, last] = [scale[0], scale.at(-1)]
  const before = (at(20) - (first?.place ?? 0)) / (20 - (first?.time ?? 0))
  const after = ((last?.place ?? 0) - at(100_000)) / ((last?.time ?? 0) - 100_000)
  assert.ok(Math.abs(before - after) < 1e-9)
  assert.not(brokenScale([0, 10, 20, 60]).some(({ isCut }) => isCut))
  assert.is(brokenScale([5]).length, 2)
})

test('picture: the nearest: those that matter, then by distance, as sorting would have it', () => {
  const history = writes(5_000, 7, (at) => at).toReversed()
  const [from, to] = [4_001, 4_099]
  const first = history[2_900] as Operation
  const { near, completeTo } = nearestTo(history, new Set(), [{ from, to }], 300)
  const far = ({ call, return: answered }: Operation): number => {
    return Math.max(0, call - to, from - answered)
  }
  const all = history.map(far).sort((a, b) => a - b)
  assert.equal(near.map(({ distance }) => distance), all.slice(0, 300))
  assert.is(completeTo, all[300])
  assert.is(nearestTo(history, new Set(), [{ from, to }], 9_000).completeTo, Infinity)
  const anchor = { from: first.call, to: first.return }
  assert.is(nearestTo(history, new Set([first]), [anchor], 1).near[0]?.operation, first)
})

test('picture: texts: cut between characters, and what cannot be seen is written out', () => {
  assert.is(visible('a\nb\u202ec\u0007', 99), 'a\\nb\\u202ec\\u0007')
  assert.is(visible('\ud83d\ude00\ud83d\ude00', 4), '\ud83d\ude00\ud83d\ude00')
  assert.is(visible('ab\ud83d\ude00\ud83d\ude00', 4), 'ab\u2026')
  for (const text of ['a\u00e9\u20ac\ud83d\ude00', '']) assert.is(bytesOf(text), bytes(text))
})

test.run()
