// A closed loop of clients: each takes a lock, gives it back, and begins again. The same for every
// system that is measured.

/** One client of a system under load. */
export interface LoadClient {
  /** Waits for the lock, and answers what `release` needs. */
  acquire(key: string): Promise<unknown>
  release(key: string, grant: unknown): Promise<void>
  close(): Promise<void>
}

/** Whose keys clients take: each its own, or all the same one. */
export type Mode = 'own' | 'hot'

/** How much is asked for, and for how long. */
export interface Load {
  readonly clients: number
  readonly mode: Mode
  readonly warmUpMs: number
  readonly measureMs: number
}

/** What came of it; milliseconds. */
export interface Figures {
  readonly pairsPerSecond: number
  readonly acquireMs: { readonly p50: number; readonly p99: number }
  /** From the start of a release to the next grant of the same key, to whomever; hot keys only. */
  readonly handOverMs: { readonly p50: number; readonly p99: number } | null
  /** Pairs of the client that had fewest, by the mean of all. */
  readonly fairness: number
  readonly errors: number
  readonly firstError: string | null
}

/** An operation that fails is tried again after so long. */
const ERROR_PAUSE_MS = 20

/** A loop that has not come to its end so long after it was told to is left behind. */
const END_MS = 5_000

/** Puts all of `clients` under load. */
export async function closedLoop(clients: readonly LoadClient[], load: Load): Promise<Figures> {
  const acquires: number[] = []
  const handOvers: number[] = []
  const pairs = clients.map(() => 0)
  const prefix = `bench-${process.pid}-${Math.round(performance.now())}`
  let isMeasuring = false
  let isOver = false
  let errors = 0
  let firstError: string | null = null
  let releasedAtMs = Infinity
  const run = async (client: LoadClient, at: number): Promise<void> => {
    const key = load.mode === 'own' ? `${prefix}-${at}` : prefix
    while (!isOver) {
      try {
        const fromMs = performance.now()
        const grant = await client.acquire(key)
        const grantedMs = performance.now()
        if (isMeasuring && load.mode === 'hot' && releasedAtMs < grantedMs) {
          handOvers.push(grantedMs - releasedAtMs)
        }
        releasedAtMs = performance.now()
        await client.release(key, grant)
        if (!isMeasuring) continue
        acquires.push(grantedMs - fromMs)
        pairs[at] = (pairs[at] ?? 0) + 1
      } catch (error) {
        errors++
        firstError ??= (error as Error).message
        await pause(ERROR_PAUSE_MS)
      }
    }
  }
  const loops = clients.map(run)
  await pause(load.warmUpMs)
  isMeasuring = true
  const startMs = performance.now()
  await pause(load.measureMs)
  isMeasuring = false
  const seconds = (performance.now() - startMs) / 1e3
  isOver = true
  await Promise.race([Promise.all(loops), pause(END_MS)])
  const mean = acquires.length / clients.length
  return {
    pairsPerSecond: Math.round(acquires.length / seconds),
    acquireMs: percentiles(acquires),
    handOverMs: load.mode === 'hot' ? percentiles(handOvers) : null,
    fairness: mean === 0 ? 0 : Math.round((Math.min(...pairs) / mean) * 100) / 100,
    errors,
    firstError,
  }
}

/** Resolves after `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The middle and the hundredth from the top, of times in milliseconds. */
export function percentiles(timesMs: readonly number[]): { p50: number; p99: number } {
  const sorted = [...timesMs].sort((a, b) => a - b)
  const at = (share: number): number => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
    return value === undefined ? NaN : Math.round(value * 100) / 100
  }
  return { p50: at(0.5), p99: at(0.99) }
}
