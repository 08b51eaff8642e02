// GET /cluster/backup: the state of the machine as of now, as a file that a new cluster can begin
// with.

import type { FastifyInstance } from 'fastify'
import { lockService } from '../../core/lock/machine.ts'
import { encodeBackup } from '../backup-file.ts'
import type { ApiContext, RouteDoc } from './context.ts'
import { addRoute } from './context.ts'
import { noQuorum } from './lock-answers.ts'

const DOC: RouteDoc = {
  method: 'GET',
  path: '/cluster/backup',
  summary: 'All locks as they are, as a file for `lockstep cluster restore`.',
  verb: 'admin',
  successes: {
    200: { says: 'The backup.', schema: null, contentType: 'application/octet-stream' },
  },
  problems: ['bad_request', 'unauthorized', 'forbidden', 'no_quorum'],
}

/** Adds the route. */
export function addBackupRoute(fastify: FastifyInstance, context: ApiContext): void {
  const machine = lockService()
  addRoute(fastify, context, DOC, async ({ reply }) => {
    const { service } = context
    // What is saved holds all that was acknowledged before it was asked for.
    const answer = await service.query({ type: 'countLocks', prefix: '' })
    if (answer.type !== 'reply') throw noQuorum()
    const { replica } = service
    const { cluster } = replica.config
    const { machine: state, applied: index, clockMs } = replica.state()
    const { version } = replica.status()
    const snapshot = machine.encodeSnapshot(state)
    return reply
      .header('content-type', 'application/octet-stream')
      .header('lockstep-cluster', cluster)
      .header('lockstep-index', String(index))
      .send(Buffer.from(encodeBackup({ cluster, index, clockMs, version, snapshot })))
  })
}
