// The making of a snapshot, a little at a time: its parts are encoded, joined, and written ahead of
// the checkpoint that will hold it. A host does one step after the other, and lets others have
// their turn between two. The state does not change meanwhile; what a crash leaves of it counts for
// nothing. It knows no time, and nothing of what the bytes say.

import type { Persist } from '../core/effect.ts'
import { invariant } from '../core/invariant.ts'
import type { WriteAheadLog } from './write-ahead-log.ts'

/** Who makes a snapshot. */
export interface SnapshotHost {
  /** The entry up to which it covers all. */
  readonly index: number
  /** Sees to it that `step` is called once, soon, and never within this call. */
  soon(): void
  /** All of it, on the disk: for a `snapshotTaken` event. Nothing, when it was overtaken. */
  taken(bytes: Uint8Array): void
  /** Bytes that one step writes ahead; 1 MiB when left out. */
  readonly stageBytes?: number
}

const STAGE_BYTES = 1024 * 1024
const NO_BYTES = new Uint8Array(0)
/** Bytes that one step joins, about: 4 MiB took 10 to 20 ms. */
const JOIN_BYTES = 256 * 1024

/** One snapshot in the making. */
export class SnapshotWork {
  readonly #encoding: Iterator<Uint8Array>
  readonly #log: WriteAheadLog
  readonly #host: SnapshotHost
  readonly #stageBytes: number
  #parts: Uint8Array[] = []
  #bytesCount = 0
  /** Null while parts are being encoded. */
  #bytes: Uint8Array | null = null
  #joined = 0
  #staged = 0
  #isOvertaken = false

  /** `parts` gives each when it is asked for. Begins by itself. */
  constructor(parts: Iterable<Uint8Array>, log: WriteAheadLog, host: SnapshotHost) {
    this.#encoding = parts[Symbol.iterator]()
    this.#log = log
    this.#host = host
    this.#stageBytes = host.stageBytes ?? STAGE_BYTES
    invariant(this.#stageBytes >= 1, 'snapshot: steps that write nothing')
    host.soon()
  }

  /** Does a little. */
  step(): void {
    if (this.#isOvertaken) return this.#host.taken(NO_BYTES)
    if (this.#bytes === null) this.#encode()
    else if (this.#joined < this.#bytes.length) this.#join(this.#bytes)
    else return this.#stage(this.#bytes)
    this.#host.soon()
  }

  /**
   * The log was given a persist. A checkpoint that covers as much, such as a leader's, has dropped
   * what was staged: whatever were staged now, nobody would take away again.
   */
  appended({ checkpoint }: Pick<Persist, 'checkpoint'>): void {
    if ((checkpoint?.snapshot.index ?? 0) >= this.#host.index) this.#isOvertaken = true
  }

  /** The log has reported `staged`. */
  staged(): void {
    this.#host.soon()
  }

  #encode(): void {
    const { done, value } = this.#encoding.next()
    if (done === true) {
      this.#bytes = new Uint8Array(this.#bytesCount)
      this.#parts.reverse()
      return
    }
    // A copy: a part is often a view of something larger.
    this.#parts.push(value.slice())
    this.#bytesCount += value.length
  }

  #join(bytes: Uint8Array): void {
    const end = this.#joined + JOIN_BYTES
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      bytes.set(part, this.#joined)
      this.#joined += part.length
      if (this.#joined >= end) break
    }
  }

  /** What is staged waits for the disk, so that no sync has much more to do than without. */
  #stage(bytes: Uint8Array): void {
    if (this.#staged === bytes.length) return this.#host.taken(bytes)
    this.#staged = Math.min(bytes.length, this.#staged + this.#stageBytes)
    this.#log.stage(bytes, this.#staged)
  }
}
