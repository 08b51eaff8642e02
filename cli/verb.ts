// What one verb of the command line is: its name, its options as data, and what it does. Parsing,
// help and the suggestions for a mistyped option come from this data; see main.ts.

import type { Screen } from './screen.ts'

/** One option of a verb. Named on the command line as `--name`. */
export interface OptionSpec {
  readonly name: string
  /** What stands for the value in the help, such as `N`; left out for a switch. */
  readonly value?: string
  /** What it does, in one line. */
  readonly help: string
}

/** What was given on the command line. */
export interface Given {
  /** The value of each option that was given; true for a switch. */
  readonly values: Readonly<Record<string, string | true>>
  /** What is not an option, in order. */
  readonly positionals: readonly string[]
  /** Where among them a `--` stood; left out where there was none. */
  readonly dashesAt?: number
}

/** One verb of the command line. */
export interface Verb {
  readonly name: string
  /** What follows the name in the usage line, such as `CAPSULE... [options]`. */
  readonly usage: string
  /** One line for the list of verbs: what it does, without a full stop. */
  readonly summary: string
  readonly options: readonly OptionSpec[]
  /** False: a word that is not an option is wrong usage. */
  readonly takesPositionals: boolean
  /** Command lines without `lockstep`, and what each is good for. */
  readonly examples: readonly { readonly line: string; readonly what: string }[]
  /** Does it and answers the exit code. Throws a `UsageError` for what makes no sense. */
  run(given: Given, screen: Screen): Promise<number>
}

/** The exit codes of the command line. */
export const EXIT = { ok: 0, violation: 1, usage: 2, undecided: 3, interrupted: 130 } as const

/** Wrong usage or unreadable input: said in one line on stderr, with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The exit code of several inputs: 2 beats 1 beats 3 beats 0. */
export function worstExit(codes: readonly number[]): number {
  const order = [EXIT.usage, EXIT.violation, EXIT.undecided]
  return order.find((code) => codes.includes(code)) ?? EXIT.ok
}
