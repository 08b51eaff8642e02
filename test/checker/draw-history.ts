// Random small histories of any object: processes ask one thing after the other, each takes effect
// at an instant of its own, some are never answered and some fail; some answers tell nothing, and
// some are lies. Times are few, so that many touch.

import type { Operation } from '../../checker/history.ts'
import type { Chance } from './chance.ts'

/** An object, what is asked of it, and which lies are told. */
export interface Drawing<State, Input, Output> {
  readonly initial: State
  ask(chance: Chance, process: number, index: number): Input
  /** The state after it took effect, and its answer; null: it can't now. */
  run(state: State, input: Input): readonly [State, Output] | null
  /** Another answer, given all true ones so far. */
  lie(chance: Chance, input: Input, told: readonly Output[]): Output
}

interface Drawn<Input> {
  readonly process: number
  readonly input: Input
  readonly call: number
  readonly until: number
  readonly at: number
  readonly how: 'ok' | 'fail' | 'info' | 'lost'
}

/** Draws a history of at most `operationsMax` operations, by at most `lanesMax` at once. */
export function drawHistory<State, Input, Output>(
  { initial, ask, run, lie }: Drawing<State, Input, Output>,
  chance: Chance,
  operationsMax: number,
  lanesMax = 5
): Operation<Input, Output>[] {
  const lanesCount = 1 + chance.below(lanesMax)
  const lanes = Array.from({ length: lanesCount }, (_, process) => ({ process, at: 0 }))
  const crashPercent = chance.pick([0, 10, 30])
  const liePercent = chance.pick([0, 25, 60])
  const lengthMax = chance.pick([3, 8, 20])
  const all: Drawn<Input>[] = []
  for (let left = 2 + chance.below(operationsMax - 1); left > 0; left--) {
    const lane = chance.pick(lanes)
    const call = lane.at + (chance.percent(95) ? 1 : 0) + chance.below(3)
    const until = call + chance.below(lengthMax)
    const { process } = lane
    const isLost = chance.percent(crashPercent)
    const how = isLost ? chance.pick(['info', 'lost'] as const) : chance.percent(4) ? 'fail' : 'ok'
    const at = call + (chance.below(10) / 10) * (how === 'info' ? 30 : until - call)
    all.push({ process, input: ask(chance, process, all.length), call, until, at, how })
    lane.at = until + (isLost ? 1 : 0)
    if (isLost && chance.percent(90)) lane.process = 10 + all.length
  }
  let state = initial
  const told: Output[] = []
  const history: Operation<Input, Output>[] = []
  for (const { process, input, call, until, how } of all.sort((a, b) => a.at - b.at)) {
    const after = how === 'lost' || how === 'fail' ? null : run(state, input)
    if (how === 'info' || how === 'lost') {
      const answered = chance.percent(50) ? Infinity : until
      history.push({ process, input, call, return: answered, outcome: 'info' })
    } else if (how === 'fail') {
      history.push({ process, input, call, return: until, outcome: 'fail' })
    } else {
      const isLie = after === null || chance.percent(liePercent)
      const output = isLie ? lie(chance, input, told) : after[1]
      if (!isLie) told.push(output)
      const asked = { process, input, call, return: until, outcome: 'ok' } as const
      history.push(chance.percent(3) ? asked : { ...asked, output })
    }
    if (after !== null) state = after[0]
  }
  return history.sort((a, b) => a.call - b.call)
}
