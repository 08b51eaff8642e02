// What every backend must do, whatever it stands on: named cases for any test runner. They throw
// plain errors, and know of a backend only what its contract says.
//
//   backendConformance({ test, place: async () => myPlace(), supports: { fencing: 'none', ... } })

import { conflictCases } from './conformance-conflict.ts'
import type { BackendCase, BackendPlace } from './conformance-place.ts'
import { leaseCases } from './conformance-lease.ts'
import { waitCases } from './conformance-wait.ts'
import type { BackendSupports } from './backend.ts'

/** How to run the suite. */
export interface BackendConformance {
  /** Registers a test with whatever runner there is. */
  readonly test: (title: string, body: () => Promise<void>) => void
  /** Makes a store for one case. */
  readonly place: () => Promise<BackendPlace>
  readonly supports: BackendSupports
}

/** All cases. */
export const backendCases: readonly BackendCase[] = [
  ...conflictCases,
  ...leaseCases,
  ...waitCases,
]

/** Registers a test for each case that the backend supports. */
export function backendConformance({ test, place, supports }: BackendConformance): void {
  for (const each of backendCases) {
    if (each.needs(supports)) test(each.title, () => runCase(each, place))
  }
}

/** Runs one case on a place made for it. */
export async function runCase(
  { run }: BackendCase,
  make: () => Promise<BackendPlace>,
): Promise<void> {
  const place = await make()
  try {
    await run(place)
  } finally {
    await place.close()
  }
}
