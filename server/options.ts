// What a node is told at its start: every option as data, once, for flags, environment, file, help
// and manual alike. It reads and checks; it opens nothing but the file that `--config` names.

import { LIMITS } from '../core/lock/limits.ts'
import {
  address,
  duration,
  host,
  httpUrl,
  LOG_LEVELS,
  logLevel,
  nodeName,
  pause,
  peers,
  port,
  text,
  toggle,
  Wrong,
} from './option-values.ts'
import type { Address, LogLevel, PeerAddress, Read } from './option-values.ts'
import { withSuggestion } from './suggest.ts'

/** Paths of files in PEM format. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** Whom to trust; null: whom the system trusts. */
  readonly ca: string | null
}

/** The options of one node, checked. */
export interface NodeOptions {
  readonly id: string
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly raftHost: string
  /** 0: any that is free. */
  readonly raftPort: number
  /** Where the other nodes reach the raft port of this one; null: where it listens. */
  readonly advertise: Address | null
  /** Where clients reach this node; null: as far as `ownUrl` can tell. */
  readonly advertiseUrl: string | null
  readonly dataDir: string
  /** The other founding nodes. */
  readonly peers: readonly PeerAddress[]
  readonly electionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly snapshotIntervalMs: number
  readonly defaultTtlMs: number
  readonly minTtlMs: number
  readonly maxTtlMs: number
  readonly tls: TlsFiles | null
  /** Both sides of the raft port show a certificate that the other checks. */
  readonly raftTls: (TlsFiles & { readonly ca: string }) | null
  readonly authFile: string | null
  readonly insecure: boolean
  readonly logLevel: LogLevel
  /** What is allowed and should be known, as sentences. */
  readonly warnings: readonly string[]
}

/** One option, by all its names. */
export interface NodeOption {
  /** Of the flag, without `--`, and of the field in the file. */
  readonly name: string
  /** Of the environment variable. */
  readonly variable: string
  /** What stands for the value in the help; null for a switch. */
  readonly value: string | null
  /** What is used when nobody says anything; null: nothing. */
  readonly fallback: string | null
  readonly help: string
}

/** Options that cannot be used; `problems` are whole sentences, one for each thing wrong. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

interface Entry<Value> {
  readonly value: string | null
  readonly fallback: string | null
  readonly help: string
  readonly read: Read<Value>
}

function entry<Value>(
  value: string | null,
  fallback: string | null,
  read: Read<Value>,
  help: string,
): Entry<Value> {
  return { value, fallback, read, help }
}

/** Every option, in the order of the help. */
const TABLE = {
  id: entry('NAME', 'node1', nodeName, 'the name of this node, one of its own in the cluster'),
  host: entry('HOST', '127.0.0.1', host, 'where the HTTP API listens'),
  port: entry('PORT', '8001', port, 'the port of the HTTP API; 0 takes any that is free'),
  'raft-host': entry('HOST', '127.0.0.1', host, 'where it listens for the other nodes'),
  'raft-port': entry('PORT', '9001', port, 'the port for the other nodes'),
  advertise: entry(
    'HOST:PORT',
    null,
    address,
    'where the others reach its raft port (default: where it listens)',
  ),
  'advertise-url': entry(
    'URL',
    null,
    httpUrl,
    'where clients reach its HTTP API (default: where it listens, or the host of --advertise)',
  ),
  'data-dir': entry('DIR', './data', text, 'where it keeps its log and snapshots'),
  peers: entry(
    'LIST',
    null,
    peers,
    'the other founding nodes, id:host:raft-port with commas (default: none, it is alone)',
  ),
  'election-timeout': entry(
    'TIME',
    '150ms',
    duration,
    'base of the election timeout, which is drawn from this to twice this',
  ),
  'heartbeat-interval': entry('TIME', '50ms', duration, 'pause between heartbeats of a leader'),
  'snapshot-interval': entry('TIME', '5m', pause, 'a snapshot at least this often'),
  'default-ttl': entry('TIME', '30s', duration, 'of a lock that is taken without one'),
  'min-ttl': entry('TIME', '100ms', duration, 'the shortest TTL of a lock'),
  'max-ttl': entry('TIME', '24h', duration, 'the longest TTL of a lock'),
  'tls-cert': entry('FILE', null, text, 'certificate of the HTTP API, PEM'),
  'tls-key': entry('FILE', null, text, 'its private key, PEM'),
  'tls-ca': entry('FILE', null, text, 'who may sign the certificates of clients, then demanded'),
  'raft-tls-cert': entry('FILE', null, text, 'certificate of this node for the others, PEM'),
  'raft-tls-key': entry('FILE', null, text, 'its private key, PEM'),
  'raft-tls-ca': entry('FILE', null, text, 'who signs the certificates of the nodes'),
  'auth-file': entry('FILE', null, text, 'the tokens of the HTTP API and what each may do'),
  insecure: entry(null, null, toggle, 'listen beyond this machine without TLS and tokens'),
  config: entry('FILE', null, text, 'a JSON object of options by these names'),
  'log-level': entry('LEVEL', 'info', logLevel, LOG_LEVELS.join(', ')),
} as const

