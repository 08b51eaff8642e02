// The arbitraries of the lock machine: what they give is sound, and what there is to do is in it.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { checkLocks } from '../../checker/lock-monitor.ts'
import { LIMITS, requestProblem } from '../../core/lock/limits.ts'
import { lockCommands, lockHistories } from '../../sim/fast-check.ts'
import { EPSILON_PPM } from '../../sim/scenario.ts'
import { suite } from '../harness.ts'

const test = suite('sim/fast-check-locks')
const seed = 20_261_125
const OUTSIDE = { session: null, guarded: false }

test('lock commands: in bounds, each kind is there, and some come again', () => {
  const seen = new Set<string>()
  const bounds = { keys: 3, owners: 2, commandsMax: 20, afterMsMax: 50 }
  fc.assert(
    fc.property(lockCommands(bounds), (commands) => {
      assert.ok(commands.length <= 20)
      const ids = new Set<string>()
      for (const { afterMs, command } of commands) {
        assert.ok(afterMs >= 0 && afterMs <= 50)
        assert.is(requestProblem(command, OUTSIDE, LIMITS), null)
        assert.match(`${command.key} ${command.owner}`, /^k[0-2] o[01]$/)
        seen.add(command.type)
        const id = command.requestId ?? ''
        const isAcquires = ids.has(id)
        if (command.type === 'cancel' && isAcquires) seen.add('cancel of an acquire')
        else if (isAcquires) seen.add('again')
        ids.add(id)
      }
    }),
    { seed, numRuns: 300 },
  )
  const kinds = ['acquire', 'again', 'cancel', 'cancel of an acquire', 'forceRelease']
  assert.equal([...seen].sort(), [...kinds, 'release', 'renew'])
})

test('lock commands: some kinds only, and one mode', () => {
  const only = lockCommands({ types: ['acquire', 'release'], modes: ['exclusive'] })
  for (const { command } of fc.sample(only, { seed, numRuns: 50 }).flat()) {
    const isMeant = command.type === 'acquire' && command.mode === 'exclusive'
    assert.ok(isMeant || command.type === 'release')
  }
})

test('lock histories: all of them are right', () => {
  let operations = 0
  const bounds = { nodesMax: 3, operationsMax: 30, faultsMax: 2 }
  fc.assert(
    fc.property(lockHistories(bounds), (history) => {
      const timing = { unitsPerMs: 1_000, epsilonPpm: EPSILON_PPM, slackMs: 2 }
      operations += history.length
      return checkLocks(history, timing).verdict === 'ok'
    }),
    { seed, numRuns: 25 },
  )
  assert.ok(operations > 100, `${operations}`)
}, { deadlineMs: 120_000 })

test.run()
