// What the page's script draws: rows of bars over time, as plain data.

/** One bar. Times are those of the picture's clock. */
export interface Bar {
  readonly row: number
  /** Which line of its row, from the top; 0 when not given. */
  readonly line?: number
  readonly from: number
  /** Null: open to the right. */
  readonly to: number | null
  /** An operation's outcome, or a holding. */
  readonly is: 'ok' | 'fail' | 'info' | 'held'
  /** What was asked and told; or who holds, with what. */
  readonly text: string
  /** Names it among those in conflict. */
  readonly letter?: string
  /** Its number in the order that explains the history, and when it can have taken effect. */
  readonly order?: number
  readonly at?: number
  /** When an unanswered operation's process gave it up. */
  readonly gaveUp?: number
  /** Of a holding: when it began at the earliest and ended at the latest, if it did. */
  readonly early?: number
  readonly late?: number
}

/** A process, or a lock with as many lines as it has holdings at one time. */
export interface Row {
  readonly is: 'process' | 'lock'
  readonly name: string
  readonly lines: number
  /** Spans in which more hold a lock than may. */
  readonly overlaps?: readonly (readonly [number, number])[]
}

/** A span over all rows of which there is something to say. */
export interface Region {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** Where a time stands: linear from one of these to the next. Places are from 0 to 1. */
export interface ScalePoint {
  readonly time: number
  readonly place: number
  /** What follows is left out, up to the next: the place is not to scale. */
  readonly isCut?: true
}

/** One timeline. */
export interface View {
  readonly label: string
  readonly scale: readonly ScalePoint[]
  /** The times shown at first. */
  readonly start: readonly [number, number]
  readonly rows: readonly Row[]
  readonly bars: readonly Bar[]
  readonly regions: readonly Region[]
}
