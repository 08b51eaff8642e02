// The models of locks against the locks themselves.

import * as assert from 'uvu/assert'
import type { Asked, Plain } from '../../checker/event.ts'
import type { Operation } from '../../checker/history.ts'
import { linearize } from '../../checker/linearize.ts'
import { modelNamed, type AnyModel, type ModelOptions } from '../../checker/models/catalogue.ts'
import { suite } from '../harness.ts'
import { chanceOf, type Chance } from './chance.ts'
import { firstBroken } from './evidence-laws.ts'
import { drawEvents, failed, isPossible, ok, pairToys, readToys } from './models-toys.ts'
import type { Toy, ToyCase } from './models-toys.ts'

const test = suite('models of locks')

function named(name: string, options?: ModelOptions): AnyModel {
  return modelNamed(name, options) as AnyModel
}

/** An owner as the file names it, else the process. */
function who({ value, process }: Asked): string {
  const owner = (value as { owner?: string } | null)?.owner
  return owner ?? `${process}`
}

/** Draws an acquire or a release; some of one owner in several processes. */
function drawLock(chance: Chance): { f: string; value: Plain } {
  const f = chance.pick(['acquire', 'release'])
  return { f, value: chance.percent(40) ? { owner: chance.pick(['a', 'b']) } : null }
}

/** A lock whose `move` says whether the operation is possible, and with a true answer does it. */
function toyLock(move: (asked: Asked, isRefused: boolean) => boolean): Toy {
  return {
    take: (asked, told) => {
      const isRefused = told?.failed === true
      return move(asked, isRefused) !== isRefused
    }
  }
}

function lockCase(model: AnyModel, make: () => Toy): ToyCase {
  const answers = (): typeof failed[] => [ok(null), failed]
  return { model, keys: [null], make, draw: drawLock, answers }
}

const mutex = lockCase(named('mutex'), () => {
  let isHeld = false
  return toyLock(({ f }, isRefused) => {
    const isPossible = isHeld === (f === 'release')
    if (isPossible && !isRefused) isHeld = !isHeld
    return isPossible
  })
})

const ownerMutex = lockCase(named('owner-mutex'), () => {
  let holder: string | null = null
  return toyLock((asked, isRefused) => {
    const isPossible = asked.f === 'acquire' ? holder === null : holder === who(asked)
    if (isPossible && !isRefused) holder = asked.f === 'acquire' ? who(asked) : null
    return isPossible
  })
})

const reentrant: ToyCase = {
  ...lockCase(named('reentrant-mutex', { levelMax: 2 }), () => {
    const levels: string[] = []
    return {
      take: (asked, told) => {
        const isOwn = levels.every((holder) => holder === who(asked))
        const isEntry = asked.f === 'acquire'
        const isPossible = isOwn && (isEntry ? levels.length < 2 : levels.length > 0)
        if (told?.failed === true) return !isPossible
        if (!isPossible) return false
        if (isEntry) levels.push(who(asked))
        else levels.pop()
        const count = (told?.value as { count: number } | null | undefined)?.count
        return count === undefined || count === levels.length
      }
    }
  }),
  answers: ({ f }) => {
    const counts = f === 'acquire' ? [1, 2] : [0, 1]
    return [ok(null), failed, ...counts.map((count) => ok({ count }))]
  }
}

const fenced: ToyCase = {
  ...lockCase(named('fenced-mutex'), () => {
    let holder: string | null = null
    let tokenMax = 0
    return {
      take: (asked, told) => {
        const isEntry = asked.f === 'acquire'
        const isPossible = isEntry ? holder === null : holder === who(asked)
        if (told?.failed === true) return !isPossible
        if (!isPossible) return false
        holder = isEntry ? who(asked) : null
        const token = told?.value as number | null | undefined
        if (!isEntry || token === undefined || token === null) return true
        if (token <= tokenMax) return false
        tokenMax = token
        return true
      }
    }
  }),
  answers: ({ f }) => [failed, ok(null), ...(f === 'acquire' ? [1, 2, 3, 5].map(ok) : [])]
}

const rwLock: ToyCase = {
  ...lockCase(named('rw-lock'), () => {
    const readers = new Set<string>()
    let writer: string | null = null
    return toyLock((asked, isRefused) => {
      const me = `${asked.process}`
      if (asked.f === 'release') {
        const isPossible = writer === me || readers.has(me)
        if (isPossible && !isRefused) {
          readers.delete(me)
          writer = null
        }
        return isPossible
      }
      const isShared = asked.value === 'shared'
      const isPossible = writer === null && (isShared ? !readers.has(me) : readers.size === 0)
      if (isPossible && !isRefused && isShared) readers.add(me)
      if (isPossible && !isRefused && !isShared) writer = me
      return isPossible
    })
  }),
  draw: (chance) => {
    const f = chance.pick(['acquire', 'release'])
    return { f, value: f === 'release' ? null : chance.pick(['shared', 'shared', 'exclusive']) }
  }
}

const semaphore: ToyCase = {
  ...lockCase(named('semaphore', { permits: 3 }), () => {
    let left = 3
    return toyLock(({ f, value }, isRefused) => {
      const change = f === 'acquire' ? -(value as number) : (value as number)
      const isPossible = left + change >= 0 && left + change <= 3
      if (isPossible && !isRefused) left += change
      return isPossible
    })
  }),
  draw: (chance) => {
    const f = chance.pick(['acquire', 'acquire', 'release'])
    return { f, value: chance.pick([1, 2]) }
  }
}

