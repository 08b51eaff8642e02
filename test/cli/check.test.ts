// `lockstep check` as a user runs it: files of several formats, their verdicts, what is unreadable.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { installCopy, lockstep } from './support.ts'
import type { Outcome } from './support.ts'

const test = suite('check')
const root = installCopy()
test.after(removeTemporaryFolders)

function file(name: string, bytes: string | Uint8Array): string {
  const path = join(root, name)
  writeFileSync(path, bytes)
  return path
}

const check = (...args: readonly string[]): Outcome => lockstep(root, ['check', ...args])

/** `type process f value`, one a line, as NDJSON. */
function history(...lines: readonly string[]): string {
  return lines
    .map((line) => {
      const [type, process, f, value = 'null'] = line.split(' ')
      return `{"type":"${type}","process":${process},"f":"${f}","value":${value}}\n`
    })
    .join('')
}

const good = file('good.edn', `[{:process 0, :type :invoke, :f :write, :value 1}
 {:process 1, :type :invoke, :f :read, :value nil}
 {:process 0, :type :ok, :f :write, :value 1}
 {:process 1, :type :ok, :f :read, :value 1}]`)
const stale = history(
  'invoke 0 write 1',
  'ok 0 write 1',
  'invoke 1 write 2',
  'ok 1 write 2',
  'invoke 0 read',
  'ok 0 read 1',
)
const bad = file('bad.ndjson', stale)
const doubled = [
  ...['invoke 0 acquire', 'ok 0 acquire 7', 'invoke 1 acquire', 'ok 1 acquire 8'],
  ...['invoke 0 release', 'ok 0 release'],
]
const locks = file('locks.ndjson.gz', gzipSync(history(...doubled)))
const log = file('register.log', [
  'INFO  jepsen.core - not an event',
  'INFO  jepsen.util - 0\t:invoke\t:cas\t[0 1]',
  'INFO  jepsen.util - 0\t:info\t:cas\t:timed-out',
  'INFO  jepsen.util - 1\t:invoke\t:read\tnil',
  'INFO  jepsen.util - 1\t:ok\t:read\t1',
  '',
].join('\n'))

test('check: a good history: exit code 0, its format and model are recognised', () => {
  const { code, stdout } = check(good)
  assert.is(code, 0)
  assert.match(stdout, /good\.edn: ok \(2 operations, cas-register, \d+ ms\)/)
})

test('check: a bad one: exit code 1, and who, what and when', () => {
  const { code, stdout } = check(bad)
  assert.is(code, 1)
  assert.match(stdout, /bad\.ndjson: violation/)
  assert.match(stdout, /read -> 1 \(process 0, 5 to 6\)/)
})

test('check: locks in a gzipped file: two that hold one are named', () => {
  const { code, stdout } = check(locks)
  assert.is(code, 1)
  assert.match(stdout, /violation \(3 operations, fenced-mutex/)
  assert.match(stdout, /process 1 held the lock from 4 with token 8 while process 0 held it/)
  // Who forgets the owners sees nothing wrong.
  assert.is(check('--model', 'owner-mutex', locks).code, 1)
})

test('check: --init: a cas that may have happened explains a read', () => {
  assert.is(check(log).code, 1)
  assert.is(check('--init', '0', log).code, 0)
})

test('check: --json: one array, an object for each file', () => {
  const { code, stdout } = check('--json', good, bad)
  assert.is(code, 1)
  const [first, second] = JSON.parse(stdout)
  assert.equal(Object.keys(first), ['file', 'model', 'verdict', 'operations', 'ms'])
  assert.equal([first.verdict, first.operations], ['ok', 2])
  assert.equal([second.verdict, second.model], ['violation', 'cas-register'])
  assert.ok(second.violation.operations.length > 0)
  assert.match(second.reason, /one value was there before and after the other/)
})

test('check: several files: a line each, and a summary', () => {
  const { code, stdout } = check(good, bad, good)
  assert.is(code, 1)
  assert.match(stdout, /\n2 ok, 1 violation\n$/)
})

test('check: no answer in time: exit code 3, and how far it is right', () => {
  // Everybody writes what nobody can tell apart, and what is read at last was never there.
  const asked = Array.from({ length: 40 }, (_, at) => `invoke ${at} ${at % 2 ? 'cas' : 'write'} `)
  const lines = asked.map((line, at) => line + (at % 2 ? `[${at % 7},${at % 5}]` : at % 6))
  const answers = asked.map((_, at) => `ok ${at} ${at % 2 ? 'cas' : 'write'}`)
  const hard = file('hard.ndjson', history(...lines, ...answers, 'invoke 99 read', 'ok 99 read 77'))
  const { code, stdout } = check('--timeout', '300ms', hard)
  assert.ok(code === 3 || code === 1, `exit code ${code}`)
  if (code === 3) assert.match(stdout, /unknown.*\n.*no answer in time/)
})

const garbage: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ['empty.edn', '', /empty\.edn:1:1: no event is in the file, expected a history/],
  ['binary.edn', Uint8Array.of(0xff, 0xfe, 0x00), /\.edn:1:1: bytes that are no UTF-8, expected/],
  ['foreign.txt', 'hello\n', /foreign\.txt:1:1: a file of no known format, expected one of: nd/],
  ['cut.ndjson', stale.slice(0, -9), /cut\.ndjson:6:\d+: the line ends within an event, expected/],
  ['cut.log', 'INFO  jepsen.util - 1\t:invoke\t:write\t12', /log:1:\d+: the last line may be cut/],
  ['cut.ndjson.gz', gzipSync(stale).subarray(0, 40), /:1:1: .*, expected a whole gzip/],
  ['open.edn', '[{:process 0 :type :invoke', /edn:1:27: the file ends within a map/],
  ['twice.ndjson', history('invoke 0 read', 'invoke 0 read'), /:2:1: process 0 invokes read/],
  ['orphan.ndjson', history('ok 0 read 1'), /:1:1: process 0 ends read \(ok\) without an/],
  ['other.ndjson', history('invoke 0 read', 'ok 0 write 1'), /:2:1: process 0 ends write/],
  ['type.ndjson', history('done 0 read'), /:1:9: an unknown type "done", expected invoke, ok/],
  ['words.ndjson', history('invoke 0 fly'), /no model knows fly: name one with --model/],
]

