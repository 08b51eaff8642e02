// The routes on the cluster and the node: who is in it, how it is, its metrics, and what operators
// do to it.

import type { FastifyInstance } from 'fastify'
import { unreachable } from '../../core/invariant.ts'
import type { NodeId } from '../../core/raft/config.ts'
import { membersOf } from '../../core/raft/membership.ts'
import type { Membership } from '../../core/raft/membership.ts'
import type { ReplicaStatus } from '../../core/status.ts'
import { incarnationOf, nameOf } from '../cluster-view.ts'
import type { ClusterView } from '../cluster-view.ts'
import type { ServiceOutcome } from '../lock-replica.ts'
import { CHANGED, CLUSTER_HEALTH, CLUSTER_INFO, DONE, HEALTH } from './answer-schemas.ts'
import type { ApiContext, RouteDoc } from './context.ts'
import { addRoute } from './context.ts'
import { noQuorum } from './lock-answers.ts'
import { Problem } from './problem.ts'
import type { ProblemCode } from './problem.ts'
import type { NodeBody, Schema } from './schemas.ts'
import { NODE, NOTHING } from './schemas.ts'

/** Adds them. */
export function addClusterRoutes(fastify: FastifyInstance, context: ApiContext): void {
  addHealthRoutes(fastify, context)
  addInfoRoutes(fastify, context)
  addAdminRoutes(fastify, context)
}

/** A route that programs ask which know nothing of this API. */
function probe(path: string, summary: string, schema: Schema, problems: ProblemCode[]): RouteDoc {
  const successes = { 200: { says: 'It is so.', schema } }
  const ignoresQuery = true
  return { method: 'GET', path, summary, verb: null, ignoresQuery, successes, problems }
}

function addHealthRoutes(fastify: FastifyInstance, context: ApiContext): void {
  const { replica } = context.service
  const live = probe('/livez', 'Whether the process answers at all.', HEALTH, [])
  addRoute(fastify, context, live, () => Promise.resolve({ status: 'ok' }))
  const ready = probe('/readyz', 'Whether the node can serve requests.', HEALTH, ['not_ready'])
  addRoute(fastify, context, ready, () => Promise.resolve(readiness(replica.status())))
  const health = probe('/health', 'The same, for a node of its own.', HEALTH, ['not_ready'])
  addRoute(fastify, context, health, () => Promise.resolve(readiness(replica.status())))
}

/** It knows a leader, and has applied what it knows to be committed. */
function readiness(status: ReplicaStatus): unknown {
  const { leader, commitIndex, appliedIndex, membership, node } = status
  if (!membersOf(membership).includes(node)) {
    const name = nameOf(node)
    throw notReady(`this node waits to be taken in: lockstep cluster add ${name}, then promote it`)
  }
  if (leader === null) throw notReady('this node knows no leader')
  if (commitIndex === 0 || appliedIndex < commitIndex) {
    throw notReady(`this node has applied ${appliedIndex} of ${commitIndex} entries`)
  }
  const node_id = nameOf(status.node)
  return { status: 'ok', node_id, role: status.role, leader_id: nameOf(leader) }
}

function notReady(detail: string): Problem {
  return new Problem('not_ready', detail, {}, 1_000)
}

function addInfoRoutes(fastify: FastifyInstance, context: ApiContext): void {
  const { service, cluster, metrics } = context
  const info: RouteDoc = {
    method: 'GET',
    path: '/cluster/info',
    summary: 'Who is in the cluster, and who leads.',
    verb: 'read',
    successes: { 200: { says: 'It is so.', schema: CLUSTER_INFO } },
    problems: ['bad_request', 'unauthorized', 'forbidden', 'no_quorum'],
  }
  const { replica } = service
  addRoute(fastify, context, info, () => {
    return Promise.resolve(clusterInfo(replica.config.cluster, replica.status(), cluster))
  })
  const health = probe(
    '/cluster/health',
    'Whether a majority can be reached: a linearizable read was answered.',
    CLUSTER_HEALTH,
    ['no_quorum'],
  )
  addRoute(fastify, context, health, async () => {
    const answer = await service.query({ type: 'countLocks', prefix: '' })
    if (answer.type !== 'reply') throw noQuorum()
    const { leader } = replica.status()
    return { status: 'ok', leader_id: leader === null ? null : nameOf(leader), has_quorum: true }
  })
  const text: RouteDoc = {
    ...probe('/metrics', 'Metrics in the text format of Prometheus.', {}, []),
    verb: 'read',
    successes: { 200: { says: 'All metrics.', schema: null, contentType: metrics.contentType } },
    problems: ['unauthorized', 'forbidden', 'no_quorum'],
  }
  addRoute(fastify, context, text, async ({ reply }) => {
    return reply.header('content-type', metrics.contentType).send(await metrics.text())
  })
}

