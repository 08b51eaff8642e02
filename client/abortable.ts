// Waiting that a caller can give up, while what was waited for goes on.

import type { ClientClock } from './clock.ts'
import { abortedError } from './errors.ts'

/** The promise's end, or `ABORTED` once the signal is, if that comes first. */
export function abortable<Value>(
  promise: Promise<Value>,
  what: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortedError(what, key, signal))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Resolves after so many milliseconds, or at once when the signal is aborted. */
export function pause(
  clock: ClientClock,
  forMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const stop = clock.setTimer(forMs, done, true)
    if (signal?.aborted === true) done()
    else signal?.addEventListener('abort', done, { once: true })
  })
}
