// The `lockstep` command: finds the verb, reads its options, runs it, and turns what goes wrong
// into one line and an exit code.

import { readFileSync } from 'node:fs'
import { readArguments } from './arguments.ts'
import { overviewHelp, verbHelp } from './help.ts'
import { checkCommand } from './check.ts'
import { mutantsCommand } from './mutants.ts'
import { replayCommand } from './replay.ts'
import { processScreen } from './screen.ts'
import type { Screen } from './screen.ts'
import { simCommand } from './sim.ts'
import { withSuggestion } from './suggest.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Verb } from './verb.ts'

const VERBS: readonly Verb[] = [simCommand, replayCommand, mutantsCommand, checkCommand]

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
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    screen.complain(`lockstep: internal error: ${reason}`)
    return EXIT.violation
  }
}

async function dispatch(argv: readonly string[], screen: Screen): Promise<number> {
  const [word, ...rest] = argv
  switch (word) {
    case undefined:
      screen.complain(overviewHelp(VERBS))
      return EXIT.usage
    case '--help':
    case '-h':
      screen.print(overviewHelp(VERBS))
      return EXIT.ok
    case '--version':
    case '-v':
      screen.print(version())
      return EXIT.ok
    case 'help': {
      const [topic] = rest
      screen.print(topic === undefined ? overviewHelp(VERBS) : verbHelp(verbNamed(topic)))
      return EXIT.ok
    }
    default: {
      const verb = verbNamed(word)
      const given = readArguments(verb, rest)
      if (given !== 'help') return verb.run(given, screen)
      screen.print(verbHelp(verb))
      return EXIT.ok
    }
  }
}

function verbNamed(name: string): Verb {
  const verb = VERBS.find((one) => one.name === name)
  if (verb !== undefined) return verb
  const known = [...VERBS.map((one) => one.name), 'help']
  const kind = name.startsWith('-') ? 'option' : 'verb'
  const problem = withSuggestion(`unknown ${kind} '${name}'`, name, known)
  throw new UsageError(`${problem}; it takes ${known.join(', ')}, --help or --version`)
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
