// Syncs that fail, in whole worlds: the log as it is takes them, and logs that take them lightly
// are caught on default seeds. Such logs were shipped: D6 in the field's list of consensus bugs,
// and PostgreSQL's "fsyncgate" of 2018.

import * as assert from 'uvu/assert'
import { openWorkshop } from '../../cli/mutant-build.ts'
import type { Workshop } from '../../cli/mutant-build.ts'
import { HANG_MS, tryMutant } from '../../cli/mutant-hunt.ts'
import { simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite<{ workshop: Workshop }>('sync error')

test.before(async (context) => {
  context.workshop = await openWorkshop(repositoryRoot)
})

test.after((context) => context.workshop.close())

test('sync error: alone: nodes die of it, by bytes and by reference, and all is ok', () => {
  for (const wire of ['bytes', 'reference'] as const) {
    let struck = 0
    for (let seed = 1; seed <= 4; seed++) {
      const options = { seed, nodes: 3, fireMs: 6_000, faults: ['syncerror'] } as const
      const { verdict, violation, faults, oracles, traceHash } = simulate({ ...options, wire })
      assert.is(verdict, 'ok', `seed ${seed}: ${violation?.message}`)
      const count = faults['syncerror'] ?? 0
      // All three start, and start again when the power fails in the drill.
      assert.is(oracles['durable is recovered'], 3 + count + 3, 'each is followed by a restart')
      assert.is(simulate({ ...options, wire }).traceHash, traceHash)
      struck += count
    }
    assert.ok(struck > 4, `${struck} syncs failed ${wire}`)
  }
})

const SHORT = { clients: 1, fireMs: 500 } as const

test('sync error: a capsule of the time before there was any: none strikes', () => {
  let others = 0
  for (let seed = 1; seed <= 10; seed++) {
    const { scenario, decisions } = simulate({ seed, ...SHORT, record: true })
    const old = Object.entries(decisions).filter(([name]) => name !== 'faults/syncerror')
    const replayed = simulate({ seed, ...SHORT, decisions: Object.fromEntries(old) })
    const faults = scenario.faults.filter(({ type }) => type !== 'syncerror')
    assert.equal(replayed.scenario, { ...scenario, faults })
    if (scenario.faults.length > faults.length) others++
  }
  assert.ok(others > 0, 'in none of them one would have struck')
})

const IF_FAILED = 'if (result !== null) {'
const LIGHTLY: readonly (readonly [string, string, string])[] = [
  ['reports what it was for as durable', IF_FAILED, 'if (result !== null && !result) {'],
  ['syncs once more, and believes that', IF_FAILED, `if (result !== null) return this.open()
    ${IF_FAILED}`],
  ['trusts what it reads at the next start', 'if (syncedTo < end)', 'if (syncedTo > end)'],
]

for (const [what, find, replace] of LIGHTLY) {
  test(`sync error: D6: a log that ${what}: caught on a default seed`, async ({ workshop }) => {
    const edit = { id: 'D6', file: 'storage/write-ahead-log.ts', find, replace }
    const { original } = workshop
    const suspect = { id: 'D6', killedBy: null, copy: workshop.build(edit), original }
    const plan = { budgetMs: 20_000, recorded: false, hangMs: HANG_MS, onSeed: () => undefined }
    const { killed, oracle, note } = await tryMutant(suspect, plan)
    assert.equal([killed, oracle], [true, 'durable is recovered'], note ?? '')
  })
}

test.run()
