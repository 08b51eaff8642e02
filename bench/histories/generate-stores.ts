// The stores of generated histories: registers, strings by key, queues and sets.

import type { Plain } from '../../checker/event.ts'
import type { Asking, Job, Lie, Service, World } from './generate-world.ts'

export function createStoreService(world: World): Service {
  switch (world.options.kind) {
    case 'register':
    case 'cas-register':
      return createSmallRegisters(world)
    case 'queue':
      return createQueues(world)
    case 'set':
      return createSets(world)
    default:
      return createUniqueStores(world)
  }
}

const quiet = {
  called: (): void => undefined,
  deliver: (): void => undefined,
  giveUp: (): void => undefined,
  later: (): void => undefined
}

interface SmallKey {
  value: number
  /** By value: writes called and not answered; when the last one that took effect was answered. */
  readonly open: number[]
  readonly returned: number[]
  /** The latest call among the writes that took effect and were answered. */
  cut: number
}

/**
 * Registers of few values. A read is shown to be stale when it answers a value of which every write
 * had been answered before another write was called that was answered before the read was called.
 * When no such value comes in time, the read tells of a value that nobody wrote.
 */
function createSmallRegisters(world: World): Service {
  const { kind, values, keys: keysCount, operations, lieAt } = world.options
  const keys = Array.from({ length: keysCount }, (): SmallKey => {
    const returned = Array.from({ length: values }, (_, value) => (value === 0 ? -1 : -Infinity))
    return { value: 0, open: Array.from({ length: values }, () => 0), returned, cut: -Infinity }
  })
  const phantomFrom = Math.min(0.99, lieAt + 0.04) * operations * 2
  const written = ({ f, value }: Job): number => {
    return f === 'write' ? (value as number) : ((value as Plain[])[1] as number)
  }
  const staleValue = (key: SmallKey, job: Job): number => {
    return key.returned.findIndex((returned, value) => {
      return key.open[value] === 0 && returned < (job.note as number) && returned > -Infinity
    })
  }
  return {
    ...quiet,
    next: (): Asking => {
      const key = world.below(keysCount)
      const drawn = world.below(4)
      if (drawn < 2) return { key, f: 'read', value: null, kind: 'plain' }
      const value = world.below(values)
      if (drawn === 2 || kind === 'register') return { key, f: 'write', value, kind: 'plain' }
      return { key, f: 'cas', value: [world.below(values), value], kind: 'plain' }
    },
    called: (job) => {
      const key = keys[job.key] as SmallKey
      if (job.f === 'read') job.note = key.cut
      else key.open[written(job)] = (key.open[written(job)] as number) + 1
    },
    arrive: (job) => {
      const key = keys[job.key] as SmallKey
      if (job.f === 'read') job.answer = key.value
      else {
        job.answer = job.value
        job.failed = job.f === 'cas' && (job.value as Plain[])[0] !== key.value
        if (!job.failed) key.value = written(job)
      }
      return true
    },
    deliver: (job) => {
      const key = keys[job.key] as SmallKey
      if (job.f !== 'read') {
        const value = written(job)
        key.open[value] = (key.open[value] as number) - 1
        if (job.failed) return
        key.returned[value] = world.now()
        key.cut = Math.max(key.cut, job.called)
        return
      }
      const lie = world.lieNow()
      if (lie === null) return
      const stale = lie === 'stale-read' ? staleValue(key, job) : -1
      if (lie === 'stale-read' && stale < 0 && job.position < phantomFrom) return
      job.answer = stale < 0 ? -7 : stale
      world.told(job, stale < 0 ? 'phantom-read' : lie)
    }
  }
}

interface Version {
  readonly value: Plain
  returned: number
}

interface UniqueKey {
  value: Plain
  /** The last write that took effect; of appended strings the last put. */
  base: Version
  /** The last write that was answered. */
  done: Version
  /** What a read called from now on can't see any more. */
  stale: Plain | undefined
  /** A write that was answered and forgotten. */
  lost: Job | null
  /** Something is there now that was asked after the lost write's answer. */
  isLostForGood: boolean
}

