// The exhaustive judge of small lock histories of one key, which the monitor is compared with.
// It tries every order of the operations and of the expiries, each at the earliest instant that
// the order leaves it, and keeps a deadline in the state: nothing is shared with the monitor but
// the vocabulary. For a given order the earliest instants are best, since they lower the deadlines.

import type { LockInput, LockOperation, LockOutput } from '../../checker/lock-history.ts'

export interface ReferenceTerms {
  readonly leaseMin: (ttlMs: number) => number
}

interface Held {
  readonly serial: number
  readonly owner: string
  /** Null: granted by an operation that told nobody the token. */
  readonly token: number | null
  /** Tokens that it cannot turn out to have. */
  readonly excluded: readonly number[]
  readonly count: number
  /** Earliest instant of expiry. */
  readonly deadline: number
}

interface State {
  readonly now: number
  readonly held: Held | null
  readonly serials: number
  readonly tokenMax: number
  /** Per operation: 0 not placed, 1 placed, -n took part in holding n, `expired` to be told yet. */
  readonly placed: readonly number[]
}

/** True when some order explains the history; null when the search was given up. */
export function isLegal(
  history: readonly LockOperation[],
  terms: ReferenceTerms,
  statesMax: number = 400_000
): boolean | null {
  const operations = history.filter(isRelevant)
  const start: State = {
    now: -Infinity,
    held: null,
    serials: 0,
    tokenMax: 0,
    placed: operations.map(() => 0)
  }
  const visited = new Set<string>()
  const stack = [start]
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    if (isDone(operations, state)) return true
    for (const next of successors(operations, state, terms)) {
      const name = JSON.stringify(next)
      if (visited.has(name)) continue
      if (visited.size >= statesMax) return null
      visited.add(name)
      stack.push(next)
    }
  }
  return false
}

function isRelevant({ outcome, input, output }: LockOperation): boolean {
  if (outcome === 'info') return input.type !== 'status'
  return outcome === 'ok' && output?.type !== 'timeout' && output?.type !== 'rejected'
}

function isDone(operations: readonly LockOperation[], { placed }: State): boolean {
  return operations.every(({ outcome }, at) => outcome === 'info' || placed[at] === 1)
}

function* successors(
  operations: readonly LockOperation[],
  state: State,
  terms: ReferenceTerms
): Iterable<State> {
  if (state.held !== null) {
    const now = Math.max(state.now, state.held.deadline)
    if (now < Infinity) yield { ...state, now, held: null }
  }
  for (const [at, operation] of operations.entries()) {
    const mark = state.placed[at] as number
    if (mark === 1) continue
    const now = Math.max(state.now, operation.call)
    if (operation.outcome === 'ok' && now > operation.return) continue
    const placed = (value: number): number[] => state.placed.with(at, value)
    if (mark < 0) {
      if (state.held?.serial !== -mark) yield { ...state, now, placed: placed(1) }
      continue
    }
    const isTold = operation.output?.type === 'expired' && operation.input.type === 'acquire'
    for (const next of effects({ ...state, now }, operation, terms)) {
      yield { ...next, placed: placed(isTold ? -(next.held as Held).serial : 1) }
    }
  }
}

function* effects(
  state: State,
  { input, output, outcome }: LockOperation,
  terms: ReferenceTerms
): Iterable<State> {
  const answer = outcome === 'ok' ? (output as LockOutput) : null
  switch (input.type) {
    case 'acquire':
      yield* acquire(state, input, answer, terms)
      return
    case 'release':
      yield* release(state, input, answer)
      return
    case 'renew':
      yield* renew(state, input, answer, terms)
      return
    case 'status':
      if (answer?.type !== 'status') return
      if (!answer.locked) {
        if (state.held === null) yield state
      } else if (state.held?.owner === answer.owner) yield* named(state, answer.token)
  }
}

function* acquire(
  state: State,
  { owner, ttlMs }: LockInput & { type: 'acquire' },
  answer: LockOutput | null,
  { leaseMin }: ReferenceTerms
): Iterable<State> {
  const { held, now } = state
  if (answer?.type === 'held') {
    if (held !== null && held.owner !== owner) yield* named(state, answer.token)
    return
  }
  if (held !== null && held.owner !== owner) return
  const isAnswered = answer !== null
  const lease = isAnswered ? now + leaseMin(ttlMs) : -Infinity
  const entered: State[] = []
  if (held === null) {
    const serial = state.serials + 1
    const fresh = { serial, owner, token: null, excluded: [], count: 1, deadline: lease }
    entered.push({ ...state, serials: serial, held: fresh })
  } else {
    const deadline = Math.max(held.deadline, lease)
    for (const count of [held.count, held.count + 1]) {
      entered.push({ ...state, held: { ...held, count, deadline } })
    }
  }
  for (const next of entered) {
    if (answer === null || answer.type === 'expired') yield next
    else if (answer.type === 'granted' && next.held?.count === answer.count) {
      yield* named(next, answer.token)
    }
  }
}

function* release(
  state: State,
  { owner, token }: LockInput & { type: 'release' },
  answer: LockOutput | null
): Iterable<State> {
  if (answer !== null && answer.type !== 'released') {
    yield* refused(state, owner, token, answer)
    return
  }
  for (const own of owned(state, owner, token)) {
    const held = own.held as Held
    for (let count = 0; count < held.count; count++) {
      if (answer !== null && answer.count !== count) continue
      yield { ...own, held: count === 0 ? null : { ...held, count } }
    }
  }
}

function* renew(
  state: State,
  { owner, token, ttlMs }: LockInput & { type: 'renew' },
  answer: LockOutput | null,
  { leaseMin }: ReferenceTerms
): Iterable<State> {
  if (answer !== null && answer.type !== 'renewed') {
    yield* refused(state, owner, token, answer)
    return
  }
  for (const own of owned(state, owner, token)) {
    if (answer === null) {
      const held = own.held as Held
      const deadline = Math.min(held.deadline, own.now + leaseMin(ttlMs))
      yield { ...own, held: { ...held, deadline } }
      continue
    }
    for (const next of named(own, answer.token)) {
      const deadline = next.now + leaseMin(answer.ttlMs)
      yield { ...next, held: { ...(next.held as Held), deadline } }
    }
  }
}

function* refused(
  state: State,
  owner: string,
  token: number | null,
  answer: LockOutput
): Iterable<State> {
  if (answer.type !== 'notHolder' && answer.type !== 'expired') return
  const { held } = state
  if (held === null || held.owner !== owner) yield state
  else if (token === null || token === held.token) return
  else if (held.token !== null) yield state
  else yield { ...state, held: { ...held, excluded: [...held.excluded, token].sort() } }
}

function* owned(state: State, owner: string, token: number | null): Iterable<State> {
  if (state.held?.owner !== owner) return
  if (token === null) yield state
  else yield* named(state, token)
}

/** The state in which the holding has `token`, if it can. */
function* named(state: State, token: number): Iterable<State> {
  const { held, tokenMax } = state
  if (held === null) return
  if (held.token === token) yield state
  if (held.token !== null || token <= tokenMax || held.excluded.includes(token)) return
  yield { ...state, tokenMax: token, held: { ...held, token, excluded: [] } }
}
