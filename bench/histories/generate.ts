// Large histories from a seed: clients and one server in virtual time. Requests and answers travel
// for a while, some are lost or late; what the server does, it does at one instant, so a history is
// linearizable by construction, until the server tells one lie of a named kind. A lie is only told
// where it can be shown: when no order of the operations explains it.

import type { HistoryEvent, Plain } from '../../checker/event.ts'
import { createLockService } from './generate-locks.ts'
import { createStoreService } from './generate-stores.ts'
import type { Asking, Fate, GenerateOptions, HistoryKind, Job } from './generate-world.ts'
import type { Lie, Service, World } from './generate-world.ts'

/** The lies of each kind. */
export const lies: Readonly<Record<HistoryKind, readonly Lie[]>> = {
  lock: ['double-grant', 'early-token', 'same-token'],
  mutex: ['double-grant'],
  semaphore: ['double-grant'],
  'rw-lock': ['double-grant'],
  register: ['stale-read', 'phantom-read'],
  'register-unique': ['stale-read', 'lost-write', 'phantom-read'],
  'cas-register': ['stale-read', 'phantom-read'],
  kv: ['stale-read', 'lost-write', 'phantom-read'],
  'kv-append': ['stale-read', 'lost-write', 'phantom-read'],
  queue: ['duplicate-item', 'out-of-order', 'phantom-item'],
  set: ['stale-read', 'lost-write']
}

export interface GeneratedHistory {
  readonly events: HistoryEvent[]
  /** The operation that shows the lie, by the position of its invocation; null: none was told. */
  readonly injected: { readonly lie: Lie; readonly position: number } | null
}

/** A seeded generator of whole numbers: small, fast, equal on every machine. */
export function numbersOf(seed: number): (limit: number) => number {
  let state = (seed ^ 0x5bd1e995) >>> 0
  return (limit) => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296) * limit)
  }
}

interface Entry {
  readonly at: number
  readonly what: 'think' | 'arrive' | 'answer' | 'giveUp' | 'later'
  readonly client: number
  readonly job: Job | null
  readonly note: unknown
}

const travelNsMin = 100_000
const travelNsSpan = 1_800_000
const patienceNs = 20_000_000
const storeKinds: readonly HistoryKind[] = [
  'register',
  'register-unique',
  'cas-register',
  'kv',
  'kv-append',
  'queue',
  'set'
]

const defaults = {
  seed: 1,
  clients: 10,
  keys: 1,
  crashRate: 0,
  lieAt: 0.9,
  permits: 3,
  values: 5
} as const

/** Makes a history; equal options make equal histories. */
export function generate(asked: GenerateOptions): GeneratedHistory {
  const options = { ...defaults, ...asked }
  const { operations, clients, keys, crashRate, lie } = options
  refuseUnknownLie(options.kind, lie)
  const below = numbersOf(options.seed)
  const events: HistoryEvent[] = []
  const agenda = createAgenda()
  const processes = Array.from({ length: clients }, (_, client) => client)
  const crashLimit = Math.round(crashRate * 1_000_000)
  const lieFrom = Math.floor(options.lieAt * operations)
  let injected: GeneratedHistory['injected'] = null
  let asks = 0
  let now = 0

  const travel = (): number => travelNsMin + below(travelNsSpan)
  const add = (after: number, what: Entry['what'], client: number, job: Job | null): void => {
    agenda.push({ at: now + after, what, client, job, note: null })
  }
  const world: World = {
    options,
    below,
    now: () => now,
    lieNow: () => (injected === null && asks >= lieFrom ? (lie ?? null) : null),
    told: ({ position }, told) => {
      injected ??= { lie: told, position }
    },
    answer: (job) => {
      if (job.fate === 'answered') add(travel(), 'answer', job.client, job)
    },
    putOff: (note) => {
      agenda.push({ at: now + patienceNs, what: 'later', client: 0, job: null, note })
    }
  }
  const service = serviceOf(world)

  const record = (type: HistoryEvent['type'], { process, f, key }: Job, value: Plain): void => {
    const common = { type, process, f, value, time: now }
    events.push(keys === 1 ? common : { ...common, key: `k${key}` })
  }
  const think = (client: number): void => {
    if (asks >= operations) return
    const next = service.next(client)
    if (next === null) return add(travel(), 'think', client, null)
    asks += 1
    const fate = below(1_000_000) < crashLimit ? drawFate(below(3), next.kind) : 'answered'
    const process = processes[client] as number
    const job = jobOf(next, { client, process, fate, position: events.length, called: now })
    record('invoke', job, job.value)
    service.called(job)
    if (fate !== 'answered') add(patienceNs, 'giveUp', client, job)
    if (fate === 'lateRequest') add(patienceNs + below(patienceNs), 'arrive', client, job)
    else if (fate !== 'lostRequest') add(travel(), 'arrive', client, job)
  }
  const handle = ({ what, client, job, note }: Entry): void => {
    if (what === 'think') return think(client)
    if (what === 'later') return service.later(note)
    if (job === null) return
    if (what === 'arrive') {
      if (service.arrive(job)) world.answer(job)
      return
    }
    if (what === 'answer') {
      service.deliver(job)
      job.returned = now
      record(job.failed ? 'fail' : 'ok', job, job.answer)
    } else {
      record('info', job, job.value)
      service.giveUp(job)
      processes[client] = (processes[client] as number) + clients
    }
    add(travel(), 'think', client, null)
  }

  for (let client = 0; client < clients; client++) add(travel(), 'think', client, null)
  for (let entry = agenda.pop(); entry !== undefined; entry = agenda.pop()) {
    now = entry.at
    handle(entry)
  }
  return { events, injected }
}

function refuseUnknownLie(kind: HistoryKind, lie: Lie | undefined): void {
  if (lie === undefined || lies[kind].includes(lie)) return
  throw new RangeError(`a ${kind} tells no ${lie}`)
}

function serviceOf(world: World): Service {
  const isStore = storeKinds.includes(world.options.kind)
  return isStore ? createStoreService(world) : createLockService(world)
}

type JobStart = Pick<Job, 'client' | 'process' | 'fate' | 'position' | 'called'>

function jobOf({ key, f, value, note }: Asking, start: JobStart): Job {
  return { ...start, key, f, value, returned: Infinity, answer: null, failed: false, note }
}

function drawFate(drawn: number, kind: Asking['kind']): Fate {
  if (kind === 'acquire') return drawn === 0 ? 'lostRequest' : 'lostAnswer'
  if (kind === 'release') return drawn === 0 ? 'lateRequest' : 'lostAnswer'
  return drawn === 0 ? 'lostRequest' : drawn === 1 ? 'lateRequest' : 'lostAnswer'
}

/** A binary heap by time. */
function createAgenda(): { push(entry: Entry): void; pop(): Entry | undefined } {
  const heap: Entry[] = []
  return {
    push: (entry) => {
      let at = heap.length
      while (at > 0) {
        const parent = (at - 1) >> 1
        const above = heap[parent] as Entry
        if (above.at <= entry.at) break
        heap[at] = above
        at = parent
      }
      heap[at] = entry
    },
    pop: () => {
      const first = heap[0]
      const last = heap.pop()
      if (last === undefined || last === first) return first
      const length = heap.length
      let at = 0
      for (let child = 1; child < length; child = 2 * at + 1) {
        const right = heap[child + 1]
        const left = heap[child] as Entry
        const isRight = right !== undefined && right.at < left.at
        const least = isRight ? right : left
        if (last.at <= least.at) break
        heap[at] = least
        at = isRight ? child + 1 : child
      }
      heap[at] = last
      return first
    }
  }
}
