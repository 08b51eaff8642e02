// Judges a history of locks while it is made: each event once, in the order in which they happen.
// What is remembered is who holds which lock and what is under way, and nothing of what is over.

import { checkWords } from '../check-words.ts'
import type { HistoryEvent } from '../event.ts'
import { notInvoked, stillOpen } from '../formats/pairing.ts'
import type { Limits } from '../linearize.ts'
import { modelNamed, type AnyModel, type ModelOptions } from '../models/catalogue.ts'
import type { FencedState } from '../models/fenced-mutex.ts'
import type { ReentrantState } from '../models/mutex.ts'
import type { RwLockState } from '../models/rw-lock.ts'
import type { Verdict } from '../verdict.ts'
import { operationOf } from './key-watch.ts'
import type { FileOperation, Impossible, KeyWatch, LockAsked } from './key-watch.ts'
import type { Request } from './key-watch.ts'
import { OwnersWatch } from './owners.ts'
import { PermitsWatch } from './permits.ts'

/** What cannot be, and why. */
export type Violation = Extract<Verdict, { readonly verdict: 'violation' }>

type WatchMaker = (model: AnyModel, options: ModelOptions) => () => KeyWatch

const makers: Readonly<Record<string, WatchMaker>> = {
  'owner-mutex': owners((state: string) => (state === '' ? [] : [state])),
  'reentrant-mutex': owners(({ owner, level }: ReentrantState) => (level === 0 ? [] : [owner])),
  'fenced-mutex': owners(({ owner }: FencedState) => (owner === '' ? [] : [owner])),
  'rw-lock': owners((state: RwLockState) => state.owners),
  mutex: () => () => new PermitsWatch(1, (taken) => (taken === 0 ? 'free' : 'held')),
  semaphore: (_, { permits = 1 }) => () => new PermitsWatch(permits, (taken) => taken),
}

function owners<State>(holders: (state: State) => readonly string[]): WatchMaker {
  return (model) => {
    const rules = {
      init: () => model.init(),
      step: (state: unknown, input: LockAsked, output: unknown) => model.step(state, input, output),
      holders: holders as (state: unknown) => readonly string[],
    }
    return () => new OwnersWatch(rules)
  }
}

/** The models that a `LockMonitor` knows. */
export const MONITORED: readonly string[] = Object.keys(makers)

/** Whether a `LockMonitor` knows the model of that name. */
export function isMonitored(name: string): boolean {
  return Object.hasOwn(makers, name)
}

/** One lock, and from when only a search can judge it, what that search is to look at. */
interface Lock {
  readonly watch: KeyWatch
  rest: Rest | null
}

interface Rest {
  /** The state that it begins in; null: what came before it is not known. */
  readonly init: { readonly state: unknown } | null
  readonly operations: FileOperation[]
}

/**
 * Judges a history of locks while it is made. It reports a violation at the very event that makes
 * the history impossible, but for a lock whose owner asks for more before it was answered, or after
 * it gave up: that one is judged at the end, by a search through all that happened to it since.
 * A `fail` says that it did not happen.
 */
export class LockMonitor {
  readonly #model: AnyModel
  readonly #makeWatch: () => KeyWatch
  readonly #locks = new Map<string, Lock>()
  /** By process. */
  readonly #open = new Map<number, Request>()
  #asked = 0
  #at = 0
  #found: Violation | null = null

  /** @throws RangeError when it knows no such model: see `MONITORED` */
  constructor(name: string, options: ModelOptions = {}) {
    const model = modelNamed(name, options)
    const maker = makers[name]
    if (model === null || maker === undefined || !isMonitored(name)) {
      throw new RangeError(`no monitor knows ${name}; those of ${MONITORED.join(', ')} are known`)
    }
    this.#model = model
    this.#makeWatch = maker(model, options)
  }

