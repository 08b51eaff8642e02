// The formats of history files: what is written reads as the same again, however it is cut into
// chunks, and what is no history is refused with its place.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Tagged } from '../../checker/event.ts'
import type { HistoryEvent, Plain } from '../../checker/event.ts'
import { jepsenEdn, porcupineKv } from '../../checker/formats/edn.ts'
import { FormatError } from '../../checker/formats/format.ts'
import type { Format, ReadOptions } from '../../checker/formats/format.ts'
import { FORMATS, recogniseFormat, unrecognised } from '../../checker/formats/formats.ts'
import { jepsenLog } from '../../checker/formats/jepsen-log.ts'
import { ndjson } from '../../checker/formats/ndjson.ts'
import { suite } from '../harness.ts'

const test = suite('formats')
const seed = 20_261_125

function read(
  format: Format,
  text: string,
  chunkChars = 1 << 16,
  options?: ReadOptions
): HistoryEvent[] {
  const reader = format.reader(options)
  const events: HistoryEvent[] = []
  for (let at = 0; at < text.length; at += chunkChars) {
    events.push(...reader.push(text.slice(at, at + chunkChars)))
  }
  return [...events, ...reader.end()]
}

function errorOf(format: Format, text: string, chunkChars?: number, options?: ReadOptions): string {
  try {
    const events = read(format, text, chunkChars, options)
    return `none: ${events.length} events`
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return error.message
  }
}

const bits = fc.oneof(
  fc.constantFrom<Plain>(null, true, false, '', 'nil', ':x', '#set', NaN, Infinity, 2 ** 53, 1e300),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt().filter((value) => !Number.isSafeInteger(Number(value))),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 90 }),
  fc.constantFrom('\ufffd', '\0', '\ud800', '\u2028', '\ufeff', 'a"b\\c\n\t\r')
)
const names = fc.oneof(
  fc.constantFrom('x', 'a-b', '__proto__', '#set', '##map', '#tagged', 'toString', '1', 'a.b/c'),
  fc.string({ unit: 'binary' })
)
const tags = fc.constantFrom('inst', 'uuid', 'my/tag', 'ratio', 'decimal')
const { plain } = fc.letrec<{ plain: Plain }>((tie) => ({
  plain: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    bits,
    fc.array(tie('plain'), { maxLength: 4 }),
    fc.dictionary(names, tie('plain'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(bits, { maxLength: 4 }).map((items) => new Set(items)),
    fc
      .array(fc.tuple(bits, tie('plain')), { maxLength: 3 })
      .map((entries) => new Map<Plain, Plain>([[7, 'not a name'], ...entries])),
    fc.tuple(tags, tie('plain')).map(([tag, value]) => new Tagged(tag, value)),
    fc.constantFrom(new Tagged('ratio', '-1/3'), new Tagged('decimal', '1.50'))
  )
}))

const types = fc.constantFrom<HistoryEvent['type']>('invoke', 'ok', 'fail', 'info')

function eventsOf(parts: {
  readonly f: fc.Arbitrary<string>
  readonly key: fc.Arbitrary<Plain>
  readonly value: fc.Arbitrary<Plain>
  readonly time?: fc.Arbitrary<number>
}): fc.Arbitrary<HistoryEvent[]> {
  const { time, ...others } = parts
  const fields = { type: types, process: fc.maxSafeInteger(), ...others }
  const rules = {
    requiredKeys: ['type', 'process', 'f', 'value'] as ('type' | 'process' | 'f' | 'value')[],
    noNullPrototype: true
  }
  const all = time === undefined ? fields : { ...fields, time }
  const event = fc.record(all, rules)
  return fc.array(event as fc.Arbitrary<HistoryEvent>, { minLength: 1, maxLength: 6 })
}

const anyF = fc.oneof(fc.constantFrom('read', 'cas', 'acquire'), fc.string({ unit: 'binary' }))
const anyTime = fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true }))
const text = fc.string({ unit: 'binary' })

