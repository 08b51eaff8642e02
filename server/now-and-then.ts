// Keeps what others can make happen as often as they like from filling the log.

/**
 * Adds up counts: the first is told at once, and what follows within `pauseMs` of the last time
 * together when that is over.
 */
export function nowAndThen(
  pauseMs: number,
  tell: (count: number) => void,
): (count: number) => void {
  let sum = 0
  let timer: NodeJS.Timeout | null = null
  const told = (): void => {
    timer = null
    if (sum === 0) return
    const count = sum
    sum = 0
    timer = setTimeout(told, pauseMs).unref()
    tell(count)
  }
  return (count) => {
    sum += count
    if (timer === null) told()
  }
}
