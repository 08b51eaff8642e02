// The options of `lockstep sim`: what they mean, and which of them go together.

import { existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { DEFAULT_SETTING } from '../sim/campaign.ts'
import type { Setting } from '../sim/campaign.ts'
import { CLIENTS_MAX, FIRE_MS_MAX, KEYS_MAX, NODES_MAX } from '../sim/capsule.ts'
import { FAULT_KINDS } from '../sim/scenario.ts'
import { valueOf } from './arguments.ts'
import { parseCount, parseDurationMs, parseFaults, parseSeed, parseSeeds } from './values.ts'
import type { SeedRange } from './values.ts'
import { UsageError } from './verb.ts'
import type { Given, OptionSpec } from './verb.ts'

/** A campaign as asked for on the command line. */
export interface SimOptions {
  readonly seeds: SeedRange
  readonly setting: Setting
  /** No seed starts later than this; null for no limit. */
  readonly budgetMs: number | null
  readonly jobs: number
  readonly json: boolean
  /** Where capsules go. */
  readonly out: string
  readonly trace: boolean
  /** Runs each seed twice and compares. */
  readonly twice: boolean
}

const SEEDS_DEFAULT = 200
const JOBS_MAX = 256
const OUT_DEFAULT = 'lockstep-capsules'

/** Read by the parser, the help and the suggestions. */
export const SIM_OPTIONS: readonly OptionSpec[] = [
  { name: 'seed', value: 'S', help: 'run this seed alone' },
  {
    name: 'seeds',
    value: 'N|A..B',
    help: `run the seeds 1 to N, or A to B (default: 1 to ${SEEDS_DEFAULT})`,
  },
  {
    name: 'budget',
    value: 'TIME',
    help: 'start no seed later than this: 30s, 5m; without --seeds, run as many as fit',
  },
  {
    name: 'nodes',
    value: 'N',
    help: `nodes that found a cluster, 1 to ${NODES_MAX} (default: drawn by each seed)`,
  },
  { name: 'clients', value: 'N', help: `clients (default: ${DEFAULT_SETTING.clients})` },
  { name: 'keys', value: 'N', help: `locks they share (default: ${DEFAULT_SETTING.keys})` },
  {
    name: 'faults',
    value: 'KINDS',
    help: `swarm (default: drawn by each seed), none, or some of ${FAULT_KINDS.join(',')}`,
  },
  { name: 'fire', value: 'TIME', help: 'how long things go wrong in each run (default: 30s)' },
  { name: 'jobs', value: 'N', help: 'threads (default: one for each core)' },
  { name: 'json', help: 'print one JSON object' },
  {
    name: 'out',
    value: 'DIR',
    help: `where capsules of violations go (default: ${OUT_DEFAULT})`,
  },
  { name: 'trace', help: 'print what happened, line by line (one seed)' },
  {
    name: 'check-determinism',
    help: 'run each seed twice, and name the first event that differs',
  },
]

/** Reads them. */
export function readSimOptions(given: Given): SimOptions {
  const { values } = given
  const budget = valueOf(given, 'budget')
  const budgetMs = budget === undefined ? null : parseDurationMs('budget', budget)
  const seeds = readSeeds(given, budgetMs !== null)
  const trace = values['trace'] === true
  if (trace && seeds.first !== seeds.last) {
    throw new UsageError('--trace prints a single run: name it with --seed S')
  }
  const jobs = valueOf(given, 'jobs')
  return {
    seeds,
    setting: readSetting(given),
    budgetMs,
    jobs: jobs === undefined ? availableParallelism() : parseCount('jobs', jobs, 1, JOBS_MAX),
    json: values['json'] === true,
    out: readFolder(valueOf(given, 'out') ?? OUT_DEFAULT),
    trace,
    twice: values['check-determinism'] === true,
  }
}

function readSeeds(given: Given, hasBudget: boolean): SeedRange {
  const seed = valueOf(given, 'seed')
  const seeds = valueOf(given, 'seeds')
  if (seed !== undefined && seeds !== undefined) {
    throw new UsageError('--seed and --seeds exclude each other: give one of them')
  }
  if (seed !== undefined) return parseSeed(seed)
  if (seeds !== undefined) return parseSeeds(seeds)
  return { first: 1, last: hasBudget ? Number.MAX_SAFE_INTEGER : SEEDS_DEFAULT }
}

function readSetting(given: Given): Setting {
  const nodes = valueOf(given, 'nodes')
  const clients = valueOf(given, 'clients')
  const keys = valueOf(given, 'keys')
  const faults = valueOf(given, 'faults')
  const fire = valueOf(given, 'fire')
  const base = DEFAULT_SETTING
  const setting: Setting = {
    clients: clients === undefined ? base.clients : parseCount('clients', clients, 1, CLIENTS_MAX),
    keys: keys === undefined ? base.keys : parseCount('keys', keys, 1, KEYS_MAX),
    faults: faults === undefined ? base.faults : parseFaults(faults),
    fireMs: fire === undefined ? base.fireMs : readFireMs(fire),
  }
  return nodes === undefined
    ? setting
    : { nodes: parseCount('nodes', nodes, 1, NODES_MAX), ...setting }
}

function readFireMs(text: string): number {
  const fireMs = parseDurationMs('fire', text)
  if (fireMs <= FIRE_MS_MAX) return fireMs
  throw new UsageError(`--fire wants a duration of at most 1h, not '${text}'`)
}

function readFolder(path: string): string {
  if (!existsSync(path) || statSync(path).isDirectory()) return path
  throw new UsageError(`--out wants a folder, and '${path}' is a file`)
}

/** The options that make the same world again, for a line that reproduces a run. */
export function settingFlags(setting: Setting): string[] {
  const { nodes, clients, keys, faults, fireMs } = setting
  const flags: string[] = []
  if (nodes !== undefined) flags.push(`--nodes ${nodes}`)
  if (clients !== DEFAULT_SETTING.clients) flags.push(`--clients ${clients}`)
  if (keys !== DEFAULT_SETTING.keys) flags.push(`--keys ${keys}`)
  if (faults !== 'swarm') flags.push(`--faults ${faults.join(',') || 'none'}`)
  if (fireMs !== DEFAULT_SETTING.fireMs) flags.push(`--fire ${fireMs}ms`)
  return flags
}
