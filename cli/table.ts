// Sections of labelled values, laid out for a terminal: in two columns where they fit, else in one.
// The same sections make the plain lines of a log.

import type { Screen } from './screen.ts'

export interface Row {
  readonly label: string
  /** For people: `3,402,113`. */
  readonly value: string
  /** For programs: `3402113`. Left out when it is the same. */
  readonly plain?: string
  /** Draws the eye: something that should not be so. */
  readonly isOdd?: boolean
}

export interface Section {
  readonly title: string
  /** What each plain line begins with; empty for none. */
  readonly prefix: string
  readonly rows: readonly Row[]
}

const GAP = '   '
const COLUMN_MIN = 27
/** Labels may be cut down to this before the columns are put below each other. */
const RIGHT_MIN = 44

/** Lines for a terminal, `left` and `right` side by side where the screen is wide enough. */
export function tableLines(
  left: readonly Section[],
  right: readonly Section[],
  screen: Pick<Screen, 'columns' | 'paint'>,
): string[] {
  const leftWidth = widthOf(left)
  const rightRoom = screen.columns - leftWidth - GAP.length
  const rightWidth = Math.min(widthOf(right), rightRoom)
  if (rightWidth < Math.min(widthOf(right), RIGHT_MIN)) {
    const width = Math.min(Math.max(leftWidth, widthOf(right)), screen.columns)
    return columnLines([...left, ...right], width, screen).map((cell) => cell.painted.trimEnd())
  }
  const leftLines = columnLines(left, leftWidth, screen)
  const rightLines = columnLines(right, rightWidth, screen)
  const lines: string[] = []
  for (let at = 0; at < Math.max(leftLines.length, rightLines.length); at++) {
    const cell = leftLines[at] ?? { painted: '', length: 0 }
    const padding = ' '.repeat(leftWidth - cell.length)
    lines.push(`${cell.painted}${padding}${GAP}${rightLines[at]?.painted ?? ''}`.trimEnd())
  }
  return lines
}

/** One line for each row: `fault loss: 24113`. */
export function plainLines(sections: readonly Section[]): string[] {
  return sections.flatMap(({ prefix, rows }) =>
    rows.map(({ label, value, plain }) => {
      const name = prefix === '' ? label : `${prefix} ${label}`
      return `${name}: ${plain ?? value}`
    }),
  )
}

/** A line with its length on the screen, colours not counted. */
interface Cell {
  readonly painted: string
  readonly length: number
}

function widthOf(sections: readonly Section[]): number {
  const rows = sections.flatMap((section) => section.rows)
  return Math.max(COLUMN_MIN, ...rows.map(({ label, value }) => label.length + 1 + value.length))
}

function cut(label: string, lengthMax: number): string {
  return label.length <= lengthMax ? label : `${label.slice(0, Math.max(0, lengthMax - 1))}…`
}

function columnLines(
  sections: readonly Section[],
  width: number,
  { paint }: Pick<Screen, 'paint'>,
): Cell[] {
  const lines: Cell[] = []
  for (const { title, rows } of sections) {
    if (lines.length > 0) lines.push({ painted: '', length: 0 })
    const rule = '─'.repeat(Math.max(0, width - title.length - 1))
    lines.push({ painted: `${paint('bold', title)} ${paint('dim', rule)}`, length: width })
    for (const { label, value, isOdd } of rows) {
      const name = cut(label, width - value.length - 1)
      const space = ' '.repeat(Math.max(1, width - name.length - value.length))
      const text = isOdd === true ? paint('yellow', value) : value
      lines.push({ painted: `${name}${space}${text}`, length: width })
    }
  }
  return lines
}
