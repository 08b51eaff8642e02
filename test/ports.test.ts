// Ports for servers that come and go: what processes side by side are given.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from './harness.ts'
import { startProcess } from './support/processes.ts'
import { repositoryRoot } from './support/source-files.ts'
import { until } from './support/until.ts'

const test = suite('ports')
const ports = pathToFileURL(join(repositoryRoot, 'bench/ports.ts')).href

const PROCESSES = 4
/** More than a block has. */
const EACH = 120

test('ports: processes side by side: nobody is given what another was', async () => {
  const text = `
    const { freePorts } = await import('${ports}')
    console.log(JSON.stringify(await freePorts(${EACH})))
    process.on('disconnect', () => process.exit())
    setInterval(() => {}, 1_000)
  `
  const words = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', text]
  const all = Array.from({ length: PROCESSES }, () => {
    return startProcess(words, { folder: repositoryRoot, environment: process.env })
  })
  try {
    const given = await Promise.all(all.map((one) => {
      return until('ports of a process', () => {
        if (!one.isRunning()) throw new Error(one.stderr())
        return one.stdout().endsWith('\n') ? (JSON.parse(one.stdout()) as number[]) : undefined
      })
    }))
    const flat = given.flat()
    assert.is(flat.length, PROCESSES * EACH)
    assert.is(new Set(flat).size, flat.length)
  } finally {
    for (const one of all) one.kill('SIGKILL')
  }
})

test.run()
