// What a campaign says at its end: the table or plain lines, the violations, or one JSON object.

import { REQUIRED_PROBES } from '../sim/campaign.ts'
import type { CampaignSummary } from '../sim/campaign.ts'
import { TRACE_LINES } from './capsule-files.ts'
import type { Finding } from './capsule-files.ts'
import { counted, decimal, duration, integer } from './format.ts'
import type { CampaignOutcome } from './run-campaign.ts'
import type { Screen } from './screen.ts'
import type { SimOptions } from './sim-options.ts'
import { plainLines, tableLines } from './table.ts'
import type { Row, Section } from './table.ts'

/** Prints the table, or plain lines, and what was found. */
export function printCampaign(
  options: SimOptions,
  outcome: CampaignOutcome,
  findings: readonly Finding[],
  screen: Screen,
): void {
  const left = [overview(options, outcome), medians(outcome.summary), ...countsLeft(outcome)]
  const right = countsRight(outcome)
  if (screen.isTerminal) {
    screen.print(tableLines(left, right, screen).join('\n'))
    screen.print('')
  } else {
    screen.print(plainLines([...left, ...right]).join('\n'))
  }
  const { single, summary } = outcome
  if (single !== null) screen.print(`trace hash: ${single.traceHash}`)
  else screen.print(`campaign hash: ${summary.campaignHash}`)
  screen.print(verdictLine(outcome, screen))
  for (const { seed, error } of summary.errors) {
    screen.complain(`\ninternal error in seed ${seed}: ${error}`)
  }
  printFindings(findings, screen)
}

