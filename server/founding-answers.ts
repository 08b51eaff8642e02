// What a node answers over HTTP while there is no cluster yet: that it lives, that it is not ready
// and for whom it waits, and that nothing else can be done.

import type { FastifyInstance } from 'fastify'
import { Problem, sendProblem } from './http/problem.ts'

const RETRY_MS = 1_000

/** Makes `fastify`, which has no routes, answer so. `waitsFor`: sentences on who is missing. */
export function answerWhileFounding(
  fastify: FastifyInstance,
  waitsFor: () => readonly string[],
): void {
  fastify.addHook('onRequest', async (request, reply) => {
    const [path] = request.url.split('?')
    if (path === '/livez') return reply.send({ status: 'ok' })
    const said = ['there is no cluster yet', ...waitsFor()].join('; ')
    const code = path === '/readyz' || path === '/health' ? 'not_ready' : 'no_quorum'
    return sendProblem(reply, new Problem(code, said, {}, RETRY_MS))
  })
}
