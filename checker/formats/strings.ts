// Cuts strings out of the text being read so that they keep no large text alive, and so that equal
// short ones are one and the same object. Knows no format.

const slotsCount = 1024
const sharedLengthMax = 64

/** Up to this length engines copy a slice; a longer one would keep all of its text alive. */
const copiedLengthMax = 12

/** A table of bounded size of the short strings seen lately: names, keys, values that recur. */
export class Strings {
  readonly #slots: string[] = new Array<string>(slotsCount).fill('')

  /** What `text.slice(from, to)` is. */
  take(text: string, from: number, to: number): string {
    const length = to - from
    if (length > sharedLengthMax) return detached(text, from, to)
    let hash = length
    for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
    const slot = hash & (slotsCount - 1)
    const known = this.#slots[slot] ?? ''
    if (known.length === length && isAt(known, text, from)) return known
    const taken = detached(text, from, to)
    this.#slots[slot] = taken
    return taken
  }
}

function isAt(known: string, text: string, from: number): boolean {
  for (let at = 0; at < known.length; at++) {
    if (known.charCodeAt(at) !== text.charCodeAt(from + at)) return false
  }
  return true
}

function detached(text: string, from: number, to: number): string {
  const slice = text.slice(from, to)
  return to - from <= copiedLengthMax ? slice : ` ${slice}`.slice(1)
}