/** The object of `--json`. */
export function campaignJson(outcome: CampaignOutcome, findings: readonly Finding[]): object {
  const { summary, wallSeconds, single, interrupted, budgetUsedUp } = outcome
  const { verdict, seeds, events, simSeconds, ...counts } = summary
  const perSecond = (count: number): number => (wallSeconds === 0 ? 0 : count / wallSeconds)
  const speed = {
    wallSeconds: rounded(wallSeconds),
    eventsPerSecond: Math.round(perSecond(events)),
    simSecondsPerWallSecond: rounded(perSecond(simSeconds)),
  }
  const { faults, operations, oracles, probes, medians, campaignHash } = counts
  const { errors, undecided } = counts
  const found = { faults, operations, oracles, probes, medians }
  const hash = single === null ? {} : { traceHash: single.traceHash }
  const trace = single === null || single.trace.length === 0 ? {} : { trace: single.trace }
  const ends = { errors, undecided, interrupted, budgetUsedUp, campaignHash, ...hash, ...trace }
  const totals = { verdict, seeds, events, simSeconds, ...speed }
  return { ...totals, ...found, violations: findings, ...ends }
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function overview(options: SimOptions, outcome: CampaignOutcome): Section {
  const { summary, wallSeconds } = outcome
  const { seeds, events, simSeconds } = summary
  const rows: Row[] = [
    { label: 'seeds', value: integer(seeds), plain: String(seeds) },
    { label: 'events', value: integer(events), plain: String(events) },
    { label: 'simulated', value: duration(simSeconds), plain: `${rounded(simSeconds)} s` },
    { label: 'wall time', value: duration(wallSeconds), plain: `${rounded(wallSeconds)} s` },
    numberRow('events/s', wallSeconds === 0 ? 0 : events / wallSeconds),
    numberRow('sim s / wall s', wallSeconds === 0 ? 0 : simSeconds / wallSeconds),
    { label: 'threads', value: String(Math.min(options.jobs, seeds)) },
  ]
  return { title: 'campaign', prefix: '', rows }
}

function numberRow(label: string, value: number): Row {
  return { label, value: decimal(value), plain: String(Math.round(value * 10) / 10) }
}

function medians(summary: CampaignSummary): Section {
  const { fireSeconds, answeredOperations, faultKinds } = summary.medians
  const rows = [
    numberRow('fire seconds', fireSeconds),
    numberRow('answered', answeredOperations),
    numberRow('kinds of fault', faultKinds),
  ]
  return { title: 'median of a seed', prefix: 'median', rows }
}

function countsLeft({ summary }: CampaignOutcome): Section[] {
  return [
    { title: 'faults that struck', prefix: 'fault', rows: countRows(summary.faults) },
    { title: 'operations', prefix: 'operation', rows: countRows({ ...summary.operations }, []) },
  ]
}

function countsRight({ summary }: CampaignOutcome): Section[] {
  const { probes, oracles } = summary
  return [
    { title: 'situations reached', prefix: 'probe', rows: countRows(probes, REQUIRED_PROBES) },
    { title: 'rules looked at', prefix: 'oracle', rows: countRows(oracles) },
  ]
}

/** What stayed 0 though it should not is marked; `wanted` are the labels for which that holds. */
function countRows(counts: Readonly<Record<string, number>>, wanted?: readonly string[]): Row[] {
  return Object.entries(counts).map(([label, count]) => {
    const isOdd = count === 0 && (wanted === undefined || wanted.includes(label))
    return { label, value: integer(count), plain: String(count), isOdd }
  })
}

function verdictLine(outcome: CampaignOutcome, screen: Screen): string {
  const { summary, interrupted, budgetUsedUp } = outcome
  const { verdict, violations, errors, undecided, seeds } = summary
  const colour = verdict === 'ok' ? 'green' : verdict === 'violation' ? 'red' : 'yellow'
  const notes: string[] = []
  if (violations.length > 0) notes.push(counted(violations.length, 'violation'))
  if (errors.length > 0) notes.push(counted(errors.length, 'internal error'))
  if (undecided.length > 0) notes.push(`undecided: ${seedList(undecided)}`)
  if (interrupted) notes.push(`interrupted after ${counted(seeds, 'seed')}`)
  if (budgetUsedUp) notes.push(`the budget was used up after ${counted(seeds, 'seed')}`)
  const note = notes.length === 0 ? '' : ` (${notes.join('; ')})`
  return `verdict: ${screen.paint(colour, screen.paint('bold', verdict))}${note}`
}

const SEEDS_SHOWN = 10

function seedList(seeds: readonly number[]): string {
  const shown = seeds.slice(0, SEEDS_SHOWN).join(', ')
  const rest = seeds.length - SEEDS_SHOWN
  const noun = seeds.length === 1 ? 'seed' : 'seeds'
  return rest > 0 ? `${noun} ${shown} and ${rest} more` : `${noun} ${shown}`
}

/** What the letters in a line of the trace say. */
const LEGEND = 'f follower, p precandidate, c candidate, L leader, = stalled, x down'

/** The first in full, the others in a few words. */
function printFindings(findings: readonly Finding[], screen: Screen): void {
  const [first, ...others] = findings
  if (first === undefined) return
  printFinding(first, screen)
  if (others.length > 0) screen.print('')
  let noteBefore: string | null = null
  for (const { seed, oracle, message, reproduce, note } of others) {
    const where = seed === null ? 'in all' : `in seed ${seed}`
    screen.print(`${screen.paint('red', 'violation')} ${where}: ${oracle}: ${message}`)
    if (note !== null && note !== noteBefore) screen.print(`  ${note}`)
    noteBefore = note
    if (reproduce !== null) screen.print(`  ${reproduce}`)
  }
}

/** A violation: the rule in words, the last lines of the trace, and how to see it again. */
export function printFinding(finding: Finding, screen: Screen): void {
  const { seed, oracle, message, trace, capsule, reproduce, note } = finding
  const where = seed === null ? 'in all' : `in seed ${seed}`
  screen.print('')
  screen.print(screen.paint('red', screen.paint('bold', `violation ${where}: ${oracle}`)))
  screen.print(`  ${message}`)
  if (trace.length > 0) {
    const shown = trace.slice(-TRACE_LINES)
    screen.print(`\nthe last ${counted(shown.length, 'line')} of the trace:`)
    screen.print(shown.join('\n'))
    screen.print(`\neach node's letter: ${LEGEND}`)
  }
  screen.print('')
  if (note !== null) screen.print(`note:      ${note}`)
  if (capsule !== null) screen.print(`capsule:   ${capsule}`)
  if (reproduce !== null) screen.print(`reproduce: ${reproduce}`)
}
