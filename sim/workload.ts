// What simulated clients ask for, and what they make of the answers. A user's own machine brings a
// workload of its own; locks have theirs in lock-workload.ts.

import type { Operation } from '../checker/history.ts'
import type { Asker } from '../client/asker.ts'
import type { Weight } from '../client/request.ts'
import type { Answer } from '../core/machine.ts'
import type { RandomStream } from './random.ts'

/** One request that a client makes. `Reply`: of one that is asked in a way of its own. */
export interface Ask<Command, Input, Reply = never> {
  readonly command: Command
  /** The client gives up after this long, milliseconds. */
  readonly timeoutMs: number
  /** True: asking again has no second effect, so the client does on a timeout. */
  readonly retry: boolean
  /** True: a query, which the machine answers without the log. */
  readonly read: boolean
  /** What the history says was asked; null: it has no words for it, and leaves it out. */
  readonly input: Input | null
  /** Asks in the actor's own way, of which `command` is only the name; `then` is told the end. */
  readonly start?: (then: (ended: Ended<Reply>) => void) => void
  /** True: the next operation is begun though this one goes on. */
  readonly aside?: boolean
}

/** What an actor asks with that has a way of its own. */
export interface OwnWay<Input, Output> extends Asker {
  /** Something is asked now that no operation asked for: the history has it, with its end. */
  record(input: Input): (outcome: 'ok' | 'fail' | 'info', output: Output | null) => void
}

/** How a request ended, as the client sees it. */
export type Ended<Reply> =
  /** `firstSentMs`: when it was first sent, milliseconds of the client's clock. */
  | { readonly type: 'done'; readonly reply: Reply; readonly firstSentMs: number }
  | { readonly type: 'failed' }
  | { readonly type: 'unknown' }

/** What a client of the application does, one operation at a time. It may keep state of its own. */
export interface Actor<Command, Reply, Op, Input, Output> {
  /** Makes `operation` a request, or null when there is nothing to ask now. */
  begin(operation: Op, nowMs: number): Ask<Command, Input, Reply> | null
  /** The request ended. Returns what the history says was answered; null when nothing was. */
  end(ask: Ask<Command, Input, Reply>, ended: Ended<Reply>, nowMs: number): Output | null
  /** What is to be asked at once because of how the last request ended; null when nothing is. */
  followUp?(): Ask<Command, Input, Reply> | null
  /** Called once, before all else: what it asks with where it has a way of its own. */
  attach?(way: OwnWay<Input, Output>): void
  /** What a reply means to this one; as to all others when left out. */
  weigh?(reply: Reply): Weight
}

/** What an actor or an oracle of a workload can see and do. */
export interface Stage {
  /** True time, microseconds. */
  timeUs(): number
  /** The first true time, microseconds, at which a client's clock shows `clockMs`. */
  clientTimeUs(client: number, clockMs: number): number
  /** The most by which a clock of this world goes wrong, parts per million. */
  readonly clockDriftPpm: number
  /** Whether `client` cannot reach `node` because of a cut. */
  isCutOff(client: number, node: number): boolean
  /** Calls `then` in `delayUs` of true time. */
  later(delayUs: number, then: () => void): void
  /** Counts that something worth reaching was reached. */
  probe(name: string): void
  /** Counts one evaluation of an oracle. */
  evaluated(oracle: string): void
  /** An oracle saw a rule broken: ends the run. */
  fail(oracle: string, message: string): never
  /** False: nobody keeps a trace, and a line need not be made. */
  readonly isTraced: boolean
  trace(who: string, what: string): void
}

/** One entry as it was applied for the first time anywhere. */
export interface FirstApplied<Command, Reply, MachineEvent> {
  readonly node: number
  readonly index: number
  /** The machine's clock, milliseconds of log time. */
  readonly timeMs: number
  /** Null for the entry that opens a leader's term. */
  readonly command: Command | null
  readonly reply: Reply | null
  readonly events: readonly MachineEvent[]
  /** Of earlier entries. */
  readonly answers: readonly Answer<Reply>[]
  /** True time at which its leader read the clock for its stamp, microseconds. */
  readonly appendedUs: number
}

/** A workload at work in one run. */
export interface Play<Command, Reply, MachineEvent, Op, Input, Output> {
  actor(client: number): Actor<Command, Reply, Op, Input, Output>
  /** Called for each entry, in order, once in a run. */
  applied?(entry: FirstApplied<Command, Reply, MachineEvent>): void
}

/** How a history is judged. */
export type Judgement =
  | { readonly verdict: 'ok' }
  | { readonly verdict: 'violation'; readonly message: string }
  | { readonly verdict: 'unknown'; readonly reason: string }

export interface Workload<Command, Reply, MachineEvent, Op, Input, Output> {
  /** Draws one operation of a client, as plain data. */
  draw(random: RandomStream, client: number): Op
  /** An operation that must succeed within a bound once all is healed. */
  fresh(): Op
  /** True when an answered `fresh` operation was served as it should be. */
  isServed(output: Output): boolean
  /** A query that any healthy cluster answers, if the machine has one. */
  query?(): Command
  /** Whether a reply is the last word on its request. */
  weigh(reply: Reply): Weight
  /** Names of the oracles of its own, so that one which is never looked at shows. */
  readonly oracles?: readonly string[]
  open(stage: Stage): Play<Command, Reply, MachineEvent, Op, Input, Output>
  /** Judges the clients' history; times are microseconds of true time. */
  judge?(history: readonly Operation<Input, Output>[]): Judgement
}

/** A workload of bare commands: each operation is one, and the history says what it was replied. */
export function commandWorkload<Command, Reply, MachineEvent>(options: {
  /** Draws a command. */
  readonly draw: (random: RandomStream, client: number) => Command
  /** A command that any healthy cluster serves. */
  readonly fresh: Command
  /**
   * True: commands carry an id by which the machine knows them again, so a client that hears
   * nothing asks again. False (default): it asks once, and the outcome stays unknown.
   */
  readonly retry?: boolean
  /** Whether a command is a query, which `Machine.query` answers. Default: none is. */
  readonly isRead?: (command: Command) => boolean
  /** Judges the history in place of the `model` that `simulate` is given. */
  readonly judge?: (history: readonly Operation<Command, Reply>[]) => Judgement
}): Workload<Command, Reply, MachineEvent, Command, Command, Reply> {
  const { retry = false, isRead = () => false } = options
  const actor: Actor<Command, Reply, Command, Command, Reply> = {
    begin: (command) => {
      return { command, timeoutMs: 2_000, retry, read: isRead(command), input: command }
    },
    end: (_ask, ended) => (ended.type === 'done' ? ended.reply : null),
  }
  const workload = {
    draw: options.draw,
    fresh: () => options.fresh,
    isServed: () => true,
    weigh: () => 'final' as const,
    open: () => ({ actor: () => actor }),
  }
  return options.judge === undefined ? workload : { ...workload, judge: options.judge }
}