/** Which events each format can hold. */
const holds: ReadonlyMap<Format, fc.Arbitrary<HistoryEvent[]>> = new Map([
  [jepsenEdn, eventsOf({ f: anyF, key: plain, value: plain, time: anyTime })],
  [ndjson, eventsOf({ f: anyF, key: plain, value: plain, time: anyTime })],
  [jepsenLog, eventsOf({ f: anyF, key: plain, value: plain })],
  [
    porcupineKv,
    eventsOf({
      f: fc.constantFrom('get', 'put', 'append'),
      key: text,
      value: fc.option(text)
    }).map((events) => events.map((event) => ({ key: '', ...event })))
  ]
])

for (const format of FORMATS) {
  test(`formats: ${format.name}: written events, cut anywhere: they read as the same`, () => {
    const events = holds.get(format)
    assert.ok(events !== undefined, 'has no arbitrary')
    const property = fc.property(events, fc.integer({ min: 1, max: 60 }), (written, chunkChars) => {
      const file = written.map(format.write).join('')
      assert.equal(read(format, file, chunkChars), written)
      assert.equal(read(format, file), written)
    })
    fc.assert(property, { seed, numRuns: 1000 })
  })

  test(`formats: ${format.name}: written events: their format is recognised`, () => {
    const event: HistoryEvent = { type: 'invoke', process: 3, f: 'put', key: 'k', value: null }
    const written = format.write(format === jepsenEdn ? { ...event, f: 'write' } : event)
    assert.is(recogniseFormat(written.repeat(3))?.name, format.name)
  })

  test(`formats: ${format.name}: a file that is cut off: an error, or its line is whole`, () => {
    const event = (value: Plain): HistoryEvent => {
      const event: HistoryEvent = { type: 'ok', process: 12, f: 'get', value }
      return format === jepsenLog ? event : { ...event, key: 'k' }
    }
    const values = format === porcupineKv ? ['x 1', null] : ['x 1', null, 12345, [1, 22], 'a\nb']
    for (const value of values) {
      const line = format.write(event(value))
      const file = line + line
      for (let at = line.length + 1; at < file.length; at++) {
        const problem = errorOf(format, file.slice(0, at), 1 + (at % 9))
        if (/^none/.test(problem)) assert.equal([problem, at], ['none: 2 events', file.length - 1])
        else assert.match(problem, /^\d+:\d+: .*, expected /)
      }
    }
  })

  test(`formats: ${format.name}: bytes that are no text, or no event: an error`, () => {
    const good = format.write({ type: 'invoke', process: 0, f: 'get', key: 'k', value: 'abc' })
    const zero = good + good.replace('abc', 'a\0c')
    assert.match(errorOf(format, zero), /^2:\d+: a zero byte, expected/)
    assert.match(errorOf(format, `${good}\ufffd`), /^2:1: bytes that are no UTF-8, expected a text/)
    const replaced = good.replace('abc', 'a\ufffdc')
    assert.match(errorOf(format, replaced, 5), /^1:\d+: bytes that are no/)
    for (const nothing of ['', ' \n\n']) {
      assert.match(errorOf(format, nothing), /no event of a client in it, expected one$/)
    }
  })

  test(`formats: ${format.name}: lines with CR LF: they are read`, () => {
    const f = format === jepsenEdn ? 'write' : 'put'
    const event = { type: 'invoke', process: 0, f, key: 'k', value: 'abc' } as const
    const file = format.write(event).replace('\n', '\r\n')
    assert.equal(read(format, file, 3), [event])
    assert.is(recogniseFormat(file)?.name, format.name)
  })

  test(`formats: ${format.name}: a line that never ends: an error before memory does`, () => {
    const reader = format.reader()
    const part = 'x'.repeat(1 << 20)
    const head = format.write({ type: 'ok', process: 1, f: 'get', key: 'k', value: 'VALUE' })
    const push = (): void => {
      reader.push(head.slice(0, head.indexOf('VALUE')))
      for (let count = 0; count < 40; count++) reader.push(part)
    }
    assert.throws(push, (error: Error) => /^1:1: a (line|form) of over \d+/.test(error.message))
  })

  test(`formats: ${format.name}: an unknown type, a process that is no integer: an error`, () => {
    const good = format.write({ type: 'invoke', process: 7, f: 'get', key: 'k', value: null })
    const unknown = good + good.replace('invoke', 'began')
    const what = 'an unknown type "began", expected invoke, ok, fail or info'
    assert.match(errorOf(format, unknown), new RegExp(`^2:\\d+: ${what}$`))
    const process = 'a process that is no integer, expected an integer below 2\\^53, or nemesis'
    const large = good.replace('7', `${2n ** 60n}`)
    assert.match(errorOf(format, large), new RegExp(`^1:\\d+: ${process}$`))
  })
}

