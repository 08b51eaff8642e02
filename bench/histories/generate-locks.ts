// The lock server of generated histories: mutexes, semaphores and read-write locks, with waiters.
// An acquire whose answer is lost holds the lock for a while and then loses it, as when a session
// ends: for the history it is as if it never happened. Its token is gone.

import type { Asking, Job, Service, World } from './generate-world.ts'

interface Holding {
  readonly job: Job
  readonly key: Key
  readonly isShared: boolean
  readonly token: number
  isReleasing: boolean
}

interface Key {
  holdings: Holding[]
  readonly waiting: Job[]
  token: number
  /** The last token that somebody was told, or will be. */
  tokenTold: number
}

/** Clients that are to hold one lock all at one time. */
interface Meeting {
  absent: number
}

export function createLockService(world: World): Service {
  const { kind, permits } = world.options
  const keys = Array.from({ length: world.options.keys }, createKey)
  const held = new Map<number, Holding>()
  const meetings = new Map<number, Meeting>()
  const mayEnter = ({ holdings }: Key, job: Job): boolean => {
    if (kind === 'semaphore') return holdings.length < permits
    if (holdings.length === 0) return true
    return isShared(job) && holdings.every((holding) => holding.isShared)
  }
  const enter = (key: Key, job: Job): void => {
    const token = drawToken(world, key, job)
    const holding = { job, key, isShared: isShared(job), token, isReleasing: false }
    key.holdings.push(holding)
    job.note = holding
    if (kind === 'lock') job.answer = token
    else if (kind === 'rw-lock') job.answer = job.value
    if (job.fate !== 'answered') world.putOff(holding)
  }
  const leave = (holding: Holding): void => {
    const { key } = holding
    key.holdings = key.holdings.filter((other) => other !== holding)
    const { waiting } = key
    while (waiting.length > 0) {
      const at = world.below(waiting.length)
      const job = waiting[at] as Job
      if (!mayEnter(key, job)) break
      waiting[at] = waiting.at(-1) as Job
      waiting.pop()
      enter(key, job)
      world.answer(job)
    }
  }
  /** Grants what is taken, and keeps all holders until each knows that it holds. */
  const enterTaken = (key: Key, job: Job): boolean => {
    if (world.lieNow() !== 'double-grant' || job.fate !== 'answered') return false
    const { holdings } = key
    if (holdings.some((other) => other.isReleasing || other.job.fate !== 'answered')) return false
    enter(key, job)
    const all = key.holdings.map((holding) => holding.job)
    const meeting = { absent: all.filter(({ returned }) => returned === Infinity).length }
    for (const { client } of all) meetings.set(client, meeting)
    world.told(job, 'double-grant')
    return true
  }
  const next = (client: number): Asking | null => {
    const holding = held.get(client)
    if (holding === undefined) return askAcquire(world)
    if ((meetings.get(client)?.absent ?? 0) > 0) return null
    holding.isReleasing = true
    held.delete(client)
    const value = kind === 'lock' ? holding.token : null
    return { key: holding.job.key, f: 'release', value, note: holding, kind: 'release' }
  }
  return {
    next,
    called: () => undefined,
    arrive: (job) => {
      const key = keys[job.key] as Key
      if (job.f === 'release') {
        leave(job.note as Holding)
        job.answer = job.value
        return true
      }
      const isFree = mayEnter(key, job)
      if (isFree) enter(key, job)
      if (isFree || enterTaken(key, job)) return true
      key.waiting.push(job)
      return false
    },
    deliver: (job) => {
      if (job.f === 'release') return
      held.set(job.client, job.note as Holding)
      const meeting = meetings.get(job.client)
      if (meeting !== undefined) meeting.absent -= 1
    },
    giveUp: () => undefined,
    later: (note) => leave(note as Holding)
  }
}

function createKey(): Key {
  return { holdings: [], waiting: [], token: 0, tokenTold: 0 }
}

function askAcquire({ options, below }: World): Asking {
  const mode = below(4) === 0 ? 'exclusive' : 'shared'
  const value = options.kind === 'rw-lock' ? mode : null
  return { key: below(options.keys), f: 'acquire', value, kind: 'acquire' }
}

function isShared({ value }: Job): boolean {
  return value === 'shared'
}

/** The next token, or what a liar tells in its place. */
function drawToken(world: World, key: Key, job: Job): number {
  key.token += 1
  if (job.fate !== 'answered') return key.token
  let token = key.token
  const lie = world.lieNow()
  if (lie === 'same-token' && key.tokenTold > 0) token = key.tokenTold
  if (lie === 'early-token' && key.tokenTold > 1) token = key.tokenTold - 1
  if (token !== key.token && lie !== null) world.told(job, lie)
  key.tokenTold = token
  return token
}
