// What the limit of open files leaves for connections.

import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { connectionCaps, openFiles } from '../../server/open-files.ts'
import { StartError } from '../../server/start-error.ts'
import { suite } from '../harness.ts'

const test = suite('open files')

/** The lowest limit that a node starts under. */
function leastLimit(count: number, peersCount: number): number {
  for (let limit = 0; ; limit += 1) {
    try {
      connectionCaps({ limit, count }, peersCount)
      return limit
    } catch (error) {
      assert.instance(error, StartError)
    }
  }
}

test('open files: no limit, or a high one: as many connections as ever', () => {
  const most = { http: 20_000, clients: 10_000, strangers: 1_000 }
  assert.equal(connectionCaps(null, 2), most)
  assert.equal(connectionCaps({ limit: 65_536, count: 20 }, 6), most)
})

test('open files: a low limit: what is left is shared', () => {
  assert.equal(connectionCaps({ limit: 1_024, count: 20 }, 2), {
    http: 846,
    clients: 423,
    strangers: 120,
  })
  const few = connectionCaps({ limit: 128, count: 20 }, 2)
  assert.equal(few, { http: 62, clients: 31, strangers: 8 })
})

test('open files: too low a limit: refused, with what to do', () => {
  const code = (): unknown => connectionCaps({ limit: 64, count: 20 }, 2)
  assert.throws(code, ({ message, isUsage }: StartError) => {
    return isUsage && /is 64, and this node needs 128: .*`ulimit -n`.*LimitNOFILE/.test(message)
  })
  assert.is(leastLimit(20, 2), 128)
  assert.is(leastLimit(20, 30), 130)
  assert.is(leastLimit(100, 2), 150)
})

test('open files: any limit that is enough: all together stay below it', () => {
  const draw = fc.record({ limit: fc.nat(100_000), count: fc.nat(300), peersCount: fc.nat(12) })
  fc.assert(
    fc.property(draw, ({ peersCount, ...files }) => {
      fc.pre(files.limit >= leastLimit(files.count, peersCount))
      const { http, clients, strangers } = connectionCaps(files, peersCount)
      assert.ok(files.count + http + strangers + 2 * peersCount + 26 <= files.limit)
      assert.ok(strangers >= 8 && http >= 8 && clients >= 4 && clients < http)
    }),
  )
})

test('open files: this process: has some, and a limit above them', () => {
  if (process.platform === 'win32') return
  const files = openFiles()
  assert.ok(files === null || (files.count > 3 && files.limit > files.count))
})

test.run()
