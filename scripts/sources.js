// The shipped source folders and how to list their files.
// Knows nothing of compiling or testing.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Every folder that is compiled into dist/. */
export const sourceFolders = [
  'core',
  'checker',
  'storage',
  'transports',
  'client',
  'server',
  'sim',
  'cli',
  'bench'
]

/** Lists the files below `folder` whose name ends with `suffix`, sorted, with / as separator. */
export function listFiles(folder, suffix) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith(suffix))
    .map(entry => join(entry.parentPath, entry.name).replaceAll('\\', '/'))
    .sort()
}

/** Lists the TypeScript sources of `folder`, without declaration files. */
export function listSources(folder) {
  return listFiles(folder, '.ts').filter(file => !file.endsWith('.d.ts'))
}
