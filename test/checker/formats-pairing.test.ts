// Events are joined to operations: which belongs to which, what each outcome says, where each is in
// its file, and what is no history.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { HistoryEvent, Plain } from '../../checker/event.ts'
import { jepsenEdn } from '../../checker/formats/edn.ts'
import { FormatError } from '../../checker/formats/format.ts'
import { FORMATS, formatNamed } from '../../checker/formats/formats.ts'
import { ndjson } from '../../checker/formats/ndjson.ts'
import { OperationReader } from '../../checker/formats/operation-reader.ts'
import type { OperationReaderOptions } from '../../checker/formats/operation-reader.ts'
import { Pairing, PairingError } from '../../checker/formats/pairing.ts'
import type { FileOperation, PairingOptions } from '../../checker/formats/pairing.ts'
import { malformedReason } from '../../checker/history.ts'
import { suite } from '../harness.ts'

const test = suite('formats-pairing')

type Type = HistoryEvent['type']

function event(process: number, type: Type, f: string, value: Plain = null): HistoryEvent {
  return { type, process, f, value }
}

/** The operations of these events, in the order of their invocations. */
function pair(events: readonly HistoryEvent[], options?: PairingOptions): FileOperation[] {
  const pairing = new Pairing(options)
  const ended = events.flatMap((one) => pairing.observe(one) ?? [])
  return [...ended, ...pairing.end()].sort((a, b) => a.call - b.call)
}

/** The operations of a file that comes in pieces of this length. */
function read(text: string, pieceChars: number, options?: OperationReaderOptions): FileOperation[] {
  const reader = new OperationReader(options)
  const operations: FileOperation[] = []
  for (let at = 0; at < text.length; at += pieceChars) {
    operations.push(...reader.push(text.slice(at, at + pieceChars)))
  }
  return [...operations, ...reader.end()]
}

const never = { return: Infinity, outcome: 'info' } as const

test('pairing: events of several processes: each is joined with its own', () => {
  const events = [
    event(0, 'invoke', 'write', 1),
    { ...event(1, 'invoke', 'read'), key: 'k' },
    event(2, 'invoke', 'cas', [1, 2]),
    event(3, 'invoke', 'write', 3),
    { ...event(1, 'ok', 'read', 1), key: 'k' },
    event(0, 'info', 'write', 'timed-out'),
    event(2, 'fail', 'cas', [1, 2])
  ]
  const asked = (process: number, f: string, value: Plain): object => {
    return { process, f, value }
  }
  assert.equal(pair(events), [
    { process: 0, input: asked(0, 'write', 1), call: 1, ...never },
    {
      process: 1,
      input: { ...asked(1, 'read', null), key: 'k' },
      call: 2,
      return: 5,
      outcome: 'ok',
      output: { value: 1, failed: false }
    },
    { process: 2, input: asked(2, 'cas', [1, 2]), call: 3, return: 7, outcome: 'fail' },
    { process: 3, input: asked(3, 'write', 3), call: 4, ...never }
  ])
})

test('pairing: an info or ok that repeats another value: the invocation counts', () => {
  for (const type of ['info', 'ok'] as const) {
    const events = [event(0, 'invoke', 'write', 1), { ...event(0, type, 'write', 9), key: 'k' }]
    const input = { process: 0, f: 'write', value: 1 }
    assert.equal(pair(events)[0]?.input, input)
  }
})

