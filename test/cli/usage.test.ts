// Wrong usage: one clear line on stderr, exit code 2, nothing on stdout. And the help.

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { installCopy, lockstep } from './support.ts'

const test = suite('usage')
const root = installCopy()
test.after(removeTemporaryFolders)

writeFileSync(join(root, 'foreign.json'), '{"name": "something else"}')
writeFileSync(join(root, 'text.json'), 'no JSON at all')
writeFileSync(join(root, 'list.json'), '[1, 2, 3]')
writeFileSync(join(root, 'future.json'), '{"format": 2, "decisions": {}}')
writeFileSync(join(root, 'broken.json'), '{"format": 1, "decisions": {}}')
mkdirSync(join(root, 'folder'))

/** A command line, and what the complaint must say: what was wrong, and what is accepted. */
const wrong: readonly (readonly [string, ...RegExp[]])[] = [
  ['smi', /unknown verb 'smi'/, /did you mean 'sim'/, /sim, replay/],
  ['banana', /unknown verb 'banana'/, /sim, replay/],
  ['--jsno', /unknown option '--jsno'/],
  ['help banana', /unknown verb 'banana'/],
  ['sim --node 3', /unknown option --node/, /did you mean '--nodes'/],
  ['sim --xyzzyx', /unknown option --xyzzyx/, /--seeds, --budget/],
  ['sim -x', /unknown option -x/, /--seeds, --budget/],
  ['sim 17', /'17' is not understood/, /only options/],
  ['sim --seeds', /--seeds wants a value/, /N\|A\.\.B/],
  ['sim --json=yes', /--json takes no value/],
  ['sim --seed 1 --seed 2', /--seed was given twice/],
  ['sim --seed 1 --seeds 2', /exclude each other/],
  ['sim --nodes 0', /--nodes wants an integer from 1 to 7, not '0'/],
  ['sim --nodes 8', /--nodes wants an integer from 1 to 7, not '8'/],
  ['sim --nodes three', /--nodes wants an integer from 1 to 7, not 'three'/],
  ['sim --nodes -1', /--nodes wants an integer from 1 to 7, not '-1'/],
  ['sim --clients 0', /--clients wants an integer from 1 to/],
  ['sim --keys 1.5', /--keys wants an integer from 1 to/],
  ['sim --jobs 0', /--jobs wants an integer from 1 to/],
  ['sim --seeds 5..1', /--seeds wants N of 1 or more, or A\.\.B/, /5 comes after 1/],
  ['sim --seeds 0', /--seeds wants N of 1 or more/],
  ['sim --seeds 1..2..3', /--seeds wants N, or A\.\.B/],
  ['sim --seeds ..5', /--seeds wants N, or A\.\.B/],
  ['sim --seeds 9007199254740992', /integers up to 9007199254740991/],
  ['sim --seed 1e3', /--seed wants an integer from 0 to 9007199254740991, not '1e3'/],
  ['sim --seed 9007199254740992', /--seed wants an integer from 0 to 9007199254740991/],
  ['sim --budget 30', /--budget wants a duration such as 30s/, /not '30'/],
  ['sim --budget soon', /--budget wants a duration such as 30s/],
  ['sim --budget 5y', /--budget wants a duration such as 30s/],
  ['sim --budget 0s', /--budget wants more than nothing/],
  ['sim --fire 2h', /--fire wants a duration of at most 1h/],
  ['sim --faults crahs', /'crahs'/, /did you mean 'crash'/, /swarm, none, or some of loss,/],
  ['sim --faults loss,,crash', /does not know ''/, /swarm, none/],
  ['sim --trace', /--trace prints a single run/, /--seed S/],
  ['sim --trace --seeds 2', /--trace prints a single run/],
  ['sim --out package.json', /--out wants a folder/, /'package.json' is a file/],
  ['replay', /replay wants the path of a capsule/],
  ['replay --jobs 2 x', /unknown option --jobs/],
  ['replay nowhere.json', /nowhere\.json cannot be read: there is no such file/],
  ['replay folder', /folder cannot be read: it is a folder/],
  ['replay foreign.json', /foreign\.json is not a capsule: it has no "format"/],
  ['replay text.json', /text\.json is not a capsule: it is not JSON/],
  ['replay list.json', /list\.json is not a capsule/],
  ['replay future.json', /future\.json is a capsule of format 2; this build reads 1/],
  ['replay broken.json', /broken\.json is not a capsule: "build" must be text/],
]

for (const [line, ...patterns] of wrong) {
  test(`usage: lockstep ${line}: one line on stderr and exit code 2`, () => {
    const { code, stdout, stderr } = lockstep(root, line.split(' '))
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.match(stderr, /^lockstep[^\n]*: [^\n]+\n$/)
    for (const pattern of patterns) assert.match(stderr, pattern)
  })
}

test('usage: no verb at all: the help on stderr and exit code 2', () => {
  const { code, stdout, stderr } = lockstep(root, [])
  assert.is(code, 2)
  assert.is(stdout, '')
  assert.match(stderr, /usage: lockstep VERB/)
})

test('usage: help: every way to ask for it prints it on stdout', () => {
  for (const line of ['help', '--help', '-h']) {
    const { code, stdout } = lockstep(root, [line])
    assert.is(code, 0)
    assert.match(stdout, /^ {2}sim +\S/m)
    assert.match(stdout, /^ {2}replay +\S/m)
    assert.match(stdout, /^ {2}mutants +\S/m)
    assert.match(stdout, /exit codes: 0 all good/)
  }
  for (const line of ['help sim', 'sim --help', 'sim -h', 'sim --seeds 3 --help']) {
    const { code, stdout } = lockstep(root, line.split(' '))
    assert.is(code, 0)
    for (const option of ['--seeds N|A..B', '--budget TIME', '--check-determinism', 'examples:']) {
      assert.ok(stdout.includes(option), option)
    }
    assert.ok(stdout.split('\n').every((text) => text.length <= 100))
  }
})

test('usage: --version: that of the package', () => {
  const { code, stdout } = lockstep(root, ['--version'])
  assert.is(code, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('usage: a checkout whose source is newer than its build: refused with exit code 2', () => {
  const checkout = installCopy()
  mkdirSync(join(checkout, 'core'))
  writeFileSync(join(checkout, 'core/edited.ts'), '// Edited after the build.\n')
  writeFileSync(join(checkout, 'dist/.stamp'), '')
  const { code, stderr } = lockstep(checkout, ['--version'], {})
  assert.is(code, 0, stderr)
  utimesSync(join(checkout, 'dist/.stamp'), new Date(0), new Date(0))
  const refused = lockstep(checkout, ['--version'])
  assert.is(refused.code, 2)
  assert.match(refused.stderr, /core\/edited\.ts is newer than the build: run `npm run build`/)
})

test.run()
