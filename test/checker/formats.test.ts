// The formats of history files: there and back, cut anywhere, and what is no history.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { HistoryEvent, Plain } from '../../checker/event.ts'
import { EdnReader } from '../../checker/formats/edn.ts'
import { FormatError } from '../../checker/formats/format.ts'
import type { Format } from '../../checker/formats/format.ts'
import { FORMATS, formatNamed, recogniseFormat } from '../../checker/formats/formats.ts'
import { Pairing } from '../../checker/formats/pairing.ts'
import { suite } from '../harness.ts'

const test = suite('formats')
const seed = 20_261_125

function format(name: string): Format {
  const found = formatNamed(name)
  assert.ok(found !== null, `there is no format ${name}`)
  return found
}

/** What is read of a text that comes in pieces of these lengths. */
function read(name: string, text: string, cuts: readonly number[] = []): HistoryEvent[] {
  const reader = format(name).reader()
  const events: HistoryEvent[] = []
  let at = 0
  for (const cut of cuts) {
    events.push(...reader.push(text.slice(at, at + cut)))
    at += cut
  }
  events.push(...reader.push(text.slice(at)), ...reader.end())
  return events
}

function problem(name: string, text: string): string {
  try {
    read(name, text)
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error))
    return error.message
  }
  return 'none'
}

const atom: fc.Arbitrary<Plain> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.string(),
  fc.string({ unit: 'binary' }),
)
const value: fc.Arbitrary<Plain> = fc.oneof(atom, fc.array(fc.oneof(atom, fc.array(atom))))
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
const common = {
  type: fc.constantFrom<HistoryEvent['type'][]>('invoke', 'ok', 'fail', 'info'),
  process: fc.nat(1_000_000),
  f: name,
  value,
}
const requiredKeys = ['type', 'process', 'f', 'value'] as const
const some = { requiredKeys: [...requiredKeys], noNullPrototype: true }
const eventsOf: Readonly<Record<string, fc.Arbitrary<HistoryEvent>>> = {
  'jepsen-log': fc.record(common, { noNullPrototype: true }),
  edn: fc.record({ ...common, key: name, time: fc.nat() }, some),
  ndjson: fc.record({ ...common, key: name, time: fc.nat() }, some),
}

for (const [called, event] of Object.entries(eventsOf)) {
  test(`formats: ${called}: what is written is read again, cut anywhere`, () => {
    const cuts = fc.array(fc.nat(60), { maxLength: 20 })
    const property = fc.property(fc.array(event, { minLength: 1 }), cuts, (events, lengths) => {
      const text = events.map((one) => format(called).write(one)).join('')
      assert.equal(read(called, text, lengths), events)
      assert.is(recogniseFormat(text)?.name, called)
    })
    fc.assert(property, { seed, numRuns: 500 })
  })
}

test('formats: every one is tested', () => {
  assert.equal([...FORMATS].sort(), Object.keys(eventsOf).sort())
})

test('formats: edn: one vector, a list, lines and comments: the same events', () => {
  const one = '{:process 3, :type :invoke, :f :write, :value 7, :index 0, :error nil}'
  const two = '#jepsen.history.Op{:process 3 :type :ok :f :write :value 7 :ext #{1 2}}'
  const nemesis = '{:process :nemesis, :type :info, :f :start, :value "cut"}'
  const expected: HistoryEvent[] = [
    { process: 3, type: 'invoke', f: 'write', value: 7 },
    { process: 3, type: 'ok', f: 'write', value: 7 },
  ]
  const all = `${one}\n${nemesis} ; a comment ]\n #_ {:process 9} ${two}`
  for (const text of [all, `[${all}]`, `; first\n(${all}\n)\n`]) {
    assert.equal(read('edn', text), expected)
    for (let cut = 1; cut < text.length; cut++) assert.equal(read('edn', text, [cut]), expected)
  }
})

