// The judgements of locks without a search against the definition, on random small histories.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import type { Judged, Model } from '../../checker/model.ts'
import type { PlainLockInput } from '../../checker/models/lock-words.ts'
import { mutex } from '../../checker/models/mutex.ts'
import type { LockStep } from '../../checker/mutex-monitors.ts'
import {
  judgeFencedMutex,
  judgeOwnerMutex,
  judgeSemaphore,
} from '../../checker/mutex-monitors.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import type { Chance } from './chance.ts'
import { compareMonitor } from './compare-monitor.ts'
import { drawHistory, type Drawing } from './draw-history.ts'
import { isLinearizable, orderProblem } from './naive-search.ts'

const test = suite('mutex monitors')

/** Who asks is part of what is asked, for models that must know. */
interface Input {
  readonly step: LockStep
  readonly process: number
}

type Token = number | undefined
type LockOperation = Operation<Input, Token>

/** -1: nobody. */
interface Held {
  readonly by: number
  readonly token: number
}

const owner: Model<Held, Input, Token> = {
  name: 'owner mutex',
  init: () => ({ by: -1, token: -1 }),
  step: ({ by, token }, { step, process }) => {
    if (step === 'acquire') return by === -1 ? { by: process, token } : null
    return by === process ? { by: -1, token } : null
  },
  equal: (a, b) => a.by === b.by && a.token === b.token,
  describe: ({ step, process }) => `${step} by ${process}`,
  describeState: ({ by }) => `held by ${by}`,
}

const fenced: Model<Held, Input, Token> = {
  ...owner,
  step: (state, input, output) => {
    const after = owner.step(state, input, output)
    if (after === null || input.step === 'release' || output === undefined) return after
    return output > state.token ? { by: after.by, token: output } : null
  },
}

function semaphore(permits: number): Model<number, Input, Token> {
  return {
    name: 'semaphore',
    init: () => 0,
    step: (taken, { step }) => {
      if (step === 'acquire') return taken < permits ? taken + 1 : null
      return taken > 0 ? taken - 1 : null
    },
    equal: (a, b) => a === b,
    describe: ({ step }) => step,
    describeState: String,
  }
}

function draw(chance: Chance, anyone: boolean): LockOperation[] {
  const lanes = Array.from({ length: 1 + chance.below(4) }, (_, process) => {
    return { process, at: chance.below(4), holds: false }
  })
  const history: LockOperation[] = []
  let token = 0
  for (let left = 2 + chance.below(6); left > 0; left--) {
    const lane = chance.pick(lanes)
    const { process } = lane
    const isRight = chance.percent(90)
    const step = (anyone ? chance.percent(50) : lane.holds === isRight) ? 'release' : 'acquire'
    lane.holds = step === 'acquire'
    const call = lane.at + (chance.percent(97) ? 1 : 0) + chance.below(3)
    const asked = { process, input: { step, process } as const, call }
    lane.at = call + chance.below(5)
    if (chance.percent(15)) {
      const answered = chance.percent(50) ? Infinity : lane.at
      history.push({ ...asked, return: answered, outcome: 'info' })
      lane.holds = false
      if (chance.percent(70)) lane.process = 10 + history.length
    } else if (chance.percent(4)) {
      history.push({ ...asked, return: lane.at, outcome: 'fail' })
      lane.holds = step === 'release'
    } else {
      const output = step === 'release' ? undefined : chance.percent(85) ? ++token : token
      const answered = { ...asked, return: lane.at, outcome: 'ok' } as const
      history.push(output === undefined ? answered : { ...answered, output })
    }
  }
  return chance.percent(70) ? history : history.reverse()
}

const stepOf = ({ step }: Input): LockStep => step
const words = { stepOf, ownerOf: ({ process }: Input): number => process }

type Judge = (history: readonly LockOperation[]) => Judged<Input, Token> | null

function compare<State>(model: Model<State, Input, Token>, judge: Judge, anyone: boolean): void {
  const seen = { ordered: 0, conflict: 0, none: 0 }
  for (let seed = 1; seed <= 10_000; seed++) {
    const history = draw(chanceOf(seed), anyone)
    const judged = judge(history)
    seen[judged?.type ?? 'none'] += 1
    if (judged === null) continue
    const isRight = isLinearizable(model, history)
    const said = `seed ${seed}: ${JSON.stringify(history)}`
    assert.is(judged.type, isRight ? 'ordered' : 'conflict', said)
    if (judged.type === 'ordered') {
      const { order } = judged
      assert.is(orderProblem(model, history, order), null, said)
    } else assert.ok(judged.operations.length > 0 && judged.operations.length <= 3)
  }
  assert.ok(seen.ordered > 500 && seen.conflict > 500, JSON.stringify(seen))
  assert.ok(seen.none < 3_000, JSON.stringify(seen))
}

test('mutex monitors: an owner releases: as by definition', () => {
  compare(owner, (history) => judgeOwnerMutex(history, words), false)
})

test('mutex monitors: tokens grow: as by definition', () => {
  const tokenOf = (token: Token): number => token ?? 0
  compare(fenced, (history) => judgeFencedMutex(history, words, tokenOf), false)
})

for (const permits of [1, 2, 3]) {
  test(`mutex monitors: ${permits} permits: as by definition`, () => {
    const judge: Judge = (history) => judgeSemaphore(history, stepOf, permits)
    compare(semaphore(permits), judge, true)
  })
}

/** Enough of them at once that it matters which goes first. */
const anyone: Drawing<number, PlainLockInput, boolean> = {
  initial: 0,
  ask: (chance, process) => {
    return { type: chance.pick(['acquire', 'release']), key: '', owner: `${process}` }
  },
  run: (held, { type }) => {
    if (type === 'acquire') return held === 0 ? [1, true] : null
    return held === 1 ? [0, true] : null
  },
  lie: () => true
}

test('mutex monitors: many at once: as the search has it', () => {
  const draw = (chance: Chance): Operation<PlainLockInput, boolean>[] => {
    return drawHistory(anyone, chance, 20, 10)
  }
  const compared = compareMonitor(mutex(), draw, { from: 1, to: 6_000 })
  assert.ok(compared.ordered > 500 && compared.conflict > 500, JSON.stringify(compared))
})

test.run()
