// What a verb that follows a cluster says while no node answers: once, again when the reasons are
// others or after pauses that grow, and when it is over. It knows no clock and no screen.

const PAUSE_MS = 10_000
const PAUSE_MS_MAX = 640_000

export class Outage {
  readonly #nodesCount: number
  /** Why each node did not answer that was asked since the last one that did. */
  readonly #reasons = new Map<string, string>()
  /** What was said since then. */
  readonly #said = new Set<string>()
  #pauseMs = PAUSE_MS
  #againAtMs = 0

  /** @param nodes all that are asked in turn */
  constructor(nodes: readonly string[]) {
    this.#nodesCount = new Set(nodes).size
  }

  /** `node` did not answer: what is to be said of it now, or null. */
  failed(node: string, reason: string, nowMs: number): string | null {
    this.#reasons.set(node, reason)
    if (this.#reasons.size < this.#nodesCount) return null
    const why = [...this.#reasons].map(([name, said]) => `${name}: ${said}`).join('; ')
    const isNews = !this.#said.has(why)
    if (!isNews && nowMs < this.#againAtMs) return null
    this.#pauseMs = isNews ? PAUSE_MS : Math.min(2 * this.#pauseMs, PAUSE_MS_MAX)
    this.#againAtMs = nowMs + this.#pauseMs
    this.#said.add(why)
    return `no node answers: ${why}`
  }

  /** `node` answers: what is to be said of it, or null when nobody had missed it. */
  answered(node: string): string | null {
    const wasSaid = this.#said.size > 0
    this.#said.clear()
    this.#reasons.clear()
    return wasSaid ? `${node} answers again` : null
  }
}
