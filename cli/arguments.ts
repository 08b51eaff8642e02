// Reads the words after a verb by the options that the verb declares. What it cannot make sense of
// is a `UsageError` that says what was wrong and what is accepted.

import { parseArgs } from 'node:util'
import { withSuggestion } from '../server/suggest.ts'
import { UsageError } from './verb.ts'
import type { Given, Verb } from './verb.ts'

/** The options and other words given to `verb`; `help` when help was asked for. */
export function readArguments(verb: Verb, args: readonly string[]): Given | 'help' {
  const specs = new Map(verb.options.map((option) => [option.name, option]))
  const values: Record<string, string | true> = {}
  const positionals: string[] = []
  let dashesAt: number | null = null
  for (const token of tokensOf(verb, args)) {
    if (token.kind === 'option-terminator') {
      dashesAt = positionals.length
      continue
    }
    if (token.kind === 'positional') {
      positionals.push(token.value)
      continue
    }
    const { name, rawName, value } = token
    if (name === 'help' || rawName === '-h') return 'help'
    const spec = rawName.startsWith('--') ? specs.get(name) : undefined
    if (spec === undefined) throw unknownOption(verb, rawName)
    if (name in values) throw new UsageError(`--${name} was given twice`)
    if (spec.value === undefined && value !== undefined) {
      throw new UsageError(`--${name} takes no value, but was given '${value}'`)
    }
    if (spec.value !== undefined && (value === undefined || value === '')) {
      throw new UsageError(`--${name} wants a value: --${name} ${spec.value}`)
    }
    values[name] = value ?? true
  }
  const [extra] = positionals
  if (extra !== undefined && !verb.takesPositionals) {
    throw new UsageError(`'${extra}' is not understood: ${verb.name} takes only options`)
  }
  return { values, positionals, ...(dashesAt === null ? {} : { dashesAt }) }
}

/** The value of an option, or undefined when it was not given. */
export function valueOf(given: Given, name: string): string | undefined {
  const value = given.values[name]
  return value === true ? undefined : value
}

type Token =
  | { readonly kind: 'option-terminator' }
  | { readonly kind: 'positional'; readonly value: string }
  | {
      readonly kind: 'option'
      readonly name: string
      readonly rawName: string
      readonly value: string | undefined
    }

function tokensOf(verb: Verb, args: readonly string[]): readonly Token[] {
  const options: Record<string, { type: 'string' | 'boolean' }> = {}
  for (const { name, value } of verb.options) {
    options[name] = { type: value === undefined ? 'boolean' : 'string' }
  }
  const config = { strict: false, allowPositionals: true, tokens: true } as const
  return parseArgs({ args: [...args], options, ...config }).tokens
}

function unknownOption(verb: Verb, rawName: string): UsageError {
  const known = [...verb.options.map((option) => `--${option.name}`), '--help']
  const problem = withSuggestion(`unknown option ${rawName}`, rawName, known)
  return new UsageError(`${problem}; ${verb.name} takes ${known.join(', ')}`)
}
