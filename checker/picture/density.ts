// How dense a history is over time, however long it is.

import type { Operation } from '../history.ts'
import type { Clock } from './clock.ts'

/** Numbers of operations called in equal spans of the time from first to last. */
export function densityOf(history: readonly Operation[], clock: Clock, bins: number): number[] {
  const counts = Array.from({ length: bins }, () => 0)
  const { first, last } = clock
  const binsPerTime = bins / (last - first || 1)
  for (const { call } of history) {
    const bin = Math.floor((clock.timeOf(call) - first) * binsPerTime)
    const at = Math.max(0, Math.min(bins - 1, bin))
    counts[at] = (counts[at] ?? 0) + 1
  }
  return counts
}