test('formats: edn: values of every kind', () => {
  const values = (text: string): Plain[] => {
    const reader = new EdnReader()
    return [...reader.push(`[${text}]`), ...reader.end()].map((form) => form.value)
  }
  assert.equal(values('nil true false'), [null, true, false])
  assert.equal(values('1 -2 +3 4N 1.5 -2e3 6.M 1/3'), [1, -2, 3, 4, 1.5, -2_000, 6, '1/3'])
  assert.equal(values('1152921504606846977 -9007199254740993'), [
    1_152_921_504_606_846_977n,
    -9_007_199_254_740_993n,
  ])
  assert.equal(values('"a\\n\\"\\u00e9" \\a \\newline \\u0041'), ['a\n"é', 'a', '\n', 'A'])
  assert.equal(values(':k :ns/k sym - #inst "2026"'), ['k', 'ns/k', 'sym', '-', '2026'])
  assert.equal(values('#{1 1}'), [[1, 1]])
  assert.equal(values('[[:read :x nil] (1, 2)]'), [[['read', 'x', null], [1, 2]]])
  const [map] = values('{:a 1 "b" {:c []} [1] 2}')
  const inner = Object.assign(Object.create(null), { c: [] })
  assert.equal({ ...(map as object) }, { a: 1, b: inner, '[1]': 2 })
})

test('formats: what is no history: where it is, what it is, and what was expected', () => {
  const line = '{:process 0 :type :invoke :f :read :value nil}\n'
  assert.is(problem('edn', `${line}{:process 1 :type`), '2:1: the file ends within a value')
  assert.is(problem('edn', `[${line}`), "2:1: the file ends, and ']' was expected")
  assert.is(problem('edn', `${line}}`), "2:1: '}' closes nothing; a value was expected")
  assert.match(problem('edn', '{:process 0 :type}'), /^1:19: a map ends after a key/)
  assert.match(problem('edn', '{:process 0 :type :begun}'), /^1:1: :type is "begun"; :invoke/)
  assert.match(problem('edn', '{:process 0 :type :ok :f 3}'), /^1:1: :f is 3; a keyword/)
  assert.match(problem('edn', '12 13'), /^1:1: this is no map/)
  assert.match(problem('edn', '{:value 12x}'), /'12x' is no number$/)
  assert.match(problem('edn', '['.repeat(300)), /^1:203: values lie more than 200 deep$/)
  const cut = '{"process":0,"type":"invoke","f":"read"'
  assert.match(problem('ndjson', cut), /^1:\d+: this is no JSON/)
  assert.match(problem('ndjson', '{}\n[1]'), /^2:1: this is no object/)
  assert.match(problem('ndjson', '{"process":0,"type":"x","f":"read"}'), /^1:1: "type" is "x"; /)
  const big = '{"process":0,"type":"ok","f":"read","value":[1152921504606846976]}'
  assert.match(problem('ndjson', big), /^1:46: an integer near 1152921504606847000, beyond 2\^53/)
  const log = 'INFO  jepsen.util - 0\t:invoke\t:read\t'
  assert.match(problem('jepsen-log', log), /^1:37: the line ends before its value$/)
  assert.match(problem('jepsen-log', log.replace('invoke', 'go')), /^1:23: the type is ':go'; /)
  assert.is(recogniseFormat('\u0000\u0001binary'), null)
})

test('pairing: who asks and is told; what is wrong: the event, and why', () => {
  const event = (process: number, type: HistoryEvent['type'], value: Plain): HistoryEvent => {
    return { process, type, f: 'cas', value }
  }
  const failed = [event(1, 'invoke', [1, 2]), event(1, 'fail', [1, 2])]
  const pair = (events: readonly HistoryEvent[], how?: 'observed'): unknown[] => {
    const pairing = new Pairing(how)
    return [...events.map((one) => pairing.observe(one)), ...pairing.end()].filter(Boolean)
  }
  const input = { process: 1, f: 'cas', value: [1, 2], position: 1 }
  const told = { process: 1, input, call: 1, return: 2 }
  assert.equal(pair(failed), [{ ...told, outcome: 'fail' }])
  const output = { value: [1, 2], failed: true }
  assert.equal(pair(failed, 'observed'), [{ ...told, outcome: 'ok', output }])
  // What an info repeats does not count: the invocation says what was asked.
  const never = { process: 1, input, call: 1, return: Infinity, outcome: 'info' }
  assert.equal(pair([event(1, 'invoke', [1, 2]), event(1, 'info', [7, 8])]), [never])
  assert.equal(pair([event(1, 'invoke', [1, 2])]), [never])
  const again = [event(1, 'invoke', 1), event(1, 'invoke', 2)]
  assert.throws(() => pair(again), /^2:1: process 1 asks for cas, and its cas of event 1 has no/)
  assert.throws(() => pair([event(4, 'ok', 1)]), /^1:1: process 4 is told ok, and has asked for/)
})

test.run()
