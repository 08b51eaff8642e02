// Names of owners.

import * as assert from 'uvu/assert'
import { randomOwner } from '../../client/owner.ts'
import { suite } from '../harness.ts'

const test = suite('owner')

test('owner: ten thousand of them: 16 random bytes each, and no two alike', () => {
  const owners = Array.from({ length: 10_000 }, randomOwner)
  assert.ok(owners.every((owner) => /^[0-9a-f]{32}$/.test(owner)))
  assert.is(new Set(owners).size, owners.length)
  // Each digit is there about as often as any other, so that no byte stands still.
  for (let digit = 0; digit < 32; digit++) {
    assert.is(new Set(owners.map((owner) => owner[digit])).size, 16)
  }
})

test.run()
