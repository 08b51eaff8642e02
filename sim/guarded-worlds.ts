// Worlds in which some clients ask through the calls of the client library: which of them, how, and
// what they give up.

import type { LockOperation } from './lock-operation.ts'
import type { RandomStream } from './random.ts'
import type { ClientStep, GuardedSetting, Scenario } from './scenario.ts'

type Drawn = Pick<Scenario<LockOperation>, 'clients' | 'guarded'>

/** Milliseconds after which a caller gives up: in the middle of an answer, and of a long wait. */
const GIVE_UP_MS = [1, 5, 20, 60, 300]

/**
 * In many worlds some clients do so. The first never does: it is the one that must be served anew
 * within a bound after the heal. `random` is of a stream of its own.
 */
export function withGuarded(
  clients: Scenario<LockOperation>['clients'],
  random: RandomStream,
): Drawn {
  if (!random.chance(350)) return { clients }
  const guarded: GuardedSetting[] = []
  const steps = clients.map((own, client) => {
    if (client === 0 || !random.chance(600)) return own
    guarded.push({
      client,
      sessionTtlMs: random.pick([400, 2_000, 300_000]),
      rotateSpan: random.pick([1, 2, 4]),
      unsentPer1024: random.pick([0, 100, 300]),
      brokenPer1024: random.pick([0, 100, 300]),
      turnMs: random.pick([0, 0, 5, 30]),
    })
    return own.map((step) => guardedStep(step, random))
  })
  return { clients: steps, guarded }
}

function guardedStep(
  step: ClientStep<LockOperation>,
  random: RandomStream,
): ClientStep<LockOperation> {
  const { pauseMs, operation } = step
  if (operation.type === 'acquire') {
    const waitMs = random.pick([0, 0, 300, 1_200])
    const giveUpMs = random.chance(400) ? random.pick(GIVE_UP_MS) : null
    const aside = waitMs > 0 && random.chance(600)
    return { pauseMs, operation: { ...operation, waitMs, giveUpMs, aside } }
  }
  if (operation.type !== 'renew' && operation.type !== 'release') return step
  if (!random.chance(250)) return step
  return { pauseMs, operation: { ...operation, giveUpMs: random.pick(GIVE_UP_MS) } }
}
