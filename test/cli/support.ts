// Runs the real command in processes of its own: from a copy of the build, as an installed package
// has it, so that nobody who edits a source meanwhile is in the way. A copy can be made buggy.

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../support/source-files.ts'
import { temporaryFolder } from '../support/commands.ts'

/** One edit of a compiled file. */
export interface Patch {
  /** Path below dist/. */
  readonly file: string
  /** Occurs exactly once in it. */
  readonly find: string
  readonly replace: string
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  /** Lets the command believe that it writes to a terminal of so many columns. */
  readonly terminalColumns?: number
  readonly environment?: Readonly<Record<string, string>>
}

/** The most a command may take. */
const COMMAND_MS_MAX = 120_000

/** Copies what the package ships into a folder of its own, and plants `patches` in it. */
export function installCopy(patches: readonly Patch[] = []): string {
  const { code, stderr } = lockstep(repositoryRoot, ['--version'])
  if (code !== 0) throw new Error(stderr)
  const root = temporaryFolder()
  mkdirSync(join(root, 'cli'))
  cpSync(join(repositoryRoot, 'cli/lockstep.js'), join(root, 'cli/lockstep.js'))
  cpSync(join(repositoryRoot, 'package.json'), join(root, 'package.json'))
  cpSync(join(repositoryRoot, 'dist'), join(root, 'dist'), { recursive: true })
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'), 'junction')
  for (const { file, find, replace } of patches) {
    const path = join(root, 'dist', file)
    const parts = readFileSync(path, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${find}`)
    writeFileSync(path, parts.join(replace))
  }
  return root
}

/** The arguments of node that run `lockstep ...args` from `root`. */
export function commandLine(
  root: string,
  args: readonly string[],
  { terminalColumns }: Surroundings = {},
): string[] {
  const launcher = join(root, 'cli/lockstep.js')
  if (terminalColumns === undefined) return [launcher, ...args]
  const properties = `{isTTY:true,columns:${terminalColumns}}`
  const streams = '[process.stdout,process.stderr]'
  const disguise = `for (const stream of ${streams}) Object.assign(stream,${properties})`
  return ['--import', `data:text/javascript,${encodeURIComponent(disguise)}`, launcher, ...args]
}

/** No colour unless asked for, no CI, nothing of the test runner's. */
export function environmentOf({ environment = {} }: Surroundings = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return { PATH, HOME, TMPDIR, NO_COLOR: '1', ...environment }
}

/** Runs `lockstep ...args` to its end, in `root`. */
export function lockstep(
  root: string,
  args: readonly string[],
  surroundings: Surroundings = {},
): Outcome {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    commandLine(root, args, surroundings),
    {
      cwd: root,
      encoding: 'utf8',
      env: environmentOf(surroundings),
      maxBuffer: 2 ** 28,
      timeout: COMMAND_MS_MAX,
    },
  )
  return { code: status, stdout, stderr }
}

/** Runs `lockstep ...args`, sends `signal` once stderr matches `until`, and waits for its end. */
export async function interrupted(
  root: string,
  args: readonly string[],
  until: RegExp,
  signal: NodeJS.Signals,
): Promise<Outcome & { readonly pid: number }> {
  const surroundings = { terminalColumns: 100 }
  const child = spawn(process.execPath, commandLine(root, args, surroundings), {
    cwd: root,
    env: environmentOf(surroundings),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS_MAX)
  let stdout = ''
  let stderr = ''
  let isSent = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    if (isSent || !until.test(stderr)) return
    isSent = true
    child.kill(signal)
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  return { code, stdout, stderr, pid: child.pid as number }
}

/** The one JSON object on stdout. Throws when there is anything else. */
export function jsonOf(outcome: Outcome): Record<string, unknown> {
  const lines = outcome.stdout.trimEnd().split('\n')
  if (lines.length !== 1) throw new Error(`${lines.length} lines on stdout: ${outcome.stdout}`)
  return JSON.parse(lines[0] as string) as Record<string, unknown>
}

/** The rows of the plain lines: what stands before and after the last colon. */
export function rowsOf(stdout: string): ReadonlyMap<string, string> {
  const rows = [...stdout.matchAll(/^(.+): (.+)$/gm)]
  return new Map(rows.map(([, label, value]) => [label as string, value as string]))
}
