// The public names of lockstep/server.

export { startReplica } from './replica.ts'
export type { AppliedCommand, ReplicaOptions, RunningReplica, StopReason } from './replica.ts'
export { ReplicaError } from './replica-error.ts'
export type { ReplicaErrorCode } from './replica-error.ts'
export { systemTime } from './time.ts'
export type { Cancel, Time } from './time.ts'
