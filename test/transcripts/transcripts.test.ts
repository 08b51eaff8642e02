// Golden transcripts: carries out every scenario of this folder, and compares what it says with
// what the file holds. With LOCKSTEP_REWRITE=1 the files are written anew.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from '../harness.ts'
import { runTranscript } from './interpreter.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const isRewrite = process.env['LOCKSTEP_REWRITE'] === '1'
const only = process.argv.slice(2)
/** Unchanged lines shown around what differs. */
const CONTEXT_LINES = 3

const test = suite('transcripts')

for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.txt') || (only.length > 0 && !only.includes(file))) continue
  const golden = readFileSync(join(folder, file), 'utf8')
  const [title = ''] = golden.split('\n')
  test(`transcripts: ${file}: ${title.replace(/^# /, '')}`, () => {
    const said = runTranscript(golden)
    if (said === golden) return
    if (isRewrite) return writeFileSync(join(folder, file), said)
    const error = new Error(report(file, golden.split('\n'), said.split('\n')))
    // It would say the same again, line by line.
    error.stack = ''
    throw error
  })
}

test('transcripts: title: the first line of each file is its story', () => {
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.txt')) continue
    const [title = ''] = readFileSync(join(folder, file), 'utf8').split('\n')
    if (!/^# [A-Z].+/.test(title)) throw new Error(`${file} does not begin with "# Title"`)
  }
})

test.run()

function report(file: string, golden: readonly string[], said: readonly string[]): string {
  const command = 'node --import tsx test/transcripts/transcripts.test.ts'
  return [
    `${file} says something else (- as it was, + as it is)`,
    ...difference(golden, said),
    '',
    `Run it again:     ${command} ${file}`,
    `Accept all of it: LOCKSTEP_REWRITE=1 ${command} ${file}`,
  ].join('\n')
}

/** The lines that differ, each group with its line number, its command and some lines around. */
function difference(before: readonly string[], after: readonly string[]): string[] {
  const pairs = aligned(before, after)
  const isNear = pairs.map((_, at) => {
    const around = pairs.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1)
    return around.some(([sign]) => sign !== ' ')
  })
  const lines: string[] = []
  let lineNumber = 0
  let command = ''
  for (const [at, [sign, line]] of pairs.entries()) {
    if (sign !== '+') lineNumber++
    if (line.startsWith('> ')) command = line
    if (isNear[at] !== true) continue
    if (isNear[at - 1] !== true) lines.push(`@@ line ${lineNumber}, ${command || 'the start'}`)
    lines.push(`${sign} ${line}`)
  }
  return lines
}

type Sign = ' ' | '-' | '+'

/** The longest common subsequence, by the usual table. */
function aligned(before: readonly string[], after: readonly string[]): [Sign, string][] {
  const width = after.length + 1
  const lengths = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const down = lengths[(i + 1) * width + j] as number
      const right = lengths[i * width + j + 1] as number
      const both = (lengths[(i + 1) * width + j + 1] as number) + 1
      lengths[i * width + j] = before[i] === after[j] ? both : Math.max(down, right)
    }
  }
  const pairs: [Sign, string][] = []
  let i = 0
  let j = 0
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) {
      pairs.push([' ', before[i++] as string])
      j++
    } else if (j < after.length && (i === before.length || isAdded(i, j))) {
      pairs.push(['+', after[j++] as string])
    } else pairs.push(['-', before[i++] as string])
  }
  return pairs

  function isAdded(i: number, j: number): boolean {
    const right = lengths[i * width + j + 1] as number
    return right > (lengths[(i + 1) * width + j] as number)
  }
}