test('pairing: what is asked again: one object, and never that of something else', () => {
  const alike: Partial<HistoryEvent>[] = [
    // All but the third share a place in the table of what was asked.
    {},
    { f: 'grow' },
    { process: 1 },
    { process: 512 },
    { key: 'k' },
    { key: 'other' },
    { value: 2 },
    { value: [2] },
    { value: [2] },
  ]
  const events = [...alike, ...alike].flatMap((fields): HistoryEvent[] => {
    const asked = { ...event(0, 'invoke', 'write', 1), ...fields }
    return [asked, { ...asked, type: 'ok', value: null }]
  })
  const inputs = pair(events).map(({ input }) => input)
  for (const [at, input] of inputs.entries()) {
    const { process = 0, f = 'write', key, value = 1 } = alike[at % alike.length] ?? {}
    assert.equal(input, { process, f, ...(key === undefined ? {} : { key }), value })
  }
  const again = [event(0, 'invoke', 'write'), event(0, 'ok', 'write')]
  const [one, other] = pair([...again, ...again])
  assert.is(one?.input, other?.input)
})

test('pairing: failed operations: dropped, or observed when they say something', () => {
  const of = (value: Plain, failed?: 'observed'): unknown => {
    const events = [event(0, 'invoke', 'cas', value), event(0, 'fail', 'cas', value)]
    const [operation] = pair(events, failed === undefined ? {} : { failed })
    return [operation?.outcome, operation?.return, operation?.output]
  }
  assert.equal(of([1, 2]), ['fail', 2, undefined])
  assert.equal(of([1, 2], 'observed'), ['ok', 2, { value: [1, 2], failed: true }])
  assert.equal(of('timed-out', 'observed'), ['fail', 2, undefined])
})

test('pairing: times: only when they are asked for', () => {
  const events = [
    { ...event(0, 'invoke', 'read'), time: 5 },
    { ...event(0, 'ok', 'read', 1), time: 7 }
  ]
  const input = { process: 0, f: 'read', value: null }
  assert.equal(pair(events)[0]?.input, input)
  const timed = { ...input, time: 5, timeReturned: 7 }
  assert.equal(pair(events, { hasTimes: true })[0]?.input, timed)
})

test('pairing: a process that crashed: may invoke again', () => {
  const again = [event(0, 'invoke', 'read'), event(0, 'info', 'read'), event(0, 'invoke', 'read')]
  assert.is(pair(again).length, 2)
})

/** Events that no history has: the last one is wrong, and what is said of it. */
const wrong: readonly (readonly [readonly HistoryEvent[], string])[] = [
  [
    [event(0, 'invoke', 'read'), event(1, 'invoke', 'read'), event(0, 'invoke', 'cas')],
    'process 0 invokes cas while its read of event 1 is open, expected how that ended'
  ],
  [
    [event(0, 'invoke', 'read'), event(0, 'ok', 'read'), event(0, 'ok', 'read')],
    'process 0 ends read (ok) without an invocation, expected an invocation of it before'
  ],
  [
    [event(0, 'invoke', 'read'), event(0, 'ok', 'write')],
    'process 0 ends write (ok) but invoked read, expected an invocation of it before'
  ]
]

test('pairing: events that no history has: an error says what was expected', () => {
  const unknown = [event(0, 'invoke', 'read'), event(0, 'began' as Type, 'read')]
  const what = 'an unknown type "began", expected invoke, ok, fail or info'
  for (const [events, message] of [...wrong, [unknown, what] as const]) {
    assert.throws(
      () => pair(events),
      (error: Error) => error instanceof PairingError && error.message === message
    )
  }
})

test('pairing: events that no history has, in a file: the error names line and column', () => {
  for (const format of FORMATS.filter(({ name }) => name !== 'porcupine-kv')) {
    for (const [events, message] of wrong) {
      const indent = format.name === 'jepsen-log' ? 0 : 2
      const lines = events.map((one) => ' '.repeat(indent) + format.write(one))
      for (const pieceChars of [1, 50, 1000]) {
        const expected = `${lines.length + 1}:${indent + 1}: ${message}`
        assert.throws(
          () => read(`\n${lines.join('')}`, pieceChars, { format }),
          (error: Error) => {
            assert.instance(error, FormatError)
            assert.is(error.message, expected)
            return true
          }
        )
      }
    }
  }
})

