// What holds of the evidence for any history of any model: the verifier takes it, and what may be
// left out of a history that an order explains leaves one that an order explains.

import { check } from '../../checker/check.ts'
import type { Operation } from '../../checker/history.ts'
import { linearize } from '../../checker/linearize.ts'
import type { AnyModel } from '../../checker/models/catalogue.ts'
import { verify } from '../../checker/verify.ts'
import { chanceOf, type Chance } from './chance.ts'
import { drawEvents, pairToys, readToys, type ToyCase } from './models-toys.ts'

/** The first of so many random histories that breaks a law, and which; null: none does. */
export function firstBroken(toy: ToyCase, rounds: number): string | null {
  for (let seed = 1; seed <= rounds; seed++) {
    const chance = chanceOf(seed)
    const operations = pairToys(drawEvents(toy, chance), chance.percent(50))
    const broken = brokenLaw(toy.model, readToys(toy.model, operations), chance)
    if (broken !== null) return `seed ${seed}: ${broken}`
  }
  return null
}

/** Says which law the history breaks, or null. */
export function brokenLaw(
  model: AnyModel,
  history: readonly Operation[],
  chance: Chance
): string | null {
  const result = check(history, model)
  const problem = verify(model, history, result)
  if (problem !== null) return `the evidence of ${result.verdict}: ${problem}`
  if (result.verdict !== 'ok') return null
  for (const part of model.partition?.(history) ?? [history]) {
    const counted = part.filter(({ outcome }) => outcome !== 'fail')
    const less = withoutSome(model, counted, chance)
    if (linearize(model, less).verdict !== 'ok') return `it leaves ${JSON.stringify(less)}`
    if (model.any === undefined) continue
    const { rest, isPossible } = cutSomewhere(model, counted, chance)
    if (!isPossible) return `no state that ${JSON.stringify(rest)} can begin in`
  }
  return null
}

/** Without some of the groups that the model can spare, and then some of those that are left. */
function withoutSome(
  model: AnyModel,
  part: readonly Operation[],
  chance: Chance
): readonly Operation[] {
  let rest = part
  for (let round = 0; round < 3; round++) {
    const looks = rest.filter(({ input, output }) => model.isObserver(input, output))
    const groups = [...looks.map((one) => [one]), ...(model.units?.(rest) ?? [])]
    const gone = new Set(groups.filter(() => chance.percent(50)).flat())
    rest = rest.filter((one) => !gone.has(one))
  }
  return rest
}

interface Span {
  readonly rest: readonly Operation[]
  /** Whether an order explains it from some state. */
  readonly isPossible: boolean
}

/** What there is to explain from one instant to another. */
function cutSomewhere(model: AnyModel, part: readonly Operation[], chance: Chance): Span {
  const instants = part.flatMap((one) => [one.call, one.return]).filter(Number.isFinite)
  const [one, other] = [chance.pick(instants), chance.pick(instants)]
  const [from, until] = [Math.min(one, other), Math.max(one, other)]
  const rest = part.flatMap((operation): Operation[] => {
    const isOk = operation.outcome === 'ok'
    if (operation.call > until || (isOk && operation.return < from)) return []
    if (!isOk || (operation.call >= from && operation.return <= until)) return [operation]
    const { process, input, call } = operation
    return [{ process, input, call, return: Infinity, outcome: 'info' }]
  })
  const states = model.any?.(rest) ?? []
  const isPossible = states.some((state) => {
    const from = { ...model, init: () => state, judge: () => null }
    return linearize(from, rest).verdict === 'ok'
  })
  return { rest, isPossible }
}
