// The public names of lockstep/sim.

export { CAPSULE_FORMAT, encodeCapsule, parseCapsule, replayOptions } from './capsule.ts'
export type { Capsule } from './capsule.ts'
export type { Setting } from './campaign.ts'
export type { ClockError } from './clock.ts'
export { compareRuns } from './determinism.ts'
export type { Comparison, Difference } from './determinism.ts'
export type { Kind, SimEvent } from './event-queue.ts'
export { lockWorkload } from './lock-workload.ts'
export type { LockWorkload } from './lock-workload.ts'
export type { LockOperation } from './lock-operation.ts'
export type { Packet, Rule, Verdict } from './network.ts'
export type { Step } from './node-parts.ts'
export type { UserOracle } from './observer.ts'
export type { Decisions, Misfit, RandomStream } from './random.ts'
export { EPSILON_PPM, FAULT_KINDS, scenarioProblem } from './scenario.ts'
export type {
  ClientStep,
  CrashPoint,
  Endpoint,
  Fault,
  FaultKind,
  GuardedSetting,
  Scenario,
  Target,
} from './scenario.ts'
export { scenarioOf, simulate } from './simulate.ts'
export type {
  CommonOptions,
  LockOptions,
  LockResult,
  MachineOptions,
  SimulateResult,
} from './simulate.ts'
export { commandWorkload } from './workload.ts'
export type {
  Actor,
  Ask,
  Ended,
  FirstApplied,
  Judgement,
  OwnWay,
  Play,
  Stage,
  Workload,
} from './workload.ts'
