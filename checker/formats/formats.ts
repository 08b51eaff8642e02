// The formats of history files, by name.

import type { Format } from './format.ts'
import { jepsenEdn, jepsenLog } from './jepsen.ts'
import { ndjson } from './ndjson.ts'

const ALL: readonly Format[] = [jepsenLog, ndjson, jepsenEdn]

/** Their names. */
export const FORMATS: readonly string[] = ALL.map(({ name }) => name)

/** A format by its name, or null. */
export function formatNamed(name: string): Format | null {
  return ALL.find((format) => format.name === name) ?? null
}

/** The format of a file that begins like this, or null. */
export function recogniseFormat(head: string): Format | null {
  return ALL.find((format) => format.recognise(head)) ?? null
}
