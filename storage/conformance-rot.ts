// The cases of the conformance suite in which something that was synced has rotted. A log may
// refuse to open then; if it opens, it must say what it lacks, and can be repaired.

import type { LogEnd, Persist } from '../core/effect.ts'
import type { Entry } from '../core/raft/message.ts'
import {
  beginOpened,
  checkpointOf,
  entriesFrom,
  expect,
  expectContent,
  hardStateOf,
  LogLife,
  restart
} from './conformance-life.ts'
import type { LogPlace } from './conformance-life.ts'
import { contentDifference } from './log-content.ts'
import type { LogContent } from './log-content.ts'
import { LogTerms } from './log-terms.ts'
import type { LogReport } from './write-ahead-log.ts'

const ATTEMPTS = 60

/** Terms that change hands, a suffix that is replaced, a vote at the end. */
const PERSISTS: readonly Omit<Persist, 'id'>[] = [
  hardStateOf(2, 'b'),
  entriesFrom(1, 1, 1, 2, 3, 4),
  entriesFrom(3, 2, 33),
  entriesFrom(4, 2, 44, 55),
  hardStateOf(5, 'c')
]

/** Any of a log without a checkpoint rots. */
export async function rotOfEntries(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await beginOpened(here)
    for (const persist of PERSISTS) await life.persist(persist)
    const rotten = await afterRot(here, life, attempt)
    if (rotten === null) continue
    let next: LogLife = rotten
    while (next.recovered.damage !== null) {
      const { content } = life
      const kept = sharedCount(next.recovered, content)
      const { term, payload } = content.entries[kept] as Entry
      await next.persist(entriesFrom(kept + 1, term, ...payload))
      next = await restart(here, next.content)
    }
    expectContent(next.recovered, life.content)
  }
}

/** Any of a log rots that begins with a checkpoint. */
export async function rotOfCheckpoint(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await beginOpened(here)
    for (const persist of PERSISTS) await life.persist(persist)
    await life.persist(checkpointOf(life.content, 4, 2, new Uint8Array(70).fill(attempt)))
    await life.persist(entriesFrom(6, 5, 66))
    const rotten = await afterRot(here, life, attempt)
    if (rotten === null) continue
    const next = await restart(here, rotten.content)
    await next.persist(checkpointOf(life.content, 5, 3, Uint8Array.of(attempt)))
    expect(next.content.damage === null, 'the log ended elsewhere than it says')
    await restart(here, next.content)
  }
}

/** Lets something rot and opens the log: null when it is refused, or nothing was lost. */
async function afterRot(here: LogPlace, life: LogLife, attempt: number): Promise<LogLife | null> {
  await here.kill()
  await here.rot(attempt)
  const reports: LogReport[] = []
  const opening = await here.open(report => reports.push(report))
  if (opening.type !== 'ok') return null
  await here.settle()
  const found = opening.recovered
  const wanted = life.content
  if (contentDifference(found, wanted) === null) return null
  const { term, vote } = found.hardState
  const { hardState } = wanted
  expect(term === hardState.term && vote === hardState.vote, 'term or vote are not what they were')
  const end = new LogTerms(wanted.base, wanted.entries).end
  const { damage } = found
  expect(damage !== null, 'the log is not what it was, and does not say so')
  expect(isSame(damage, end), 'the log ended elsewhere than it says')
  const isKnown = life.contents.some(content => isBeginning(found, content))
  expect(isKnown || found.entries.length === 0, 'the entries were never a log')
  return new LogLife(here, opening.log, found, reports)
}

function isSame(a: LogEnd, b: LogEnd): boolean {
  return a.index === b.index && a.term === b.term
}

/** Whether the entries found are the first of those of `content`, from the same base on. */
function isBeginning(found: LogContent, content: LogContent): boolean {
  if (found.base.index !== content.base.index) return false
  return sharedCount(found, content) === found.entries.length
}

/** How many entries, the first, are of the same terms in both. */
function sharedCount(found: LogContent, content: LogContent): number {
  const at = content.entries.findIndex((one, place) => one.term !== found.entries[place]?.term)
  return at < 0 ? content.entries.length : at
}
