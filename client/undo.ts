// The commands that undo an acquire which nobody waits for any more.

import type { Acquire, Cancel, Release } from '../core/lock/command.ts'
import type { Granted } from '../core/lock/reply.ts'

/** Ends the wait of an acquire. */
export function cancelCommand({ key, owner, requestId }: Acquire): Cancel {
  return { type: 'cancel', key, owner, requestId }
}

/** Gives back what an acquire was granted: one count of it. */
export function giveBackCommand(
  { key, owner }: Acquire,
  { token }: Granted,
  requestId: string | null,
): Release {
  return { type: 'release', key, owner, token, all: false, requestId }
}
