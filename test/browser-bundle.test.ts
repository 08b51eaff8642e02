// Everything portable bundles for a browser, and runs where there is nothing but the language.

import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { build, type BuildOptions } from 'esbuild'
import * as assert from 'uvu/assert'
import { suite } from './harness.ts'
import { portableFolders, repositoryRoot } from './support/source-files.ts'

interface Bundle {
  readonly code: string
  /** The files it was made of; what the target replaces by nothing is called `(disabled):…`. */
  readonly inputs: readonly string[]
}

const test = suite('browser bundle')

/** seedrandom looks for `crypto` only when it is given no seed, and its package says so. */
const inputsAllowed = [
  new RegExp(`^(${portableFolders.join('|')})/[\\w/-]+\\.ts$`),
  /^node_modules\/(immer|seedrandom)\//,
  /^\(disabled\):crypto$/
]

async function bundle(options: BuildOptions): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    ...options,
    absWorkingDir: repositoryRoot,
    bundle: true,
    format: 'iife',
    globalName: 'bundled',
    logLevel: 'silent',
    metafile: true,
    platform: 'browser',
    target: 'es2023',
    write: false
  })
  const code = outputFiles?.[0]?.text
  if (code === undefined || metafile === undefined) throw new Error('esbuild made no bundle')
  return { code, inputs: Object.keys(metafile.inputs) }
}

function bundleText(contents: string): Promise<Bundle> {
  return bundle({ stdin: { contents, resolveDir: repositoryRoot, sourcefile: 'core/a.ts' } })
}

/** Evaluates a bundle where no host is: no process, Buffer, require, console or timers. */
function evaluate({ code }: Bundle, expression = 'bundled'): unknown {
  const context = createContext({})
  // V8 itself brings a console into every context.
  runInContext('delete globalThis.console', context)
  runInContext(code, context, { timeout: 10_000 })
  return runInContext(expression, context) as unknown
}

function foreignInputs({ inputs }: Bundle): string[] {
  return inputs.filter(input => !inputsAllowed.some(allowed => allowed.test(input)))
}

for (const folder of portableFolders) {
  test(`browser bundle: ${folder}: bundles and runs without a host`, async () => {
    // Who imports the client has a network; its machine has none.
    const entry = join(folder, folder === 'client' ? 'machine.ts' : 'index.ts')
    const made = await bundle({ entryPoints: [entry] })
    assert.ok(made.inputs.includes(entry))
    assert.equal(foreignInputs(made), [])
    assert.ok(Object.keys(evaluate(made) as object).length > 0, 'it exports nothing')
  })
}

test('browser bundle: core and storage: compute without a host', async () => {
  const core = await bundle({ entryPoints: ['core/index.ts'] })
  assert.is(evaluate(core, "bundled.utf8Bytes('a\\u00e9\\u20ac')"), 6)
  const storage = await bundle({ entryPoints: ['storage/index.ts'] })
  const digits = "Uint8Array.from('123456789', digit => digit.charCodeAt(0))"
  assert.is(evaluate(storage, `bundled.crc32c(${digits}) >>> 0`), 0xe3069283)
})

const builtIns: readonly string[] = [
  "import { readFileSync } from 'node:fs'\nexport const a = readFileSync\n",
  "export const a = require('node:fs')\n",
  "export const a = import('node:fs')\n"
]

test('browser bundle: a built-in of Node: refused', async () => {
  for (const text of builtIns) {
    const message = await bundleText(text).then(() => 'bundled', String)
    assert.match(message, /Could not resolve "node:fs"/)
  }
})

test('browser bundle: a package that is not on the list: reported', async () => {
  const made = await bundleText("import { suite } from 'uvu'\nexport const a = suite\n")
  assert.ok(foreignInputs(made).some(input => input.startsWith('node_modules/uvu/')))
})

for (const name of ['process', 'Buffer', 'console', 'setTimeout', 'TextEncoder']) {
  test(`browser bundle: use of ${name}: fails when run`, async () => {
    const made = await bundleText(`export const a = [${name}]\n`)
    assert.throws(() => evaluate(made), new RegExp(`${name} is not defined`))
  })
}

test.run()
