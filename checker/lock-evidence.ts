// Sorts the operations on one key into what each of them says about the holdings of that key.
// A holding is known by its token. Knows nothing of the order in which holdings can be placed.

import {
  describeLock,
  unreachable,
  type LockInput,
  type LockOperation,
  type LockOutput
} from './lock-history.ts'

/** What the history tells of one holding. */
export interface Holding {
  readonly key: string
  readonly token: number
  /** Null: somebody was told of the holding, but of no owner. */
  owner: string | null
  /** Answered acquires: the grant, re-entries and refreshes. */
  readonly grants: LockOperation[]
  /** Answered renews. */
  readonly renewals: LockOperation[]
  /** Answered releases that left levels. */
  readonly lowerings: LockOperation[]
  /** The answered release that freed the key. */
  end: LockOperation | null
  /** Every operation with an instant within the holding; all of the above are among them. */
  readonly proofs: LockOperation[]
}

/** Operations by their last possible instant; `earliest[i]` is the first called from i on. */
export interface EffectIndex {
  readonly untils: readonly number[]
  readonly earliest: readonly LockOperation[]
}

/** What the history tells of one owner on one key. Lists are sorted by call. */
export interface OwnerEvidence {
  /** Acquires that may have been granted a token that nobody was told. */
  readonly starts: LockOperation[]
  /** Unanswered renews and releases, which may have taken effect; by the token they name. */
  readonly unansweredRenewals: Map<number | null, LockOperation[]>
  readonly unansweredReleases: Map<number | null, LockOperation[]>
  /** Answers that say: at some instant the owner did not hold the key (with that token). */
  readonly denials: Map<number | null, LockOperation[]>
  /** Answered releases that name no token. */
  readonly untokened: LockOperation[]
  /** Releases and renews that took effect, or may have. */
  readonly changes: LockOperation[]
  /** Of the unanswered releases that name no token; built when first asked for. */
  untokenedIndex: EffectIndex | null
}

/** What the history tells of one key. */
export interface Evidence {
  readonly type: 'evidence'
  readonly key: string
  /** Sorted by token, which is the order in time. */
  readonly holdings: Holding[]
  readonly owners: Map<string, OwnerEvidence>
  /** Answers that say that the key was free at some instant; sorted by call. */
  readonly frees: LockOperation[]
}

/** Why a history is impossible. */
export interface Conflict {
  readonly type: 'conflict'
  readonly message: string
  readonly operations: readonly LockOperation[]
}

interface Gathering {
  readonly key: string
  readonly byToken: Map<number, Holding>
  readonly owners: Map<string, OwnerEvidence>
  readonly frees: LockOperation[]
}

/** Gathers the evidence of one key, or the first operation that contradicts another outright. */
export function gather(key: string, operations: readonly LockOperation[]): Evidence | Conflict {
  const gathering: Gathering = { key, byToken: new Map(), owners: new Map(), frees: [] }
  for (const operation of [...operations].sort((a, b) => a.call - b.call)) {
    if (operation.outcome === 'info') noteUnanswered(gathering, operation)
    if (operation.outcome !== 'ok') continue
    const found = noteAnswered(gathering, operation)
    if (found !== null) return found
  }
  const { byToken, owners, frees } = gathering
  const holdings = [...byToken.values()].sort((a, b) => a.token - b.token)
  return { type: 'evidence', key, holdings, owners, frees }
}

/** The evidence of one owner, which is empty at first. */
export function ownerOf(owners: Map<string, OwnerEvidence>, owner: string): OwnerEvidence {
  const known = owners.get(owner)
  if (known !== undefined) return known
  const fresh: OwnerEvidence = {
    starts: [],
    unansweredRenewals: new Map(),
    unansweredReleases: new Map(),
    denials: new Map(),
    untokened: [],
    changes: [],
    untokenedIndex: null
  }
  owners.set(owner, fresh)
  return fresh
}

/** Takes an answered release as one of `holding`: it lowered its level, or ended it. */
export function proveRelease(holding: Holding, operation: LockOperation): Conflict | null {
  holding.proofs.push(operation)
  const output = outputOf(operation)
  if (output.type !== 'released' || output.count > 0) {
    holding.lowerings.push(operation)
    return null
  }
  const { key, token, end } = holding
  if (end === null) {
    holding.end = operation
    return null
  }
  const message = `${holderName(holding)} was told twice that it freed ${key} of token ${token}`
  return conflict(message, end, operation)
}

