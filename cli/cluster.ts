// `lockstep cluster`: who is in a cluster, and what an operator does to it.

import { writeFileSync } from 'node:fs'
import { columnLines, printAnswer, told } from './answer.ts'
import { restore, RESTORE_OPTIONS } from './restore.ts'
import type { Screen } from './screen.ts'
import { demand, download, SERVICE_OPTIONS, serviceOf } from './service.ts'
import type { Service } from './service.ts'
import { withSuggestion } from '../server/suggest.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, Verb } from './verb.ts'

/** What is done to a node that is named, and how it is told when it is done. */
const ACTIONS: Readonly<Record<string, (node: string) => string>> = {
  add: (node) => `${node} is a member: it gets the log, and has no vote until it is promoted`,
  promote: (node) => `${node} votes`,
  remove: (node) => `${node} is no member any more`,
  transfer: (node) => `${node} leads`,
}

/** What wants to know on what: a node, or a file. */
const WITH_OBJECT = [...Object.keys(ACTIONS), 'backup', 'restore']

/** The options that only make sense where a cluster is asked. */
const ASKING = SERVICE_OPTIONS.filter(({ name }) => name !== 'json')

const WORDS = ['info', ...WITH_OBJECT, 'snapshot']

export const clusterCommand: Verb = {
  name: 'cluster',
  usage: `${WORDS.join('|')} [NODE|FILE] [options]`,
  summary: 'say who is in a cluster, and change it',
  options: [...SERVICE_OPTIONS, ...RESTORE_OPTIONS],
  takesPositionals: true,
  examples: [
    { line: 'cluster info', what: 'who leads, and how far the others are' },
    { line: 'cluster add node2', what: 'takes in a node that waits, as a learner' },
    { line: 'cluster promote node2', what: 'gives it a vote' },
    { line: 'cluster remove node2@1f0c83aa', what: 'the incarnation that was lost' },
    { line: 'cluster transfer node3', what: 'hands the leadership over' },
    { line: 'cluster snapshot', what: 'on the first of --nodes, now' },
    { line: 'cluster backup locks.bin', what: 'all locks as they are, into a new file' },
    {
      line: 'cluster restore locks.bin --data-dir ./data --id node1',
      what: 'the first node of a new cluster, to be started then',
    },
  ],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

function run(given: Given, screen: Screen): Promise<number> {
  const [what = '', node, extra] = given.positionals
  const done = Object.hasOwn(ACTIONS, what) ? ACTIONS[what] : undefined
  if (!WORDS.includes(what)) {
    const problem = what === '' ? 'cluster wants to know what' : `unknown: cluster ${what}`
    throw new UsageError(`${withSuggestion(problem, what, WORDS)}; it takes ${WORDS.join(', ')}`)
  }
  const object = what === 'backup' || what === 'restore' ? 'file' : 'node'
  if (WITH_OBJECT.includes(what) && node === undefined) {
    throw new UsageError(`cluster ${what} wants a ${object}`)
  }
  const surplus = WITH_OBJECT.includes(what) ? extra : node
  if (surplus !== undefined) throw new UsageError(`'${surplus}' is not understood`)
  const foreign = what === 'restore' ? ASKING : RESTORE_OPTIONS
  const unfit = foreign.find(({ name }) => given.values[name] !== undefined)
  if (unfit !== undefined) throw new UsageError(`cluster ${what} takes no --${unfit.name}`)
  if (what === 'restore') return restore(given, screen, node as string)
  const service = serviceOf(given)
  if (done !== undefined) return change(given, screen, service, what, node as string, done)
  if (what === 'backup') return backup(given, screen, service, node as string)
  return what === 'info' ? info(given, screen, service) : snapshot(given, screen, service)
}

async function backup(
  given: Given,
  screen: Screen,
  service: Service,
  file: string,
): Promise<number> {
  const bytes = await download(service, '/cluster/backup')
  try {
    writeFileSync(file, bytes, { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${(error as Error).message}`)
  }
  const body = { file, bytes: bytes.length }
  printAnswer(given, screen, { status: 200, body }, () => `${bytes.length} bytes are in ${file}`)
  return EXIT.ok
}

async function info(given: Given, screen: Screen, service: Service): Promise<number> {
  const answer = await demand(service, { method: 'GET', path: '/cluster/info' })
  printAnswer(given, screen, answer, (body) => {
    const { leader_id, term, quorum_size, has_quorum, cluster_id } = body
    const head = [
      `cluster ${String(cluster_id)}, term ${String(term)}`,
      leader_id === null ? 'no leader' : `leader ${String(leader_id)}`,
      `quorum ${String(quorum_size)} ${has_quorum === true ? 'reached' : 'not reached'}`,
    ].join(', ')
    const names = ['id', 'incarnation', 'state', 'url', 'address', 'connected', 'match_index']
    return `${head}\n${columnLines(names, body['nodes'] as Fields[], screen)}`
  })
  return EXIT.ok
}

type Fields = Readonly<Record<string, unknown>>

async function snapshot(given: Given, screen: Screen, service: Service): Promise<number> {
  const request = { method: 'POST', path: '/cluster/snapshot', body: {} } as const
  const answer = await demand(service, request)
  printAnswer(given, screen, answer, () => 'a snapshot is being taken')
  return EXIT.ok
}

async function change(
  given: Given,
  screen: Screen,
  service: Service,
  what: string,
  node: string,
  done: (node: string) => string,
): Promise<number> {
  const request = { method: 'POST', path: `/cluster/${what}`, body: { node } } as const
  const answer = await demand(service, request)
  printAnswer(given, screen, answer, () => done(node))
  return EXIT.ok
}
