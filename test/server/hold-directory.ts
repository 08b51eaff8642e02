// A process that takes a data directory, says so, and keeps it until it is killed or its input
// ends.
// Usage: node --import tsx hold-directory.ts DIRECTORY

import { getRandomValues } from 'node:crypto'
import { openDataDirectory } from '../../server/data-directory.ts'
import { DataDirectoryError } from '../../server/data-directory-error.ts'

const random = (): number => getRandomValues(new Uint32Array(1))[0] as number

try {
  const directory = await openDataDirectory(process.argv[2] as string, { name: 'n1', random })
  console.log(`held ${directory.identity.incarnation}`)
} catch (error) {
  console.log(error instanceof DataDirectoryError ? error.code : String(error))
}
process.stdin.resume()
