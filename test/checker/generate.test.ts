// The generator of histories: what it makes is good until it lies, and bad from then on.

import * as assert from 'uvu/assert'
import { linearize } from '../../checker/linearize.ts'
import { modelNamed, type AnyModel } from '../../checker/models/catalogue.ts'
import { suite } from '../harness.ts'
import { generate, lies } from '../../bench/histories/generate.ts'
import type { GenerateOptions, HistoryKind, Lie } from '../../bench/histories/generate-world.ts'
import { pairToys, readToys } from './models-toys.ts'

const test = suite('generate')

/** The models that a kind's histories are good for; those that see no wrong tokens come last. */
const models: Readonly<Record<HistoryKind, readonly string[]>> = {
  lock: ['fenced-mutex', 'owner-mutex', 'mutex'],
  mutex: ['owner-mutex', 'mutex'],
  semaphore: ['semaphore'],
  'rw-lock': ['rw-lock'],
  register: ['register'],
  'register-unique': ['register'],
  'cas-register': ['cas-register'],
  kv: ['kv'],
  'kv-append': ['kv'],
  queue: ['queue'],
  set: ['set']
}

function judge(name: string, options: GenerateOptions): { verdict: string; isInjected: boolean } {
  const model = modelNamed(name, { initial: 0, permits: 2 }) as AnyModel
  const { events, injected } = generate(options)
  const history = readToys(model, pairToys(events, false))
  const { verdict } = linearize(model, history, { steps: 200_000 })
  return { verdict, isInjected: injected !== null }
}

/** Lies about tokens are none to those who know no tokens. */
function isSeen(model: string, lie: Lie): boolean {
  return model === 'fenced-mutex' || !lie.endsWith('-token')
}

for (const kind of Object.keys(models) as HistoryKind[]) {
  test(`generate: ${kind}: good without a lie, bad with one`, () => {
    const counts = { injected: 0, unknown: 0 }
    for (const lie of [undefined, ...lies[kind]]) {
      for (let seed = 1; seed <= 30; seed++) {
        const options: GenerateOptions = {
          kind,
          operations: 60 + 10 * (seed % 5),
          seed,
          clients: 3 + (seed % 4),
          permits: 2,
          keys: 1 + (seed % 2),
          crashRate: seed % 3 === 0 ? 0.04 : 0,
          lieAt: 0.5,
          ...(lie === undefined ? {} : { lie })
        }
        for (const name of models[kind]) {
          const { verdict, isInjected } = judge(name, options)
          if (isInjected) counts.injected += 1
          if (verdict === 'unknown') {
            counts.unknown += 1
            continue
          }
          const isBad = isInjected && isSeen(name, lie as Lie)
          assert.is(verdict, isBad ? 'violation' : 'ok', `${name}: ${JSON.stringify(options)}`)
        }
      }
      if (lie !== undefined) assert.ok(counts.injected > 10, `${lie}: ${JSON.stringify(counts)}`)
      counts.injected = 0
    }
    assert.ok(counts.unknown < 20, JSON.stringify(counts))
  })
}

test('generate: equal options: equal histories; another seed: another', () => {
  const options = { kind: 'cas-register', operations: 200, crashRate: 0.05 } as const
  assert.equal(generate(options), generate(options))
  assert.not.equal(generate(options), generate({ ...options, seed: 2 }))
})

test('generate: a lie that the kind does not tell: refused', () => {
  const lie = { kind: 'queue', operations: 9, lie: 'stale-read' } as const
  assert.throws(() => generate(lie), /no stale-read/)
})

test.run()
