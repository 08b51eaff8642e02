// The `lockstep` command: finds the verb, reads its options, runs it, and turns what goes wrong
// into one line and an exit code.

import { readArguments } from './arguments.ts'
import { overviewHelp, verbHelp } from './help.ts'
import { processScreen } from './screen.ts'
import type { Screen } from './screen.ts'
import { packageVersion } from '../server/package-version.ts'
import { withSuggestion } from '../server/suggest.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Verb } from './verb.ts'

/** By name. Each is loaded when it is needed: a node is to hold nothing of the simulator. */
const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  node: async () => (await import('./node.ts')).nodeCommand,
  dev: async () => (await import('./dev.ts')).devCommand,
  lock: async () => (await import('./lock.ts')).lockCommand,
  acquire: async () => (await import('./acquire.ts')).acquireCommand,
  release: async () => (await import('./release.ts')).releaseCommand,
  renew: async () => (await import('./renew.ts')).renewCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  locks: async () => (await import('./locks.ts')).locksCommand,
  watch: async () => (await import('./watch.ts')).watchCommand,
  cluster: async () => (await import('./cluster.ts')).clusterCommand,
  sim: async () => (await import('./sim.ts')).simCommand,
  replay: async () => (await import('./replay.ts')).replayCommand,
  mutants: async () => (await import('./mutants.ts')).mutantsCommand,
  check: async () => (await import('./check.ts')).checkCommand,
}

/** Runs the command line `lockstep ...argv` and answers the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const screen = processScreen()
  try {
    return await dispatch(argv, screen)
  } catch (error) {
    if (error instanceof UsageError) {
      screen.complain(`lockstep: ${error.message}`)
      return EXIT.usage
    }
    if ((error as NodeJS.ErrnoException | null)?.code === 'EMFILE') {
      // Most often while Node loads the program: it opens many modules at a time.
      const advice = 'raise their limit with `ulimit -n`, or LimitNOFILE in a unit of systemd'
      screen.complain(`lockstep: too many open files: ${advice}`)
      return EXIT.usage
    }
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    screen.complain(`lockstep: internal error: ${reason}`)
    return EXIT.violation
  }
}

async function dispatch(argv: readonly string[], screen: Screen): Promise<number> {
  const [word, ...rest] = argv
  switch (word) {
    case undefined:
      screen.complain(overviewHelp(await allVerbs()))
      return EXIT.usage
    case '--help':
    case '-h':
      screen.print(overviewHelp(await allVerbs()))
      return EXIT.ok
    case '--version':
    case '-v':
      screen.print(packageVersion())
      return EXIT.ok
    case 'help': {
      const [topic] = rest
      if (topic === undefined) screen.print(overviewHelp(await allVerbs()))
      else screen.print(verbHelp(await verbNamed(topic)))
      return EXIT.ok
    }
    default: {
      const verb = await verbNamed(word)
      const given = readArguments(verb, rest)
      if (given !== 'help') return verb.run(given, screen)
      screen.print(verbHelp(verb))
      return EXIT.ok
    }
  }
}

function allVerbs(): Promise<readonly Verb[]> {
  return Promise.all(Object.values(VERBS).map((load) => load()))
}

async function verbNamed(name: string): Promise<Verb> {
  const load = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined
  if (load !== undefined) return load()
  const known = [...Object.keys(VERBS), 'help']
  const kind = name.startsWith('-') ? 'option' : 'verb'
  const problem = withSuggestion(`unknown ${kind} '${name}'`, name, known)
  throw new UsageError(`${problem}; it takes ${known.join(', ')}, --help or --version`)
}
