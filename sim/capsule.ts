// A capsule: everything that is needed to run one disaster again, as text. A seed means something
// else after an edit of the code; a capsule keeps what was decided, and is replayed by that.

import type { Setting } from './campaign.ts'
import type { LockOperation } from './lock-operation.ts'
import type { Decisions } from './random.ts'
import { FAULT_KINDS, scenarioProblem } from './scenario.ts'
import type { FaultKind, Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { LockOptions, LockResult } from './simulate.ts'

/** The format that this build writes and reads. */
export const CAPSULE_FORMAT = 1

export interface Capsule {
  readonly format: typeof CAPSULE_FORMAT
  /** Fingerprint of the build that wrote it. */
  readonly build: string
  readonly seed: number | string
  readonly options: Setting
  /** Only when it was given, not drawn from the seed. */
  readonly scenario?: Scenario<LockOperation>
  readonly violation: { readonly oracle: string; readonly message: string } | null
  readonly traceHash: string
  /** For each stream, such as `link/0>1`, what it decided, in order. */
  readonly decisions: Decisions
}

/** Runs `seed` once more, recording, and puts it into a capsule. */
export function buildCapsule(
  seed: number,
  setting: Setting,
  build: string,
  traceLines: number,
): { readonly capsule: Capsule; readonly result: LockResult } {
  const result = simulate({ ...setting, seed, record: true, traceLines })
  const { violation, traceHash, decisions } = result
  const rest = { build, seed, options: setting, violation, traceHash, decisions }
  return { capsule: { format: CAPSULE_FORMAT, ...rest }, result }
}

/** The options that replay a capsule by its decisions. */
export function replayOptions(capsule: Capsule): LockOptions {
  const { seed, options, scenario, decisions } = capsule
  const common = { ...options, seed, decisions }
  return scenario === undefined ? common : { ...common, scenario }
}

/** A capsule as JSON text, one stream to a line. */
export function encodeCapsule(capsule: Capsule): string {
  const { decisions, ...rest } = capsule
  const head = Object.entries(rest).map(([name, value]) => line(name, value))
  const streams = Object.entries(decisions).map(([name, numbers]) => `  ${line(name, numbers)}`)
  const tail = streams.length === 0 ? '  "decisions": {}' : decisionsText(streams)
  return `{\n${[...head, tail].join(',\n')}\n}\n`
}

function line(name: string, value: unknown): string {
  return `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`
}

function decisionsText(streams: readonly string[]): string {
  return `  "decisions": {\n${streams.join(',\n')}\n  }`
}

/** A capsule, or why a text is none that this build understands, in words. */
export type Parsed = { readonly capsule: Capsule } | { readonly reason: string }

/** Reads a capsule. */
export function parseCapsule(text: string): Parsed {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { reason: 'is not a capsule: it is not JSON' }
  }
  if (!isRecord(value) || !('format' in value) || !('decisions' in value)) {
    return { reason: 'is not a capsule: it has no "format" and "decisions"' }
  }
  if (value['format'] !== CAPSULE_FORMAT) {
    const format = JSON.stringify(value['format'])
    return { reason: `is a capsule of format ${format}; this build reads ${CAPSULE_FORMAT}` }
  }
  const problem = capsuleProblem(value)
  if (problem !== null) return { reason: `is not a capsule: ${problem}` }
  return { capsule: value as unknown as Capsule }
}

function capsuleProblem(value: Record<string, unknown>): string | null {
  const { build, seed, traceHash, violation, options, decisions, scenario } = value
  if (typeof build !== 'string') return '"build" must be text'
  if (typeof seed !== 'string' && !Number.isSafeInteger(seed)) {
    return '"seed" must be an integer or text'
  }
  if (typeof traceHash !== 'string' || !/^[0-9a-f]{32}$/.test(traceHash)) {
    return '"traceHash" must be 32 hexadecimal digits'
  }
  if (violation !== null && !isViolation(violation)) {
    return '"violation" must be null, or an oracle and a message'
  }
  return settingProblem(options) ?? decisionsProblem(decisions) ?? givenScenarioProblem(scenario)
}

function isViolation(value: unknown): boolean {
  return (
    isRecord(value) && typeof value['oracle'] === 'string' && typeof value['message'] === 'string'
  )
}

function settingProblem(options: unknown): string | null {
  if (!isRecord(options)) return '"options" must be an object'
  const { nodes, clients, keys, faults, fireMs } = options
  if (nodes !== undefined && !isWithin(nodes, 1, NODES_MAX)) {
    return `"nodes" must be from 1 to ${NODES_MAX}`
  }
  if (!isWithin(clients, 0, CLIENTS_MAX)) return `"clients" must be from 0 to ${CLIENTS_MAX}`
  if (!isWithin(keys, 1, KEYS_MAX)) return `"keys" must be from 1 to ${KEYS_MAX}`
  if (!isWithin(fireMs, 0, FIRE_MS_MAX)) return `"fireMs" must be from 0 to ${FIRE_MS_MAX}`
  if (faults === 'swarm') return null
  if (Array.isArray(faults) && faults.every(isFaultKind)) return null
  return '"faults" must be "swarm" or a list of kinds'
}

function decisionsProblem(decisions: unknown): string | null {
  if (!isRecord(decisions)) return '"decisions" must be an object'
  const isDecision = (number: unknown): boolean => isWithin(number, 0, DECISION_MAX)
  const bad = Object.entries(decisions).find(([, numbers]) => {
    return !Array.isArray(numbers) || !numbers.every(isDecision)
  })
  return bad === undefined ? null : `"${bad[0]}" must be a list of integers from 0`
}

/** Only its frame is looked at here; the simulation looks at the rest. */
function givenScenarioProblem(scenario: unknown): string | null {
  if (scenario === undefined) return null
  if (!isRecord(scenario)) return '"scenario" must be an object'
  const lists = ['clocks', 'faults', 'clients', 'dead']
  const missing = lists.find((name) => !Array.isArray(scenario[name]))
  if (missing !== undefined) return `"scenario.${missing}" must be a list`
  const problem = scenarioProblem(scenario as unknown as Scenario<LockOperation>)
  return problem === null ? null : `"scenario": ${problem}`
}

export const NODES_MAX = 7
export const CLIENTS_MAX = 64
export const KEYS_MAX = 1_000
/** An hour. */
export const FIRE_MS_MAX = 3_600_000
const DECISION_MAX = 0xffffffff

function isWithin(value: unknown, low: number, high: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high
}

function isFaultKind(value: unknown): value is FaultKind {
  return (FAULT_KINDS as readonly unknown[]).includes(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
