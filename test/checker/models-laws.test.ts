// What holds for every built-in model, whatever it is asked.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Tagged } from '../../checker/event.ts'
import type { Asked, Plain, Told } from '../../checker/event.ts'
import { MODELS, modelNamed, type AnyModel } from '../../checker/models/catalogue.ts'
import { plainText, valueOf } from '../../checker/models/plain.ts'
import { suite } from '../harness.ts'

const test = suite('laws of models')

const words = [
  ...['read', 'write', 'cas', 'txn', 'get', 'put', 'append', 'acquire', 'release', 'renew'],
  ...['status', 'enqueue', 'dequeue', 'add', 'remove', 'contains', 'acquire-shared', 'lock'],
  ...['x', '']
]

const small: fc.Arbitrary<Plain> = fc.constantFrom(
  ...[null, 1, 2, '1', 'a', '', true, false, [], [1, 2], [2, 1], ['a', true], [1, [2]]],
  ...[{ owner: 'a' }, { client: 'b', fence: 2 }, { owner: 'a', token: 3, count: 1, ttlMs: 4 }],
  ...['shared', 'exclusive', 1n << 60n, new Set([1, 2]), { count: 2 }, { token: 1, ttl: 9 }],
  ...[new Tagged('n', 1), new Tagged('n', { owner: 'a' }), { tag: 'n', value: 1 }],
  ...[[['read', 'x', null]], [['write', 'x', 1], ['r', 'x', 1]]],
  ...[[['w', 'y', null]], [['read', 'x', 1]]]
)

const anything = fc.oneof(small, fc.anything({ withBigInt: true, withMap: true, withSet: true }))
const plain = anything as fc.Arbitrary<Plain>

const asking: fc.Arbitrary<Asked> = fc.record({
  f: fc.oneof(fc.constantFrom(...words), fc.string()),
  key: fc.oneof(fc.constant(null), plain),
  value: plain,
  process: fc.nat({ max: 3 }),
  position: fc.nat({ max: 20 }),
  time: fc.nat({ max: 9 }),
  timeReturned: fc.constantFrom(9, 12, Infinity)
})

const telling: fc.Arbitrary<Told> = fc.record(
  { value: plain, failed: fc.boolean() },
  { requiredKeys: ['value'] }
)

/** What the model can read, and answers that it may read too. */
function sensible(model: AnyModel): fc.Arbitrary<readonly [Asked, Told | undefined]> {
  const asked = fc.record({
    f: fc.constantFrom(...words),
    value: small,
    process: fc.nat({ max: 1 }),
    position: fc.nat({ max: 20 }),
    time: fc.nat({ max: 9 }),
    timeReturned: fc.constantFrom(9, 12)
  })
  const told = fc.record({ value: small, failed: fc.boolean() })
  return fc.tuple(
    asked.filter((one) => model.ask(one) !== null),
    fc.option(told, { nil: undefined })
  )
}

function stepsOf(model: AnyModel, state: unknown, input: unknown, output: unknown): unknown[] {
  if (model.steps !== undefined) return [...model.steps(state, input, output)]
  const after = model.step(state, input, output)
  return after === null ? [] : [after]
}

interface Call {
  readonly input: unknown
  readonly output: unknown
}

/** The calls that the model can read, and states that they lead to. */
function explore(
  model: AnyModel,
  drawn: readonly (readonly [Asked, Told | undefined])[]
): { calls: Call[]; states: unknown[] } {
  const calls: Call[] = []
  for (const [asked, told] of drawn) {
    const input = model.ask(asked)
    if (input === null) continue
    const output = told === undefined ? undefined : model.tell(input, told)
    if (output !== null) calls.push({ input, output })
  }
  let states = [model.init()]
  for (const { input, output } of calls) {
    const next = states.flatMap((state) => stepsOf(model, state, input, output))
    states = [...states, ...next].slice(-40)
  }
  return { calls, states }
}

const modelsTried = [
  ...MODELS.map(({ name }) => modelNamed(name) as AnyModel),
  modelNamed('cas-register', { initial: 1, nilRead: 'unknown' }) as AnyModel,
  modelNamed('multi-register', { initial: { x: 1 }, nilRead: 'value' }) as AnyModel,
  modelNamed('fifo-lock', { bound: 2 }) as AnyModel,
  modelNamed('semaphore', { permits: 3 }) as AnyModel,
  modelNamed('lease', { ttlMs: 1e-6, epsilonPpm: 1000 }) as AnyModel
]

