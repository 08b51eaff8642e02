// Evidence: violations are made small, and the verifier takes what shows the verdict, nothing else.

import * as assert from 'uvu/assert'
import { check, type CheckResult } from '../../checker/check.ts'
import { explain } from '../../checker/explain.ts'
import { Pairing } from '../../checker/formats/pairing.ts'
import type { Operation } from '../../checker/history.ts'
import { modelNamed, type AnyModel } from '../../checker/models/catalogue.ts'
import { register } from '../../checker/models/register.ts'
import type { Verdict } from '../../checker/verdict.ts'
import { verify } from '../../checker/verify.ts'
import { inWords } from '../../checker/words.ts'
import { suite } from '../harness.ts'
import { generate, lies } from '../../bench/histories/generate.ts'
import type { HistoryKind } from '../../bench/histories/generate-world.ts'

const test = suite('evidence')

const modelOf: Readonly<Record<HistoryKind, string>> = {
  lock: 'fenced-mutex',
  mutex: 'mutex',
  semaphore: 'semaphore',
  'rw-lock': 'rw-lock',
  register: 'register',
  'register-unique': 'register',
  'cas-register': 'cas-register',
  kv: 'kv',
  'kv-append': 'kv',
  queue: 'queue',
  set: 'set'
}

interface Case {
  readonly model: AnyModel
  readonly history: readonly Operation[]
}

function caseOf(asked: Parameters<typeof generate>[0]): Case {
  const pairing = new Pairing({ failed: 'observed' })
  const { events } = generate(asked)
  const operations = events.flatMap((event) => pairing.observe(event) ?? [])
  const model = modelNamed(modelOf[asked.kind], { permits: 3, initial: 0 }) as AnyModel
  return { model, history: inWords([...operations, ...pairing.end()], model) }
}

for (const kind of Object.keys(lies) as HistoryKind[]) {
  for (const lie of lies[kind]) {
    test(`${kind}, ${lie}: at most 12 operations, which are a proof`, () => {
      const operations = kind === 'queue' ? 60 : 200
      for (const seed of [1, 2]) {
        const { model, history } = caseOf({ kind, lie, seed, operations, clients: 4 })
        const result = check(history, model)
        assert.is(verify(model, history, result), null)
        if (result.verdict !== 'violation') continue
        assert.ok(result.operations.length <= 12, `${result.operations.length} operations`)
        assert.ok(result.operations.every((one) => history.includes(one)))
      }
    })
  }
}

test('a register of 10^4 operations, which no search gets through: a proof as well', () => {
  for (const seed of [1, 2, 3]) {
    const asked = { kind: 'register', lie: 'stale-read', seed, operations: 10_000 } as const
    const { model, history } = caseOf(asked)
    const result = check(history, model)
    assert.is(verify(model, history, result), null)
    assert.ok(result.verdict === 'violation' && result.operations.length <= 12)
  }
})

test('a good history of each kind: an order that the verifier takes', () => {
  for (const kind of Object.keys(lies) as HistoryKind[]) {
    const { model, history } = caseOf({ kind, operations: 60, clients: 4, crashRate: 0.02 })
    const result = check(history, model)
    assert.is(result.verdict, 'ok')
    assert.is(verify(model, history, result), null)
  }
})

function write(process: number, value: number, call: number): Operation {
  const input = { type: 'write', value }
  return { process, input, call, return: call + 5, outcome: 'ok', output: true }
}

function read(process: number, value: number | null, call: number): Operation {
  return { process, input: { type: 'read' }, call, return: call + 5, outcome: 'ok', output: value }
}

/** What the verifier says of evidence that was changed. */
function tampered(
  history: readonly Operation[],
  change: (verdict: CheckResult & { verdict: 'ok' | 'violation' }) => Partial<Verdict>
): string | null {
  const model = { ...register, judge: () => null } as unknown as AnyModel
  const result = check(history, model)
  if (result.verdict === 'unknown') throw new Error('no verdict to tamper with')
  assert.is(verify(model, history, result), null)
  return verify(model, history, { ...result, ...change(result) } as Verdict)
}

const good = [write(0, 1, 0), read(1, 1, 10), write(0, 2, 20), read(1, 2, 30)]
const [w1, r1, w2, r2] = good as [Operation, Operation, Operation, Operation]
const outside = 'an operation is not of the part, or not of the time'
const stale = [...good, read(1, 1, 40)]

test('an order that is tampered with: refused, and why', () => {
  const orders: [readonly Operation[], string][] = [
    [[w1, r1, w2], 'an answer is not in the order'],
    [[w1, r1, w2, r2, r2], 'the order holds a stranger, or something twice'],
    [[w1, r1, w2, r2, { ...r2 }], 'the order holds a stranger, or something twice'],
    [[w1, w2, r1, r2], 'the order does not keep real time'],
  ]
  for (const [order, why] of orders) assert.is(tampered(good, () => ({ order })), why)
  const together = [write(0, 1, 0), write(1, 2, 1), read(2, 2, 10)]
  const [one, two, three] = together as [Operation, Operation, Operation]
  const wrong = (): Partial<Verdict> => ({ order: [two, one, three] })
  assert.is(tampered(together, wrong), 'an answer is not explained')
})

test('a violation of what is good: refused', () => {
  const span = { from: -Infinity, until: Infinity }
  const claim = (operations: readonly Operation[]): Partial<Verdict> => {
    return { verdict: 'violation', message: '', operations, span }
  }
  assert.is(tampered(good, () => claim(good)), 'an order explains the operations')
  assert.is(tampered(good, () => claim([r1])), 'something cannot be left out')
  assert.is(tampered(good, () => claim([])), 'an order explains the operations')
  assert.is(tampered(good, () => claim([{ ...r1 }])), outside)
  assert.is(tampered(good, () => claim([r1, { ...w1 }])), outside)
})

test('a violation whose operations or span are changed: refused', () => {
  const dropFirst = tampered(stale, (verdict) => {
    if (verdict.verdict !== 'violation') throw new Error('a violation was expected')
    return { operations: verdict.operations.slice(1) }
  })
  assert.type(dropFirst, 'string')
  assert.is(tampered(stale, () => ({ span: { from: -Infinity, until: 39 } })), outside)
  assert.is(tampered(stale, () => ({ span: { from: 46, until: Infinity } })), outside)
})

test('a verdict without evidence: refused', () => {
  const model = register as unknown as AnyModel
  assert.is(verify(model, good, { verdict: 'ok', checked: 4 }), 'there is no order')
  const unknown = { verdict: 'unknown', checked: 4, reason: '' } as const
  assert.is(verify(model, good, unknown), 'there is no verdict')
  const shown = { verdict: 'violation', checked: 4, message: '', operations: good } as const
  assert.is(verify(model, good, shown), 'the operations only show where')
})

test('explain: the verdict, the reason, and who was told what when', () => {
  const text = explain(check(stale, register as unknown as AnyModel))
  assert.match(text, 'violation: 5 operations of a register')
  assert.match(text, /40 to 45 +read -> 1 +\(process 1\)/)
  assert.match(explain(check(good, register as unknown as AnyModel)), 'ok: 4 operations')
})

test.run()