for (const [name, bytes, said] of garbage) {
  test(`check: ${name}: exit code 2, and where and what`, () => {
    const { code, stdout, stderr } = check(file(name, bytes))
    assert.is(code, 2)
    assert.is(stdout, '')
    assert.match(stderr, said)
    assert.not.match(stderr, /\n\s+at /)
  })
}

test('check: a folder, a file that is not there, and no file: exit code 2', () => {
  mkdirSync(join(root, 'folder'))
  assert.match(check(join(root, 'folder')).stderr, /folder:1:1: it is a folder, expected a file/)
  const { stderr: nowhere } = check(join(root, 'nowhere.edn'))
  assert.match(nowhere, /nowhere\.edn:1:1: ENOENT.*, expected a file that can be read/)
  assert.match(check().stderr, /check wants the path of a history/)
  assert.match(check('--model', 'mutx', good).stderr, /'mutx'.*did you mean 'mutex'/)
  assert.match(check('--failed', 'maybe', good).stderr, /dropped or observed, not 'maybe'/)
  assert.match(check('--init', '{', good).stderr, /--init wants JSON/)
  const { stderr } = check('--model', 'queue', good)
  assert.match(stderr, /good\.edn:1:2: process 0: .* no word for write 1, expected first in/)
})

test('check: an empty file: is a history of nothing when its format is given', () => {
  const { code, stdout } = check('--format', 'edn', file('none.edn', ''))
  assert.is(code, 0)
  assert.match(stdout, /none\.edn: ok \(0 operations/)
})

test('check: integers beyond 2^53: one that differs in its last digit is another', () => {
  const read = (value: string): number | null => {
    const lines = ['invoke 0 write 1152921504606846976', 'ok 0 write 1', 'invoke 0 read']
    return check(file('big.ndjson', history(...lines, `ok 0 read ${value}`))).code
  }
  assert.equal([read('1152921504606846976'), read('1152921504606846977')], [0, 1])
})

test('check: many files on several threads: in the order in which they were named', () => {
  const files = [good, bad, good, locks, good]
  const { code, stdout } = check('--jobs', '3', '--json', ...files)
  assert.is(code, 1)
  const results = JSON.parse(stdout)
  assert.equal(results.map(({ file }: { file: string }) => file), files)
  const verdicts = results.map(({ verdict }: { verdict: string }) => verdict)
  assert.equal(verdicts, ['ok', 'violation', 'ok', 'violation', 'ok'])
})

test('check: no memory for it: unknown, on the main thread and on others', () => {
  const reads = Array.from({ length: 60_000 }, () => ['invoke 0 read', 'ok 0 read null']).flat()
  const large = file('large.ndjson', history(...reads))
  for (const files of [[large], [large, large]]) {
    const { code, stdout } = check('--memory', '20MB', '--model', 'register', ...files)
    assert.is(code, 3)
    assert.match(stdout, /unknown.*\n {2}no answer within the memory/)
  }
})

test('check: --key-by: a field of the value names the object', () => {
  const lines = ['invoke 0 acquire {"lock":"a"}', 'ok 0 acquire {"lock":"a"}']
  const other = ['invoke 1 acquire {"lock":"b"}', 'ok 1 acquire {"lock":"b"}']
  const two = file('two.ndjson', history(...lines, ...other))
  assert.is(check('--model', 'mutex', two).code, 1)
  assert.is(check('--model', 'mutex', '--key-by', 'lock', two).code, 0)
  const { code, stderr } = check('--model', 'mutex', '--key-by', 'name', two)
  assert.is(code, 2)
  assert.match(stderr, /two\.ndjson:1:1: the value of acquire has no field name, expected one/)
})

test('check: --key-by tuple: values are pairs of a key and a value', () => {
  const writes = ['invoke 0 write ["x",1]', 'ok 0 write ["x",1]']
  const reads = ['invoke 1 read ["y",null]', 'ok 1 read ["y",null]']
  const pairs = file('pairs.ndjson', history(...writes, ...reads))
  assert.is(check('--key-by', 'tuple', '--model', 'register', pairs).code, 0)
})

test('check: --json: integers beyond 2^53 are texts', () => {
  const writes = ['invoke 0 write 1152921504606846976', 'ok 0 write 1']
  const big = file('big.ndjson', history(...writes, 'invoke 0 read', 'ok 0 read 7'))
  const { stdout } = check('--json', big)
  assert.is(JSON.parse(stdout)[0].verdict, 'violation')
})

test('check: --html: a page with the verdict and who was in conflict; of one file only', () => {
  const page = join(root, 'page.html')
  const { code, stdout } = check('--html', page, locks)
  assert.is(code, 1)
  assert.match(stdout, /violation/)
  const text = readFileSync(page, 'utf8')
  assert.match(text, /^<!doctype html>/i)
  assert.match(text, /process 1 held the lock from 4 with token 8/)
  assert.match(check('--html', page, locks, good).stderr, /--html takes one file/)
  const nowhere = join(root, 'nowhere', 'page.html')
  const { code: refused, stderr } = check('--html', nowhere, good)
  assert.is(refused, 2)
  assert.match(stderr, /--html .*nowhere.*page\.html: ENOENT/)
})

test.run()