test('formats: a text of no format: none is recognised, and the error says which there are', () => {
  for (const head of ['<html>', 'hello', '\u0001\u0002', 'INFO', '"text"', '12', '%PDF-1.7']) {
    assert.is(recogniseFormat(head), null, head)
    assert.match(unrecognised(head).message, /^1:1: a file of no known format, expected one of: nd/)
  }
  assert.is(recogniseFormat(''), null)
  assert.is(unrecognised(' \n').isEmpty, true)
})

test('formats: files as Jepsen and others write them: each is recognised', () => {
  const event = ':process 0, :type :invoke, :f :read'
  const heads: readonly (readonly [string, string])[] = [
    [`{${event}}\n`, 'edn'],
    [`; a note\n[{${event}}\n {`, 'edn'],
    [`({${event}}\n`, 'edn'],
    [`#jepsen.history.Op{:index 0, ${event}}\n`, 'edn'],
    [`[#jepsen.history.Op{:index 0, ${event}}\n`, 'edn'],
    ['[', 'edn'],
    ['{"index":0,"process":1', 'ndjson'],
    ['\n { "process" : 1', 'ndjson'],
    ['INFO  jepsen.util - 0\t:invoke\t:read\tnil\n', 'jepsen-log'],
    ['INFO  jepsen.util - 0   :invoke :read   nil\n', 'jepsen-log'],
    ['2020-01-01 INFO [jepsen worker 1] jepsen.util: 1\t:invoke\t:read\tnil\n', 'jepsen-log'],
    ['INFO  jepsen.core - Everything is set up\n', 'jepsen-log']
  ]
  for (const [head, name] of heads) assert.is(recogniseFormat(head)?.name, name, head)
})

test('formats: edn: a vector, a list, lines, records: the same events', () => {
  const invoke = ':process 0, :type :invoke, :f :txn, :value [[:read :x nil]], :time 12, :index 0'
  const ok = ':type :ok, :f :txn, :value [[:read :x 3]], :process 0, :error [nil {:a #{1}}]'
  const expected = [
    { type: 'invoke', process: 0, f: 'txn', value: [['read', 'x', null]], time: 12 },
    { type: 'ok', process: 0, f: 'txn', value: [['read', 'x', 3]] }
  ]
  const nemesis = '{:type :info, :f :start, :process :nemesis, :time 5}'
  const shapes = [
    `{${invoke}}\n{${ok}}`,
    `; note\n[{${invoke}}\n ; another\n ${nemesis}, {${ok}}]\n`,
    `({${invoke}} #_{:not this} {${ok}})`,
    `#jepsen.history.Op{${invoke}}\n#jepsen.history.Op {${ok}}\n`,
    `#jepsen.history.DenseHistory [#jepsen.history.Op{${invoke}} {${ok}} ${nemesis}]`
  ]
  for (const shape of shapes) {
    for (const chunkChars of [1, 7, 1000]) {
      assert.equal(read(jepsenEdn, shape, chunkChars), expected, shape)
    }
  }
})

