// Waiting that a caller can give up, while what was waited for goes on.

import type { ClientClock } from './clock.ts'
import { abortedError } from './errors.ts'
import { onAbort } from './on-abort.ts'

/** The promise's end, or `ABORTED` once the signal is, if that comes first. */
export function abortable<Value>(
  promise: Promise<Value>,
  what: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(abortedError(what, key, signal)))
    promise.then(resolve, reject).finally(stop)
  })
}

/** Resolves after so many milliseconds, or at once when the signal is aborted. */
export function pause(
  clock: ClientClock,
  forMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const stopTimer = clock.setTimer(forMs, () => done(), true)
    const done = (): void => {
      stopTimer()
      stopListening()
      resolve()
    }
    let stopListening = (): void => {}
    stopListening = onAbort(signal, done)
  })
}
