// The public names of lockstep/client.

export type {
  AcquireReply,
  AcquireRequest,
  BackendSupports,
  GrantedReply,
  LockBackend,
  LockStatus,
  ReleaseReply,
  ReleaseRequest,
  RenewReply,
  RenewRequest,
} from './backend.ts'
export { systemClock } from './clock.ts'
export type { ClientClock } from './clock.ts'
export { backendCases, backendConformance } from './conformance.ts'
export type { BackendConformance } from './conformance.ts'
export type { BackendCase, BackendPlace } from './conformance-place.ts'
export { DistributedLock } from './distributed-lock.ts'
export type { DistributedLockOptions, Held } from './distributed-lock.ts'
export { DrivenClock } from './driven-clock.ts'
export { formatDuration, parseDuration } from './duration.ts'
export type { Duration } from './duration.ts'
export { LockError } from './errors.ts'
export type { LockErrorCode, LockErrorDetails } from './errors.ts'
export type { ClientEvent, HandleEvent } from './lock-event.ts'
export type { CallOptions, LockHandle } from './lock-handle.ts'
export type { AcquireOptions, HoldOptions, LockOptions } from './lock-options.ts'
export {
  CLOCK_MARGIN_MS,
  DRIFT_PPM_DEFAULT,
  expired,
  granted,
  isValid,
  reentered,
  releaseSent,
  renewAnswered,
  renewFailed,
  renewSent,
  renewUnknown,
  requestMachine,
  safeEndMs,
  safeUntilMs,
  weighLockReply,
} from './machine.ts'
export type {
  Attempt,
  Call,
  CallResult,
  EndedLease,
  Grant,
  HeldLease,
  Lease,
  Phase,
  Renewal,
  RequestConfig,
  RequestEffect,
  RequestEvent,
  RequestInput,
  RequestMachine,
  RequestState,
  Weight,
} from './machine.ts'
export { Manager } from './manager.ts'
export { memoryBackend, MemoryStore } from './memory.ts'
export type { MemoryOptions } from './memory.ts'
export { connect, serviceBackend } from './node/connect.ts'
export type { ConnectOptions } from './node/connect.ts'
export type { Pem, TlsOptions } from './tls-options.ts'
