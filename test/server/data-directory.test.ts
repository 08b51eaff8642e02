// The data directory: whose it is, and that one process at a time uses it.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { openDataDirectory } from '../../server/data-directory.ts'
import type { DataDirectory } from '../../server/data-directory.ts'
import { DataDirectoryError } from '../../server/data-directory-error.ts'
import type { DataDirectoryErrorCode } from '../../server/data-directory-error.ts'
import { decodeIdentity, encodeIdentity, isJoiner, nodeIdOf } from '../../server/node-identity.ts'
import type { NodeIdentity } from '../../server/node-identity.ts'
import { openFileDisk } from '../../storage/node/file-disk.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'

const test = suite('data directory')
const children = new Set<ChildProcess>()

test.after(() => {
  for (const child of children) child.kill('SIGKILL')
  removeTemporaryFolders()
})

const founding = {
  cluster: '00112233445566ff',
  voters: ['n1@0000000a', 'n2@0000000b'],
  founder: 'n1@0000000a',
  round: 1,
}

function open(path: string, name = 'n1', random: () => number = () => 10): Promise<DataDirectory> {
  return openDataDirectory(path, { name, random })
}

async function refused(
  opening: Promise<DataDirectory>,
  code: DataDirectoryErrorCode,
  message: RegExp
): Promise<void> {
  try {
    await opening
  } catch (error) {
    if (!(error instanceof DataDirectoryError)) throw error
    assert.is(error.code, code, error.message)
    assert.match(error.message, message)
    return
  }
  assert.unreachable(`was not refused as ${code}`)
}

test('data directory: an absent one: is made for its owner, with an incarnation', async () => {
  const path = join(temporaryFolder(), 'a', 'b')
  const directory = await open(path, 'n1', () => 0xc0ffee)
  const drawn = { name: 'n1', incarnation: '00c0ffee', founding: null, promise: null }
  assert.equal(directory.identity, drawn)
  assert.is(nodeIdOf(directory.identity), 'n1@00c0ffee')
  assert.is(fs.statSync(path).mode & 0o777, 0o700)
  assert.is(fs.statSync(join(path, 'identity')).mode & 0o777, 0o600)
  assert.ok(fs.statSync(directory.logFolder).isDirectory())
  await directory.close()
  const again = await open(path, 'n1', () => 7)
  assert.is(again.identity.incarnation, '00c0ffee')
  await again.close()
})

test('data directory: a founding: is kept, the same again is taken, another is not', async () => {
  const path = temporaryFolder()
  const first = await open(path)
  first.recordFounding(founding)
  assert.equal(first.identity.founding, founding)
  await first.close()
  const directory = await open(path)
  assert.equal(directory.identity.founding, founding)
  assert.is(isJoiner(directory.identity), false)
  directory.recordFounding({ ...founding })
  const other = { ...founding, cluster: 'ffffffffffffffff' }
  const wants = /cluster 00112233445566ff and not .* ffffffffffffffff; use it for/
  assert.throws(() => directory.recordFounding(other), wants)
  assert.equal(directory.identity.founding, founding)
  await directory.close()
})

test('data directory: a founding: begins the log, of the same cluster and node', async () => {
  const directory = await open(temporaryFolder())
  directory.recordFounding(founding)
  const disk = openFileDisk(directory.logFolder)
  assert.equal(disk.list(), ['log-0-1'])
  const whose = { cluster: founding.cluster, group: '0', node: nodeIdOf(directory.identity) }
  const opened = openLog(disk, whose, () => undefined)
  assert.ok(opened.type === 'ok')
  assert.is(opened.recovered.records, 0)
  assert.is(opened.recovered.tornBytes, 0)
  assert.is(openLog(disk, { ...whose, node: 'n1@0000000b' }, () => undefined).type, 'foreign')
  await disk.close()
  await directory.close()
})

