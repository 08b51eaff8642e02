// `lockstep sim`: runs seeded disasters and says what came of them.

import { campaignJson, printCampaign } from './campaign-report.ts'
import { keepViolations } from './capsule-files.ts'
import { runCampaign } from './run-campaign.ts'
import type { CampaignOutcome } from './run-campaign.ts'
import type { Screen } from './screen.ts'
import { readSimOptions, SIM_OPTIONS } from './sim-options.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

export const simCommand: Verb = {
  name: 'sim',
  usage: '[options]',
  summary: 'run seeded disasters in a simulated world and judge them',
  options: SIM_OPTIONS,
  takesPositionals: false,
  examples: [
    { line: 'sim', what: 'a campaign of 200 seeds' },
    { line: 'sim --seed 17 --trace', what: 'one seed, and what happened in it' },
    { line: 'sim --seeds 1000..1999 --json', what: 'a thousand seeds, for a program to read' },
    { line: 'sim --budget 10m --out capsules', what: 'as many seeds as fit, for a nightly job' },
    { line: 'sim --seeds 50 --nodes 5 --faults crash,torn', what: 'one kind of world only' },
  ],
  run,
}

async function run(given: Given, screen: Screen): Promise<number> {
  const options = readSimOptions(given)
  const outcome = await runCampaign(options, screen)
  const { setting, out, twice } = options
  const findings = keepViolations(outcome.summary.violations, setting, out, twice)
  if (options.json) {
    screen.print(JSON.stringify(campaignJson(outcome, findings)))
  } else {
    const { single } = outcome
    if (options.trace && single !== null) screen.print(single.trace.join('\n'))
    // Whoever has the whole trace above does not need its end once more.
    const shown = options.trace ? findings.map((one) => ({ ...one, trace: [] })) : findings
    printCampaign(options, outcome, shown, screen)
  }
  return exitCodeOf(outcome)
}

/** An internal error is a failure, though no violation; what was found outweighs an interrupt. */
function exitCodeOf({ summary, interrupted }: CampaignOutcome): number {
  if (summary.violations.length + summary.errors.length > 0) return EXIT.violation
  if (interrupted) return EXIT.interrupted
  return summary.undecided.length > 0 ? EXIT.undecided : EXIT.ok
}
