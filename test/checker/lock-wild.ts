// Lock histories made of chance alone: few owners, tokens and instants, so that operations collide
// in every way. Most are impossible, some are legal, in shapes that no honest service would give.

import type { LockInput, LockOperation, LockOutput } from '../../checker/lock-history.ts'
import type { Chance } from './chance.ts'

interface Told {
  readonly input: LockInput
  readonly output: LockOutput
}

/** Draws a well-formed history of 3 to 7 operations, in milliseconds. */
export function wildLockHistory(chance: Chance): LockOperation[] {
  const history: LockOperation[] = []
  const count = 3 + chance.below(5)
  const owners = chance.percent(30) ? ['a'] : ['a', 'b']
  const span = chance.pick([3, 8, 20])
  const lanes = Array.from({ length: 1 + chance.below(4) }, (_, process) => ({ process, at: 0 }))
  let processes = lanes.length
  for (let index = 0; index < count; index++) {
    const lane = chance.pick(lanes)
    const call = lane.at + chance.below(span)
    const answered = call + chance.below(span)
    lane.at = answered + chance.below(2)
    const { process } = lane
    const { input, output } = drawTold(chance, chance.pick(owners))
    if (chance.percent(20)) {
      history.push({ process, input, call, return: Infinity, outcome: 'info' })
      lane.process = processes++
    } else history.push({ process, input, call, return: answered, outcome: 'ok', output })
  }
  return history
}

function drawTold(chance: Chance, owner: string): Told {
  const key = 'L'
  const ttlMs = chance.pick([1, 3, 6, 12, 30])
  const drawn = 1 + chance.below(3)
  const token = chance.percent(20) ? null : drawn
  switch (chance.pick(['acquire', 'acquire', 'acquire', 'release', 'renew', 'status'] as const)) {
    case 'acquire': {
      const granted = { type: 'granted', token: drawn, count: chance.pick([1, 1, 1, 2]) } as const
      const refused = { type: 'held', token: drawn } as const
      const expired = { type: 'expired', token: 0 } as const
      const output = chance.pick([granted, granted, granted, granted, granted, refused, expired])
      return { input: { type: 'acquire', key, owner, ttlMs, waitMs: 0 }, output }
    }
    case 'release': {
      const released = { type: 'released', count: chance.pick([0, 0, 0, 1]) } as const
      const output = chance.pick([released, released, released, { type: 'notHolder' } as const])
      return { input: { type: 'release', key, owner, token }, output }
    }
    case 'renew': {
      const renewed = { type: 'renewed', token: token ?? drawn, ttlMs } as const
      const output = chance.pick([renewed, renewed, { type: 'expired', token: 0 } as const])
      return { input: { type: 'renew', key, owner, token, ttlMs }, output }
    }
    case 'status': {
      const free = { type: 'status', locked: false, token: 0, owner: '' } as const
      const locked = { type: 'status', locked: true, token: drawn, owner } as const
      return { input: { type: 'status', key }, output: chance.pick([free, locked]) }
    }
  }
}
