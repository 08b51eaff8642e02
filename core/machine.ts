// The replicated state machine that the consensus drives: one page that a user implements to embed
// the core. It knows nothing of Raft beyond the index and the log time of its commands.

/** When and where a command is applied. The same on every node, so `apply` may rest on it. */
export interface ApplyContext {
  /** Index of the command's entry, from 1. Unique, growing: a source of ids. */
  readonly index: number
  /**
   * The machine's clock, milliseconds of log time: the greatest stamp of any entry up to this one.
   * It never goes back, stands still while there is no leader, and is nobody's wall clock.
   */
  readonly timeMs: number
  /**
   * By which version of the machine's rules, from 1: the one in force at this entry, whatever the
   * build knows beyond it.
   */
  readonly version: number
}

/** A late reply: answers the command at `index`, whose own `apply` returned no reply. */
export interface Answer<Reply> {
  readonly type: 'answer'
  readonly index: number
  readonly reply: Reply
}

/** What happened while applying. Besides answers, whatever the machine wants watchers to see. */
export type MachineEvent<Reply, Event> = Answer<Reply> | Event

/** A command that the machine wants proposed by the leader once log time reaches `atMs`. */
export interface Due<Command> {
  readonly atMs: number
  readonly command: Command
}

/**
 * A deterministic state machine over immutable data.
 *
 * `State` is never edited in place: an old one stays usable. `Reply` is null when the answer comes
 * later, as an `Answer` event. Every `decode` is total: null on garbage, never a throw.
 */
export interface Machine<State, Command, Reply, Event extends { readonly type: string }> {
  /**
   * How many versions of its rules this build knows; 1 when left out. What `apply` gives under a
   * version never changes: a new rule comes with a new version, and `ApplyContext.version` says
   * when it is in force. Whatever else needs the version finds it in the state.
   */
  readonly versions?: number
  /** The state before the first command. */
  initial(): State
  /** Applies one command: the new state, the reply (null: answered later) and what happened. */
  apply(
    state: State,
    command: Command,
    context: ApplyContext,
  ): readonly [State, Reply | null, readonly MachineEvent<Reply, Event>[]]
  /**
   * Answers a command that changes nothing from the state, without the log; null when this command
   * needs the log. `timeMs` is the machine's clock.
   */
  query(state: State, command: Command, timeMs: number): Reply | null
  /** The next command the passing of log time calls for, such as expiring a lease, or null. */
  due(state: State): Due<Command> | null
  encodeCommand(command: Command): Uint8Array
  decodeCommand(bytes: Uint8Array): Command | null
  encodeReply(reply: Reply): Uint8Array
  decodeReply(bytes: Uint8Array): Reply | null
  /** All of the state: equal states give equal bytes, whatever the order things came in. */
  encodeSnapshot(state: State): Uint8Array
  /**
   * The same bytes in parts, each made when it is asked for, for states so large that nobody should
   * wait until all is encoded: between two parts a host does other things. `state` does not change
   * meanwhile. Left out: all in one part.
   */
  snapshotParts?(state: State): Iterable<Uint8Array>
  decodeSnapshot(bytes: Uint8Array): State | null
  /** 32 hexadecimal digits over all of the state, cheap enough to ask for after each command. */
  hash(state: State): string
}
