// Clients that take, renew and give back locks over HTTP while nodes come and go, and the history
// of it: what they asked, when, and what they were told. The checker judges it.
//
// One operation is one request: it is sent again, to the next node, under the same request id until
// it is answered for good. What is never answered is `info`, and its client goes on as another.

import { randomBytes } from 'node:crypto'
import { checkLocks } from '../../checker/lock-monitor.ts'
import type { LockInput, LockOperation, LockOutput } from '../../checker/lock-history.ts'
import type { Verdict } from '../../checker/verdict.ts'
import { http } from './node-cluster.ts'
import type { Answer } from './node-cluster.ts'
import { until } from './until.ts'

export interface LoadOptions {
  /** Base URLs of all nodes. */
  readonly urls: readonly string[]
  readonly clients: number
  readonly keys: number
  readonly ttlMs: number
}

/** A request is given up after this. */
const PATIENCE_MS = 30_000
const ATTEMPT_MS = 3_000
const PAUSE_MS = 20
const HOLD_MS_MAX = 10
/** One lock in so many is neither renewed nor given back: its lease has to end. */
const LEFT_EVERY = 20
const LEFT_TTL_MS = 1_000
const UNITS_PER_MS = 1_000

/** As the simulator has it. */
const EPSILON_PPM = 500
const SLACK_MS = 2

export class LockLoad {
  readonly history: LockOperation[] = []
  /** When the last acquire was granted, by `performance.now()`. */
  grantedMs = 0
  grants = 0
  readonly #options: LoadOptions
  readonly #running: Promise<void>[] = []
  #isOver = false
  #nextProcess = 0

  constructor(options: LoadOptions) {
    this.#options = options
  }

  /** Lets the clients work while `work` runs, and then end what they are at. */
  async during(work: () => Promise<void>): Promise<void> {
    for (let client = 0; client < this.#options.clients; client++) {
      this.#running.push(this.#client(client))
    }
    try {
      await work()
    } finally {
      this.#isOver = true
    }
    await Promise.all(this.#running)
  }

  /** Waits until so many more locks were granted, so that what was done is amid a load. */
  moreGrants(count: number): Promise<true> {
    const enough = this.grants + count
    return until(`${count} more grants`, () => (this.grants > enough ? true : undefined))
  }

  /** What the checker says of it all. */
  verdict(): Verdict {
    const timing = { unitsPerMs: UNITS_PER_MS, epsilonPpm: EPSILON_PPM, slackMs: SLACK_MS }
    return checkLocks(this.history, timing)
  }

  /** How many operations ended so. */
  count(outcome: LockOperation['outcome']): number {
    return this.history.filter((one) => one.outcome === outcome).length
  }

  async #client(number: number): Promise<void> {
    const { keys, ttlMs } = this.#options
    let node = number
    let person = this.#newPerson()
    const ask = async (input: LockInput): Promise<LockOutput | null> => {
      const operation = await this.#operation(person.process, input, node++)
      if (operation.outcome === 'info') person = this.#newPerson()
      return operation.output ?? null
    }
    for (let turn = 0; !this.#isOver; turn++) {
      const key = `key-${Math.floor(Math.random() * keys)}`
      const { owner } = person
      const waitMs = turn % 3 === 0 ? 0 : 2_000
      const isLeft = turn % LEFT_EVERY === LEFT_EVERY - 1
      const terms = { ttlMs: isLeft ? LEFT_TTL_MS : ttlMs, waitMs }
      const granted = await ask({ type: 'acquire', key, owner, ...terms })
      if (granted?.type !== 'granted') continue
      this.grants += 1
      this.grantedMs = performance.now()
      if (isLeft) continue
      const { token } = granted
      await pause(Math.random() * HOLD_MS_MAX)
      if (turn % 4 === 0) await ask({ type: 'renew', key, owner, token, ttlMs })
      await ask({ type: 'release', key, owner, token })
    }
  }

