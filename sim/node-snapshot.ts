// The making of snapshots on a simulated machine: the host's own work, step by step, at times that
// are drawn. It knows nothing of what a snapshot says.

import type { Persist } from '../core/effect.ts'
import type { WriteAheadLog } from '../storage/write-ahead-log.ts'
import { SnapshotWork } from '../storage/snapshot-work.ts'
import { KIND } from './event-queue.ts'
import type { RandomStream } from './random.ts'

/** A step comes up to so long after the last, microseconds. */
const STEP_US_MAX = 4_000

/** So little is written ahead at a time that most snapshots take several steps. */
const STAGE_BYTES = 2_048

/** What is there of a node's machine. */
interface Around {
  timeUs(): number
  schedule(timeUs: number, kind: number, target: number, source: number, payload: unknown): void
}

/** The snapshots of one node. */
export class NodeSnapshots {
  readonly #node: number
  readonly #around: Around
  readonly #random: RandomStream
  #life = 0
  /** The last that was begun in this life. */
  #work: SnapshotWork | null = null

  constructor(node: number, around: Around, random: RandomStream) {
    this.#node = node
    this.#around = around
    this.#random = random
  }

  /** Begins one as of entry `index`, in the `life`-th life of the process. */
  begin(
    life: number,
    index: number,
    parts: Iterable<Uint8Array>,
    log: WriteAheadLog,
    taken: (bytes: Uint8Array) => void,
  ): void {
    this.#life = life
    const host = { index, soon: () => this.#soon(), taken, stageBytes: STAGE_BYTES }
    this.#work = new SnapshotWork(parts, log, host)
  }

  /** The next step is due. A process that stands still makes none. */
  step(isUp: boolean): void {
    if (isUp) this.#work?.step()
    else this.#soon()
  }

  /** The log has reported `staged`. */
  staged(): void {
    this.#work?.staged()
  }

  /** The log was given a persist. */
  appended(persist: Persist): void {
    this.#work?.appended(persist)
  }

  /** The process dies. */
  clear(): void {
    this.#work = null
  }

  #soon(): void {
    const atUs = this.#around.timeUs() + this.#random.between(0, STEP_US_MAX)
    this.#around.schedule(atUs, KIND.snapshot, this.#node, this.#life, null)
  }
}
