// The judgement of locks with modes and with levels, against the definition and the search.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { reentrantMutex } from '../../checker/models/mutex.ts'
import type { ReentrantOutput, ReentrantState } from '../../checker/models/mutex.ts'
import { rwLock, type RwLockInput, type RwLockState } from '../../checker/models/rw-lock.ts'
import type { PlainLockInput } from '../../checker/models/lock-words.ts'
import type { Model } from '../../checker/model.ts'
import { suite } from '../harness.ts'
import type { Chance } from './chance.ts'
import { compareMonitor } from './compare-monitor.ts'
import { drawHistory, type Drawing } from './draw-history.ts'

const test = suite('level monitors')
const key = ''

/** Each process by turns, mostly, acquires and releases. */
function turns(chance: Chance, held: Map<number, number>, process: number): 'acquire' | 'release' {
  const level = held.get(process) ?? 0
  const isRelease = level > 0 ? chance.percent(75) : chance.percent(3)
  held.set(process, Math.max(0, level + (isRelease ? -1 : 1)))
  return isRelease ? 'release' : 'acquire'
}

/** The model itself runs: only lies, and what it could not do, are wrong. */
function running<State, Input, Output>(
  model: Model<State, Input, Output>,
  ask: (chance: Chance, process: number, held: Map<number, number>) => Input,
  told: (state: State) => Output,
  lie: (chance: Chance) => Output,
): Drawing<State, Input, Output> {
  const held = new Map<number, number>()
  return {
    initial: model.init(),
    ask: (chance, process, index) => {
      if (index === 0) held.clear()
      return ask(chance, process, held)
    },
    run: (state, input) => {
      const after = model.step(state, input, undefined)
      return after === null ? null : [after, told(after)]
    },
    lie,
  }
}

for (const operationsMax of [7, 14]) {
  test(`rw lock: up to ${operationsMax} operations: as by definition`, () => {
    const drawing = running<RwLockState, RwLockInput, boolean>(
      rwLock(),
      (chance, process, held) => {
        const type = turns(chance, held, process)
        const mode = chance.percent(65) ? 'shared' : 'exclusive'
        const owner = `${process}`
        if (type === 'acquire') return { type, key, owner, mode }
        return { type, key, owner, mode: chance.percent(85) ? null : mode }
      },
      () => true,
      () => true,
    )
    const draw = (chance: Chance): Operation<RwLockInput, boolean>[] => {
      return drawHistory(drawing, chance, operationsMax)
    }
    const compared = compareMonitor(rwLock(), draw, { from: 1, to: 5_000 })
    assert.ok(compared.ordered > 500 && compared.conflict > 500, JSON.stringify(compared))
    assert.ok(compared.none < 2_000, JSON.stringify(compared))
  })

  test(`reentrant mutex: up to ${operationsMax} operations: as by definition`, () => {
    const model = reentrantMutex({ levelMax: 3 })
    const drawing = running<ReentrantState, PlainLockInput, ReentrantOutput>(
      model,
      (chance, process, held) => ({ type: turns(chance, held, process), key, owner: `${process}` }),
      ({ level }) => (level === 2 ? true : level),
      (chance) => (chance.percent(80) ? true : chance.below(4)),
    )
    const draw = (chance: Chance): Operation<PlainLockInput, ReentrantOutput>[] => {
      return drawHistory(drawing, chance, operationsMax)
    }
    const compared = compareMonitor(model, draw, { from: 1, to: 5_000 })
    assert.ok(compared.ordered > 500 && compared.conflict > 500, JSON.stringify(compared))
    assert.ok(compared.none < 2_000, JSON.stringify(compared))
  })
}

test.run()
