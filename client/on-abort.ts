// Listening to a signal that many calls share: one listener of the signal, however many wait, since
// hosts take many for a leak and say so.

const listening = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `then` once when the signal is aborted, at once if it was. Returns what calls it off. */
export function onAbort(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    then()
    return () => {}
  }
  const waiting = listening.get(signal) ?? listen(signal)
  // Its own each time: one function may wait twice.
  const call = (): void => then()
  waiting.add(call)
  return () => {
    waiting.delete(call)
  }
}

function listen(signal: AbortSignal): Set<() => void> {
  const waiting = new Set<() => void>()
  listening.set(signal, waiting)
  const abort = (): void => {
    listening.delete(signal)
    for (const call of [...waiting]) call()
  }
  signal.addEventListener('abort', abort, { once: true })
  return waiting
}
