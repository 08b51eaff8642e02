// How the service's answers look: JSON for scripts, rows and columns for people.

import type { Screen } from './screen.ts'
import { exitOf, ServiceError } from './service.ts'
import type { ServiceAnswer } from './service.ts'
import type { Given } from './verb.ts'

type Fields = Readonly<Record<string, unknown>>

/** Prints one answer: its JSON on one line, or what `forPeople` makes of it. */
export function printAnswer(
  given: Given,
  screen: Screen,
  { body }: ServiceAnswer,
  forPeople: (body: Fields) => string,
): void {
  screen.print(given.values['json'] === true ? JSON.stringify(body) : forPeople(body))
}

/** Runs a verb; what the service refuses is one line on stderr, and its JSON if that was wanted. */
export async function told(
  given: Given,
  screen: Screen,
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    const { answer, message } = error
    if (answer !== null && given.values['json'] === true) {
      screen.print(JSON.stringify(answer.body))
    }
    screen.complain(`lockstep: ${message}`)
    return exitOf(error)
  }
}

/** The fields of an object that say something, one below the other. */
export function fieldLines(fields: Fields, { paint }: Pick<Screen, 'paint'>): string {
  const said = Object.entries(fields).filter(([, value]) => {
    return value !== null && value !== undefined && value !== ''
  })
  const width = Math.max(0, ...said.map(([name]) => name.length))
  const line = ([name, value]: readonly [string, unknown]): string =>
    `${paint('dim', name.replaceAll('_', ' ').padEnd(width))}  ${textOf(value)}`
  return said.map(line).join('\n')
}

/** Rows of objects in aligned columns, with a heading. */
export function columnLines(
  names: readonly string[],
  rows: readonly Fields[],
  { paint }: Pick<Screen, 'paint'>,
): string {
  const cells = rows.map((row) => names.map((name) => textOf(row[name])))
  const widths = names.map((name, at) => {
    return Math.max(name.length, ...cells.map((row) => (row[at] as string).length))
  })
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => cell.padEnd(widths[at] as number)).join('  ').trimEnd()
  const heading = names.map((name) => name.replaceAll('_', ' '))
  return [paint('bold', line(heading)), ...cells.map(line)].join('\n')
}

/** A value in a cell; control characters are shown as JSON shows them. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value !== 'string') return JSON.stringify(value)
  return /[\u0000-\u001f\u007f-\u009f]/.test(value) ? JSON.stringify(value) : value
}
