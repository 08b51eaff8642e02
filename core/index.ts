// The public names of lockstep/core.

export { ByteReader, ByteWriter, INTEGER_MAX } from './bytes.ts'
export { equalBytes, isWellFormed, utf8Bytes } from './bytes.ts'
export { canonical } from './canonical.ts'
export type {
  Applied,
  Checkpoint,
  Effect,
  HardState,
  LogBase,
  MessageProblem,
  Outcome,
  Persist,
  PersistId,
  RaftEffect,
  RefusalReason,
  ReplyEffect,
  Send,
  SendAfter,
  Snapshot,
  TakeSnapshot,
  Trace,
  TraceEvent,
} from './effect.ts'
export type { Event, Input, RequestEvent, TimerName } from './event.ts'
export { Hash128, addLanes, hashBytes, lanesHex } from './hash.ts'
export type { Lanes } from './hash.ts'
export { InvariantError, UnknownVersionError, invariant, unreachable } from './invariant.ts'
export { LIMITS } from './lock/limits.ts'
export type { Limits } from './lock/limits.ts'
export { lockMachine, lockService } from './lock/machine.ts'
export type { LockMachine, LockService } from './lock/machine.ts'
export type { LockState } from './lock/state.ts'
export type {
  Acquire,
  Cancel,
  CountLocks,
  Expire,
  ForceRelease,
  ListHolders,
  ListLocks,
  ListWaiters,
  LockCommand,
  LockQuery,
  LockRequest,
  Mode,
  Release,
  Renew,
  Status,
} from './lock/command.ts'
export type {
  ContendedEvent,
  DelayedEvent,
  ExpiredEvent,
  GrantedEvent,
  LockEvent,
  LostEvent,
  QueuedEvent,
  ReleasedEvent,
  RevokedEvent,
  UpdatedEvent,
  WaitEndedEvent,
} from './lock/event.ts'
export type {
  Cancelled,
  Expired,
  FinalReply,
  Forced,
  Granted,
  Held,
  HolderView,
  Holders,
  LockCount,
  LockReply,
  LockView,
  Locks,
  NotHolder,
  Problem,
  QueryReply,
  Queued,
  Reason,
  Refusal,
  Refused,
  Rejected,
  Released,
  Renewed,
  StatusReply,
  Swept,
  Timeout,
  WaiterView,
  Waiters,
} from './lock/reply.ts'
export type { Answer, ApplyContext, Due, Machine, MachineEvent } from './machine.ts'
export { emptyMap, mapDelete, mapGet, mapSet } from './ordered-map.ts'
export { mapEntries, mapFirst, mapSize } from './ordered-map.ts'
export type { OrderedMap } from './ordered-map.ts'
export { replica } from './replica.ts'
export type { Replica } from './replica.ts'
export { DEFAULTS, configProblem } from './raft/config.ts'
export type { Config, NodeId } from './raft/config.ts'
export { entryAt, termAt } from './raft/log.ts'
export type { Log } from './raft/log.ts'
export type {
  AppendAccepted,
  AppendRejected,
  AppendRequest,
  Entry,
  EntryKind,
  ForwardReply,
  ForwardRequest,
  FreeMessage,
  Message,
  PreVoteReply,
  PreVoteRequest,
  PromiseMessage,
  ReadReply,
  ReadRequest,
  SnapshotHeader,
  SnapshotReply,
  SnapshotRequest,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './raft/message.ts'
export { NOTHING_RESTORED, activeMembership, leaderOf } from './raft/state.ts'
export type {
  Candidate,
  Common,
  Follower,
  Leader,
  IncomingSnapshot,
  LoggedMembership,
  PendingPersist,
  PendingRead,
  Precandidate,
  RaftState,
  Restored,
  Role,
  Timers,
  Transfer,
} from './raft/state.ts'
export type { InFlight, Probe, Progress, Replicate, SendSnapshot } from './raft/progress.ts'
export { isQuorum, quorumSize, quorumValue } from './raft/quorum.ts'
export { decodeMembership, encodeMembership, isVoter, membersOf } from './raft/membership.ts'
export type { Membership, MembershipChange, MembershipProblem } from './raft/membership.ts'
export { statusOf } from './status.ts'
export type { PeerStatus, ReplicaStatus, SnapshotStatus } from './status.ts'
export type { Asked, AskedForward, AskedRead, ReplicaState, Waiting } from './work.ts'
export type { OnSessionEnded, SessionContext } from './session/apply.ts'
export type {
  Call,
  CloseSession,
  ExpireSessions,
  InnerEvent,
  KeepAlive,
  OpenSession,
  Plain,
  SessionCommand,
  SessionEnded,
  SessionEvent,
  SessionReason,
  SessionReply,
} from './session/command.ts'
export { SESSION_LIMITS } from './session/limits.ts'
export type { SessionLimits } from './session/limits.ts'
export { withSessions } from './session/machine.ts'
export type { SessionMachine, SessionOptions } from './session/machine.ts'
export type { Session, Wait } from './session/records.ts'
export type { SessionState } from './session/state.ts'
