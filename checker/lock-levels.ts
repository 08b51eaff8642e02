// The levels of one holding: re-entry adds one or, as a refresh, none; a release takes some away.
// Operations of one owner that overlap are tried in every order, up to a few at a time; beyond
// that the level is taken as unknown until the next answer.

import { earliestRelease } from './lock-effects.ts'
import {
  conflict,
  countCalledBy,
  outputOf,
  ownerOf,
  type Conflict,
  type Evidence,
  type Holding,
  type OwnerEvidence
} from './lock-evidence.ts'
import type { LockOperation } from './lock-history.ts'
import type { Start } from './lock-starts.ts'

const overlapMax = 8

/** Finds answers whose counts no levels of their holding can lead to. */
export function findLevelConflict(
  { holdings, owners }: Evidence,
  starts: readonly Start[]
): Conflict | null {
  for (const [index, holding] of holdings.entries()) {
    if (holding.owner === null) continue
    const found = checkHolding(holding, ownerOf(owners, holding.owner), starts[index] as Start)
    if (found !== null) return found
  }
  return null
}

function checkHolding(holding: Holding, own: OwnerEvidence, start: Start): Conflict | null {
  const release = earliestRelease(own, holding.token, start.cause.call)
  const releasedFrom = release?.call ?? Infinity
  let levels = new Set([start.isUntold ? 1 : notBegun])
  let before: readonly LockOperation[] = []
  for (const cluster of clustersOf(holding)) {
    if (cluster.length > overlapMax) {
      levels = new Set(cluster.some(answer => answer === holding.end) ? [ended] : [unknown])
      before = []
      continue
    }
    const steps = cluster.map(answer => ({
      answer,
      count: countOf(answer),
      isGrant: answer.input.type === 'acquire',
      entriesMax: Math.max(0, countCalledBy(own.starts, answer.return) - start.untoldCount),
      mayBeLowered: releasedFrom <= answer.return
    }))
    levels = levelsAfter(levels, steps)
    if (levels.size === 0) return misfit(holding, before, cluster)
    before = cluster
  }
  return null
}

const notBegun = 0
const ended = -1
const unknown = Infinity

interface Step {
  readonly answer: LockOperation
  readonly count: number
  readonly isGrant: boolean
  /** How many unanswered acquires may have raised the level before. */
  readonly entriesMax: number
  /** Whether an unanswered release may have lowered the level before. */
  readonly mayBeLowered: boolean
}

/** The levels that the steps, in some order that keeps real time, can lead to. */
function levelsAfter(levels: ReadonlySet<number>, steps: readonly Step[]): Set<number> {
  const full = (1 << steps.length) - 1
  const bySet = new Map<number, Set<number>>([[0, new Set(levels)]])
  for (let set = 0; set < full; set++) {
    const from = bySet.get(set)
    if (from === undefined) continue
    const left = steps.filter((_, at) => !(set & (1 << at)))
    const horizon = Math.min(...left.map(({ answer }) => answer.return))
    for (const [at, step] of steps.entries()) {
      if (set & (1 << at) || step.answer.call > horizon) continue
      if (![...from].some(level => admits(level, step))) continue
      const next = set | (1 << at)
      const to = bySet.get(next) ?? new Set()
      bySet.set(next, to.add(step.isGrant || step.count > 0 ? step.count : ended))
    }
  }
  return bySet.get(full) ?? new Set()
}

/** Whether a step's count is possible at `level`, or at what unanswered operations made of it. */
function admits(level: number, { count, isGrant, entriesMax, mayBeLowered }: Step): boolean {
  if (level === ended || count < 0) return false
  if (level === unknown) return !isGrant || count > 0
  const levelMin = mayBeLowered ? Math.min(level, 1) : level
  const levelMax = level + entriesMax
  if (!isGrant) return count < levelMax
  return count >= Math.max(levelMin, 1) && count <= levelMax + 1
}

/** The answers that tell a level, in groups: only within a group do operations overlap. */
function clustersOf({ grants, lowerings, end }: Holding): LockOperation[][] {
  const answers = [...grants, ...lowerings, ...(end === null ? [] : [end])]
  answers.sort((a, b) => a.call - b.call)
  const clusters: LockOperation[][] = []
  let busyUntil = -Infinity
  for (const answer of answers) {
    const last = clusters.at(-1)
    if (last === undefined || answer.call > busyUntil) clusters.push([answer])
    else last.push(answer)
    busyUntil = Math.max(busyUntil, answer.return)
  }
  return clusters
}

function countOf(answer: LockOperation): number {
  const output = outputOf(answer)
  return 'count' in output ? output.count : 0
}

function misfit(
  { key, token, owner }: Holding,
  before: readonly LockOperation[],
  cluster: readonly LockOperation[]
): Conflict {
  const tell = (answers: readonly LockOperation[]): string => answers.map(countOf).join(', ')
  const after = before.length === 0 ? 'none' : tell(before)
  const message =
    `${owner ?? 'somebody'} was told that it has ${tell(cluster)} levels of ${key} ` +
    `with token ${token}, having had ${after}`
  return conflict(message, ...before, ...cluster)
}