test('data directory: a promise: is kept, and is over with the founding', async () => {
  const path = join(temporaryFolder(), 'data')
  const first = await open(path)
  const promise = { founder: 'n1@0000000a', round: 2 }
  first.recordPromise(promise)
  await first.close()
  const directory = await open(path)
  assert.equal(directory.identity.promise, promise)
  directory.recordFounding(founding)
  assert.equal([directory.identity.founding, directory.identity.promise], [founding, null])
  await directory.close()
})

test('data directory: a founding without the node: makes it a joiner', async () => {
  const directory = await open(temporaryFolder(), 'n1', () => 11)
  assert.is(isJoiner(directory.identity), false)
  directory.recordFounding(founding)
  assert.is(isJoiner(directory.identity), true)
  await directory.close()
})

test('data directory: of another name: is refused, and is free afterwards', async () => {
  const path = temporaryFolder()
  await (await open(path)).close()
  await refused(open(path, 'n2'), 'otherNode', /node "n1"'s, not "n2"'s; start the node under/)
  await (await open(path)).close()
})

test('data directory: of a newer build: is refused', async () => {
  const path = temporaryFolder()
  await (await open(path)).close()
  fs.writeFileSync(join(path, 'format'), 'lockstep data directory, format 2\n')
  const message = /was written by a newer build \(format 2, this build knows up to 1\): run that/
  await refused(open(path), 'newerFormat', message)
})

test('data directory: with anything amiss: is refused, and says what is', async () => {
  const cases: [RegExp, (path: string) => void][] = [
    [/file format says "nonsense"/, path => fs.writeFileSync(join(path, 'format'), 'nonsense')],
    [/it has identity and no format/, path => fs.rmSync(join(path, 'format'))],
    [/it has a log and no identity/, path => fs.rmSync(join(path, 'identity'))],
    [/its log is gone/, path => fs.rmSync(join(path, 'log'), { recursive: true })],
    [/its log is gone/, path => fs.rmSync(join(path, 'log', 'log-0-1'))],
    [/first line is no checksum/, path => fs.writeFileSync(join(path, 'identity'), '')],
    [
      /its checksum should be [0-9a-f]{8} and is [0-9a-f]{8}/,
      path => {
        const file = join(path, 'identity')
        fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('"n1"', '"n3"'))
      }
    ]
  ]
  for (const [message, spoil] of cases) {
    const path = temporaryFolder()
    const directory = await open(path)
    directory.recordFounding(founding)
    await directory.close()
    spoil(path)
    await refused(open(path), 'damaged', message)
    await refused(open(path), 'damaged', /; restore the directory from a copy/)
  }
})

test('data directory: a crash amid its making: is made to its end', async () => {
  for (const lacks of [['log'], ['log', 'identity'], ['log', 'identity', 'format']]) {
    const path = temporaryFolder()
    await (await open(path)).close()
    for (const name of lacks) fs.rmSync(join(path, name), { recursive: true })
    fs.writeFileSync(join(path, `${lacks.at(-1)}.new`), 'torn')
    const directory = await open(path, 'n1', () => 99)
    assert.is(directory.identity.incarnation, lacks.length > 1 ? '00000063' : '0000000a')
    assert.ok(fs.statSync(directory.logFolder).isDirectory())
    await directory.close()
  }
})

test('data directory: a file in its place or above it: is refused', async () => {
  const file = join(temporaryFolder(), 'file')
  fs.writeFileSync(file, '')
  await refused(open(file), 'notDirectory', /data directory .*file: .*a file is in its place/)
  await refused(open(join(file, 'data')), 'notDirectory', /a file is in its place/)
})

test('data directory: nobody may write there: is refused', async () => {
  const path = '/sys/lockstep-data'
  await refused(open(path), 'notWritable', /^data directory \/sys\/lockstep-data: .* be writable/)
})

test('data directory: where no folder can be made: an error, and soon', async () => {
  for (const path of ['/proc/lockstep', '/proc/lockstep/data']) {
    await refused(open(path), 'ioFailed', /^data directory \/proc\/lockstep.*ENOENT/)
  }
})

test('data directory: a path longer than a socket may have: is locked all the same', async () => {
  const path = join(temporaryFolder(), 'd'.repeat(60), 'd'.repeat(60))
  const directory = await open(path)
  await refused(open(path), 'locked', /is using it/)
  await directory.close()
  await (await open(path)).close()
})

