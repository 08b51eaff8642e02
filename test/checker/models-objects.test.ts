// The models of registers, stores, queues and sets against the objects themselves.

import * as assert from 'uvu/assert'
import type { Asked, Plain, Told } from '../../checker/event.ts'
import { linearize } from '../../checker/linearize.ts'
import { modelNamed, type AnyModel, type ModelOptions } from '../../checker/models/catalogue.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import { firstBroken } from './evidence-laws.ts'
import { drawEvents, failed, isPossible, ok, pairToys, readToys } from './models-toys.ts'
import type { Toy, ToyCase } from './models-toys.ts'

const test = suite('models of objects')

function named(name: string, options?: ModelOptions): AnyModel {
  return modelNamed(name, options) as AnyModel
}

/** A register of JSON texts; with `lax` a read of nil is always possible. */
function toyRegister(initial: Plain, lax: boolean): Toy {
  let held = JSON.stringify(initial)
  return {
    take: ({ f, value }, told) => {
      if (f === 'write') {
        held = JSON.stringify(value)
        return true
      }
      if (f === 'read') {
        const isAny = told === undefined || told.failed === true || (lax && told.value === null)
        return isAny || JSON.stringify(told.value) === held
      }
      const [from, to] = (value as Plain[]).map((one) => JSON.stringify(one))
      if ((from === held) === (told?.failed === true)) return false
      if (from === held) held = to as string
      return true
    }
  }
}

function registerCase(name: string, fs: string[], initial: Plain, lax: boolean): ToyCase {
  const values: Plain[] = [null, 1, '1', [1]]
  return {
    model: named(name, { initial, nilRead: lax ? 'unknown' : 'value' }),
    keys: ['x', 7],
    make: () => toyRegister(initial, lax),
    draw: (chance) => {
      const f = chance.pick(fs)
      const cas = [chance.pick(values), chance.pick(values)]
      return { f, value: f === 'read' ? null : f === 'cas' ? cas : chance.pick(values) }
    },
    answers: ({ f, value }) => {
      return f === 'read' ? values.map(ok) : f === 'cas' ? [ok(value), failed] : [ok(value)]
    }
  }
}

type MicroOp = readonly [string, string, Plain]

const multiRegister: ToyCase = {
  model: named('multi-register', { initial: { x: 0, y: 0 } }),
  keys: [null],
  make: () => {
    const held = new Map<string, Plain>([['x', 0], ['y', 0]])
    return {
      take: ({ value }, told) => {
        for (const [index, [f, name, written]] of (value as MicroOp[]).entries()) {
          const seen = told === undefined ? null : (told.value as MicroOp[])[index]?.[2]
          if (f === 'write') held.set(name, written)
          else if (seen !== null && seen !== held.get(name)) return false
        }
        return true
      }
    }
  },
  draw: (chance) => {
    const value = Array.from({ length: 1 + chance.below(2) }, () => {
      const name = chance.pick(['x', 'y'])
      return chance.percent(50) ? ['read', name, null] : ['write', name, 1 + chance.below(2)]
    })
    return { f: 'txn', value }
  },
  answers: ({ value }) => {
    const fill = (steps: readonly MicroOp[]): MicroOp[][] => {
      const [first, ...rest] = steps
      if (first === undefined) return [[]]
      const tails = fill(rest)
      if (first[0] === 'write') return tails.map((tail) => [first, ...tail])
      return [0, 1, 2, null].flatMap((seen) => {
        return tails.map((tail): MicroOp[] => [['read', first[1], seen], ...tail])
      })
    }
    return fill(value as MicroOp[]).map(ok)
  }
}

const kv: ToyCase = {
  model: named('kv'),
  keys: ['a', 'b'],
  make: () => {
    let held = ''
    return {
      take: ({ f, value }, told) => {
        if (f === 'get') return told === undefined || (told.value ?? '') === held
        held = f === 'put' ? `${value}` : `${held}${value}`
        return true
      }
    }
  },
  draw: (chance) => {
    const f = chance.pick(['get', 'get', 'put', 'append'])
    return { f, value: f === 'get' ? null : chance.pick(['v', 'w']) }
  },
  answers: ({ f, value }) => {
    if (f !== 'get') return [ok(value)]
    return [null, '', 'v', 'w', 'vv', 'vw', 'wv', 'ww', 'vwv'].map(ok)
  }
}

