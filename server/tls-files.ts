// Reads the files that options name: certificates, keys, tokens. What is wrong with one is said
// with the name of its option.

import { readFileSync } from 'node:fs'
import { parseTokenRules } from './http/auth.ts'
import type { TokenRule } from './http/auth.ts'
import type { TlsFiles } from './options.ts'
import { StartError } from './start-error.ts'
import { tlsProblem } from './tls-problem.ts'

/** What the files of a `TlsFiles` hold. */
export interface TlsContents {
  readonly cert: string
  readonly key: string
  readonly ca: string | null
}

/** Reads and checks certificate and key. `prefix` is that of the options. */
export function readTls(prefix: 'tls' | 'raft-tls', files: TlsFiles): TlsContents {
  const contents = {
    cert: readFile(`--${prefix}-cert`, files.cert),
    key: readFile(`--${prefix}-key`, files.key),
    ca: files.ca === null ? null : readFile(`--${prefix}-ca`, files.ca),
  }
  const { cert, key, ca } = contents
  const problem = tlsProblem(ca === null ? { cert, key } : { cert, key, ca })
  if (problem === null) return contents
  throw new StartError(`--${prefix}-cert, -key and -ca cannot be used: ${problem}`, true)
}

/** The rules of the tokens in a file. */
export function readTokens(path: string): readonly TokenRule[] {
  const text = readFile('--auth-file', path)
  try {
    const rules = parseTokenRules(JSON.parse(text))
    if (rules.length > 0) return rules
  } catch (error) {
    throw new StartError(`--auth-file ${path}: ${(error as Error).message}`, true)
  }
  // Without any, everybody may do everything: nobody means that by naming a file.
  throw new StartError(`--auth-file ${path}: it holds no token, so that nobody could ask`, true)
}

function readFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StartError(`${option} ${path}: ${(error as Error).message}`, true)
  }
}
