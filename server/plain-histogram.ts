// A histogram that costs a few comparisons to feed, for the way of every request: the one of
// prom-client takes as long as applying a lock command. It writes the same text.

/** Counts of values, by upper bounds. */
export class PlainHistogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  /** Values in each bucket alone, and last those above all bounds. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds`: upper bounds of the buckets, inclusive, rising. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name
    this.#help = help
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += value
  }

  /** In the text format of Prometheus. */
  text(): string {
    const name = this.#name
    const lines = [`# HELP ${name} ${this.#help}`, `# TYPE ${name} histogram`]
    let count = 0
    for (const [bucket, ofBucket] of this.#counts.entries()) {
      count += ofBucket
      lines.push(`${name}_bucket{le="${this.#bounds[bucket] ?? '+Inf'}"} ${count}`)
    }
    lines.push(`${name}_sum ${this.#sum}`, `${name}_count ${count}`, '')
    return lines.join('\n')
  }
}
