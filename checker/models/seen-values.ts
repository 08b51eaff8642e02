// What a history of registers can do without: a write of what nobody looks at. Until the next write
// nobody looks there at all, so whatever was there before may stay.

import type { Operation } from '../history.ts'

/** What an operation writes, and what it looks for; both by register. */
export interface Effects {
  readonly writes: readonly (readonly [register: string, value: unknown])[]
  readonly looks: readonly (readonly [register: string, value: unknown])[]
  /** It has seen that a register does not hold a value: whatever that held counts as seen. */
  readonly refuses?: boolean
}

/** The operations that write, and of which nobody else sees what they wrote. */
export function unseenWrites<Input, Output>(
  part: readonly Operation<Input, Output>[],
  effectsOf: (operation: Operation<Input, Output>) => Effects,
): readonly (readonly Operation<Input, Output>[])[] {
  const effects = part.map(effectsOf)
  if (effects.some(({ refuses }) => refuses === true)) return []
  const seen = new Map<string, Map<unknown, number>>()
  for (const { looks } of effects) {
    for (const [register, value] of looks) {
      const values = seen.get(register) ?? new Map<unknown, number>()
      seen.set(register, values.set(value, (values.get(value) ?? 0) + 1))
    }
  }
  return part.flatMap((operation, at) => {
    const { writes, looks } = effects[at] as Effects
    if (writes.length === 0) return []
    const isSeen = writes.some(([register, value]) => {
      const own = looks.filter(([other, one]) => other === register && one === value).length
      return (seen.get(register)?.get(value) ?? 0) > own
    })
    return isSeen ? [] : [[operation]]
  })
}
