// EDN: what each form reads as, and that what is none is refused where it stands.

import * as assert from 'uvu/assert'
import { Tagged } from '../../checker/event.ts'
import type { Plain } from '../../checker/event.ts'
import { EdnReader } from '../../checker/formats/edn-reader.ts'
import { writeEdn } from '../../checker/formats/edn-writer.ts'
import { FormatError } from '../../checker/formats/format.ts'
import { suite } from '../harness.ts'

const test = suite('formats-edn')

const ednForms = (): EdnReader<Plain> => new EdnReader((scanner) => scanner.form())

function read(text: string, chunkChars = 1 << 16): Plain[] {
  const reader = ednForms()
  const forms: Plain[] = []
  for (let at = 0; at < text.length; at += chunkChars) {
    forms.push(...reader.push(text.slice(at, at + chunkChars)))
  }
  return [...forms, ...reader.end()]
}

function errorOf(text: string, chunkChars?: number): string {
  try {
    return `none: ${JSON.stringify(read(text, chunkChars))}`
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return error.message
  }
}

/** Each form, and what it reads as. */
const samples: readonly (readonly [string, Plain])[] = [
  ['nil', null],
  ['true', true],
  ['false', false],
  ['0', 0],
  ['-12', -12],
  ['+5', 5],
  ['7N', 7],
  ['-0', 0],
  ['999999999999999', 999999999999999],
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['-1152921504606846976', -(2n ** 60n)],
  ['1152921504606846976N', 2n ** 60n],
  ['1.5', 1.5],
  ['-1.5e-3', -0.0015],
  ['2.', 2],
  ['1E3', 1000],
  ['1.50M', new Tagged('decimal', '1.50')],
  ['-1/3', new Tagged('ratio', '-1/3')],
  ['##Inf', Infinity],
  ['##-Inf', -Infinity],
  ['##NaN', NaN],
  ['""', ''],
  ['"a b"', 'a b'],
  ['"a\\"b\\\\"', 'a"b\\'],
  ['"\\t\\r\\n\\b\\f\\u00e9x"', '\t\r\n\b\f\u00e9x'],
  ['"two\nlines; no comment"', 'two\nlines; no comment'],
  ['"\u00e9\ud83d\ude00"', '\u00e9\ud83d\ude00'],
  ['\\a', 'a'],
  ['\\(', '('],
  ['\\\\', '\\'],
  ['\\newline', '\n'],
  ['\\space', ' '],
  ['\\tab', '\t'],
  ['\\return', '\r'],
  ['\\u0041', 'A'],
  ['\\\ud83d\ude00', '\ud83d\ude00'],
  [':read', 'read'],
  [':a.b/c-d?', 'a.b/c-d?'],
  [':1', '1'],
  ['x', 'x'],
  ['-', '-'],
  ['-x', '-x'],
  ['nilly', 'nilly'],
  ['a-name-that-is-longer-than-slots', 'a-name-that-is-longer-than-slots'],
  ['#{1 2, :three}', new Set<Plain>([1, 2, 'three'])],
  ['#{}', new Set()],
  ['{}', {}],
  ['{:a 1, :b [2 (3)] "c d" {:e #{}}}', { a: 1, b: [2, [3]], 'c d': { e: new Set() } }],
  ['{1 2, :a [3]}', new Map<Plain, Plain>([[1, 2], ['a', [3]]])],
  ['{:a 1, nil 2}', new Map<Plain, Plain>([['a', 1], [null, 2]])],
  ['{#{1} 2}', new Map<Plain, Plain>([[new Set([1]), 2]])],
  ['#inst "2020-01-01"', new Tagged('inst', '2020-01-01')],
  ['#my/tag [1 #inst nil]', new Tagged('my/tag', [1, new Tagged('inst', null)])],
  ['#jepsen.history.Op{:index 1, :f :read}', { index: 1, f: 'read' }],
  ['#jepsen.history.Op {1 2}', new Map([[1, 2]])],
  ['#my.ns/point {:x 1}', new Tagged('my.ns/point', { x: 1 })],
  ['#a.b.Tuple [1 2]', new Tagged('a.b.Tuple', [1, 2])],
  ['#:n{:a 1, :m/b 2}', { 'n/a': 1, 'm/b': 2 }],
  ['#_1 2', 2],
  ['#_ #_ 1 [2] 3', 3],
  ['; a note\n 5 ; another', 5],
  [',, 5 ,', 5],
  ['#_{:a [1 "]"]} 5', 5]
]

