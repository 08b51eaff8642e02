// The public names of lockstep/core.

export { ByteReader, ByteWriter, INTEGER_MAX } from './bytes.ts'
export { equalBytes, isWellFormed, utf8Bytes } from './bytes.ts'
export { canonical } from './canonical.ts'
export type {
  Applied,
  Effect,
  HardState,
  Outcome,
  Persist,
  PersistId,
  RaftEffect,
  ReplyEffect,
  Send,
  SendAfter,
  Trace,
  TraceEvent,
} from './effect.ts'
export type { Event, Input, TimerName } from './event.ts'
export { Hash128, addLanes, hashBytes, lanesHex, subtractLanes } from './hash.ts'
export type { Lanes } from './hash.ts'
export { InvariantError, invariant, unreachable } from './invariant.ts'
export { LIMITS } from './lock/limits.ts'
export type { Limits } from './lock/limits.ts'
export { lockMachine } from './lock/machine.ts'
export type { LockMachine } from './lock/machine.ts'
export type { LockState } from './lock/state.ts'
export type {
  Acquire,
  Expire,
  LockCommand,
  LockEvent,
  LockReply,
  LockRequest,
  Problem,
  Reason,
  Refusal,
  Release,
  Renew,
  Status,
} from './lock/command.ts'
export type { Answer, ApplyContext, Due, Machine, MachineEvent } from './machine.ts'
export { emptyMap, mapDelete, mapGet, mapSet } from './ordered-map.ts'
export { mapEntries, mapFirst, mapSize } from './ordered-map.ts'
export type { OrderedMap } from './ordered-map.ts'
export { replica } from './replica.ts'
export type { Replica, ReplicaState, Waiting } from './replica.ts'
export { DEFAULTS, configProblem } from './raft/config.ts'
export type { Config, NodeId } from './raft/config.ts'
export { entryAt, termAt } from './raft/log.ts'
export type { Log } from './raft/log.ts'
export type {
  AppendAccepted,
  AppendRejected,
  AppendRequest,
  Entry,
  FreeMessage,
  Message,
  PreVoteReply,
  PreVoteRequest,
  PromiseMessage,
  VoteReply,
  VoteRequest,
} from './raft/message.ts'
export { NOTHING_RESTORED, quorumSize } from './raft/state.ts'
export type {
  Candidate,
  Common,
  Follower,
  Leader,
  PendingPersist,
  Precandidate,
  Progress,
  RaftState,
  Restored,
  Role,
  Timers,
} from './raft/state.ts'
