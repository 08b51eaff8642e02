// Says of a violation of a lock who held it while another one did.

import type { Operation } from './history.ts'
import type { Holding } from './holdings.ts'
import { linearize } from './linearize.ts'
import type { Model } from './model.ts'

/** Two of these that held one lock at one time, if that alone cannot be, as a sentence; or null. */
export function twoHolders<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  operations: readonly Operation<Input, Output>[],
): string | null {
  if (model.holdings === undefined) return null
  const wanted = new Set(operations)
  const processes = new Set(operations.map(({ process }) => process))
  const theirs = history.filter(({ process }) => processes.has(process))
  const parts = model.partition?.(theirs) ?? [theirs]
  const part = parts.find((one) => one.some((operation) => wanted.has(operation))) ?? []
  const holdings = model.holdings(part).filter((one) => {
    return one.operations.some((operation) => wanted.has(operation))
  })
  for (const [at, other] of holdings.entries()) {
    const one = holdings.slice(0, at).find(({ from, to }) => from < other.to && other.from < to)
    if (one === undefined) continue
    const both = [...one.operations, ...other.operations]
    if (linearize(model, both).verdict === 'violation') return sentence(one, other)
  }
  return null
}

function sentence(one: Holding<unknown, unknown>, other: Holding<unknown, unknown>): string {
  const lock = other.lock === '' ? 'the lock' : other.lock
  const until = one.to === Infinity ? 'and did not release it' : `until ${one.to}`
  const first = `${other.holder} held ${lock} from ${other.from}${withLabel(other)}`
  return `${first} while ${one.holder} held it${withLabel(one)} ${until}`
}

function withLabel({ label }: Holding<unknown, unknown>): string {
  if (label === '') return ''
  return label.startsWith('token') ? ` with ${label}` : ` (${label})`
}