const queue: ToyCase = {
  model: named('queue'),
  keys: [null],
  make: () => {
    const items: Plain[] = []
    return {
      take: ({ f, value }, told) => {
        if (f === 'enqueue') return items.push(value) > 0
        const isEmpty = items.length === 0
        if (told === undefined) return items.splice(0, 1).length > 0
        if (told.failed === true || told.value === null) return isEmpty
        return !isEmpty && items.shift() === told.value
      }
    }
  },
  draw: (chance) => {
    const f = chance.pick(['enqueue', 'dequeue'])
    return { f, value: f === 'dequeue' ? null : chance.pick([1, 2, '2']) }
  },
  answers: ({ f, value }) => {
    return f === 'enqueue' ? [ok(value)] : [failed, ok(null), ok(1), ok(2), ok('2')]
  }
}

function setCase(fs: string[]): ToyCase {
  return {
    model: named('set'),
    keys: [null],
    make: () => {
      const elements = new Set<Plain>()
      return {
        take: ({ f, value }, told) => {
          const was = elements.has(value)
          if (f === 'contains') return told === undefined || told.value === was
          if (f === 'read') {
            const seen = told?.value as Plain[] | undefined
            return seen === undefined || `${[...elements].sort()}` === `${[...seen].sort()}`
          }
          if (f === 'add') elements.add(value)
          else elements.delete(value)
          const changed = f === 'add' ? !was : was
          if (told?.failed === true) return f === 'remove' && !changed
          return typeof told?.value !== 'boolean' || told.value === changed
        }
      }
    },
    draw: (chance) => {
      const f = chance.pick(fs)
      return { f, value: f === 'read' ? null : chance.pick([1, 2]) }
    },
    answers: ({ f, value }) => {
      if (f === 'read') return [[], [1], [2], [2, 1]].map(ok)
      if (f === 'contains') return [ok(true), ok(false)]
      return f === 'add' ? [ok(value), ok(true), ok(false)] : [ok(value), ok(true), failed]
    }
  }
}

const cases: Readonly<Record<string, ToyCase>> = {
  register: registerCase('register', ['read', 'write'], null, false),
  'cas-register': registerCase('cas-register', ['read', 'write', 'cas'], 1, false),
  'cas-register, nil unknown': registerCase('cas-register', ['read', 'write', 'cas'], 1, true),
  'multi-register': multiRegister,
  kv,
  queue,
  set: setCase(['add', 'remove', 'contains', 'read']),
  'set, element by element': setCase(['add', 'remove', 'contains'])
}

/** How many histories of each model. */
const rounds = Number(process.env['ROUNDS'] ?? 2500)
const deadlineMs = 60_000 + 20 * rounds

for (const [name, toy] of Object.entries(cases)) {
  test(`${name}: random histories: every verdict as by running the object`, () => {
    const seen = { ok: 0, violation: 0, unknown: 0 }
    for (let seed = 1; seed <= rounds; seed++) {
      const chance = chanceOf(seed)
      const operations = pairToys(drawEvents(toy, chance), chance.percent(50))
      const { verdict } = linearize(toy.model, readToys(toy.model, operations))
      const expected = isPossible(toy, dropUntold(operations)) ? 'ok' : 'violation'
      assert.is(verdict, expected, `seed ${seed}: ${JSON.stringify(operations)}`)
      seen[verdict] += 1
    }
    assert.ok(seen.ok > 300 && seen.violation > 150, JSON.stringify(seen))
  }, { deadlineMs })

  test(`${name}: random histories: sound evidence, and nothing left out amiss`, () => {
    assert.is(firstBroken(toy, rounds), null)
  }, { deadlineMs })
}

/** Without the failures that tell nothing. */
function dropUntold<One extends { asked: Asked; told: Told | undefined }>(list: One[]): One[] {
  const telling = ['cas', 'dequeue', 'remove', 'acquire', 'release']
  return list.filter(({ asked, told }) => told?.failed !== true || telling.includes(asked.f))
}

test('cas-register: the failed cas of a file that observed it: saw another value', () => {
  const model = named('cas-register', { initial: 1 })
  const asked = { f: 'cas', value: [1, 2], process: 0 }
  const input = model.ask(asked)
  assert.is(model.tell(input, failed), false)
  assert.is(model.step(model.init(), input, false), null)
  assert.is(model.isObserver(input, false), true)
  assert.is(model.isObserver(input, true), false)
})

test('register: cas in a file: no word of it', () => {
  assert.is(named('register').ask({ f: 'cas', value: [1, 2], process: 0 }), null)
})

test('keys: a text and a number that look alike: two objects', () => {
  const model = named('register')
  const write = { f: 'write', value: 1, process: 0 }
  const keys = ['1', 1, null, 'null', '', [1], '[1]'].map((key) => {
    return (model.ask({ ...write, key }) as { key: string }).key
  })
  assert.is(new Set(keys).size, keys.length)
})

test.run()