interface UniqueNote {
  readonly version: Version
  /** Of an append: what was there before it, and the put that this began with. */
  before: Plain
  base: Version | null
  /** Of a read: what it can't see. */
  stale: Plain | undefined
}

/** Registers and strings by key whose writes all differ. */
function createUniqueStores(world: World): Service {
  const { kind, keys: keysCount } = world.options
  const isRegister = kind === 'register-unique'
  const initial = isRegister ? 0 : ''
  const first: Version = { value: initial, returned: -1 }
  const keys = Array.from({ length: keysCount }, (): UniqueKey => {
    const base = first
    return { value: initial, base, done: base, stale: undefined, lost: null, isLostForGood: false }
  })
  const next = askingUnique(world)
  const write = (key: UniqueKey, job: Job): void => {
    const note = job.note as UniqueNote
    const mayLose = key.lost === null && job.fate === 'answered'
    if (world.lieNow() === 'lost-write' && mayLose && key.base.returned < job.called) {
      if (job.f === 'append' || kind !== 'kv-append') {
        key.lost = job
        key.isLostForGood = false
        return
      }
    }
    if (job.f === 'append') {
      note.before = key.value
      note.base = key.base
      key.value = `${key.value}${job.value}`
      if (key.lost !== null && key.lost.returned < job.called) key.isLostForGood = true
    } else {
      key.lost = null
      key.value = job.value
      key.base = note.version
    }
  }
  const read = (key: UniqueKey, job: Job): void => {
    job.answer = key.value
    if (job.fate !== 'answered') return
    const lie = world.lieNow()
    if (lie === 'lost-write' && key.lost !== null) {
      if (key.isLostForGood || key.lost.returned < job.called) world.told(job, lie)
    }
    const { stale } = job.note as UniqueNote
    if (lie === 'phantom-read') job.answer = isRegister ? -7 : 'x7,'
    else if (lie === 'stale-read' && stale !== undefined) job.answer = stale
    else return
    world.told(job, lie)
  }
  return {
    ...quiet,
    next,
    called: (job) => {
      const { stale } = keys[job.key] as UniqueKey
      const version = { value: job.value, returned: Infinity }
      job.note = { version, before: null, base: null, stale } satisfies UniqueNote
    },
    arrive: (job) => {
      const key = keys[job.key] as UniqueKey
      if (job.f === 'read' || job.f === 'get') read(key, job)
      else {
        job.answer = job.value
        write(key, job)
      }
      return true
    },
    deliver: (job) => {
      const key = keys[job.key] as UniqueKey
      if (job.f === 'read' || job.f === 'get' || job === key.lost) return
      const { version, before, base } = job.note as UniqueNote
      version.returned = world.now()
      if (job.f === 'append') {
        if (base !== null && base.returned < job.called) key.stale = before
        return
      }
      if (kind !== 'kv-append' && key.done.returned < job.called) key.stale = key.done.value
      key.done = version
    }
  }
}

/** What clients ask of such stores. */
function askingUnique({ options, below }: World): () => Asking {
  const { kind, keys } = options
  const isRegister = kind === 'register-unique'
  let writes = 0
  return () => {
    const key = below(keys)
    const drawn = below(100)
    if (drawn < 50) return { key, f: isRegister ? 'read' : 'get', value: null, kind: 'plain' }
    writes += 1
    if (isRegister) return { key, f: 'write', value: writes, kind: 'plain' }
    const isAppend = kind === 'kv-append' && drawn < 96
    const f = isAppend ? 'append' : 'put'
    return { key, f, value: isAppend ? `${writes},` : `p${writes},`, kind: 'plain' }
  }
}

interface QueueKey {
  readonly items: Job[]
  head: number
  /** An item that was answered. */
  taken: Plain | undefined
  /** The dequeue that passed over the head. */
  passed: Job | null
}

