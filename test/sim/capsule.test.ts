// Capsules: what is written is read again, what is no capsule is refused with a reason, and a
// replay follows the decisions, not the seed.

import { readFileSync, readdirSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { DEFAULT_SETTING } from '../../sim/campaign.ts'
import type { Setting } from '../../sim/campaign.ts'
import { buildCapsule, encodeCapsule, parseCapsule, replayOptions } from '../../sim/capsule.ts'
import type { Capsule } from '../../sim/capsule.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'

const test = suite('capsule')

const setting: Setting = { ...DEFAULT_SETTING, fireMs: 2_000 }
const { capsule, result } = buildCapsule(5, setting, 'a build', 10)

function parsed(text: string): Capsule {
  const answer = parseCapsule(text)
  if ('reason' in answer) throw new Error(answer.reason)
  return answer.capsule
}

function reasonOf(text: string): string {
  const answer = parseCapsule(text)
  return 'reason' in answer ? answer.reason : 'none'
}

test('capsule: written and read: the same, and text that a person can look at', () => {
  const text = encodeCapsule(capsule)
  assert.equal(parsed(text), capsule)
  assert.ok(text.startsWith('{\n  "format": 1,\n  "build": "a build",\n  "seed": 5,\n'))
  assert.match(text, /^ {4}"swarm": \[\d+,/m)
  assert.match(text, /^ {4}"node\/0": \[/m)
  assert.equal(parsed(encodeCapsule({ ...capsule, decisions: {} })).decisions, {})
})

test('capsule: replayed: the same run, and nothing that does not fit', () => {
  const again = simulate(replayOptions(parsed(encodeCapsule(capsule))))
  assert.is(again.traceHash, result.traceHash)
  assert.is(again.traceHash, capsule.traceHash)
  assert.is(again.misfit, null)
})

test('capsule: replayed under another seed: the decisions decide all the same', () => {
  const again = simulate(replayOptions({ ...capsule, seed: 6 }))
  assert.is(again.traceHash, capsule.traceHash)
  assert.is.not(simulate({ ...setting, seed: 6 }).traceHash, capsule.traceHash)
})

test('capsule: a decision that no longer fits: is named, and the seed decides there', () => {
  const swarm = [9_999_999, ...(capsule.decisions['swarm'] ?? []).slice(1)]
  const decisions = { ...capsule.decisions, swarm }
  const { misfit, traceHash } = simulate(replayOptions({ ...capsule, decisions }))
  assert.is(misfit?.stream, 'swarm')
  assert.is(misfit?.number, 0)
  assert.match(misfit?.reason ?? '', /not below/)
  assert.is(traceHash, capsule.traceHash)
})

test('capsule: those that were kept: replay in the worlds they were of', () => {
  const folder = new URL('../capsules/', import.meta.url)
  const names = readdirSync(folder)
  assert.ok(names.length >= 6)
  for (const name of names) {
    const kept = parsed(readFileSync(new URL(name, folder), 'utf8'))
    const { verdict, scenario, misfit } = simulate(replayOptions(kept))
    assert.is(verdict, 'ok', name)
    // What a world is made of since then, an old one must not get from its seed.
    if (kept.decisions['limits'] === undefined) assert.equal(scenario.limits, {}, name)
    if (kept.decisions['faults/syncerror'] === undefined) {
      assert.not(scenario.faults.some(({ type }) => type === 'syncerror'), name)
    }
    assert.not.match(misfit?.stream ?? '', /limits|faults/, name)
  }
})

test('capsule: with a scenario of its own: that is what runs', () => {
  const drawn = scenarioOf({ ...setting, seed: 5 })
  const scenario = { ...drawn, faults: [] }
  const own = parsed(encodeCapsule({ ...capsule, scenario }))
  assert.equal(own.scenario, scenario)
  assert.equal(simulate(replayOptions(own)).scenario.faults, [])
})

test('capsule: what is no capsule: refused with a reason', () => {
  const foreign = ['', 'text', '3', 'null', '[]', '{}', '{"format": 1}', '{"decisions": {}}']
  for (const text of foreign) assert.match(reasonOf(text), /^is not a capsule: it /)
  for (const format of [0, 2, '1', null]) {
    const reason = `is a capsule of format ${JSON.stringify(format)}; this build reads 1`
    assert.is(reasonOf(JSON.stringify({ ...capsule, format })), reason)
  }
})

test('capsule: each field that is not what it must be: is named', () => {
  const { options, decisions } = capsule
  const scenario = scenarioOf({ ...setting, seed: 5 })
  const broken: readonly (readonly [object, RegExp])[] = [
    [{ build: 7 }, /"build"/],
    [{ seed: 1.5 }, /"seed"/],
    [{ seed: null }, /"seed"/],
    [{ traceHash: 'abc' }, /"traceHash"/],
    [{ violation: 'yes' }, /"violation"/],
    [{ violation: { oracle: 'fencing' } }, /"violation"/],
    [{ violation: undefined }, /"violation"/],
    [{ options: [] }, /"options"/],
    [{ options: { ...options, nodes: 9 } }, /"nodes" must be from 1 to 7/],
    [{ options: { ...options, clients: -1 } }, /"clients"/],
    [{ options: { ...options, keys: 0 } }, /"keys"/],
    [{ options: { ...options, fireMs: 1e9 } }, /"fireMs"/],
    [{ options: { ...options, faults: ['rain'] } }, /"faults"/],
    [{ decisions: [] }, /"decisions"/],
    [{ decisions: { ...decisions, swarm: 3 } }, /"swarm" must be a list/],
    [{ decisions: { ...decisions, 'node/0': [1, -1] } }, /"node\/0" must be a list/],
    [{ scenario: [] }, /"scenario"/],
    [{ scenario: { ...scenario, dead: 1 } }, /"scenario.dead"/],
    [{ scenario: { ...scenario, nodes: 0 } }, /nodes must be from 1 to 7/],
  ]
  for (const [part, reason] of broken) {
    const text = JSON.stringify({ ...capsule, ...part })
    assert.match(reasonOf(text), reason)
    assert.match(reasonOf(text), /^is not a capsule: /)
  }
})

test.run()
