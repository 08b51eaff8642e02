// What a format of history files is, and how what it cannot read is said.

import type { HistoryEvent } from '../event.ts'

/** A file that is no history: where, what, and what was expected. Lines count from 1. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly line: number
  readonly column: number

  constructor(line: number, column: number, what: string) {
    super(`${line}:${column}: ${what}`)
    this.line = line
    this.column = column
  }
}

/** Reads one file. Text comes in pieces, cut anywhere. */
export interface HistoryReader {
  /** The events that are whole by now. @throws FormatError */
  push(text: string): readonly HistoryEvent[]
  /** The events of what is left. @throws FormatError when the file is cut off */
  end(): readonly HistoryEvent[]
}

/** A format of history files. */
export interface Format {
  readonly name: string
  /** Whether a file that begins like this is one. */
  recognise(head: string): boolean
  reader(): HistoryReader
  /** One event as the format has it, with the end of its line. */
  write(event: HistoryEvent): string
}

const TYPES = ['invoke', 'ok', 'fail', 'info'] as const

/** The type of an event, or null. */
export function eventType(text: unknown): HistoryEvent['type'] | null {
  return TYPES.find((type) => type === text) ?? null
}

/** Reads a format of one event a line; `parse` answers null for a line that says nothing. */
export function lineReader(
  parse: (line: string, number: number) => HistoryEvent | null,
): HistoryReader {
  let rest = ''
  let number = 0
  const read = (lines: readonly string[]): HistoryEvent[] => {
    const events: HistoryEvent[] = []
    for (const line of lines) {
      number += 1
      const event = parse(line.endsWith('\r') ? line.slice(0, -1) : line, number)
      if (event !== null) events.push(event)
    }
    return events
  }
  return {
    push: (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      return read(lines)
    },
    end: () => read(rest === '' ? [] : [rest]),
  }
}
