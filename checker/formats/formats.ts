// The formats of history files, by name and by what files look like.

import { jepsenEdn, porcupineKv } from './edn.ts'
import { fileStart, FormatError, refuseBinary } from './format.ts'
import type { Format } from './format.ts'
import { jepsenLog } from './jepsen-log.ts'
import { ndjson } from './ndjson.ts'

/** Every format; a file is of the first that recognises it. */
export const FORMATS: readonly Format[] = [ndjson, porcupineKv, jepsenLog, jepsenEdn]

/** How much of a file `recogniseFormat` should see, unless the file is shorter. */
export const headChars: number = 1 << 16

/** A format by its name, or null. */
export function formatNamed(name: string): Format | null {
  return FORMATS.find((format) => format.name === name) ?? null
}

/** The format of a file that begins like this, or null. */
export function recogniseFormat(head: string): Format | null {
  return FORMATS.find((format) => format.recognise(head)) ?? null
}

/** What to say of a file that begins like this and is of no format. */
export function unrecognised(head: string): FormatError {
  refuseBinary(head, fileStart)
  if (/^\s*$/.test(head)) {
    return new FormatError(fileStart, 'no event is in the file, expected a history', true)
  }
  const names = FORMATS.map(({ name }) => name).join(', ')
  return new FormatError(fileStart, `a file of no known format, expected one of: ${names}`)
}
