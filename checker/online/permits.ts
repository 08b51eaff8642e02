// Watches a lock, or permits, that anybody takes and anybody gives back.
//
// Operations of one kind differ in nothing but when they are asked and answered. Nothing is taken
// to have happened before an answer calls for it. When one calls for an operation of the other
// kind, it is some of those open then, nobody says which: a credit, which the first of them that is
// answered pays, for an order that has it otherwise can exchange the two.

import { nameOf, operationOf, sayWhen } from './key-watch.ts'
import type { Answer, Grant, Impossible, KeyWatch, Request, Standing } from './key-watch.ts'

/** Watches so many permits. */
export class PermitsWatch implements KeyWatch {
  readonly #permits: number
  readonly #stateOf: (taken: number) => unknown
  readonly #sides = { acquire: new Side(), release: new Side() }
  readonly #crashed: Request[] = []
  #taken = 0
  /** The last that was told that it has one. */
  #latest: Grant | null = null

  /** @param stateOf the model's state when so many are taken */
  constructor(permits: number, stateOf: (taken: number) => unknown) {
    this.#permits = permits
    this.#stateOf = stateOf
  }

  ask(request: Request): boolean {
    const { type, permits = 1 } = request.input
    this.#sides[type].ask(request)
    return permits === 1
  }

  grant(request: Request, _output: unknown, answer: Answer): Impossible | null {
    const { type } = request.input
    const isAcquire = type === 'acquire'
    if (!this.#sides[type].answer(request)) {
      if (this.#taken === (isAcquire ? this.#permits : 0)) {
        const other = this.#sides[isAcquire ? 'release' : 'acquire']
        if (!other.lend(answer.position)) return this.#refuse({ request, answer })
      } else this.#taken += isAcquire ? 1 : -1
    }
    if (isAcquire) this.#latest = { request, answer }
    return null
  }

  drop(request: Request, answer: Answer): Impossible | null {
    const { type, owner, key } = request.input
    if (this.#sides[type].drop(request)) return null
    const failed = `the ${type} of ${nameOf(key)} by ${owner} failed at ${sayWhen(answer)}`
    const message = `${failed}, and what others were told cannot be without it`
    return { message, operations: [operationOf(request, answer)] }
  }

  crash(request: Request): void {
    this.#crashed.push(request)
    this.#sides[request.input.type].crash(request)
  }

  standing(): Standing | null {
    const { acquire, release } = this.#sides
    if (acquire.owes || release.owes) return null
    return { state: this.#stateOf(this.#taken), crashed: this.#crashed }
  }

  #refuse(refused: Grant): Impossible {
    const { owner, type, key } = refused.request.input
    const told = `${owner} was told ${type} of ${nameOf(key)} at ${sayWhen(refused.answer)}`
    const last = this.#latest
    const shown = type === 'release' || last === null ? [refused] : [last, refused]
    const operations = shown.map(({ request, answer }) => operationOf(request, answer))
    return { message: `${told} while ${this.#sayState(type)} was under way`, operations }
  }

  #sayState(type: 'acquire' | 'release'): string {
    if (type === 'release') return 'none had it and no acquire'
    const last = this.#latest
    const by = last === null ? '' : `, last by ${last.request.input.owner}`
    const since = last === null ? '' : ` at ${sayWhen(last.answer)}`
    const taken = this.#permits === 1 ? 'it was taken' : `all ${this.#permits} permits were taken`
    return `${taken}${by}${since}, and no release`
  }
}

/** The open operations of one kind, and the credits that some of them must pay. */
class Side {
  /** In the order in which they were asked. */
  readonly #live = new Set<Request>()
  /** Where the unanswered ones were asked, ascending. */
  readonly #crashed: number[] = []
  /** When credit was taken, ascending. It is paid by something asked before. */
  readonly #credits: number[] = []

  get owes(): boolean {
    return this.#credits.length > 0
  }

  ask(request: Request): void {
    this.#live.add(request)
  }

  crash(request: Request): void {
    this.#live.delete(request)
    this.#crashed.splice(countUpTo(this.#crashed, request.position), 0, request.position)
  }

  /** Lets one more of those open now have happened; false: there is none. */
  lend(position: number): boolean {
    if (this.#live.size + this.#crashed.length <= this.#credits.length) return false
    this.#credits.push(position)
    return true
  }

  /** Whether an answered operation had to have happened before. */
  answer(request: Request): boolean {
    this.#live.delete(request)
    const first = countUpTo(this.#credits, request.position)
    if (first === this.#credits.length) return false
    this.#credits.splice(first, 1)
    return true
  }

  /** Takes out an operation that did not happen; false: then not all credits can be paid. */
  drop(request: Request): boolean {
    this.#live.delete(request)
    const credits = this.#credits
    const live = [...this.#live]
    let asked = 0
    for (let at = countUpTo(credits, request.position); at < credits.length; at++) {
      const until = credits[at] as number
      while ((live[asked]?.position ?? Infinity) < until) asked += 1
      if (asked + countUpTo(this.#crashed, until) <= at) return false
    }
    return true
  }
}

/** How many of ascending numbers are at most `limit`. */
function countUpTo(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) <= limit) low = middle + 1
    else high = middle
  }
  return low
}
