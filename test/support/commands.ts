// Runs commands and makes temporary folders for the tests that look at the package from outside.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The most a single command may take before it counts as failed. */
const commandMsMax = 8 * 60_000

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  /** Both streams, for messages. */
  readonly output: string
}

/** Runs a command to its end in `folder`; never throws for a command that fails. */
export function run(folder: string, command: string, ...args: readonly string[]): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: environment(),
    maxBuffer: 2 ** 28,
    timeout: commandMsMax
  })
  const reason = error === undefined ? '' : String(error)
  return { code: status, stdout, output: `${stdout}${stderr}${reason}` }
}

/** Runs a command that must succeed and returns what it wrote to its standard output. */
export function mustRun(folder: string, command: string, ...args: readonly string[]): string {
  const { code, stdout, output } = run(folder, command, ...args)
  if (code === 0) return stdout
  throw new Error(`${[command, ...args].join(' ')}: exit code ${code}\n${output}`)
}

/** npm tells its scripts which project they belong to; a command elsewhere must not hear it. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(npm_(package|lifecycle|command|config_local_prefix)|INIT_CWD|NODE_V8_COVERAGE)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

/** Path of a file of an installed package. */
export function installedFile(specifier: string): string {
  return createRequire(import.meta.url).resolve(specifier)
}

const folders: string[] = []

/** Makes an empty folder outside the repository; `removeTemporaryFolders` removes it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-'))
  folders.push(folder)
  return folder
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}