function fifo(bound: number): ToyCase {
  return {
    ...lockCase(named('fifo-lock', { bound }), () => {
      let holder: string | null = null
      const granted: number[] = []
      return toyLock((asked, isRefused) => {
        const isEntry = asked.f === 'acquire'
        const isPossible = isEntry ? holder === null : holder === who(asked)
        if (isRefused || !isPossible) return isPossible
        holder = isEntry ? who(asked) : null
        if (!isEntry) return true
        const call = asked.position as number
        granted.push(call)
        return granted.filter((other) => other > call).length <= bound
      })
    }),
    draw: (chance) => ({ f: chance.pick(['acquire', 'acquire', 'release']), value: null })
  }
}

const cases: Readonly<Record<string, ToyCase>> = {
  mutex,
  'owner-mutex': ownerMutex,
  'reentrant-mutex': reentrant,
  'fenced-mutex': fenced,
  'rw-lock': rwLock,
  semaphore,
  'fifo-lock, no overtaking': fifo(0),
  'fifo-lock, one may overtake': fifo(1)
}

/** How many histories of each model. */
const rounds = Number(process.env['ROUNDS'] ?? 2500)
const deadlineMs = 60_000 + 20 * rounds

for (const [name, toy] of Object.entries(cases)) {
  test(`${name}: random histories: every verdict as by running the lock`, () => {
    const seen = { ok: 0, violation: 0, unknown: 0 }
    for (let seed = 1; seed <= rounds; seed++) {
      const chance = chanceOf(seed)
      const operations = pairToys(drawEvents(toy, chance), chance.percent(50))
      const { verdict } = linearize(toy.model, readToys(toy.model, operations))
      const expected = isPossible(toy, operations) ? 'ok' : 'violation'
      assert.is(verdict, expected, `seed ${seed}: ${JSON.stringify(operations)}`)
      seen[verdict] += 1
    }
    assert.ok(seen.ok > 300 && seen.violation > 150, JSON.stringify(seen))
  }, { deadlineMs })

  test(`${name}: random histories: sound evidence, and nothing left out amiss`, () => {
    assert.is(firstBroken(toy, rounds), null)
  }, { deadlineMs })
}

test('owners: as files name them: the field owner or client, else the process', () => {
  const model = named('owner-mutex')
  const owners = [{ owner: 'c1' }, { client: 'c1' }, null, 17, { token: 5 }].map((value) => {
    return (model.ask({ f: 'acquire', value, process: 3 }) as { owner: string }).owner
  })
  assert.equal(owners, ['c1', 'c1', 'process 3', 'process 3', 'process 3'])
})

test('mutex: who may have released what another one has: is not left out', () => {
  const model = named('mutex')
  const asked = (f: string, owner: string): unknown => {
    return model.ask({ f, value: { owner }, process: 0 })
  }
  const part: readonly Operation[] = [
    { process: 0, input: asked('acquire', 'a'), call: 0, return: Infinity, outcome: 'info' },
    { process: 1, input: asked('acquire', 'b'), call: 1, return: 2, outcome: 'ok', output: true },
    { process: 2, input: asked('release', 'a'), call: 3, return: 4, outcome: 'ok', output: true },
    { process: 1, input: asked('acquire', 'b'), call: 5, return: 6, outcome: 'ok', output: true },
  ]
  assert.is(linearize(model, part).verdict, 'ok')
  assert.equal(model.units?.(part), [])
})

test('fifo-lock: a history without positions: not read', () => {
  assert.is(named('fifo-lock').ask({ f: 'acquire', value: null, process: 0 }), null)
})

test('fifo-lock: overtaken more often than the bound allows: refused, whatever came before', () => {
  const model = named('fifo-lock', { bound: 1 })
  const grantAll = (positions: readonly number[]): boolean => {
    let state: unknown = model.init()
    for (const position of positions) {
      for (const f of ['acquire', 'release']) {
        state = model.step(state, model.ask({ f, value: null, process: 0, position }), true)
        if (state === null) return false
      }
    }
    return true
  }
  assert.is(grantAll([1, 0, 3, 2, 4]), true)
  assert.is(grantAll([1, 2, 0]), false)
  assert.is(grantAll([9, 1, 0]), false)
  assert.is(grantAll([0, 9, 1, 2]), true)
  assert.is(grantAll([0, 9, 8, 1]), false)
})

test('rw-lock: the words of files: mode as suffix, value or field', () => {
  const model = named('rw-lock')
  const mode = (f: string, value: Plain): unknown => {
    return (model.ask({ f, value, process: 0 }) as { mode: unknown } | null)?.mode
  }
  assert.is(mode('acquire-shared', null), 'shared')
  assert.is(mode('write_lock', null), undefined)
  assert.is(mode('acquire-write', null), 'exclusive')
  assert.is(mode('acquire', ':read'), 'shared')
  assert.is(mode('lock', { mode: 'exclusive', owner: 'a' }), 'exclusive')
  assert.is(mode('acquire', null), undefined)
  assert.is(mode('release', null), null)
})

test.run()
