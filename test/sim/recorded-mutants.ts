// Tries mutants on the seeds on which they were found; several files share it, so that they run
// side by side.

import * as assert from 'uvu/assert'
import { openWorkshop } from '../../cli/mutant-build.ts'
import type { Edit, Workshop } from '../../cli/mutant-build.ts'
import { HANG_MS, tryMutant } from '../../cli/mutant-hunt.ts'
import type { Trial } from '../../cli/mutant-hunt.ts'
import type { Kill, Mutant } from '../../sim/mutants/mutant.ts'
import type { Suite } from '../harness.ts'
import { repositoryRoot } from '../support/source-files.ts'

const FALLBACK_MS = 10_000

/** What the tests of a suite share. */
export interface HasWorkshop {
  workshop: Workshop
}

/** Whether it changes the consensus: about half of all do. */
export function isOfRaft({ file }: Mutant): boolean {
  return file.startsWith('core/raft/')
}

/** Adds a test for each of these, which has to be killed as was recorded. */
export function addRecorded(hunt: Suite<HasWorkshop>, mutants: readonly Mutant[]): void {
  hunt.before(async (context) => {
    context.workshop = await openWorkshop(repositoryRoot)
  })
  hunt.after((context) => context.workshop.close())
  for (const mutant of mutants) {
    const { id } = mutant
    hunt(`mutants: ${id}: killed on its recorded seed, by its recorded oracle`, async (given) => {
      assert.ok(mutant.killedBy, `nothing is recorded: npm run mutants -- --only ${id} --record`)
      const trial = await tried(given.workshop, mutant, { recorded: true })
      const { killed, oracle, note } = trial
      const wanted = { killed: true, oracle: mutant.killedBy?.oracle, note: null }
      assert.equal({ killed, oracle, note }, wanted, `npm run mutants -- --only ${id} --record`)
    })
  }
}

/** One trial, which gives up after a while. */
export function tried(
  workshop: Workshop,
  edit: Edit & { readonly killedBy: Kill | null },
  plan: { readonly recorded?: boolean; readonly budgetMs?: number; readonly hangMs?: number },
): Promise<Trial> {
  const all = { recorded: false, budgetMs: FALLBACK_MS, hangMs: HANG_MS, onSeed: () => undefined }
  const { id, killedBy } = edit
  const suspect = { id, killedBy, copy: workshop.build(edit), original: workshop.original }
  return tryMutant(suspect, { ...all, ...plan })
}
