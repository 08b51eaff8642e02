// `npm run bench`: runs a bench by name, or lists them. One file for each bench.

import { parseArgs } from 'node:util'
import type { Bench, BenchOptions } from './bench.ts'
import { checkerBench } from './checker.ts'
import { clusterBench } from './cluster.ts'
import { coreBench } from './core.ts'
import { heldBench } from './held.ts'
import { locksBench } from './locks.ts'
import { simBench } from './sim.ts'

const BENCHES: readonly Bench[] = [
  checkerBench,
  clusterBench,
  coreBench,
  heldBench,
  locksBench,
  simBench,
]
const PASSES_DEFAULT = 5
const PASSES_MAX = 1_000
const LOCKS_MAX = 10_000_000

process.exitCode = await main(process.argv.slice(2))

/** Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let given: ReturnType<typeof read>
  try {
    given = read(args)
  } catch (error) {
    // What parseArgs has to say is one sentence for people, and some hints for programmers.
    console.error(`bench: ${(error as Error).message.split('. ')[0]}`)
    return 2
  }
  const { benches, passes, options, json } = given
  if (benches.length === 0) {
    console.log(['usage: npm run -s bench -- NAME [--json] [--passes N]', '', ...list()].join('\n'))
    return 0
  }
  for (const bench of benches) {
    try {
      const result = await bench.run(passes, options)
      console.log(json ? JSON.stringify(result) : bench.lines(result).join('\n'))
    } catch (error) {
      console.error(`bench: ${bench.name}: ${(error as Error).message}`)
      return 1
    }
  }
  return 0
}

function read(args: readonly string[]): {
  readonly benches: readonly Bench[]
  readonly passes: number
  readonly options: BenchOptions
  readonly json: boolean
} {
  const options = {
    json: { type: 'boolean' },
    passes: { type: 'string' },
    quick: { type: 'boolean' },
    histories: { type: 'string' },
    peers: { type: 'boolean' },
    locks: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const passes = count('passes', values.passes, PASSES_MAX) ?? PASSES_DEFAULT
  const locks = count('locks', values.locks, LOCKS_MAX)
  const benches = positionals.map((name) => {
    const bench = BENCHES.find((one) => one.name === name)
    if (bench !== undefined) return bench
    const known = BENCHES.map((one) => one.name).join(', ')
    throw new Error(`there is no bench '${name}', only ${known}`)
  })
  for (const option of ['quick', 'histories', 'peers', 'locks'] as const) {
    const other = benches.find(({ takes = [] }) => !takes.includes(option))
    if (values[option] === undefined || other === undefined) continue
    throw new Error(`${other.name} takes no --${option}`)
  }
  const { quick: isQuick = false, histories = null, peers: hasPeers = false } = values
  const given = { isQuick, histories, hasPeers, locks }
  return { benches, passes, options: given, json: values.json ?? false }
}

/** Null when it was not given. */
function count(name: string, text: string | undefined, most: number): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw new Error(`--${name} wants an integer from 1 to ${most}, not '${text}'`)
}

function list(): string[] {
  return BENCHES.map(({ name, summary }) => `  ${name}   ${summary}`)
}
