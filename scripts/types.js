// Type-checks the whole repository, and once more without Node's types what must run anywhere.
// Projects run two at a time and keep their notes under node_modules/.cache.

import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listSources, sourceFolders } from './sources.js'

const require = createRequire(import.meta.url)
const tsc = require.resolve('typescript/bin/tsc')

const projects = [
  { name: 'all', config: 'tsconfig.json', folders: [...sourceFolders, 'test'] },
  { name: 'core', config: 'core/tsconfig.json', folders: ['core'] },
  { name: 'checker', config: 'checker/tsconfig.json', folders: ['checker'] },
  {
    name: 'pure',
    config: 'tsconfig.pure.json',
    folders: ['storage', 'transports', 'client', 'sim']
  }
]

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
const queue = [...projects]
const workers = Array.from({ length: Math.min(availableParallelism(), queue.length) }, work)
await Promise.all(workers)

async function work() {
  for (let project = queue.shift(); project !== undefined; project = queue.shift()) {
    await check(project)
  }
}

async function check({ name, config, folders }) {
  if (folders.flatMap(listSources).length === 0) {
    console.log(`types: ${name}: no files yet`)
    return
  }
  const notes = `node_modules/.cache/lockstep/${name}.tsbuildinfo`
  const options = ['-p', config, '--noEmit', '--incremental', '--tsBuildInfoFile', notes]
  const child = spawn(process.execPath, [tsc, ...options], { stdio: 'inherit' })
  const code = await new Promise(resolve => child.on('close', resolve))
  if (code === 0) return
  console.error(`types: ${name} failed (npx tsc -p ${config} --noEmit)`)
  process.exitCode = 1
}