  /** The locks that will be judged at the end only, by their keys. */
  get undecided(): readonly string[] {
    return [...this.#locks].filter(([, { rest }]) => rest !== null).map(([key]) => key)
  }

  /**
   * Looks at what happened next. Answers a violation when all until now is impossible.
   *
   * @throws FormatError by the number of the event, when it cannot come next
   * @throws WordError when the model has no word for it
   */
  observe(event: HistoryEvent): Violation | null {
    this.#at += 1
    if (this.#found !== null) return this.#found
    const impossible = event.type === 'invoke' ? this.#ask(event) : this.#end(event)
    if (impossible !== null) this.#found = this.#violation(impossible)
    return this.#found
  }

  /** The verdict on all that was observed. */
  end(limits: Limits = {}): Verdict {
    if (this.#found !== null) return this.#found
    const checked = this.#asked
    let unknown: Verdict | null = null
    for (const [key, { rest }] of this.#locks) {
      if (rest === null) continue
      const verdict = this.#search(key, rest, limits)
      if (verdict.verdict === 'violation') return { ...verdict, checked }
      if (verdict.verdict === 'unknown') unknown ??= { ...verdict, checked }
    }
    return unknown ?? { verdict: 'ok', checked }
  }

  #ask(event: HistoryEvent): null {
    const { process } = event
    const before = this.#open.get(process)
    if (before !== undefined) throw stillOpen(event, before.event.f, before.position)
    const input = this.#model.ask(event) as LockAsked | null
    if (input === null) this.#wordless(operationOf({ event, position: this.#at }))
    const request = { event, position: this.#at, input, isCrashed: false, used: null }
    this.#asked += 1
    this.#open.set(process, request)
    const lock = this.#lockOf(input.key)
    if (lock.rest === null && !lock.watch.ask(request)) gather(lock)
    return null
  }

  #end(event: HistoryEvent): Impossible | null {
    const { process, type } = event
    const request = this.#open.get(process)
    if (request?.event.f !== event.f) throw notInvoked(event, request?.event.f)
    this.#open.delete(process)
    const lock = this.#lockOf(request.input.key)
    const isWatched = lock.rest === null || request.used !== null
    if (type === 'info') {
      if (isWatched) lock.watch.crash(request)
      else lock.rest?.operations.push(operationOf(request))
      return null
    }
    const position = this.#at
    if (type === 'fail') {
      return isWatched ? lock.watch.drop(request, { event, position }) : null
    }
    const output: unknown = this.#model.tell(request.input, event)
    if (output === null) this.#wordless(operationOf(request, { event, position }))
    if (isWatched) return lock.watch.grant(request, output, { event, position })
    lock.rest?.operations.push(operationOf(request, { event, position }))
    return null
  }

  /** @throws WordError that says of an operation what the model has no word for */
  #wordless(operation: FileOperation): never {
    checkWords([operation], this.#model)
    throw new Error(`${this.#model.name} has words for it after all`)
  }

  #lockOf(key: string): Lock {
    const known = this.#locks.get(key)
    if (known !== undefined) return known
    const lock: Lock = { watch: this.#makeWatch(), rest: null }
    this.#locks.set(key, lock)
    return lock
  }

  #search(key: string, { init, operations }: Rest, limits: Limits): Verdict {
    if (init === null) {
      const reason = `${key}: what nobody but a search can judge began amidst open operations`
      return { verdict: 'unknown', checked: operations.length, reason }
    }
    const open = [...this.#open.values()].filter(({ input, used }) => {
      return input.key === key && used === null
    })
    const { judge: _, ...steps } = this.#model
    const model = { ...steps, init: () => init.state }
    return checkWords([...operations, ...open.map((one) => operationOf(one))], model, limits)
  }

  #violation({ message, operations }: Impossible): Violation {
    return { verdict: 'violation', checked: this.#asked, message, operations }
  }
}

/** Keeps what happens to a lock from now on, for a search at the end. */
function gather(lock: Lock): void {
  const standing = lock.watch.standing()
  const crashed = standing?.crashed.map((one) => operationOf(one)) ?? []
  const init = standing === null ? null : { state: standing.state }
  lock.rest = { init, operations: crashed }
}
