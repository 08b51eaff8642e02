// The designed trace: one fixed-column line for each change worth seeing, newest last.
//
//   time in seconds | one glyph a node | who | what
//
// Glyphs: f follower, p precandidate, c candidate, L leader, = stalled, x down.

/** Keeps the last `limit` lines; with a limit of 0 it keeps none and costs nothing. */
export class TraceLines {
  readonly #limit: number
  #lines: string[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get isOn(): boolean {
    return this.#limit > 0
  }

  /** @param glyphs one for each node */
  add(timeUs: number, glyphs: string, who: string, what: string): void {
    if (this.#limit === 0) return
    const seconds = (timeUs / 1e6).toFixed(6).padStart(11)
    this.#lines.push(`${seconds}  ${glyphs}  ${who.padEnd(5)} ${what}`)
    if (this.#lines.length >= this.#limit * 2) this.#lines = this.lines()
  }

  lines(): string[] {
    return this.#limit === 0 ? [] : this.#lines.slice(-this.#limit)
  }
}