/** How many of the operations, sorted by call, were called at `at` or before. */
export function countCalledBy(sorted: readonly { readonly call: number }[], at: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as { readonly call: number }).call <= at) low = middle + 1
    else high = middle
  }
  return low
}

/** A name for whoever holds. */
export function holderName({ owner }: Holding): string {
  return owner ?? 'somebody'
}

/** The answer of an ok operation, which has one: the monitor sees no history otherwise. */
export function outputOf({ output }: LockOperation): LockOutput {
  return output as LockOutput
}

function noteUnanswered({ owners }: Gathering, operation: LockOperation): void {
  const { input } = operation
  if (input.type === 'status') return
  const own = ownerOf(owners, input.owner)
  if (input.type === 'acquire') {
    own.starts.push(operation)
    return
  }
  own.changes.push(operation)
  const isRenew = input.type === 'renew'
  pushTo(isRenew ? own.unansweredRenewals : own.unansweredReleases, input.token, operation)
}

function noteAnswered(gathering: Gathering, operation: LockOperation): Conflict | null {
  const { input } = operation
  const output = outputOf(operation)
  if (output.type === 'rejected') return null
  switch (input.type) {
    case 'acquire':
      return noteAcquire(gathering, operation, input.owner)
    case 'release':
    case 'renew':
      return noteReleaseOrRenew(gathering, operation, input)
    case 'status':
      if (output.type !== 'status') return nonsense(operation)
      if (output.locked) return prove(gathering, operation, output.token, output.owner)
      gathering.frees.push(operation)
      return null
    default:
      return unreachable(input)
  }
}

function noteAcquire(
  gathering: Gathering,
  operation: LockOperation,
  owner: string
): Conflict | null {
  const output = outputOf(operation)
  switch (output.type) {
    case 'granted':
    case 'held':
      return prove(gathering, operation, output.token, output.type === 'held' ? null : owner)
    case 'expired':
      ownerOf(gathering.owners, owner).starts.push(operation)
      return null
    case 'timeout':
      return null
    default:
      return nonsense(operation)
  }
}

function noteReleaseOrRenew(
  gathering: Gathering,
  operation: LockOperation,
  { type, owner, token }: LockInput & { type: 'release' | 'renew' }
): Conflict | null {
  const output = outputOf(operation)
  const own = ownerOf(gathering.owners, owner)
  if (output.type === 'notHolder' || output.type === 'expired') {
    pushTo(own.denials, token, operation)
    return null
  }
  if (output.type !== (type === 'release' ? 'released' : 'renewed')) return nonsense(operation)
  own.changes.push(operation)
  if (output.type === 'renewed') {
    if (token !== null && token !== output.token) return nonsense(operation)
    return prove(gathering, operation, output.token, owner)
  }
  if (token !== null) return prove(gathering, operation, token, owner)
  own.untokened.push(operation)
  return null
}

/** Takes the operation as proof that `owner` (null: somebody) held the key with `token`. */
function prove(
  { key, byToken }: Gathering,
  operation: LockOperation,
  token: number,
  owner: string | null
): Conflict | null {
  if (!(token > 0)) return conflict(`A holding of ${key} has the token ${token}`, operation)
  const holding = byToken.get(token) ?? emptyHolding(key, token)
  byToken.set(token, holding)
  holding.owner ??= owner
  if (owner !== null && holding.owner !== owner) {
    const [other] = holding.proofs.filter(proof => outputOf(proof).type !== 'held')
    const told = describeLock(operation.input, operation.output)
    const message = `${told}, but token ${token} of ${key} is ${holding.owner}'s`
    return conflict(message, ...(other === undefined ? [] : [other]), operation)
  }
  const { type } = outputOf(operation)
  if (type === 'released') return proveRelease(holding, operation)
  if (type === 'granted') holding.grants.push(operation)
  if (type === 'renewed') holding.renewals.push(operation)
  holding.proofs.push(operation)
  return null
}

function emptyHolding(key: string, token: number): Holding {
  const lists = { grants: [], renewals: [], lowerings: [], proofs: [] }
  return { key, token, owner: null, end: null, ...lists }
}

function nonsense(operation: LockOperation): Conflict {
  const message = `${describeLock(operation.input, operation.output)} is no answer to that`
  return conflict(message, operation)
}

/** Says why a history is impossible, and by which operations. */
export function conflict(message: string, ...operations: readonly LockOperation[]): Conflict {
  return { type: 'conflict', message, operations: [...new Set(operations)] }
}

function pushTo<Key>(lists: Map<Key, LockOperation[]>, key: Key, operation: LockOperation): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [operation])
  else list.push(operation)
}
