// The public face of the checker: histories in, a verdict and its explanation out.

export { malformedReason, type Operation } from './history.ts'
export { linearize, stepsDefault, type Limits } from './linearize.ts'
export {
  describeLock,
  type LockInput,
  type LockOperation,
  type LockOutput
} from './lock-history.ts'
export { checkLocks, type LockTiming } from './lock-monitor.ts'
export type { Model } from './model.ts'
export {
  leaseMutex,
  register,
  type MutexState,
  type RegisterInput,
  type RegisterOutput,
  type RegisterState,
  type RegisterValue
} from './models.ts'
export type { Verdict } from './verdict.ts'