test('operation reader: any format, in any pieces: is recognised and read alike', () => {
  const events = [
    { ...event(4, 'invoke', 'append', 'x'), key: 'k' },
    { ...event(4, 'ok', 'append', 'x'), key: 'k' },
    { ...event(5, 'invoke', 'get'), key: 'k' }
  ]
  for (const format of FORMATS) {
    const file = `\ufeff${events.map((one) => format.write(one)).join('')}`
    for (const pieceChars of [1, 30, 1000]) assert.equal(read(file, pieceChars), pair(events))
    assert.equal(read(file, 1, { format }), pair(events))
  }
})

test('operation reader: the place of each event: as in the file, whatever its lines are', () => {
  const one = '{:process 0, :type :invoke, :f :read}'
  const two = '{:process 0, :type :ok, :f :read}'
  const file = `[${one} ${two}\n; a note\n   ${one}\n   ${two}\n   ${one}\n${two}]`
  for (const pieceChars of [1, 40, 1000]) {
    const reader = new OperationReader({ format: jepsenEdn })
    for (let at = 0; at < file.length; at += pieceChars) {
      reader.push(file.slice(at, at + pieceChars))
    }
    const places = [1, 2, 3, 4, 5, 6].map((position) => reader.placeOf(position))
    const texts = places.map(({ line, column }) => `${line}:${column}`)
    assert.equal(texts, ['1:2', '1:40', '3:4', '4:4', '5:4', '6:1'])
  }
})

test('operation reader: nothing, or what is nothing known: an error, told from one another', () => {
  const errorOf = (text: string, options?: OperationReaderOptions): FormatError => {
    try {
      read(text, 7, options)
    } catch (error) {
      if (error instanceof FormatError) return error
    }
    throw new Error(`${JSON.stringify(text)} was read`)
  }
  for (const nothing of ['', '\n \n', '\ufeff']) {
    assert.is(errorOf(nothing).isEmpty, true)
    assert.is(errorOf(nothing, { format: ndjson }).isEmpty, true)
  }
  const nemesis = errorOf('[{:process :nemesis, :type :info, :f :start}]')
  assert.equal([nemesis.isEmpty, nemesis.line], [true, 1])
  assert.is(errorOf('hello\n').isEmpty, false)
  assert.match(errorOf('hello\n').message, /^1:1: a file of no known format, expected one of: nd/)
  assert.match(errorOf('GIF8\n\0\n').message, /^2:1: a zero byte, expected a text file in UTF-8/)
  assert.is(formatNamed('edn'), jepsenEdn)
  assert.is(formatNamed('gif'), null)
})

test('pairing: any history: all operations, each once, and well-formed', () => {
  const steps = fc.array(
    fc.tuple(fc.nat(4), fc.constantFrom<Type>('ok', 'fail', 'info')),
    { maxLength: 60 }
  )
  const property = fc.property(steps, fc.boolean(), (parts, isObserved) => {
    const open = new Set<number>()
    const events = parts.map(([process, ending], index) => {
      const isOpen = open.delete(process)
      if (!isOpen) open.add(process)
      return event(process, isOpen ? ending : 'invoke', 'cas', index)
    })
    const operations = pair(events, { failed: isObserved ? 'observed' : 'dropped' })
    const calls = events.flatMap(({ type }, index) => (type === 'invoke' ? [index + 1] : []))
    assert.equal(operations.map(({ call }) => call), calls)
    assert.is(malformedReason(operations), null)
    for (const { call, process, input, return: answered } of operations) {
      assert.equal([process, input.value], [events[call - 1]?.process, call - 1])
      const next = events.findIndex((other, at) => at >= call && other.process === process)
      const isAnswered = next !== -1 && events[next]?.type !== 'info'
      assert.is(answered, isAnswered ? next + 1 : Infinity)
    }
  })
  fc.assert(property, { seed: 20_261_125, numRuns: 500 })
})

test.run()