test('data directory: in use: is refused by process id, and is free once closed', async () => {
  const path = temporaryFolder()
  const directory = await open(path)
  const message = new RegExp(`${path}: process ${process.pid} is using it; stop that one`)
  await refused(open(path), 'locked', message)
  await directory.close()
  assert.equal(fs.readdirSync(join(path, 'lock')), [])
  await (await open(path)).close()
})

test('data directory: many that start at once: one at most has it', async () => {
  let held = 0
  for (let round = 0; round < 10; round++) {
    const path = temporaryFolder()
    const starters = [1, 2, 3].map(() => open(path))
    const ended = await Promise.allSettled(starters)
    const holders = ended.filter(result => result.status === 'fulfilled')
    assert.ok(holders.length <= 1, `${holders.length} have it`)
    held += holders.length
    for (const { value } of holders) await value.close()
    await (await open(path)).close()
  }
  assert.ok(held > 0)
})

interface Holder {
  readonly child: ChildProcess
  readonly said: Promise<string>
}

function holder(path: string): Holder {
  const script = fileURLToPath(new URL('hold-directory.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, path], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  children.add(child)
  const said = new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', chunk => {
      text += String(chunk)
      if (text.endsWith('\n')) resolve(text.trim())
    })
    child.once('exit', code => reject(new Error(`ended with ${code} and said ${text}`)))
  })
  said.catch(() => undefined)
  return { child, said }
}

async function end({ child }: Holder, signal: NodeJS.Signals): Promise<void> {
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await ended
  children.delete(child)
}

test('data directory: another process has it: is refused until that one is gone', async () => {
  const path = temporaryFolder()
  const first = holder(path)
  assert.match(await first.said, /^held [0-9a-f]{8}$/)
  const message = new RegExp(`process ${first.child.pid} is using it`)
  await refused(open(path), 'locked', message)
  first.child.kill('SIGSTOP')
  await refused(open(path), 'locked', message)
  await end(first, 'SIGKILL')
  const leftOver = fs.readdirSync(join(path, 'lock'))
  assert.is(leftOver.length, 1)
  const directory = await open(path)
  assert.is(fs.existsSync(join(path, 'lock', leftOver[0] as string)), false)
  await directory.close()
})

test('data directory: several that start at once on a stale lock: one has it at most', async () => {
  const path = temporaryFolder()
  const dead = holder(path)
  await dead.said
  await end(dead, 'SIGKILL')
  const starters = [holder(path), holder(path), holder(path)]
  const said = await Promise.all(starters.map(({ said }) => said))
  const holders = said.filter(text => text.startsWith('held'))
  assert.ok(holders.length <= 1, said.join(', '))
  assert.equal([...new Set(said.filter(text => !text.startsWith('held')))], ['locked'])
  for (const starter of starters) await end(starter, 'SIGKILL')
  await (await open(path)).close()
})

test('identity: any identity: reads back as it was written', () => {
  const identities: NodeIdentity[] = [
    { name: '0', incarnation: '00000000', founding: null, promise: null },
    { name: 'ä@"\n', incarnation: 'ffffffff', founding, promise: null },
    { name: 'n9', incarnation: '0123abcd', founding: { ...founding, voters: [] }, promise: null },
    { name: 'n2', incarnation: '0123abcd', founding: null, promise: { founder: 'n1@0', round: 3 } }
  ]
  for (const identity of identities) {
    assert.equal(decodeIdentity(encodeIdentity(identity)), identity)
  }
})

test('identity: a file with any byte changed: is refused', () => {
  const text = encodeIdentity({ name: 'n1', incarnation: '0000000a', founding, promise: null })
  for (let at = 0; at < text.length; at++) {
    const changed = `${text.slice(0, at)}~${text.slice(at + 1)}`
    assert.ok('problem' in decodeIdentity(changed), changed)
    assert.ok('problem' in decodeIdentity(text.slice(0, at)))
  }
})

test.run()
