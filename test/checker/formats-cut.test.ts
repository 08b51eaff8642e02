// A history file that is cut off: at every byte it is refused, or holds a true beginning of the
// events; and the command's decoder may meet the cut within a character.

import * as assert from 'uvu/assert'
import { Tagged } from '../../checker/event.ts'
import type { HistoryEvent } from '../../checker/event.ts'
import { FormatError } from '../../checker/formats/format.ts'
import { FORMATS, formatNamed } from '../../checker/formats/formats.ts'
import { suite } from '../harness.ts'

const test = suite('formats-cut')

/** The events of these bytes, or the error. */
function read(format: string, bytes: Uint8Array): readonly HistoryEvent[] | FormatError {
  const reader = formatNamed(format)?.reader()
  assert.ok(reader !== undefined, `there is no format ${format}`)
  try {
    return [...reader.push(new TextDecoder().decode(bytes)), ...reader.end()]
  } catch (error) {
    assert.instance(error, FormatError)
    return error as FormatError
  }
}

const values = [
  ...[null, true, 0, -17, 123, 2 ** 53 - 1, 2n ** 60n, 1.5, 1e300, NaN, Infinity],
  ...['', 'word', 'a b', 'é😀', 'a"\\\n]', ';', 'nil'],
  ...[[1, 22], [], [[['read', 'x', null]]], { a: { b: 12 } }, {}],
  ...[new Set([1, 23]), new Map([[12, 34]]), new Tagged('inst', '2026'), new Tagged('n/m', 12)],
  ...[new Tagged('ratio', '1/23'), new Tagged('decimal', '1.50')]
]

const written: readonly HistoryEvent[] = values.flatMap((value, process) => [
  { type: 'invoke', process, f: 'write', value },
  { type: 'ok', process, f: 'write', value }
])

const stored: readonly HistoryEvent[] = ['', 'x 1', 'é😀', null].flatMap((value, process) => [
  { type: 'invoke', process, f: 'put', key: 'k 12', value },
  { type: 'ok', process, f: 'put', key: 'k 12', value }
])

const lines = (name: string, events: readonly HistoryEvent[]): string => {
  return events.map((one) => formatNamed(name)?.write(one)).join('')
}
const edn = lines('edn', written)
const json = '{"process":1,"type":"ok","f":"r","key":12,"time":34}\r\n'
const records = `#jepsen.history.Op${edn.replaceAll('\n', ' #_ {:a 1}\n')}`

/** Files of each format, as others write them too. */
const samples: readonly (readonly [string, string, string])[] = [
  ['ndjson', 'as it is written', lines('ndjson', written)],
  ['ndjson', 'with CR LF, a key and a time', json.repeat(3)],
  ['porcupine-kv', 'as it is written', lines('porcupine-kv', stored)],
  ['jepsen-log', 'as it is written', lines('jepsen-log', written)],
  ['jepsen-log', 'with errors and other lines', [
    'INFO  jepsen.core - Set up 12 nodes',
    'INFO  jepsen.util - 10\t:invoke\t:cas\t[1 23]',
    'INFO  jepsen.util - :nemesis\t:info\t:start\tnil',
    'INFO  jepsen.util - 11\t:invoke\t:read\tnil',
    'INFO  jepsen.util - 10\t:info\t:cas\t[1 23]\t:timed-out',
    'INFO  jepsen.util - 11\t:fail\t:read\t:timed-out',
    'INFO  jepsen.util - 12   :invoke :write  123',
    'INFO  jepsen.util - 12   :ok     :write  123  '
  ].join('\r\n')],
  ['edn', 'one map a line', edn],
  ['edn', 'one vector', `; a note\n[${edn}]\n`],
  ['edn', 'records in a tagged list', `#a.b.C (${records}); end`],
  ['edn', 'no line ends', edn.replaceAll('\n', '')]
]

for (const [name, what, text] of samples) {
  test(`formats-cut: ${name}, ${what}: refused, or a true beginning`, () => {
    const bytes = new TextEncoder().encode(text)
    const whole = read(name, bytes)
    assert.not.instance(whole, FormatError, String(whole))
    const events = whole as readonly HistoryEvent[]
    let refused = 0
    for (let at = 0; at < bytes.length; at++) {
      const beginning = read(name, bytes.subarray(0, at))
      if (beginning instanceof FormatError) {
        assert.match(beginning.message, /^\d+:\d+: .*, expected /)
        refused += 1
      } else {
        assert.ok(beginning.length > 0, `nothing is read of the first ${at} bytes`)
        assert.equal(beginning, events.slice(0, beginning.length), `the first ${at} bytes`)
      }
    }
    assert.ok(refused > bytes.length / 2, `only ${refused} of ${bytes.length} are refused`)
  })
}

test('formats-cut: every format has a sample', () => {
  const names = FORMATS.map(({ name }) => name).sort()
  assert.equal([...new Set(samples.map(([name]) => name))].sort(), names)
})

test('formats-cut: jepsen-log: a last value that may go on: refused, a closed one not', () => {
  const encode = (value: string): Uint8Array => {
    return new TextEncoder().encode(`INFO  jepsen.util - 1\t:ok\t:read\t${value}`)
  }
  const open = ['12', '-1', ':timed', 'word', '1/2', '##Inf', '\\a', '#inst', '1.5M']
  for (const value of open) {
    assert.instance(read('jepsen-log', encode(value)), FormatError, value)
  }
  const closed = ['nil', 'true', '[1 2]', '"12"', '{:a 1}', '#{1}', '(1)', '12\t:e', '12\n']
  for (const value of closed) {
    assert.is((read('jepsen-log', encode(value)) as HistoryEvent[]).length, 1, value)
  }
})

test.run()
