// A data directory as the first released format wrote it: every later build reads it.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { DATA_FORMAT_VERSION, openDataDirectory } from '../../server/data-directory.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'

const test = suite('golden data directory')
const folder = fileURLToPath(new URL('../golden/data-directory-format-1', import.meta.url))
const logs = fileURLToPath(new URL('../golden/log-format-1', import.meta.url))
const names = ['format', 'identity']
const options = { name: 'n1', random: () => 10 }
const founding = {
  cluster: '00112233445566ff',
  voters: ['n1@0000000a', 'n2@0000000b', 'n3@0000000c'],
  founder: 'n1@0000000a',
  round: 1
}

test.after(removeTemporaryFolders)

/** A directory as this build writes it. */
async function written(): Promise<string> {
  const path = temporaryFolder()
  const directory = await openDataDirectory(path, options)
  directory.recordFounding(founding)
  await directory.close()
  return path
}

test.before(async () => {
  if (!process.argv.includes('--write')) return
  fs.mkdirSync(folder, { recursive: true })
  const path = await written()
  for (const name of names) fs.copyFileSync(join(path, name), join(folder, name))
})

test('data directory format 1: is read', async () => {
  const path = temporaryFolder()
  for (const name of names) fs.copyFileSync(join(folder, name), join(path, name))
  fs.mkdirSync(join(path, 'log'))
  fs.copyFileSync(join(logs, 'log-0-1'), join(path, 'log', 'log-0-1'))
  const directory = await openDataDirectory(path, { name: 'n1', random: () => 99 })
  const identity = { name: 'n1', incarnation: '0000000a', founding, promise: null }
  assert.equal(directory.identity, identity)
  await directory.close()
})

test('data directory format 1: what this build writes: is what the first one wrote', async () => {
  assert.is(DATA_FORMAT_VERSION, 1, 'keep the files of format 1, and add those of the new format')
  const path = await written()
  for (const name of names) {
    const golden = fs.readFileSync(join(folder, name), 'utf8')
    assert.is(fs.readFileSync(join(path, name), 'utf8'), golden)
  }
})

test.run()