test('formats-edn: every form, cut anywhere: reads as what it says', () => {
  for (const [text, expected] of samples) {
    for (const chunkChars of [1, 2, 3, 1000]) {
      // A vector of its own is streamed, with or without a tag; in one, forms follow each other.
      if (!/^#[a-zA-Z./]+ \[/.test(text)) assert.equal(read(text, chunkChars), [expected], text)
      const file = `[${text}\n${text}\n]`
      assert.equal(read(file, chunkChars), [expected, expected], file)
      assert.equal(read(`{:k ${text}\n}`, chunkChars), [{ k: expected }], text)
    }
  }
})

test('formats-edn: every form: is written so that it reads as the same', () => {
  for (const [, value] of samples) assert.equal(read(`{:k ${writeEdn(value)}}`), [{ k: value }])
  const text = '{:a [1 -1152921504606846976N "x"], "b c" nil}'
  assert.is(writeEdn({ a: [1, -(2n ** 60n), 'x'], 'b c': null }), text)
})

test('formats-edn: adjacent forms without blanks: each is read', () => {
  assert.equal(read('{:a"b":c[1]:d(2)}{:e\\f}'), [{ a: 'b', c: [1], d: [2] }, { e: 'f' }])
  assert.equal(read('(1)'), [1])
  assert.equal(read('"a""b"5"c"'), ['a', 'b', 5, 'c'])
  assert.equal(read('{:a 1};note'), [{ a: 1 }])
})

test('formats-edn: the name __proto__: is a field as any other', () => {
  const [map] = read('{:__proto__ {:x 1}, :y 2}') as [Record<string, Plain>]
  assert.equal(Object.keys(map), ['__proto__', 'y'])
  assert.is(map['x'], undefined)
  assert.is(Object.getPrototypeOf(map), Object.prototype)
  assert.equal(read('{:toString 1}'), [{ toString: 1 }])
})

/** What is no EDN, and how the error begins. */
const broken: readonly (readonly [string, string])[] = [
  ['{:a 1', '1:6: the file ends within a map that began at 1:1, expected the rest of it'],
  ['{:a', '1:4: the file ends within a map that began at 1:1'],
  ['{:a\n [1 #{2 ', '2:9: the file ends within a set that began at 2:6'],
  ['{:a "b', '1:7: the file ends within a string that began at 1:5'],
  ['{:a "b\\', '1:8: the file ends within a string that began at 1:5'],
  ['{:a "b\\u00', '1:11: the file ends within a string that began at 1:5'],
  ['{:a (', '1:6: the file ends within a list that began at 1:5'],
  ['#', '1:2: the file ends within a tag'],
  ['{:a #inst', '1:10: the file ends within a tagged value that began at 1:5'],
  ['{:a #_', '1:7: the file ends within a form that began at 1:7'],
  ['\\', '1:2: the file ends within a character that began at 1:1'],
  ['[1', '1:3: the file ends within the vector that began at 1:1, expected it to be closed'],
  ['#a [1', '1:6: the file ends within the vector that began at 1:4'],
  ['[1] 2', '1:5: more after the end, expected nothing'],
  ['}', '1:1: "}", expected a form'],
  ['{:a]', '1:4: "]", expected a form'],
  ['{:a (1]}', '1:7: "]", expected a form'],
  ['{:a}', '1:2: a key without a value'],
  ['{:a 1 :a 2}', '1:7: a key that the map already has'],
  ['{1 1, :a 2 :a 2}', '1:12: a key that the map already has'],
  ['#{1 2 1}', '1:1: a set with the same twice'],
  ['"\\x"', '1:2: "\\\\x", expected an escape'],
  ['"\\u00g0"', '1:2: "\\\\u", expected an escape'],
  ['\\abc', '1:1: "\\\\abc", expected a character'],
  ['\\ ', '1:1: none'],
  [': a', '1:1: ":", expected a keyword'],
  ['::a', '1:1: "::a", expected a keyword'],
  ['1x', '1:1: "1x", expected a number'],
  ['01', '1:1: "01", expected a number'],
  ['{:a 01}', '1:5: "01", expected a number'],
  ['{:a -00}', '1:5: "-00", expected a number'],
  ['0x1F', '1:1: "0x1F", expected a number'],
  ['1.2.3', '1:1: "1.2.3", expected a number'],
  ['1/0', '1:1: "1/0", expected a number'],
  ['9'.repeat(1001), '1:1: "999999999999999999999999...", expected a number'],
  ['@a', '1:1: "@a", expected a form'],
  ['^a b', '1:1: "^a", expected a form'],
  ['#"a"', '1:1: "#", expected a set or a tag'],
  ['#:n [1]', '1:1: "#:n", expected a map after it'],
  ['{:a \u0001}', '1:5: a control character'],
  ['{:a b\u0007}', '1:6: a control character'],
  ['{:a "\0"}', '1:6: a zero byte'],
  ['\n {:a \ufffd}', '2:6: bytes that are no UTF-8']
]

test('formats-edn: what is no EDN: an error with its place, wherever it is cut', () => {
  for (const [text, expected] of broken) {
    if (expected === '1:1: none') assert.equal(read(text), [' '])
    else {
      for (const chunkChars of [1, 3, 1000]) {
        const actual = errorOf(text, chunkChars)
        assert.is(actual.slice(0, expected.length), expected, `${text}: ${actual}`)
      }
    }
  }
})

test('formats-edn: forms nested without end: an error, and no overflow', () => {
  for (const opener of ['[', '(', '{', '#{', '#a ', '#_', '{:a ', '{[', '#:a ']) {
    const actual = errorOf(`{:a ${opener.repeat(100_000)}`)
    assert.match(actual, /^1:\d+: nested too deep, expected at most 200 levels$/, opener)
  }
  const deep = `{:a ${'['.repeat(150)}${']'.repeat(150)}}`
  assert.is(read(deep.repeat(200)).length, 200)
  assert.is(read(deep.repeat(20), 50).length, 20)
})

test('formats-edn: a long form in many chunks: is read in about linear time', () => {
  const text = `{:a "${'x'.repeat(4_000_000)}" :b [${'1 '.repeat(500_000)}]}\n`
  const [form] = read(`${text}{:c 1}`, 1000) as [{ a: string; b: Plain[] }]
  assert.equal([form.a.length, form.b.length], [4_000_000, 500_000])
}, { deadlineMs: 20_000 })

test('formats-edn: a vector: its elements come out before it ends', () => {
  const reader = ednForms()
  assert.equal(reader.push('[{:a 1} {:a'), [{ a: 1 }])
  assert.equal(reader.push(' 2}'), [{ a: 2 }])
  assert.equal(reader.push(' 5'), [])
  assert.equal(reader.push('6 '), [56])
  assert.equal(reader.push(']'), [])
  assert.equal(reader.end(), [])
})

test.run()
