// From when to when locks were held for certain, as their holders could know: for pictures. A
// holding lasts at least from the answer of its acquire to the call of its release.

import type { Operation } from './history.ts'

/** One time that one holder held one lock. */
export interface Holding<Input = unknown, Output = unknown> {
  /** What began it, went on with it and ended it, in the order of the calls. */
  readonly operations: readonly Operation<Input, Output>[]
  /** The lock's name; empty when there is just one. */
  readonly lock: string
  readonly holder: string
  /** What tells it from the holder's others, its token for one; may be empty. */
  readonly label: string
  /** First and last instant at which it was held for certain. Infinity: nothing ended it. */
  readonly from: number
  readonly to: number
  /** Whether others may hold the lock too, if theirs says the same. */
  readonly isShared: boolean
}

/** What an operation that took effect, or may have, does to a lock. */
export interface HoldingStep {
  readonly type: 'take' | 'keep' | 'give'
  readonly lock: string
  readonly owner: string
  readonly label?: string
  readonly isShared?: boolean
  /** The holder's level afterwards, if it is told. */
  readonly level?: number
  /** An instant from which nothing is certain any more, unless it is kept on: a lease's end. */
  readonly expires?: number
}

/** How holdings of a kind of lock begin and end. */
export interface HoldingRules<Input, Output> {
  /** Null: the operation changes nothing. */
  stepOf(operation: Operation<Input, Output>): HoldingStep | null
  /** An owner's second acquire is another level of its holding, not another holding. */
  readonly isReentrant?: boolean
  /** Anybody may release: what its own holder does not release, the next release ends. */
  readonly isAnonymous?: boolean
}

type Open<Input, Output> = {
  -readonly [Field in keyof Holding]: Field extends 'operations'
    ? Operation<Input, Output>[]
    : Holding[Field]
} & { level: number }

/** The holdings of one lock, by when they begin. An acquire without answer begins none. */
export function holdingsOf<Input, Output>(
  part: readonly Operation<Input, Output>[],
  rules: HoldingRules<Input, Output>
): readonly Holding<Input, Output>[] {
  const all: Open<Input, Output>[] = []
  const byOwner = new Map<string, Open<Input, Output>[]>()
  const open = new Set<Open<Input, Output>>()
  for (const operation of inOrderOfCalls(part)) {
    const { outcome } = operation
    const step = outcome === 'fail' ? null : rules.stepOf(operation)
    if (step === null) continue
    const own = byOwner.get(step.owner) ?? []
    const last = own.at(-1)
    if (step.type === 'take') {
      if (outcome !== 'ok') continue
      if (last !== undefined && goesOn(last, step, rules)) keep(last, operation, step)
      else {
        const holding = begin(operation, step)
        all.push(holding)
        open.add(holding)
        own.push(holding)
        byOwner.set(step.owner, own)
      }
      continue
    }
    const [oldest] = rules.isAnonymous === true && last === undefined ? open : []
    const meant = last ?? oldest
    if (meant === undefined) continue
    if (step.type === 'keep') keep(meant, operation, step)
    else if (give(meant, operation, step)) {
      open.delete(meant)
      const its = byOwner.get(meant.holder)
      its?.splice(its.indexOf(meant), 1)
    }
  }
  return all.sort((a, b) => a.from - b.from)
}

function inOrderOfCalls<Input, Output>(
  part: readonly Operation<Input, Output>[]
): readonly Operation<Input, Output>[] {
  const isInOrder = part.every(({ call }, at) => at === 0 || (part[at - 1]?.call ?? 0) <= call)
  return isInOrder ? part : part.toSorted((a, b) => a.call - b.call)
}

function begin<Input, Output>(
  operation: Operation<Input, Output>,
  { lock, owner, label = '', isShared = false, level = 1, expires = Infinity }: HoldingStep
): Open<Input, Output> {
  const from = operation.return
  const to = Math.max(from, expires)
  return { operations: [operation], lock, holder: owner, label, from, to, isShared, level }
}

function goesOn<Input, Output>(
  holding: Open<Input, Output>,
  { label = '' }: HoldingStep,
  { isReentrant = false }: HoldingRules<Input, Output>
): boolean {
  return isReentrant && holding.label === label
}

function keep<Input, Output>(
  holding: Open<Input, Output>,
  operation: Operation<Input, Output>,
  { type, level, expires }: HoldingStep
): void {
  holding.operations.push(operation)
  if (type === 'take') holding.level = level ?? holding.level + 1
  if (expires === undefined) return
  const to = Math.max(holding.from, expires)
  if (type === 'take') holding.to = Math.max(holding.to, to)
  else holding.to = operation.outcome === 'ok' ? to : Math.min(holding.to, to)
}

/** Whether the holding is over. */
function give<Input, Output>(
  holding: Open<Input, Output>,
  operation: Operation<Input, Output>,
  { level }: HoldingStep
): boolean {
  holding.operations.push(operation)
  holding.level = level ?? holding.level - 1
  if (holding.level > 0) return false
  holding.to = Math.max(holding.from, Math.min(holding.to, operation.call))
  return true
}
