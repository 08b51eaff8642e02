// The types of a replica whose state machine is the lock service: what the front ends stand on.

import type { LockCommand } from '../core/lock/command.ts'
import type { LockEvent } from '../core/lock/event.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { LockService as LockServiceMachine } from '../core/lock/machine.ts'
import type { Outcome } from '../core/outcome.ts'
import type { SessionCommand, SessionEvent, SessionReply } from '../core/session/command.ts'
import type { AppliedCommand, RunningReplica } from './replica.ts'

/** What the replicated lock service is asked. */
export type ServiceCommand = SessionCommand<LockCommand>

/** What it answers. */
export type ServiceReply = SessionReply<LockReply>

/** How something asked of it ended. */
export type ServiceOutcome = Outcome<ServiceReply>

/** The state of the machine. */
export type ServiceState = ReturnType<LockServiceMachine['initial']>

/** A running replica of the lock service. */
export type LockReplica = RunningReplica<ServiceState, ServiceCommand, ServiceReply>

/** One applied entry with its events. */
export type AppliedLockCommand = AppliedCommand<ServiceReply, SessionEvent<LockEvent>>