type Name = keyof typeof TABLE
type ValueOf<Entries> = Entries extends Entry<infer Value> ? Value : never

const NAMES = Object.keys(TABLE) as readonly Name[]

/** Every option of a node. */
export const NODE_OPTIONS: readonly NodeOption[] = NAMES.map((name) => {
  const { value, fallback, help } = TABLE[name]
  return { name, variable: variableOf(name), value, fallback, help }
})

/** Variables with our prefix that are for the client's commands, or made by them. */
const CLIENT_VARIABLES = [
  'LOCKSTEP_NODES',
  'LOCKSTEP_TOKEN_FILE',
  'LOCKSTEP_CA_FILE',
  'LOCKSTEP_TOKEN',
  'LOCKSTEP_KEY',
]

/** Where options come from; the first that has one wins: flags, variables, the file. */
export interface OptionSources {
  readonly flags: Readonly<Record<string, string | true>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Reads the file that `config` names; throws an `Error` that says why it cannot. */
  readonly readFile: (path: string) => string
}

/** The options of a node, read and checked. Throws an `OptionsError` with all that is wrong. */
export function readNodeOptions(sources: OptionSources): NodeOptions {
  const problems: string[] = []
  const given = gather(sources, problems)
  const options = checked(given, problems)
  if (problems.length > 0) throw new OptionsError(problems)
  return options
}

/** A value, and where it was said, for the sentence about it. */
interface GivenText {
  readonly text: string
  readonly from: string
}

type GivenTexts = ReadonlyMap<Name, GivenText>

function gather(sources: OptionSources, problems: string[]): GivenTexts {
  const { flags, environment } = sources
  const given = new Map<Name, GivenText>()
  for (const [flag, value] of Object.entries(flags)) {
    const name = NAMES.find((one) => one === flag)
    if (name === undefined) problems.push(unknown('option', `--${flag}`, (one) => `--${one}`))
    else given.set(name, { text: `${value}`, from: `--${flag}` })
  }
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('LOCKSTEP_') || CLIENT_VARIABLES.includes(variable)) continue
    const name = NAMES.find((one) => variableOf(one) === variable)
    if (name === undefined) {
      problems.push(unknown('environment variable', variable, variableOf))
    } else if (value !== undefined && value !== '' && !given.has(name)) {
      given.set(name, { text: value, from: variable })
    }
  }
  const file = given.get('config')
  if (file === undefined) return given
  for (const [name, one] of fromFile(file.text, sources, problems)) {
    if (!given.has(name)) given.set(name, one)
  }
  return given
}

function fromFile(
  path: string,
  { readFile }: OptionSources,
  problems: string[],
): Map<Name, GivenText> {
  const found = new Map<Name, GivenText>()
  const fields = jsonObject(path, readFile)
  if (typeof fields === 'string') {
    problems.push(fields)
    return found
  }
  for (const [field, value] of Object.entries(fields)) {
    const name = NAMES.find((one) => one === field && one !== 'config')
    const from = `${path}: ${field}`
    if (name === undefined) {
      problems.push(unknown(`${path}: option`, `'${field}'`, (one) => one, field))
    } else if (Array.isArray(value) && name === 'peers') {
      found.set(name, { text: value.join(','), from })
    } else if (typeof value === 'object') {
      problems.push(`${from} wants a string, a number, true or false`)
    } else found.set(name, { text: `${value}`, from })
  }
  return found
}

/** The fields, or a sentence on why there are none. */
function jsonObject(
  path: string,
  readFile: (path: string) => string,
): Readonly<Record<string, unknown>> | string {
  try {
    const value: unknown = JSON.parse(readFile(path))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
    return `--config ${path}: wants a JSON object of options`
  } catch (error) {
    const kind = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    return `--config ${path}: ${kind}: ${(error as Error).message}`
  }
}

function unknown(
  kind: string,
  shown: string,
  spell: (name: Name) => string,
  word: string = shown,
): string {
  return withSuggestion(`unknown ${kind} ${shown}`, word, NAMES.map(spell))
}

function variableOf(name: string): string {
  return `LOCKSTEP_${name.replaceAll('-', '_').toUpperCase()}`
}

