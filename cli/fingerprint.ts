// Which build this is: a hash over every compiled file that a simulated run executes. Two builds
// with equal fingerprints make the same run of the same decisions.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDERS = ['core', 'storage', 'transports', 'client', 'checker', 'sim']

/** 64 hexadecimal digits. */
export function buildFingerprint(): string {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const hash = createHash('sha256')
  for (const folder of FOLDERS) {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    const files = names.filter((name) => name.endsWith('.js'))
    // Windows writes the same names with another separator; by code units, not by locale.
    for (const file of files.map((name) => name.replaceAll('\\', '/')).sort()) {
      const text = readFileSync(join(root, folder, file))
      hash.update(`${folder}/${file} ${text.length}\n`)
      hash.update(text)
    }
  }
  return hash.digest('hex')
}