for (const [index, model] of modelsTried.entries()) {
  test(`${model.name} (${index}): anything asked and told: read or refused, no throw`, () => {
    fc.assert(
      fc.property(asking, telling, (asked, told) => {
        const input = model.ask(asked)
        if (input === null) return
        assert.type(model.describe(input, undefined), 'string')
        const output = model.tell(input, told)
        if (output === null) return
        assert.type(model.describe(input, output), 'string')
        assert.type(model.isObserver(input, output), 'boolean')
        for (const state of stepsOf(model, model.init(), input, output)) {
          assert.type(model.describeState(state), 'string')
        }
      }),
      { numRuns: 1500 }
    )
  })

  test(`${model.name} (${index}): observers change nothing; equal states have equal hashes`, () => {
    const counts = { observed: 0, states: 0 }
    fc.assert(
      fc.property(fc.array(sensible(model), { minLength: 4, maxLength: 12 }), (drawn) => {
        const { calls, states } = explore(model, drawn)
        const hashes = states.map((state) => model.hash(state))
        for (const [at, state] of states.entries()) {
          for (const { input, output } of calls) {
            const after = stepsOf(model, state, input, output)
            if (!model.isObserver(input, output)) continue
            for (const one of after) assert.ok(model.equal(one, state))
            counts.observed += after.length
          }
          assert.is(model.hash(state), hashes[at], 'a step changed its state')
          assert.ok(model.equal(state, state))
          for (const [other, hash] of hashes.entries()) {
            assert.is(model.equal(state, states[other]), hash === hashes[at])
          }
        }
        counts.states += states.length
      }),
      { numRuns: 150 }
    )
    assert.ok(counts.states > 400, JSON.stringify(counts))
    if (model.name !== 'lease') assert.ok(counts.observed > 20, JSON.stringify(counts))
  })
}

test('partitions: every operation in one part, each part about one key', () => {
  for (const model of modelsTried) {
    fc.assert(
      fc.property(fc.array(fc.tuple(sensible(model), fc.nat({ max: 2 }))), (drawn) => {
        const history = drawn.flatMap(([[asked], key], call) => {
          const input = model.ask({ ...asked, key })
          const one = { process: call, input, call, return: Infinity, outcome: 'info' } as const
          return input === null ? [] : [one]
        })
        const parts = model.partition?.(history) ?? [history]
        assert.is(parts.flat().length, history.length)
        assert.is(new Set(parts.flat()).size, history.length)
        for (const part of parts) {
          const keys = new Set(part.map(({ input }) => (input as { key: string }).key))
          assert.ok(keys.size <= 1)
        }
      }),
      { numRuns: 60 }
    )
  }
})

test('catalogue: names: one each, as the models say; another: null', () => {
  const names = MODELS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  for (const { name, summary } of MODELS) {
    assert.is(modelNamed(name)?.name, name)
    assert.ok(summary.length > 0 && summary.length < 80)
  }
  assert.is(modelNamed('stack'), null)
})

test('data: different data: different texts and values', () => {
  const json = fc.jsonValue() as fc.Arbitrary<Plain>
  fc.assert(
    fc.property(fc.array(json, { maxLength: 6 }), (drawn) => {
      const all = [...drawn, '', 'a', '1', 1, null, 'null', [], '[]', ['a'], '#nil', '#"a"', {}]
      const canonical = (value: Plain): string => JSON.stringify(sorted(value))
      const distinct = new Set(all.map(canonical)).size
      assert.is(new Set(all.map(plainText)).size, distinct)
      assert.is(new Set(all.map(valueOf)).size, distinct)
    }),
    { numRuns: 300 }
  )
})

/** With the fields of maps in one order, sets told from them, and no negative zero. */
function sorted(value: Plain): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  const entries = Object.entries(value).map(([name, field]) => [name, sorted(field as Plain)])
  return { entries: entries.sort((a, b) => (`${a[0]}` < `${b[0]}` ? -1 : 1)) }
}

test.run()
