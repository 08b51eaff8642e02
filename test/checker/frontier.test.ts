// Counts that are packed into words, at the bounds of what one holds.

import * as assert from 'uvu/assert'
import { countAt, countUp, Frontier, newDraft, packingFor } from '../../checker/frontier.ts'
import type { Draft, Packing } from '../../checker/frontier.ts'
import { suite } from '../harness.ts'

const test = suite('frontier')

const PLACES = 5

/** A configuration that has placed as many of some classes, by place, and none of the others. */
function draftWith(used: Packing, counts: Readonly<Record<number, number>>): Draft {
  const draft = newDraft(1, used)
  for (const [at, count] of Object.entries(counts)) {
    for (let more = 0; more < count; more++) countUp(draft.used, Number(at), used)
  }
  return draft
}

for (const [most, perWord] of [[127, 4], [128, 2], [32_767, 2], [32_768, 1]] as const) {
  const used = packingFor(PLACES, most)

  test(`frontier: counts up to ${most}: ${perWord} to a word, and each by itself`, () => {
    assert.is(used.words, Math.ceil(PLACES / perWord))
    for (let at = 0; at < PLACES; at++) {
      const { used: words } = draftWith(used, { [at]: most })
      for (let other = 0; other < PLACES; other++) {
        assert.is(countAt(words, 0, other, used), other === at ? most : 0, `${at}, ${other}`)
      }
    }
  })

  test(`frontier: counts up to ${most}: who has used no more makes the other superfluous`, () => {
    for (let at = 0; at < PLACES; at++) {
      for (const [less, more] of [[0, 1], [0, most], [most - 1, most]] as const) {
        const [few, many] = [draftWith(used, { [at]: less }), draftWith(used, { [at]: more })]
        assert.is(added(used, few, many), 'superfluous', `${at}: ${less}, then ${more}`)
        assert.is(added(used, many, few), 'better', `${at}: ${more}, then ${less}`)
        assert.is(added(used, few, few), 'superfluous', `${at}: ${less} twice`)
      }
    }
  })

  test(`frontier: counts up to ${most}: one more here and one less there are both kept`, () => {
    for (let at = 0; at < PLACES; at++) {
      for (let other = 0; other < PLACES; other++) {
        if (other === at) continue
        const [one, two] = [draftWith(used, { [at]: most }), draftWith(used, { [other]: 1 })]
        assert.is(added(used, one, two), 'both', `${at}, ${other}`)
        assert.is(added(used, two, one), 'both', `${other}, ${at}`)
      }
    }
  })
}

/** What becomes of the second one where the first one is. */
function added(used: Packing, first: Draft, second: Draft): 'superfluous' | 'better' | 'both' {
  const frontier = new Frontier(1, used)
  frontier.clear(new Int32Array(1))
  frontier.add(first)
  if (!frontier.add(second)) return 'superfluous'
  return frontier.isObsolete(0) ? 'better' : 'both'
}

test.run()
