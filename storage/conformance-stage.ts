// The cases of the conformance suite in which a snapshot is written ahead of its checkpoint.

import type { Persist } from '../core/effect.ts'
import {
  beginOpened,
  checkpointOf,
  entriesFrom,
  expect,
  expectOneOf,
  hardStateOf,
  restart
} from './conformance-life.ts'
import type { LogLife, LogPlace } from './conformance-life.ts'

const ATTEMPTS = 60
const BYTES = 300

/** Terms 1 and 2, five entries: a log to take checkpoints of. */
const FIVE: readonly Omit<Persist, 'id'>[] = [
  hardStateOf(2, 'b'),
  entriesFrom(1, 1, 1, 2, 3),
  entriesFrom(4, 2, 4, 5)
]

async function withFive(place: LogPlace): Promise<LogLife> {
  const life = await beginOpened(place)
  for (const persist of FIVE) await life.persist(persist)
  return life
}

function bytesOf(seed: number): Uint8Array {
  return Uint8Array.from({ length: BYTES }, (_, at) => (at * at + seed) & 0xff)
}

/** By itself it is nothing, however often it was synced. */
export async function stagedAlone(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  const bytes = bytesOf(1)
  life.log.stage(bytes, 200)
  await here.settle()
  expect(life.reports.at(-1)?.type === 'staged', 'what was staged was not reported')
  life.log.stage(bytes, BYTES)
  await life.persist(entriesFrom(6, 2, 6))
  const next = await restart(here, life.content)
  await next.persist(checkpointOf(next.content, 5, 5, bytes))
  await restart(here, next.content)
}

/** Whole or in part, with persists before, amid and behind it. */
export async function stagedCheckpoint(place: () => LogPlace): Promise<void> {
  for (const ends of [[BYTES], [1, 299, BYTES], [0, 100], [250, 250]]) {
    const here = place()
    const life = await withFive(here)
    const bytes = bytesOf(2)
    for (const end of ends) {
      life.log.stage(bytes, end)
      await life.persist(entriesFrom(life.content.entries.length + 1, 2, end & 0xff))
    }
    await life.persist(hardStateOf(3, 'c'))
    await life.persist(checkpointOf(life.content, 5, 3, bytes))
    await life.persist(entriesFrom(life.content.base.index + life.content.entries.length + 1, 3, 7))
    const next = await restart(here, life.content)
    expect(next.recovered.snapshot?.index === 5, 'the snapshot is not there')
    await restart(here, life.content)
  }
}

/** What is staged is given up for a snapshot that came from elsewhere. */
export async function stagedInVain(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  life.log.stage(bytesOf(3), BYTES)
  await here.settle()
  await life.persist(checkpointOf(life.content, 4, 3, bytesOf(4)))
  let next = await restart(here, life.content)
  next.log.stage(bytesOf(5), 100)
  const last = bytesOf(6)
  next.log.stage(last, 100)
  await next.persist(checkpointOf(next.content, 5, 4, last))
  next = await restart(here, next.content)
  await next.persist(entriesFrom(6, 2, 6))
  await restart(here, next.content)
}

/** At any point of it, with what was staged synced or not. */
export async function lossOfStaged(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await withFive(here)
    const bytes = bytesOf(attempt)
    life.log.stage(bytes, 100)
    if (attempt % 2 === 0) await here.settle()
    await life.persist(entriesFrom(6, 2, 6))
    const reported = life.contents.length - 1
    life.log.stage(attempt % 5 === 0 ? bytesOf(attempt + 1) : bytes, BYTES)
    if (attempt % 3 > 0) life.append(checkpointOf(life.content, 5, 4, bytes))
    if (attempt % 3 > 1) life.append(entriesFrom(7, 3, 7))
    await here.losePower(attempt)
    const next = await beginOpened(here)
    const number = expectOneOf(next.recovered, life.contents, reported)
    await next.persist(hardStateOf(9, null))
    await here.losePower(attempt)
    const { recovered } = await beginOpened(here)
    const { snapshot } = recovered
    const wanted = life.contents[number]?.snapshot ?? null
    expect(snapshot?.index === wanted?.index, 'what was opened was lost')
  }
}
