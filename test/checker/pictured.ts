// Results of checks to make pictures of.

import { check, type CheckResult } from '../../checker/check.ts'
import { Pairing, type FileOperation } from '../../checker/formats/pairing.ts'
import type { Operation } from '../../checker/history.ts'
import { modelNamed, type ModelOptions } from '../../checker/models/catalogue.ts'
import { fencedMutex } from '../../checker/models/fenced-mutex.ts'
import { casRegister } from '../../checker/models/register.ts'
import { inWords } from '../../checker/words.ts'
import { generate } from '../../bench/histories/generate.ts'
import type { GenerateOptions } from '../../bench/histories/generate-world.ts'

/** A result, and when its instants were. */
export interface Pictured {
  readonly result: CheckResult
  readonly nanosecondsAt: (instant: number) => number
}

/** Generates a history, reads it and checks it. */
export function checked(
  options: GenerateOptions,
  modelName: string,
  modelOptions: ModelOptions = {}
): Pictured {
  const { events } = generate(options)
  const pairing = new Pairing()
  const operations: FileOperation[] = []
  for (const event of events) {
    const operation = pairing.observe(event)
    if (operation !== null) operations.push(operation)
  }
  operations.push(...pairing.end())
  const times = events.map(({ time }) => time ?? 0)
  const nanosecondsAt = (instant: number): number => {
    return times[Math.max(0, Math.min(times.length, Math.floor(instant)) - 1)] ?? 0
  }
  const model = modelNamed(modelName, modelOptions)
  if (model === null) throw new RangeError(`no model ${modelName}`)
  return { result: check(inWords(operations, model), model) as CheckResult, nanosecondsAt }
}

/** Two that hold one lock at one time, with what others do meanwhile. */
export function twoHolders(): CheckResult {
  const ask = (type: 'acquire' | 'release', owner: string): object => ({ type, key: 'L', owner })
  const ok = (
    process: number,
    [call, answered]: readonly [number, number],
    input: object,
    output: unknown
  ): Operation => ({ process, input, call, return: answered, outcome: 'ok', output })
  const history = [
    ok(1, [10, 14], ask('acquire', 'c1'), 6),
    { ...ok(2, [11, 40], ask('acquire', 'c2'), 0), outcome: 'fail' as const, output: false },
    ok(3, [20, 26], ask('acquire', 'c3'), 7),
    ok(1, [34, 38], ask('release', 'c1'), true),
    ok(3, [44, 47], ask('release', 'c3'), true),
    { ...ok(4, [49, Infinity], ask('acquire', 'c4'), 0), outcome: 'info' as const }
  ]
  return check(history as never[], fencedMutex()) as CheckResult
}

/** A read of what was overwritten before it was asked. */
export function staleRead(extra: readonly Operation[] = []): CheckResult {
  const history = [
    { process: 0, input: { type: 'write', value: 1 }, call: 0, return: 4, output: true },
    { process: 1, input: { type: 'write', value: 2 }, call: 5, return: 9, output: true },
    { process: 2, input: { type: 'read' }, call: 8, return: 12, output: 2 },
    { process: 0, input: { type: 'read' }, call: 14, return: 18, output: 1 },
    { process: 3, input: { type: 'cas', from: 7, to: 8 }, call: 3, return: 20, output: false }
  ].map((one) => ({ ...one, outcome: 'ok' as const }))
  return check([...history, ...extra] as never[], casRegister()) as CheckResult
}
