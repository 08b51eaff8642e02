// `lockstep lock`: runs a command while it holds a lock, and stops the command before another could
// be granted it.

import { connect } from '../client/index.ts'
import { LockError } from '../client/index.ts'
import type { DistributedLock, LockHandle } from '../client/index.ts'
import { valueOf } from './arguments.ts'
import { runUnder } from './run-under.ts'
import type { Screen } from './screen.ts'
import { nodesOf, NODES_OPTION, TLS_OPTIONS, tlsOf } from './service.ts'
import { TOKEN_FILE_OPTION, tokenOf } from './service.ts'
import { parseDurationMs } from './values.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, Verb } from './verb.ts'

/** The lock was not acquired, so that the command did not run. */
const NOT_ACQUIRED = 75

const TTL = '30s'
/** Longer than this no command needs to end by itself, unless it is said. */
const GRACE_MS_MAX = 5_000

export const lockCommand: Verb = {
  name: 'lock',
  usage: 'KEY [options] -- COMMAND...',
  summary: 'run a command while a lock is held, and end with its exit code',
  options: [
    { name: 'ttl', value: 'TIME', help: `renewed meanwhile; frees the lock if this ends (${TTL})` },
    { name: 'wait', value: 'TIME', help: 'how long to wait for the lock (default: without end)' },
    { name: 'try', help: 'do not wait: exit code 75 when another has it' },
    { name: 'owner', value: 'NAME', help: 'who takes it (default: a name that nobody else has)' },
    { name: 'shared', help: 'together with others that take it so' },
    {
      name: 'grace',
      value: 'TIME',
      help: 'from SIGTERM to SIGKILL when the lock is being lost (default: ttl / 4, up to 5s)',
    },
    NODES_OPTION,
    TOKEN_FILE_OPTION,
    ...TLS_OPTIONS,
  ],
  takesPositionals: true,
  examples: [
    { line: 'lock nightly -- ./backup.sh', what: 'one at a time, however many hosts start it' },
    { line: 'lock nightly --try -- ./backup.sh', what: 'skip it when another host is at it' },
    {
      line: "lock db --ttl 10s -- sh -c './migrate --fence $LOCKSTEP_TOKEN'",
      what: 'with the fencing token, and the key in LOCKSTEP_KEY',
    },
  ],
  run,
}

async function run(given: Given, screen: Screen): Promise<number> {
  const { key, words } = wordsOf(given)
  const ttlMs = parseDurationMs('ttl', valueOf(given, 'ttl') ?? TTL)
  const graceMs = graceOf(given, ttlMs)
  const token = tokenOf(given)
  const tls = tlsOf(given)
  const urls = nodesOf(given).map((url) => new URL(url))
  const isTls = urls.every(({ protocol }) => protocol === 'https:')
  if (!isTls && urls.some(({ protocol }) => protocol === 'https:')) {
    throw new UsageError('--nodes wants https:// for all nodes or for none')
  }
  const client = connect({
    nodes: urls.map(({ host }) => host),
    keepProcessAlive: true,
    ...(token === null ? {} : { token }),
    ...(isTls ? { tls } : {}),
  })
  try {
    const handle = await acquired(client, given, key, ttlMs)
    if (handle === null) {
      screen.complain(`lockstep: lock ${key} is held by another`)
      return NOT_ACQUIRED
    }
    return await runUnder({ handle, words, graceMs, complain: (text) => screen.complain(text) })
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    screen.complain(`lockstep: ${error.message}`)
    return error.code === 'INVALID' ? EXIT.usage : NOT_ACQUIRED
  } finally {
    await client.close()
  }
}

function wordsOf({ positionals, dashesAt }: Given): { key: string; words: readonly string[] } {
  const [key] = positionals
  const words = dashesAt === 1 ? positionals.slice(1) : []
  if (key !== undefined && words.length > 0) return { key, words }
  throw new UsageError('lock wants a key and a command: lock KEY [options] -- COMMAND...')
}

function graceOf(given: Given, ttlMs: number): number {
  const text = valueOf(given, 'grace')
  if (text === undefined) return Math.min(ttlMs / 4, GRACE_MS_MAX)
  const graceMs = parseDurationMs('grace', text)
  if (graceMs <= ttlMs / 2) return graceMs
  throw new UsageError(`--grace wants at most half of the ttl, not '${text}'`)
}

/** Null: another has it. Ended by a signal, the process gives the wait up and dies of it. */
async function acquired(
  client: DistributedLock,
  given: Given,
  key: string,
  ttlMs: number,
): Promise<LockHandle | null> {
  const wait = valueOf(given, 'wait')
  const owner = valueOf(given, 'owner')
  const isTry = given.values['try'] === true
  if (isTry && wait !== undefined) throw new UsageError('--try and --wait exclude each other')
  const terms = {
    autoRefresh: true,
    ...(owner === undefined ? {} : { owner }),
    ...(given.values['shared'] === true ? { mode: 'shared' as const } : {}),
  }
  if (isTry) return client.tryLock(key, ttlMs, terms)
  const timeout = wait === undefined ? 0 : parseDurationMs('wait', wait)
  return interruptible((signal) => {
    return client.lockWithOptions({ key, ttl: ttlMs, timeout, signal, ...terms })
  })
}

/** Gives up what `begin` waits for when a signal comes, and then lets the signal do its work. */
async function interruptible<Value>(
  begin: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController()
  let by: NodeJS.Signals | null = null
  const abort = (name: NodeJS.Signals): void => {
    by = name
    controller.abort()
  }
  process.once('SIGINT', abort).once('SIGTERM', abort)
  try {
    return await begin(controller.signal)
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort)
    if (by !== null) process.kill(process.pid, by)
  }
}