/** Queues of items that all differ. */
function createQueues(world: World): Service {
  const { keys: keysCount } = world.options
  const keys = Array.from({ length: keysCount }, (): QueueKey => {
    return { items: [], head: 0, taken: undefined, passed: null }
  })
  let enqueues = 0
  /** Takes the item that is `skipped` behind the head. */
  const take = (key: QueueKey, skipped: number): Plain => {
    const { items } = key
    const at = key.head + skipped
    const item = items[at]
    if (item === undefined) return null
    if (skipped === 1) items[at] = items[key.head] as Job
    key.head += 1
    if (key.head > 1000 && key.head * 2 > items.length) {
      items.splice(0, key.head)
      key.head = 0
    }
    return item.value
  }
  const mayPass = ({ items, head }: QueueKey): boolean => {
    const [first, second] = [items[head], items[head + 1]]
    return first !== undefined && second !== undefined && first.returned < second.called
  }
  return {
    ...quiet,
    next: (): Asking => {
      const key = world.below(keysCount)
      if (world.below(2) === 0) return { key, f: 'dequeue', value: null, kind: 'plain' }
      enqueues += 1
      return { key, f: 'enqueue', value: enqueues, kind: 'plain' }
    },
    arrive: (job) => {
      const key = keys[job.key] as QueueKey
      if (job.f === 'enqueue') {
        key.items.push(job)
        job.answer = job.value
        return true
      }
      const isAnswered = job.fate === 'answered'
      if (key.passed !== null) {
        const isAfter = isAnswered && key.passed.returned < job.called
        job.answer = take(key, isAfter ? 0 : 1)
        if (!isAfter) return true
        key.passed = null
        world.told(job, 'out-of-order')
        return true
      }
      const lie = isAnswered ? world.lieNow() : null
      if (lie === 'out-of-order' && mayPass(key)) {
        key.passed = job
        job.answer = take(key, 1)
      } else if (lie === 'phantom-item' || (lie === 'duplicate-item' && key.taken !== undefined)) {
        job.answer = lie === 'phantom-item' ? -7 : (key.taken as Plain)
        world.told(job, lie)
      } else job.answer = take(key, 0)
      return true
    },
    deliver: (job) => {
      if (job.f === 'dequeue' && job.answer !== null) {
        const key = keys[job.key] as QueueKey
        key.taken = job.answer
      }
    }
  }
}

interface Element {
  readonly name: number
  isIn: boolean
  added: Job | null
  removed: Job | null
  isKept: boolean
}

/** Sets whose elements are added once each, and removed at most once. */
function createSets(world: World): Service {
  const { keys: keysCount, clients } = world.options
  const recentMax = 16 + 4 * Math.ceil(clients / keysCount)
  const keys = Array.from({ length: keysCount }, (): Element[] => [])
  let names = 0
  const lieOf = ({ added, removed }: Element, job: Job): Lie | null => {
    const lie = world.lieNow()
    const isGone = (added?.returned ?? Infinity) < (removed?.called ?? -Infinity)
    if (lie === 'stale-read' && isGone && (removed?.returned ?? Infinity) < job.called) return lie
    const isThere = added !== null && added.returned < job.called && removed === null
    return lie === 'lost-write' && isThere ? lie : null
  }
  return {
    ...quiet,
    next: (): Asking => {
      const key = world.below(keysCount)
      const recent = keys[key] as Element[]
      const drawn = world.below(10)
      const known = recent[world.below(recent.length)]
      const mayRemove = known !== undefined && !known.isKept && known.removed === null
      if (known !== undefined && drawn < 4) {
        return { key, f: 'contains', value: known.name, note: known, kind: 'plain' }
      }
      if (mayRemove && drawn < 6) {
        return { key, f: 'remove', value: known.name, note: known, kind: 'plain' }
      }
      names += 1
      const note = { name: names, isIn: false, added: null, removed: null, isKept: false }
      recent.push(note)
      if (recent.length > recentMax) recent.shift()
      return { key, f: 'add', value: names, note, kind: 'plain' }
    },
    called: (job) => {
      const element = job.note as Element
      if (job.f === 'add') element.added = job
      else if (job.f === 'remove') element.removed = job
    },
    arrive: (job) => {
      const element = job.note as Element
      job.answer = job.value
      if (job.f === 'add') element.isIn = true
      else if (job.f === 'remove') element.isIn = false
      else {
        const lie = job.fate === 'answered' ? lieOf(element, job) : null
        job.answer = lie === null ? element.isIn : lie === 'stale-read'
        if (lie === null) return true
        element.isKept = true
        world.told(job, lie)
      }
      return true
    }
  }
}
