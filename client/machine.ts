// What is portable of the client: asking a cluster, and what a lock's holder may believe. Pure, so
// that the simulator drives the very same machine.

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
  safeEndMs,
  safeUntilMs,
} from './lease.ts'
export type { EndedLease, Grant, HeldLease, Lease, Renewal } from './lease.ts'
export { weighLockReply } from './lock-reply.ts'
export { requestMachine } from './request.ts'
export type {
  Attempt,
  Call,
  CallResult,
  Phase,
  RequestConfig,
  RequestEffect,
  RequestEvent,
  RequestInput,
  RequestMachine,
  RequestState,
  Weight,
} from './request.ts'
