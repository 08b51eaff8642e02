// Checks a folder of history files against its manifest: `node scripts/histories.js FOLDER`. Files
// that nobody has ever decided may stay undecided; their number is printed.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
if (folder === undefined || !existsSync(join(folder, 'manifest.json'))) {
  const given = folder === undefined ? 'nothing' : folder
  console.error(`histories: a folder with a manifest.json was expected, not ${given}`)
  process.exit(2)
}
const { histories } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
const FORMATS = { 'ndjson.gz': 'ndjson', 'edn-lines': 'edn' }

/** What is asked of `lockstep check`, and with that the files and what is expected of each. */
const groups = new Map()
for (const history of histories) {
  const { file, format, model, initial, expected, agreeing } = history
  for (const name of [model].flat()) {
    const args = ['--model', name, '--format', FORMATS[format] ?? format, '--timeout', '10s']
    if (initial !== null && initial !== undefined && initial !== '') {
      args.push('--init', JSON.stringify(initial))
    }
    const isRight = typeof expected === 'object' ? expected[name] : expected
    const checkers = agreeing === undefined ? null : (agreeing[name] ?? agreeing)
    const isOpen = checkers !== null && Object.keys(checkers).length === 0
    const group = groups.get(args.join(' ')) ?? { args, files: new Map() }
    group.files.set(join(folder, file), { isRight, isOpen })
    groups.set(args.join(' '), group)
  }
}

let passed = 0
let failed = 0
let open = 0
for (const { args, files } of groups.values()) {
  const command = ['cli/lockstep.js', 'check', '--json', ...args, ...files.keys()]
  const { stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    maxBuffer: 1 << 28
  })
  for (const { file, verdict, reason } of stdout === '' ? [] : JSON.parse(stdout)) {
    const { isRight, isOpen } = files.get(file)
    files.delete(file)
    const wanted = isRight ? 'ok' : 'violation'
    if (verdict === wanted) passed++
    else if (verdict === 'unknown' && isOpen) open++
    else {
      failed++
      console.log(`${file} (${args[1]}): ${verdict}, not ${wanted}: ${reason ?? ''}`)
    }
  }
  for (const file of files.keys()) {
    failed++
    console.log(`${file} (${args[1]}): no verdict: ${stderr}`)
  }
}
console.log(`${open} undecided, as everybody leaves them`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
