// What a history of a lock can do without: what an owner does from when it holds nothing to when it
// holds nothing again, unless somebody may have been refused because of it.

import type { Operation } from '../history.ts'

/** What the groups of a lock's operations are made by. */
export interface TurnWords<Input, Output> {
  ownerOf(input: Input): string
  /** How many more levels its owner holds after it, or fewer; null: it holds nothing after it. */
  levelsOf(operation: Operation<Input, Output>): number | null
  /** Whether its answer says that somebody holds the lock, or does not. */
  isLook(operation: Operation<Input, Output>): boolean
}

type Operations<Input, Output> = readonly Operation<Input, Output>[]

/**
 * The groups of operations of a lock that can be left out. After an owner's unanswered operation,
 * or where it asks two things at once, all that it does from then on is one group.
 */
export function turnsOf<Input, Output>(
  part: Operations<Input, Output>,
  { ownerOf, levelsOf, isLook }: TurnWords<Input, Output>,
): Operations<Input, Output>[] {
  const looks = part.filter(isLook)
  const turns: Operation<Input, Output>[][] = []
  const open = new Map<string, Turn<Input, Output>>()
  const byCall = part.filter((one) => !isLook(one)).sort((a, b) => a.call - b.call)
  for (const operation of byCall) {
    const owner = ownerOf(operation.input)
    let turn = open.get(owner)
    if (turn === undefined) {
      turn = { operations: [], levels: 0, until: -Infinity, isPlain: true }
      open.set(owner, turn)
    }
    if (operation.call <= turn.until || operation.outcome !== 'ok') turn.isPlain = false
    if (isOver(turn)) {
      turns.push(turn.operations)
      turn.operations = []
    }
    turn.operations.push(operation)
    turn.until = Math.max(turn.until, operation.return)
    const levels = levelsOf(operation)
    turn.levels = levels === null ? 0 : turn.levels + levels
  }
  const meets = meeting(looks)
  const isSpare = (turn: Operations<Input, Output>, until: number): boolean => {
    return !meets(startOf(turn), until)
  }
  return [
    ...turns.filter((turn) => isSpare(turn, endOf(turn))),
    ...[...open.values()].flatMap((turn) => {
      const { operations, until } = turn
      return isSpare(operations, isOver(turn) ? until : Infinity) ? [operations] : []
    }),
    ...looks.map((one) => [one]),
  ]
}

/** Whether its owner holds nothing after it. */
function isOver({ operations, levels, isPlain }: Turn<unknown, unknown>): boolean {
  return operations.length > 0 && levels <= 0 && isPlain
}

interface Turn<Input, Output> {
  operations: Operation<Input, Output>[]
  levels: number
  until: number
  isPlain: boolean
}

function startOf(turn: readonly Operation[]): number {
  return turn.reduce((least, { call }) => Math.min(least, call), Infinity)
}

function endOf(turn: readonly Operation[]): number {
  return turn.reduce((most, one) => Math.max(most, one.return), -Infinity)
}

/** Whether any of the looks can have come from one instant to another. */
function meeting(looks: readonly Operation[]): (from: number, until: number) => boolean {
  const byCall = [...looks].sort((a, b) => a.call - b.call)
  let last = -Infinity
  const lastReturn = byCall.map((look) => (last = Math.max(last, look.return)))
  return (from, until) => {
    let [low, high] = [0, byCall.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((byCall[middle] as Operation).call <= until) low = middle + 1
      else high = middle
    }
    return low > 0 && (lastReturn[low - 1] as number) >= from
  }
}
