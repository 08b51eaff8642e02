// The client that the examples of locks share: in memory, or of a cluster when LOCKSTEP_NODES says
// where it is, as in LOCKSTEP_NODES=localhost:8001,localhost:8002,localhost:8003

import { setTimeout as sleep } from 'node:timers/promises'
import { connect, DistributedLock, memoryBackend } from 'lockstep/client'

const nodes = process.env['LOCKSTEP_NODES']?.split(',')

export const locks: DistributedLock =
  nodes === undefined ? new DistributedLock(memoryBackend()) : connect({ nodes })

export { sleep }
