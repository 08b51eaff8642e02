// Wraps uvu's suite() so that a test that hangs, a hook that throws and a forgotten run() all fail.
// uvu alone lets each of them pass. Every test file imports its suite from here.

import { relative } from 'node:path'
import { suite as uvuSuite } from 'uvu'

export const deadlineMsDefault = 60_000

export interface TestOptions {
  /** Milliseconds after which the test fails. A test that never yields is killed by the runner. */
  readonly deadlineMs?: number
}

type Body<Context> = (context: Context) => unknown
type Define<Context> = (title: string, body: Body<Context>, options?: TestOptions) => void

interface Hook<Context> {
  (hook: Body<Context>): void
  each(hook: Body<Context>): void
}

export interface Suite<Context> extends Define<Context> {
  only: Define<Context>
  skip(title?: string, body?: Body<Context>, options?: TestOptions): void
  before: Hook<Context>
  after: Hook<Context>
  run(): void
}

const state = { failed: false, suitesOpen: 0, neverRun: new Set<string>() }

/** Opens a suite: uvu's, with a deadline for each test and each hook. Ends with `run()`. */
export function suite<Context extends object = Record<string, unknown>>(
  name: string,
  context?: Context
): Suite<Context> {
  const inner = uvuSuite<Context>(name, context)
  let testsCount = 0

  const define = (add: typeof inner.only): Define<Context> => (title, body, options) => {
    testsCount += 1
    state.neverRun.add(name)
    add(title, value => guard(() => body(value), options?.deadlineMs))
  }

  const test = define(inner) as Suite<Context>
  test.only = define(inner.only)
  test.skip = title => inner.skip(title)
  test.before = hooks(inner.before, name, 'before')
  test.after = hooks(inner.after, name, 'after')
  test.run = () => {
    if (testsCount === 0) fail(`suite "${name}" has no tests`)
    testsCount = 0
    state.neverRun.delete(name)
    state.suitesOpen += 1
    inner.after(close)
    inner.run()
  }
  return test
}

type UvuHook<Context> = ReturnType<typeof uvuSuite<Context>>['before']

/** uvu swallows what a hook throws, except before each test: so failures are noted here. */
function hooks<Context>(inner: UvuHook<Context>, name: string, when: string): Hook<Context> {
  const noted = (hook: Body<Context>, rethrow: boolean) => async (context: Context) => {
    try {
      await guard(() => hook(context))
    } catch (error) {
      fail(`suite "${name}", ${when} hook: ${(error as Error).stack}`)
      if (rethrow) throw error
    }
  }
  const added: Hook<Context> = hook => inner(noted(hook, when === 'before'))
  added.each = hook => inner.each(noted(hook, when === 'before'))
  return added
}

/** Runs one body under a deadline; whatever fails becomes an Error, which is all uvu can report. */
async function guard(body: () => unknown, deadlineMs: number = deadlineMsDefault): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`deadline: still running after ${deadlineMs} ms`))
    }, deadlineMs)
  })
  try {
    await Promise.race([body(), deadline])
  } catch (error) {
    state.failed = true
    throw error instanceof Error ? error : new Error(`thrown, and not an Error: ${String(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

function fail(reason: string): void {
  state.failed = true
  console.error(`\n  ${reason}`)
}

/** What a failed test leaves open may still hold the process: it gets a second to end. */
function close(): void {
  state.suitesOpen -= 1
  if (state.failed && state.suitesOpen === 0) setTimeout(() => process.exit(1), 1000).unref()
}

process.on('exit', code => {
  for (const name of state.neverRun) fail(`suite "${name}" was never run: call run() at its end`)
  if (!state.failed && code === 0) return
  process.exitCode = 1
  const file = relative(process.cwd(), process.argv[1] ?? '').replaceAll('\\', '/')
  console.error(`\n  To reproduce: node --import tsx ${file}\n`)
})
