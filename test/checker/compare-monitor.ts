// Holds the judgement of a model, which needs no search, against the definition and the search.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { linearize } from '../../checker/linearize.ts'
import type { Model } from '../../checker/model.ts'
import { chanceOf, type Chance } from './chance.ts'
import { isLinearizable, orderProblem } from './naive-search.ts'

/** How many histories were judged how. */
export interface Compared {
  ordered: number
  conflict: number
  none: number
}

/** Judges a history for each seed; throws at the first one that is judged wrong. */
export function compareMonitor<State, Input, Output>(
  model: Model<State, Input, Output>,
  draw: (chance: Chance) => Operation<Input, Output>[],
  seeds: { readonly from: number; readonly to: number }
): Compared {
  const { judge, ...searched } = model
  const compared = { ordered: 0, conflict: 0, none: 0 }
  for (let seed = seeds.from; seed <= seeds.to; seed++) {
    const history = draw(chanceOf(seed))
    const judged = judge?.(history) ?? null
    compared[judged?.type ?? 'none'] += 1
    if (judged === null) continue
    const said = `seed ${seed}: ${JSON.stringify(history)}`
    if (history.length <= 7) {
      const isRight = isLinearizable(model, history)
      assert.is(judged.type, isRight ? 'ordered' : 'conflict', said)
    }
    const found = linearize(searched, history)
    assert.is(found.verdict, judged.type === 'ordered' ? 'ok' : 'violation', said)
    if (judged.type === 'ordered') {
      assert.is(orderProblem(model, history, judged.order), null, said)
    } else {
      assert.ok(judged.operations.length > 0, said)
      assert.ok(judged.operations.every((one) => history.includes(one)), said)
      assert.is(new Set(judged.operations).size, judged.operations.length, said)
    }
  }
  return compared
}
