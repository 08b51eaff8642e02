// GET /cluster/backup: the state of the machine as of now, as the bytes of a snapshot.

import type { FastifyInstance } from 'fastify'
import { lockService } from '../../core/lock/machine.ts'
import type { ApiContext, RouteDoc } from './context.ts'
import { addRoute } from './context.ts'
import { noQuorum } from './lock-answers.ts'

const DOC: RouteDoc = {
  method: 'GET',
  path: '/cluster/backup',
  summary: 'All locks, waiters and sessions, as the bytes of a snapshot.',
  verb: 'admin',
  successes: {
    200: { says: 'The snapshot.', schema: null, contentType: 'application/octet-stream' },
  },
  problems: ['unauthorized', 'forbidden', 'no_quorum'],
}

/** Adds the route. */
export function addBackupRoute(fastify: FastifyInstance, context: ApiContext): void {
  const machine = lockService()
  addRoute(fastify, context, DOC, async ({ reply }) => {
    const { service } = context
    // What is saved holds all that was acknowledged before it was asked for.
    const answer = await service.query({ type: 'countLocks', prefix: '' })
    if (answer.type !== 'reply') throw noQuorum()
    const { machine: state, applied } = service.replica.state()
    return reply
      .header('content-type', 'application/octet-stream')
      .header('lockstep-cluster', service.replica.config.cluster)
      .header('lockstep-index', String(applied))
      .send(Buffer.from(machine.encodeSnapshot(state)))
  })
}