test('formats: edn: what is no history: an error with its place', () => {
  const event = '{:process 0, :type :invoke, :f :read}'
  const cases: readonly (readonly [string, string])[] = [
    [`[${event}\n${event}`, '2:38: the file ends within the vector that began at 1:1, expected'],
    [`(${event}`, '1:39: the file ends within the list that began at 1:1, expected'],
    [`${event}\n{:process 0 :value [1 (2`, '2:25: the file ends within a list that began at 2:23'],
    [`[${event}] ${event}`, '1:41: more after the end, expected nothing'],
    [`${event}\n[${event}]`, '2:1: a form that is no map, expected an event'],
    [`[${event} 5]`, '1:40: a form that is no map, expected an event'],
    [`[${event}}`, '1:39: "}", expected a form'],
    ['{:process 0, :f :read}', '1:1: an event without type, expected process, type, f and value'],
    ['{:type :ok, :f :read}', '1:1: an event without process'],
    ['{:process 0, :type :ok}', '1:1: an event without f'],
    ['{:process nil, :type :ok, :f :r}', '1:11: a process that is no integer'],
    ['{:process 1.5, :type :ok, :f :r}', '1:11: a process that is no integer'],
    ['{:process "1", :type :ok, :f :r}', '1:11: a process that is no integer'],
    ['{:process 1, :type 5, :f :r}', '1:20: a type that is no name, expected invoke'],
    ['{:process 1, :type :ok, :f 5}', '1:28: an f that is no name'],
    ['{:process 1, :type :ok, :f :r :time :x}', '1:37: a time that is no number'],
    ['{:process 1, :type :ok, :type :fail}', '1:31: the field is given twice'],
    ['{:process 1, :type}', '1:19: a key without a value'],
    [
      '{:process :nemesis :type :info :f :start}',
      '1:42: the file ends with no event of a client in it, expected one'
    ]
  ]
  for (const [file, expected] of cases) {
    for (const chunkChars of [1, 1000]) {
      const actual = errorOf(jepsenEdn, file, chunkChars)
      assert.is(actual.slice(0, expected.length), expected, `${file}: ${actual}`)
    }
  }
})

test('formats: tuples of independent: a key and a value when asked, and when tagged', () => {
  const line = (value: string, type = 'invoke'): string => {
    return `{:process 1, :type :${type}, :f :cas, :value ${value}}`
  }
  const asked = { independent: true }
  const event = { type: 'invoke', process: 1, f: 'cas', key: 3, value: [1, 2] }
  assert.equal(read(jepsenEdn, line('[3 [1 2]]'), 9, asked), [event])
  for (const tag of ['jepsen.independent.Tuple', 'clojure.lang.MapEntry', 'jepsen/Tuple']) {
    assert.equal(read(jepsenEdn, line(`#${tag} [3 [1 2]]`)), [event])
  }
  assert.equal(read(jepsenEdn, line('[3 4]'))[0]?.value, [3, 4])
  const text = '{"process":1,"type":"invoke","f":"cas","value":[3,[1,2]]}'
  assert.equal(read(ndjson, text, 9, asked), [event])
  const log = 'INFO  jepsen.util - 1\t:invoke\t:cas\t[3 [1 2]]\n'
  assert.equal(read(jepsenLog, log, 9, asked), [event])
  const crashed = read(jepsenEdn, line('nil', 'info'), 9, asked)
  assert.equal(crashed, [{ type: 'info', process: 1, f: 'cas', value: null }])
  const what = 'a value that is no tuple, expected [key value]'
  assert.is(errorOf(jepsenEdn, line('5'), 9, asked), `1:45: ${what}`)
  assert.is(errorOf(jepsenEdn, line('[1 2 3]', 'ok'), 9, asked), `1:41: ${what}`)
  const twice = line('[1 2], :key 7')
  assert.match(errorOf(jepsenEdn, twice, 9, asked), /^1:45: a tuple besides the field key/)
})