/** The cluster as this node sees it. */
export function clusterInfo(cluster: string, status: ReplicaStatus, view: ClusterView): unknown {
  const { leader, membership, peers, lastIndex } = status
  const known = new Map(view.nodes().map((node) => [node.id, node]))
  const waiting = [...known.values()].filter(({ isConnected }) => isConnected).map(({ id }) => id)
  const ids = [...new Set([...membersOf(membership), ...waiting])].sort()
  const nodes = ids.map((id) => ({
    id: nameOf(id),
    state: stateOf(id, status),
    incarnation: incarnationOf(id),
    address: known.get(id)?.address ?? null,
    url: known.get(id)?.url ?? null,
    connected: id === status.node || (known.get(id)?.isConnected ?? false),
    match_index:
      status.role !== 'leader'
        ? null
        : id === status.node
          ? lastIndex
          : (peers.find(({ peer }) => peer === id)?.matchIndex ?? null),
  }))
  return {
    leader_id: leader === null ? null : nameOf(leader),
    leader_url: urlOf(leader, view),
    term: status.term,
    nodes,
    quorum_size: Math.floor(membership.voters.length / 2) + 1,
    has_quorum: leader !== null,
    cluster_id: cluster,
    node_id: nameOf(status.node),
    commit_index: status.commitIndex,
    applied_index: status.appliedIndex,
  }
}

function urlOf(id: NodeId | null, view: ClusterView): string | null {
  return view.nodes().find((node) => node.id === id)?.url ?? null
}

function votersOf({ voters, outgoing }: Membership): readonly NodeId[] {
  return [...voters, ...(outgoing ?? [])]
}

function stateOf(id: NodeId, status: ReplicaStatus): string {
  if (id === status.leader) return 'leader'
  if (!membersOf(status.membership).includes(id)) return 'waiting'
  if (!votersOf(status.membership).includes(id)) return 'learner'
  if (id === status.node && status.role !== 'follower') return 'candidate'
  return 'follower'
}

const ADMIN_PROBLEMS: readonly ProblemCode[] = [
  'bad_request',
  'bad_json',
  'unauthorized',
  'forbidden',
  'too_large',
  'unsupported_media_type',
  'internal',
  'not_leader',
  'unknown_node',
  'change_refused',
  'version_unsupported',
  'no_quorum',
  'overloaded',
  'unknown',
]

function post(path: string, summary: string, body: Schema, schema: Schema): RouteDoc {
  const successes = { 200: { says: 'It is done.', schema } }
  return { method: 'POST', path, summary, verb: 'admin', body, successes, problems: ADMIN_PROBLEMS }
}

function addAdminRoutes(fastify: FastifyInstance, context: ApiContext): void {
  const { replica } = context.service
  const change = (path: string, summary: string, edit: Edit): void => {
    const doc = post(path, summary, NODE, CHANGED)
    addRoute<NodeBody>(fastify, context, doc, ({ body }) => changeMembers(context, body.node, edit))
  }
  change('/cluster/add', 'Takes a node in as a learner: it gets the log, and no vote.', add)
  change('/cluster/promote', 'Gives a learner a vote.', promote)
  change('/cluster/remove', 'Takes a node out.', remove)
  const transfer = post('/cluster/transfer', 'Hands the leadership to a node.', NODE, DONE)
  addRoute<NodeBody>(fastify, context, transfer, async ({ body }) => {
    const to = memberOf(context, body.node)
    const outcome = await replica.transferLeadership(to)
    if (outcome.type === 'transferred') return { success: true }
    throw adminProblem(context, outcome)
  })
  const snapshot = post('/cluster/snapshot', 'Takes a snapshot on this node now.', NOTHING, DONE)
  addRoute(fastify, context, snapshot, () => {
    replica.takeSnapshot()
    return Promise.resolve({ success: true })
  })
}

/** What becomes of voters and learners; a sentence: why not. */
type Edit = (members: Members, id: NodeId) => Members | string

interface Members {
  readonly voters: readonly NodeId[]
  readonly learners: readonly NodeId[]
}

const add: Edit = ({ voters, learners }, id) => {
  if (voters.includes(id) || learners.includes(id)) return 'it is a member already'
  return { voters, learners: [...learners, id] }
}

const promote: Edit = ({ voters, learners }, id) => {
  if (voters.includes(id)) return 'it votes already'
  if (!learners.includes(id)) return 'it is no learner: add it first'
  return { voters: [...voters, id], learners: learners.filter((one) => one !== id) }
}

const remove: Edit = ({ voters, learners }, id) => {
  if (!voters.includes(id) && !learners.includes(id)) return 'it is no member'
  const isNot = (one: NodeId): boolean => one !== id
  return { voters: voters.filter(isNot), learners: learners.filter(isNot) }
}

