// Watches a lock that only its holders release: held by one, by one in several levels, by one with
// a token, or by many who share it.
//
// Nothing is taken to have happened before an answer calls for it. An answered acquire that its
// predecessor forbids calls for that one's release, if it has been asked: no order is better than
// one that lets go no earlier. So there is one state to remember as long as each owner does one
// thing after the other, and nothing after what it gave up. Where one does, only a search can tell.

import { tokenOf } from '../models/fenced-mutex.ts'
import { nameOf, operationOf, sayWhen } from './key-watch.ts'
import type { Answer, FileOperation, Grant, Impossible, KeyWatch, LockAsked } from './key-watch.ts'
import type { Request, Standing } from './key-watch.ts'

/** What the watch asks of a model: its steps, and who holds the lock in a state. */
export interface OwnerRules {
  init(): unknown
  step(state: unknown, input: LockAsked, output: unknown): unknown
  holders(state: unknown): readonly string[]
}

/** What an owner has asked, and how it came to hold the lock if it does. */
interface Owner {
  open: Request | null
  grant: Grant | null
}

/** Watches one lock of holders. */
export class OwnersWatch implements KeyWatch {
  readonly #rules: OwnerRules
  #state: unknown
  readonly #owners = new Map<string, Owner>()
  #latest: Grant | null = null

  constructor(rules: OwnerRules) {
    this.#rules = rules
    this.#state = rules.init()
  }

  ask(request: Request): boolean {
    const { owner } = request.input
    const known = this.#owners.get(owner)
    if (known === undefined) this.#owners.set(owner, { open: request, grant: null })
    else if (known.open === null) known.open = request
    else return false
    return true
  }

  grant(request: Request, output: unknown, answer: Answer): Impossible | null {
    const { input, used } = request
    const owner = this.#closed(request)
    if (used !== null) {
      const isRight = this.#rules.step(used.state, input, output) !== null
      return isRight ? null : this.#refuse(request, answer)
    }
    const now = { request, answer }
    const after = this.#rules.step(this.#state, input, output) ?? this.#letGo(now, output)
    if (after === null) return this.#refuse(request, answer)
    this.#state = after
    if (input.type === 'release') this.#forget(input.owner, owner)
    else owner.grant ??= this.#latest = now
    return null
  }

  drop(request: Request, answer: Answer): Impossible | null {
    const { owner, key } = request.input
    this.#closed(request)
    if (request.used === null) return null
    const { held, next } = request.used
    const failed = `${owner} still held it, whose release failed at ${sayWhen(answer)}`
    const operations = [operationOf(request, answer), shown(next)]
    if (held !== null) operations.unshift(shown(held))
    return conflict(`${holds(next, key)} while ${failed}`, operations)
  }

  crash(request: Request): void {
    request.isCrashed = true
  }

  standing(): Standing {
    const crashed = [...this.#owners.values()].flatMap(({ open }) => {
      return open !== null && open.isCrashed && open.used === null ? [open] : []
    })
    return { state: this.#state, crashed }
  }

  /** Its owner, which has nothing open now. */
  #closed(request: Request): Owner {
    const owner = this.#owners.get(request.input.owner) as Owner
    // Of what a search goes on with, more than one may be open.
    if (owner.open === request) owner.open = null
    return owner
  }

  /** The state after `next` when holders that have asked to let go do so first, or null. */
  #letGo(next: Grant, output: unknown): unknown {
    for (const holder of this.#rules.holders(this.#state)) {
      const owner = this.#owners.get(holder)
      const release = owner?.open
      if (owner === undefined || release?.input.type !== 'release') continue
      const free = this.#rules.step(this.#state, release.input, undefined)
      if (free === null) continue
      release.used = { state: this.#state, held: owner.grant, next }
      this.#state = free
      this.#forget(holder, owner)
      const after = this.#rules.step(free, next.request.input, output)
      if (after !== null) return after
    }
    return null
  }

  #forget(name: string, owner: Owner): void {
    if (!this.#rules.holders(this.#state).includes(name)) owner.grant = null
  }

  #refuse(request: Request, answer: Answer): Impossible {
    const { owner, key, type } = request.input
    const now = { request, answer }
    const own = this.#owners.get(owner)?.grant ?? null
    if (own !== null) {
      const again = `${owner} was told ${type} of ${nameOf(key)} at ${sayWhen(answer)}`
      const since = `while it held it from ${sayWhen(own.answer)}${withToken(own)}`
      return conflict(`${again} ${since}`, [shown(own), shown(now)])
    }
    if (type === 'release') {
      const what = `${owner} released ${nameOf(key)} at ${sayWhen(answer)} and did not hold it`
      return conflict(what, [shown(now)])
    }
    const [holder = ''] = this.#rules.holders(this.#state)
    const other = this.#owners.get(holder)?.grant ?? null
    if (other !== null) {
      const since = `${holder} held it from ${sayWhen(other.answer)}${withToken(other)}`
      const what = `${holds(now, key)} while ${since} and had not asked to release it`
      return conflict(what, [shown(other), shown(now)])
    }
    const before = this.#latest
    if (before === null) return conflict(`${holds(now, key)}: it cannot`, [shown(now)])
    const what = `${holds(now, key)} after ${holds(before, key)}`
    return conflict(what, [shown(before), shown(now)])
  }
}

/** Who held the lock since when, and with which token if there is one. */
function holds(grant: Grant, key: string): string {
  const { owner } = grant.request.input
  return `${owner} held ${nameOf(key)} from ${sayWhen(grant.answer)}${withToken(grant)}`
}

function withToken({ answer }: Grant): string {
  const token = tokenOf(answer.event.value)
  return token === null ? '' : ` with token ${token}`
}

function shown({ request, answer }: Grant): FileOperation {
  return operationOf(request, answer)
}

function conflict(message: string, operations: readonly FileOperation[]): Impossible {
  return { message, operations }
}