  #newPerson(): { process: number; owner: string } {
    const process = this.#nextProcess++
    return { process, owner: `owner-${process}` }
  }

  async #operation(process: number, input: LockInput, first: number): Promise<LockOperation> {
    const call = now()
    const ended = await this.#ask(input, first)
    const operation = { process, input, call, return: now(), ...ended }
    this.history.push(operation)
    return operation
  }

  async #ask(
    input: LockInput,
    first: number,
  ): Promise<Pick<LockOperation, 'outcome' | 'output'>> {
    const { urls } = this.#options
    const { path, body } = bodyOf(input)
    const waitMs = 'waitMs' in input ? input.waitMs : 0
    const endMs = performance.now() + PATIENCE_MS + waitMs
    let mayHappen = false
    for (let at = first; performance.now() < endMs; at++) {
      const url = `${urls[at % urls.length]}${path}`
      const answer = await attempt(url, body, ATTEMPT_MS + waitMs)
      if (answer === 'unknown') mayHappen = true
      else if (answer !== 'refused') {
        const output = outputOf(input, answer)
        if (output !== null) return { outcome: 'ok', output }
        if (answer.status !== 503) mayHappen = true
      }
      await pause(PAUSE_MS)
    }
    return { outcome: mayHappen ? 'info' : 'fail' }
  }
}

/** Integer microseconds. */
function now(): number {
  return Math.floor(performance.now() * UNITS_PER_MS)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function bodyOf(input: LockInput): { path: string; body: object } {
  const request_id = randomBytes(8).toString('hex')
  switch (input.type) {
    case 'acquire': {
      const { key, owner, ttlMs, waitMs } = input
      const terms = { ttl: `${ttlMs}ms`, wait: `${waitMs}ms`, reentrant: false }
      return { path: '/locks/acquire', body: { key, owner, ...terms, request_id } }
    }
    case 'renew': {
      const { key, owner, token, ttlMs } = input
      return { path: '/locks/renew', body: { key, owner, token, ttl: `${ttlMs}ms`, request_id } }
    }
    case 'release': {
      const { key, owner, token } = input
      return { path: '/locks/release', body: { key, owner, token, request_id } }
    }
    case 'status':
      throw new Error('no client of this load asks for a status')
  }
}

/** `refused`: nobody was there to take it. `unknown`: it was sent, and no answer came. */
async function attempt(
  url: string,
  body: object,
  timeoutMs: number,
): Promise<Answer | 'refused' | 'unknown'> {
  try {
    return await http(url, body, { timeoutMs })
  } catch (error) {
    const { cause } = error as { cause?: NodeJS.ErrnoException }
    return cause?.code === 'ECONNREFUSED' ? 'refused' : 'unknown'
  }
}

/** What the client was told, or null when it has to ask again. */
function outputOf(input: LockInput, { status, body }: Answer): LockOutput | null {
  const lock = body['lock'] as { fencing_token: number; count: number } | undefined
  if (status === 200) {
    if (input.type === 'release') return { type: 'released', count: body['count'] as number }
    const token = lock?.fencing_token ?? 0
    if (input.type === 'renew') return { type: 'renewed', token, ttlMs: input.ttlMs }
    return { type: 'granted', token, count: lock?.count ?? 1 }
  }
  const token = (body['fencing_token'] as number | undefined) ?? 0
  switch (body['code']) {
    case 'held':
      return { type: 'held', token }
    case 'wait_timeout':
    // A node that slept took its client for gone, and gave the wait up for it.
    case 'cancelled':
      return { type: 'timeout' }
    case 'not_owner':
      return { type: 'notHolder' }
    case 'expired':
      return { type: 'expired', token }
    default:
      // 408: a node that slept amid a request takes its client for too slow.
      if ([202, 408, 503, 504].includes(status)) return null
      throw new Error(`${input.type}: ${status} ${JSON.stringify(body)}`)
  }
}
