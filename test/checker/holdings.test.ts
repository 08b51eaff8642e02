// Who held a lock from when to when, as pictures show it.

import * as assert from 'uvu/assert'
import type { Asked, Told } from '../../checker/event.ts'
import type { Operation } from '../../checker/history.ts'
import { modelNamed, type ModelOptions } from '../../checker/models/catalogue.ts'
import { suite } from '../harness.ts'

const test = suite('holdings')

type FileOperation = Operation<Asked, Told>

/** An operation answered ok; nanoseconds are a thousand to one instant. */
function done(
  process: number,
  f: string,
  call: number,
  answered: number,
  told: Told['value'] = null,
  value: Asked['value'] = null
): FileOperation {
  const times = { time: call * 1000, timeReturned: answered * 1000 }
  const input = { f, value, process, position: call, ...times }
  return { process, input, call, return: answered, outcome: 'ok', output: { value: told } }
}

function unanswered(one: FileOperation): FileOperation {
  const { process, input, call } = one
  return { process, input, call, return: Infinity, outcome: 'info' }
}

/** Each holding in a line: holder, label, from-to, number of operations. */
function held(name: string, history: readonly FileOperation[], options?: ModelOptions): string[] {
  const model = modelNamed(name, options)
  assert.ok(model?.holdings, `${name} has no holdings`)
  const operations = history.map(({ input: asked, output: told, ...rest }) => {
    const input = model.ask(asked)
    if (told === undefined) return { ...rest, input }
    return { ...rest, input, output: model.tell(input, told) }
  })
  return model.holdings(operations).map(({ holder, label, from, to, isShared, operations }) => {
    const words = [holder.replace('process ', 'p'), label, isShared ? 'shared' : '']
    return [...words, `${from}-${to}`, operations.length].filter((word) => word !== '').join(' ')
  })
}

test('holdings: a fenced mutex: from the answer of the acquire to the call of the release', () => {
  const history = [
    done(1, 'acquire', 0, 2, 7),
    done(2, 'acquire', 3, 6, 8),
    done(1, 'release', 5, 9),
    unanswered(done(3, 'acquire', 7, 8, 9)),
    { ...done(2, 'release', 10, 11), outcome: 'fail' as const }
  ]
  assert.equal(held('fenced-mutex', history), ['p1 token 7 2-5 2', 'p2 token 8 6-Infinity 1'])
  assert.equal(held('fenced-mutex', history.toReversed()), held('fenced-mutex', history))
})

test('holdings: an unanswered release: the holding may end with its call', () => {
  const history = [done(1, 'acquire', 0, 2), unanswered(done(1, 'release', 4, 5))]
  assert.equal(held('owner-mutex', history), ['p1 2-4 2'])
  assert.equal(held('fifo-lock', history), ['p1 2-4 2'])
})

test('holdings: an owner that is granted twice holds twice, unless the lock has levels', () => {
  const history = [
    done(1, 'acquire', 0, 1),
    done(1, 'acquire', 2, 3),
    done(1, 'release', 4, 5),
    done(1, 'release', 6, 7)
  ]
  assert.equal(held('owner-mutex', history), ['p1 1-6 2', 'p1 3-4 2'])
  assert.equal(held('reentrant-mutex', history), ['p1 1-6 4'])
})

test('holdings: a level that is told: counts', () => {
  const history = [
    done(1, 'acquire', 0, 1, { level: 2 }),
    done(1, 'release', 4, 5, { level: 1 }),
    done(1, 'release', 6, 7, { level: 0 })
  ]
  assert.equal(held('reentrant-mutex', history), ['p1 1-6 3'])
})

test('holdings: locks that anybody releases: own holdings end first, then the oldest', () => {
  const history = [
    done(1, 'acquire', 0, 1),
    done(2, 'acquire', 2, 3),
    done(2, 'release', 4, 5),
    done(3, 'release', 6, 7)
  ]
  assert.equal(held('mutex', history), ['p1 1-6 2', 'p2 3-4 2'])
  const permits = { permits: 2 }
  assert.equal(held('semaphore', history, permits), ['p1 shared 1-6 2', 'p2 shared 3-4 2'])
})

test('holdings: a read-write lock: the mode is the label', () => {
  const history = [
    done(1, 'acquire', 0, 1, null, 'shared'),
    done(1, 'release', 2, 3),
    done(2, 'acquire', 4, 5, null, 'exclusive')
  ]
  assert.equal(held('rw-lock', history), ['p1 shared shared 1-2 2', 'p2 exclusive 5-Infinity 1'])
})

test('holdings: a lease: ends with the last instant before it can have run out', () => {
  // A thousand instants are a millisecond.
  const history = [
    done(1, 'acquire', 0, 100, 5, { ttlMs: 2 }),
    done(1, 'renew', 1000, 1100, 5, { ttlMs: 3 }),
    done(2, 'status', 3900, 3950, null),
    done(2, 'acquire', 4500, 4600, 6, { ttlMs: 2 }),
    done(2, 'release', 5000, 5100)
  ]
  assert.equal(held('lease', history), ['p1 token 5 100-3950 2', 'p2 token 6 4600-5000 2'])
  const shorter = history.map((one) => (one.input.f === 'renew' ? unanswered(one) : one))
  assert.equal(held('lease', shorter)[0], 'p1 token 5 100-1000 2')
})

test('holdings: nothing asked, nothing granted: none', () => {
  assert.equal(held('owner-mutex', []), [])
  const refused = { ...done(1, 'acquire', 0, 1), output: { value: null, failed: true } }
  assert.equal(held('owner-mutex', [refused]), [])
})

test.run()
