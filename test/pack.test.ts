// The package as its users get it: packed, installed into an empty project, imported and typed.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { formatMessage } from 'publint/utils'
import { publint } from 'publint'
import * as assert from 'uvu/assert'
import { suite } from './harness.ts'
import {
  installedFile,
  mustRun,
  removeTemporaryFolders,
  run,
  temporaryFolder
} from './support/commands.ts'
import { repositoryRoot } from './support/source-files.ts'

interface PackageJson {
  readonly exports: Readonly<Record<string, unknown>>
  readonly devDependencies: Readonly<Record<string, string>>
}

const test = suite('pack')
const deadlineMs = 300_000
const packageJson = readJson(join(repositoryRoot, 'package.json'))
const modules = Object.keys(packageJson.exports)
  .filter(subpath => subpath !== './package.json')
  .map(subpath => subpath.replace('./', 'lockstep/'))
const withoutFastCheck = modules.filter(module => module !== 'lockstep/fast-check')
/** What a host has is in the types of these, and they say so. */
const withHost = ['lockstep/client', 'lockstep/server']
const withoutHost = modules.filter(module => !withHost.includes(module))
const folder = temporaryFolder()
const consumer = join(folder, 'consumer')
let tarball = ''

function readJson(file: string): PackageJson {
  return JSON.parse(readFileSync(file, 'utf8')) as PackageJson
}

function install(what: string): void {
  mustRun(consumer, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', what)
}

/** Imports each module in plain Node and checks that it exports something. */
function importAll(names: readonly string[]): void {
  const lines = names.map(name => {
    return `if (Object.keys(await import('${name}')).length === 0) throw new Error('${name}')`
  })
  mustRun(consumer, process.execPath, '--input-type=module', '--eval', lines.join('\n'))
}

test.after(removeTemporaryFolders)

test('pack: npm pack: holds what is shipped and nothing else', () => {
  mustRun(repositoryRoot, 'npm', 'pack', '--pack-destination', folder)
  const packed = readdirSync(folder).filter(name => name.endsWith('.tgz'))
  assert.is(packed.length, 1)
  tarball = join(folder, packed[0] ?? '')
  const names = mustRun(folder, 'tar', '-tzf', tarball).trim().split('\n')
  const expected =
    /^package\/(dist\/(?!bench)[\w/-]+\.(js|d\.ts)|cli\/lockstep\.js|[A-Z]+(\.md)?)$/
  const read = /^package\/(docs\/[\w-]+\.md|examples\/[\w-]+\.ts)$/
  const others = names.filter(name => {
    return !expected.test(name) && !read.test(name) && name !== 'package/package.json'
  })
  assert.equal(others, [])
  const linked = ['docs/design.md', 'examples/embed-core.ts', 'examples/simulate-your-machine.ts']
  for (const name of [...linked, 'README.md', 'LICENSE', 'CHANGELOG.md', 'cli/lockstep.js']) {
    assert.ok(names.includes(`package/${name}`), `${name} is not packed`)
  }
}, { deadlineMs })

test('pack: an empty project: every subpath can be imported', () => {
  mkdirSync(consumer)
  const manifest = { name: 'consumer', private: true, type: 'module' }
  writeFileSync(join(consumer, 'package.json'), JSON.stringify(manifest))
  install(tarball)
  importAll(withoutFastCheck)
  const script = "require('lockstep/package.json').name"
  assert.is(mustRun(consumer, process.execPath, '--print', script).trim(), 'lockstep')
}, { deadlineMs })

test('pack: an empty project: the command runs a seed', () => {
  const args = ['--no-install', 'lockstep', 'sim', '--seed', '1', '--json']
  const stdout = mustRun(consumer, 'npx', ...args)
  for (const line of stdout.trim().split('\n')) JSON.parse(line)
}, { deadlineMs })

test('pack: fast-check: wanted only by its own subpath', () => {
  const { code, output } = run(
    consumer,
    process.execPath,
    '--input-type=module',
    '--eval',
    "await import('lockstep/fast-check')"
  )
  assert.is(code, 1)
  assert.match(output, /ERR_MODULE_NOT_FOUND/)
  assert.match(output, /fast-check/)
  install(`fast-check@${packageJson.devDependencies['fast-check']}`)
  importAll(modules)
}, { deadlineMs })

/** Compiles a program that uses all of these modules. */
function compileConsumer(names: readonly string[], options: object): void {
  const imports = names.map((name, index) => `import * as m${index} from '${name}'`)
  const uses = names.map((_, index) => `export const u${index}: typeof m${index} = m${index}`)
  writeFileSync(join(consumer, 'consumer.ts'), [...imports, ...uses, ''].join('\n'))
  const compilerOptions = {
    ...{ strict: true, skipLibCheck: false, noEmit: true, types: [] },
    ...{ module: 'nodenext', target: 'es2023', lib: ['es2023'], ...options }
  }
  const config = { compilerOptions, files: ['consumer.ts'] }
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config))
  mustRun(consumer, process.execPath, installedFile('typescript/bin/tsc'), '-p', '.')
}

test('pack: types: the client in a strict consumer with the types of the web compiles', () => {
  compileConsumer(['lockstep/client'], { lib: ['es2023', 'esnext.disposable', 'dom'] })
}, { deadlineMs })

test('pack: types: the server in a strict consumer with the types of Node compiles', () => {
  const typeRoots = [join(repositoryRoot, 'node_modules/@types')]
  compileConsumer(['lockstep/server'], { types: ['node'], typeRoots, skipLibCheck: true })
}, { deadlineMs })

test('pack: types: a strict consumer without any host type compiles', () => {
  compileConsumer(withoutHost, {})
  const tsc = installedFile('typescript/bin/tsc')
  writeFileSync(join(consumer, 'consumer.ts'), "import { nothing } from 'lockstep/core'\nnothing\n")
  const { code, output } = run(consumer, process.execPath, tsc, '-p', '.')
  assert.is.not(code, 0, 'a wrong import compiles too: the types are not looked at')
  assert.match(output, /TS2305/)
}, { deadlineMs })

test('pack: publint: nothing to say', async () => {
  const pkgDir = join(consumer, 'node_modules/lockstep')
  const { messages, pkg } = await publint({ pkgDir, strict: true, pack: false })
  assert.equal(messages.map(message => formatMessage(message, pkg, { color: false })), [])
}, { deadlineMs })

test('pack: attw: the types of every subpath resolve', () => {
  const cli = join(dirname(installedFile('@arethetypeswrong/cli/package.json')), 'dist/index.js')
  mustRun(folder, process.execPath, cli, '--profile', 'esm-only', '--no-emoji', tarball)
}, { deadlineMs })

test.run()