function checked(given: GivenTexts, problems: string[]): NodeOptions {
  const get = <One extends Name>(name: One): ValueOf<(typeof TABLE)[One]> | null => {
    const { fallback, read } = TABLE[name]
    const one = given.get(name) ?? { text: fallback, from: `--${name}` }
    if (one.text === null) return null
    const value = one.text === '' ? new Wrong('wants a value') : read(one.text)
    if (!(value instanceof Wrong)) return value as ValueOf<(typeof TABLE)[One]>
    problems.push(`${one.from} ${value.why}`)
    // What else is checked is checked against the default.
    return fallback === null ? null : (read(fallback) as ValueOf<(typeof TABLE)[One]>)
  }
  const must = <One extends Name>(name: One): ValueOf<(typeof TABLE)[One]> =>
    get(name) as ValueOf<(typeof TABLE)[One]>
  const raftTls = tlsOf('raft-tls', get, problems)
  if (raftTls !== null && raftTls.ca === null) {
    problems.push('--raft-tls-cert wants --raft-tls-ca too: nodes check one another')
  }
  const bare = {
    id: must('id'),
    host: must('host'),
    port: must('port'),
    raftHost: must('raft-host'),
    raftPort: must('raft-port'),
    advertise: get('advertise'),
    advertiseUrl: get('advertise-url'),
    dataDir: must('data-dir'),
    peers: get('peers') ?? [],
    electionTimeoutMs: must('election-timeout'),
    heartbeatIntervalMs: must('heartbeat-interval'),
    snapshotIntervalMs: must('snapshot-interval'),
    defaultTtlMs: must('default-ttl'),
    minTtlMs: must('min-ttl'),
    maxTtlMs: must('max-ttl'),
    tls: tlsOf('tls', get, problems),
    raftTls: raftTls as NodeOptions['raftTls'],
    authFile: get('auth-file'),
    insecure: get('insecure') ?? false,
    logLevel: must('log-level'),
  }
  checkTogether(bare, problems)
  const exposed = exposures(bare)
  if (exposed.length > 0 && !bare.insecure) {
    problems.push(...exposed.map((what) => `${what}; --insecure allows it`))
  }
  return { ...bare, warnings: exposed }
}

type Bare = Omit<NodeOptions, 'warnings'>

function tlsOf(
  prefix: 'tls' | 'raft-tls',
  get: (name: 'tls-cert' | `raft-tls-${'cert' | 'key' | 'ca'}` | 'tls-key' | 'tls-ca') =>
    | string
    | null,
  problems: string[],
): TlsFiles | null {
  const cert = get(`${prefix}-cert`)
  const key = get(`${prefix}-key`)
  const ca = get(`${prefix}-ca`)
  if (cert !== null && key !== null) return { cert, key, ca }
  if (cert !== null) problems.push(`--${prefix}-cert wants --${prefix}-key too`)
  else if (key !== null) problems.push(`--${prefix}-key wants --${prefix}-cert too`)
  else if (ca !== null) problems.push(`--${prefix}-ca wants --${prefix}-cert and -key too`)
  return null
}

/** What is wrong with values that are right one by one. */
function checkTogether(options: Bare, problems: string[]): void {
  const { id, peers: others, port: http, raftPort, host: httpHost, raftHost } = options
  const ids = others.map((peer) => peer.id)
  if (ids.includes(id)) {
    problems.push(`--peers names this node itself, '${id}': it wants only the others`)
  }
  const twice = ids.find((one, at) => ids.indexOf(one) !== at)
  if (twice !== undefined) problems.push(`--peers names '${twice}' twice`)
  if (http !== 0 && http === raftPort && httpHost === raftHost) {
    problems.push(`--port and --raft-port are both ${http}: each wants its own`)
  }
  if (options.heartbeatIntervalMs >= options.electionTimeoutMs) {
    problems.push('--heartbeat-interval must be below --election-timeout')
  }
  const { minTtlMs, defaultTtlMs, maxTtlMs } = options
  if (minTtlMs < LIMITS.ttlMsMin) problems.push(`--min-ttl must be ${LIMITS.ttlMsMin}ms or more`)
  if (maxTtlMs > LIMITS.ttlMsMax) problems.push('--max-ttl must be 24h or less')
  if (minTtlMs > maxTtlMs) problems.push('--min-ttl must not be above --max-ttl')
  else if (defaultTtlMs < minTtlMs || defaultTtlMs > maxTtlMs) {
    problems.push('--default-ttl must lie between --min-ttl and --max-ttl')
  }
}

/** Which ports anyone on the network could use, as sentences. */
function exposures({ host: http, raftHost, tls, raftTls, authFile }: Bare): string[] {
  const found: string[] = []
  const missing = [
    ...(tls === null ? ['--tls-cert and --tls-key'] : []),
    ...(authFile === null ? ['--auth-file'] : []),
  ]
  if (!isLoopback(http) && missing.length > 0) {
    const wanted = missing.join(' and ')
    found.push(`--host ${http} lets anyone who reaches this machine take locks without ${wanted}`)
  }
  if (!isLoopback(raftHost) && raftTls === null) {
    const wanted = '--raft-tls-cert, --raft-tls-key and --raft-tls-ca'
    found.push(`--raft-host ${raftHost} lets anyone pose as a node without ${wanted}`)
  }
  return found
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(where: string): boolean {
  return where === 'localhost' || where === '::1' || /^127(\.\d+){3}$/.test(where)
}