test('formats: jepsen-log: other lines are passed over, operations are not', () => {
  const file = [
    'INFO  jepsen.core - Setting up 5 nodes',
    'INFO  jepsen.util - 5 nodes are up',
    'INFO  jepsen.util - :nemesis\t:info\t:start\tnil',
    'INFO  jepsen.util - 0\t:invoke\t:cas\t[3 0]',
    '2020-01-01 INFO [jepsen worker 1] jepsen.util: 1\t:invoke\t:read\tnil',
    'INFO  jepsen.util - 0   :info   :cas    :timed-out',
    'INFO  jepsen.util - 1\t:fail\t:read\t:timed-out\t[:timed out "x"]',
    ''
  ].join('\n')
  const expected = [
    { type: 'invoke', process: 0, f: 'cas', value: [3, 0] },
    { type: 'invoke', process: 1, f: 'read', value: null },
    { type: 'info', process: 0, f: 'cas', value: 'timed-out' },
    { type: 'fail', process: 1, f: 'read', value: 'timed-out' }
  ]
  for (const chunkChars of [1, 11, 1000]) assert.equal(read(jepsenLog, file, chunkChars), expected)
})

test('formats: jepsen-log: an operation with something missing: an error with its place', () => {
  const head = 'INFO  jepsen.util - '
  const cases: readonly (readonly [string, string])[] = [
    [`${head}0`, '2:22: the line ends before TYPE, expected PROCESS, TYPE, F and VALUE between'],
    [`${head}0\t`, '2:23: the line ends before TYPE'],
    [`${head}0\t:ok`, '2:26: the line ends before F'],
    [`${head}0\t:ok\t:read`, '2:32: the line ends before VALUE'],
    [`${head}0\t:ok\t:read\t`, '2:33: the line ends before VALUE'],
    [`${head}0\t:ok\t:cas\t[1 `, '2:35: the file ends within a vector that began at 2:32'],
    [`${head}0\t:ok\t"read"3\tnil`, '2:33: "3\\tnil", expected a tab before VALUE'],
    [`${head}0\t:ok\t:cas\t[1 2]3`, '2:37: more after VALUE'],
    [`${head}0\tok:read\t:r\tnil`, '2:23: an unknown type "ok:read"']
  ]
  for (const [line, expected] of cases) {
    const file = `other\n${line}\n`
    const actual = errorOf(jepsenLog, file, 7).replace('before F,', 'before F')
    assert.is(actual.slice(0, expected.length), expected, `${line}: ${actual}`)
  }
})

test('formats: ndjson: what is no event: an error with its place', () => {
  const good = '{"process":1,"type":"ok","f":"read","value":'
  const cases: readonly (readonly [string, string])[] = [
    [`${good}`, '2:45: the line ends within an event, expected a JSON value'],
    [`${good}1`, '2:46: the line ends within an event, expected "," or "}"'],
    [`${good}1}}`, '2:47: "}", expected a new line'],
    [`${good}01}`, '2:45: "01}", expected a JSON value'],
    [`${good}1.}`, '2:45: "1.}", expected a JSON value'],
    [`${good}-}`, '2:45: "-}", expected a JSON value'],
    [`${good}nul}`, '2:45: "nul}", expected a JSON value'],
    [`${good}"a`, '2:47: the line ends within an event, expected the end of the string'],
    [`${good}"a\\`, '2:48: the line ends within an event, expected the end of the string'],
    [`${good}"\\x"}`, '2:45: "\\"\\\\x\\"}", expected a string whose escapes JSON has'],
    [`${good}[1 2]}`, '2:48: "2]}", expected "," or "]"'],
    [`${good}{"a":1,"a":2}}`, '2:52: a field that the object already has'],
    [`${good}{"#set":1}}`, '2:45: a #set of another form'],
    [`${good}${'['.repeat(9999)}`, '2:245: nested too deep'],
    ['[1]', '2:1: "[1]", expected a JSON object'],
    ['{"process":1,"process":2}', '2:24: the field is given twice'],
    ['{process:1}', '2:2: "process:1}", expected a field name in quotes'],
    ['{}', '2:1: an event without process']
  ]
  for (const [line, expected] of cases) {
    for (const newline of ['', '\n{']) {
      const actual = errorOf(ndjson, `${good}1}\n${line}${newline}`, 1000)
      assert.is(actual.slice(0, expected.length), expected, `${line}: ${actual}`)
    }
  }
})

