// What an application gets when it imports lockstep/client: our own files and Node's modules, and
// no package.

import { build } from 'esbuild'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite('client imports')

/** Every file that is reached, and whatever is not ours. */
async function reached(contents: string): Promise<{ files: string[]; others: string[] }> {
  const { metafile } = await build({
    stdin: { contents, resolveDir: repositoryRoot, sourcefile: 'entry.ts' },
    absWorkingDir: repositoryRoot,
    bundle: true,
    format: 'esm',
    logLevel: 'silent',
    metafile: true,
    packages: 'external',
    platform: 'node',
    write: false,
  })
  const inputs = Object.values(metafile.inputs).flatMap(({ imports }) => imports)
  const others = inputs.filter(({ external }) => external).map(({ path }) => path)
  return { files: Object.keys(metafile.inputs), others: [...new Set(others)].sort() }
}

test('client imports: its index: reaches no installed package', async () => {
  const { files, others } = await reached("export * from './client/index.ts'")
  assert.ok(files.includes('client/node/link.ts'))
  const foreign = files.filter((file) => !/^(client|core|transports)\/|^entry\.ts$/.test(file))
  assert.equal(foreign, [])
  assert.equal(others.filter((name) => !name.startsWith('node:')), [])
})

test('client imports: a package: is seen', async () => {
  const { others } = await reached("import 'pino'\nexport * from './client/index.ts'")
  assert.ok(others.includes('pino'))
})

test.run()
