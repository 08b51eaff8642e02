// Simulations in a test file of your own, here for node:test. Run: node --import tsx --test FILE

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from 'lockstep/sim'
import type { Rule } from 'lockstep/sim'

for (let seed = 1; seed <= 10; seed++) {
  test(`locks survive seed ${seed}`, () => {
    const { verdict, violation } = simulate({ seed, fireMs: 10_000 })
    assert.equal(verdict, 'ok', `${violation?.oracle}: ${violation?.message}`)
  })
}

test('the same seed is the same run', () => {
  const [first, second] = [simulate({ seed: 7 }), simulate({ seed: 7 })]
  assert.equal(first.traceHash, second.traceHash)
})

test('locks survive a network that loses every tenth message', () => {
  let count = 0
  const everyTenth: Rule = () => ({ type: ++count % 10 === 0 ? 'drop' : 'pass' })
  const { verdict } = simulate({ seed: 1, faults: [], rules: [everyTenth], fireMs: 10_000 })
  assert.equal(verdict, 'ok')
})