test('formats: integers beyond 2^53: no digit is lost', () => {
  const large = 2n ** 60n
  const safe = Number.MAX_SAFE_INTEGER
  const json = (value: unknown): string => {
    return `{"type":"ok","process":1,"f":"r","value":${String(value)},"time":${large}}\n`
  }
  const values = (format: Format, file: string): Plain[] => {
    return read(format, file).map(({ value }) => value)
  }
  assert.equal(values(ndjson, json(large) + json(-large) + json(safe)), [large, -large, safe])
  assert.is(read(ndjson, json(1))[0]?.time, 2 ** 60)
  assert.equal(values(ndjson, json(2n ** 53n)), [2n ** 53n])
  const edn = (value: string): string => `{:type :ok, :process 1, :f :r, :value ${value}}\n`
  const file = edn(`${large}`) + edn(`-${large}N`) + edn('5N') + edn('9007199254740993')
  assert.equal(values(jepsenEdn, file), [large, -large, 5, 9007199254740993n])
})

test('formats: an event without key, value and time: has none of the event before it', () => {
  const expected = [
    { type: 'invoke', process: 1, f: 'r', key: 'k', value: 5, time: 6 },
    { type: 'ok', process: 1, f: 'r', value: null }
  ] as const
  const json = '{"process":1,"type":"ok","f":"r"}'
  assert.equal(read(ndjson, ndjson.write(expected[0]) + json), expected)
  const edn = '{:process 1 :type :ok :f :r}'
  assert.equal(read(jepsenEdn, jepsenEdn.write(expected[0]) + edn), expected)
})

test('formats: ndjson: names with escapes, fields of no use: read as JSON has them', () => {
  const file = '{"\\u0074ype":"ok" , "process" : 1,\t"f":"r","node":{"a":[1]},"value":"\\u00e9"}'
  assert.equal(read(ndjson, file), [{ type: 'ok', process: 1, f: 'r', value: '\u00e9' }])
})

test('formats: porcupine-kv: an event that it cannot hold: is not written', () => {
  const event = { type: 'ok', process: 1, f: 'get', key: 'k', value: 'v' } as const
  for (const bad of [{ f: 'cas' }, { key: 1 }, { value: 5 }]) {
    assert.throws(() => porcupineKv.write({ ...event, ...bad }), (error: Error) => {
      return error instanceof TypeError && error.message.startsWith('porcupine-kv has ')
    })
  }
})

test('formats: the place of an event: is where it begins in the file', () => {
  const event = '{:process 0, :type :invoke, :f :read}'
  const edn = jepsenEdn.reader()
  assert.is(edn.push(`[${event}\n\n  ${event} {:pro`).length, 2)
  assert.equal([edn.placeOf(0), edn.placeOf(1)], [
    { line: 1, column: 2 },
    { line: 3, column: 3 }
  ])
  assert.is(edn.push(`cess 1 :type :ok\n:f :read}\n${event}]`).length, 2)
  assert.equal([edn.placeOf(0), edn.placeOf(1)], [
    { line: 3, column: 41 },
    { line: 5, column: 1 }
  ])
  for (const format of [ndjson, jepsenLog]) {
    const line = format.write({ type: 'ok', process: 1, f: 'r', value: 1 })
    const reader = format.reader()
    reader.push(`\n${line}${line}{INFO`.replace('{INFO', line.slice(0, 4)))
    assert.equal(reader.placeOf(1), { line: 3, column: 1 })
    reader.push(`${line.slice(4)}${line}`)
    assert.equal(reader.placeOf(1), { line: 5, column: 1 })
  }
})

test.run()