/** When a leader has committed something of its own term, milliseconds: one round to a majority. */
const ELECTED_RETRY_MS = 100

async function changeMembers(context: ApiContext, node: string, edit: Edit): Promise<unknown> {
  const { replica } = context.service
  const { membership, role } = replica.status()
  if (role !== 'leader') throw adminProblem(context, { type: 'notLeader', leader: null })
  const id = edit === add ? connectedOf(context, node) : memberOf(context, node, edit)
  const members = edit(membership, id)
  if (typeof members === 'string') throw new Problem('change_refused', `${node}: ${members}`)
  const outcome = await replica.changeMembership({ type: 'change', ...members, autoLeave: true })
  if (outcome.type === 'changed') return { success: true, index: outcome.index }
  const isOld = outcome.type === 'refused' && outcome.reason === 'versionUnsupported'
  if (isOld) throw versionUnsupported(replica.status(), id)
  throw adminProblem(context, outcome)
}

/** Why a node gets no vote whose build, as far as the leader was told, has to stop. */
function versionUnsupported({ peers, version }: ReplicaStatus, id: NodeId): Problem {
  const said = peers.find(({ peer }) => peer === id)?.versions ?? 0
  const name = nameOf(id)
  const rules = `version ${version} of the rules, which is in force`
  const detail =
    said === 0
      ? `${name} has not told the leader that it knows ${rules}: see that it runs, and its log`
      : `${name} knows versions up to ${said}, and not ${rules}: start a newer build of it`
  const known = said === 0 ? null : said
  const extra = { node_id: name, version_known: known, version_in_force: version }
  return new Problem('version_unsupported', detail, extra, said === 0 ? 1_000 : null)
}

/** The member of that name or id: to be promoted, a learner before all others. */
function memberOf({ service }: ApiContext, node: string, edit: Edit | null = null): NodeId {
  const { membership } = service.replica.status()
  const learners = membership.learners.filter((id) => isNamed(id, node))
  const isForLearners = edit === promote && learners.length > 0
  return oneOf(isForLearners ? learners : membersOf(membership), node, 'member')
}

/** The node of that name or id that is connected here. */
function connectedOf({ cluster, service }: ApiContext, node: string): NodeId {
  const { membership } = service.replica.status()
  const members = new Set(membersOf(membership))
  const connected = cluster.nodes().filter(({ isConnected }) => isConnected)
  const ids = connected.map(({ id }) => id)
  // A new incarnation has the name of a member that was wiped: it is the one that is meant.
  const strangers = ids.filter((id) => !members.has(id))
  return oneOf(strangers.some((id) => isNamed(id, node)) ? strangers : ids, node, 'connected node')
}

function isNamed(id: NodeId, node: string): boolean {
  return id === node || nameOf(id) === node
}

function oneOf(ids: readonly NodeId[], node: string, kind: string): NodeId {
  const found = [...new Set(ids)].filter((id) => isNamed(id, node))
  const [first] = found
  if (first === undefined) {
    throw new Problem('unknown_node', `there is no ${kind} ${JSON.stringify(node)}`)
  }
  if (found.length === 1) return first
  const detail = `there are several of that name: say which, ${found.join(' or ')}`
  throw new Problem('unknown_node', detail)
}

function adminProblem({ service, cluster }: ApiContext, outcome: ServiceOutcome): Problem {
  switch (outcome.type) {
    case 'notLeader': {
      const { leader } = service.replica.status()
      if (leader === null) return noQuorum()
      const url = urlOf(leader, cluster)
      const where = url === null ? ', whose address is not known here' : ` at ${url}`
      const detail = `only the leader can do this: ask ${nameOf(leader)}${where}`
      return new Problem('not_leader', detail, { leader_id: nameOf(leader), leader_url: url })
    }
    case 'refused': {
      const { reason } = outcome
      if (reason !== 'notCommittedInTerm') {
        return new Problem('change_refused', `the change was not made: ${reason}`)
      }
      const detail = 'the leader was elected this moment: it has not happened, ask again'
      return new Problem('no_quorum', detail, {}, ELECTED_RETRY_MS)
    }
    case 'overloaded':
      return new Problem('overloaded', 'too much waits to be committed', {}, 1_000)
    case 'unknown': {
      const detail = 'leadership was lost: see /cluster/info for what became of it'
      return new Problem('unknown', detail, {}, 1_000)
    }
    case 'done':
    case 'changed':
    case 'transferred':
    case 'malformed':
    case 'forbidden':
    case 'tooLarge':
      return new Problem('internal', `the replica answered ${outcome.type}`)
    default:
      return unreachable(outcome)
  }
}
