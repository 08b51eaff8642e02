// The language of the transcripts: reads a file, carries out its commands one after the other, and
// gives back the file with what they say now. README.md in this folder describes the language.

import type { Config, NodeId } from '../../core/raft/config.ts'
import { DEFAULTS } from '../../core/raft/config.ts'
import type { TimerName } from '../../core/event.ts'
import { slice } from '../../core/raft/log.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import { statusOf } from '../../core/status.ts'
import { Cluster, diskOf } from './cluster.ts'
import type { Packet } from './cluster.ts'
import { MESSAGE_NAMES, describeEntries, describeMessage, describePersist } from './describe.ts'
import { describeStatus, nameOf } from './describe.ts'
import { encodeText } from './text-machine.ts'

/** Rounds after which a cluster that does not come to rest is broken. */
const ROUNDS_MAX = 1_000
/** Time moves in steps of this in `run`, milliseconds. */
const RUN_STEP_MS = 10
/** What `quiet` leaves: roles, members, answers. */
const LOUD = /( becomes | reply to | members from |^\S+ (has|is|gives|transfers|starts|installs)\b)/

/** A command, taken apart: bare words, and what was said as `name=value`. */
interface Command {
  readonly words: readonly string[]
  readonly options: ReadonlyMap<string, string>
}

/** Carries out a transcript and returns it anew. Throws at a bad command, or a broken rule. */
export function runTranscript(text: string): string {
  const cluster = new Cluster()
  const said: string[] = []
  for (const line of text.trimEnd().split('\n')) {
    // What was printed before is left out: it is printed again.
    if (line.startsWith('  ')) continue
    said.push(line)
    if (!line.startsWith('> ')) continue
    try {
      for (const output of execute(cluster, line.slice(2))) said.push(`  ${output}`)
    } catch (error) {
      throw new Error(`at "${line}": ${(error as Error).message}`, { cause: error })
    }
  }
  return `${said.join('\n')}\n`
}

function execute(cluster: Cluster, line: string): string[] {
  const isQuiet = line.startsWith('quiet ')
  const command = parse(isQuiet ? line.slice('quiet '.length) : line)
  perform(cluster, command)
  const lines = cluster.take()
  if (!isQuiet) return lines.length === 0 ? ['nothing'] : lines
  return lines.map((told) => told.trim()).filter((told) => LOUD.test(told))
}

function parse(line: string): Command {
  const words: string[] = []
  const options = new Map<string, string>()
  for (const word of line.trim().split(/ +/)) {
    const equals = word.indexOf('=')
    if (equals > 0) options.set(word.slice(0, equals), word.slice(equals + 1))
    else words.push(word)
  }
  return { words, options }
}

function perform(cluster: Cluster, command: Command): void {
  const [verb = '', first = ''] = command.words
  const action = actions[verb]
  if (action === undefined) throw new Error(`unknown command ${verb}`)
  action(cluster, command, first)
}

type Action = (cluster: Cluster, command: Command, first: string) => void

const actions: Readonly<Record<string, Action>> = {
  nodes,
  node,
  tick,
  run,
  propose: (cluster, { words }, id) => propose(cluster, id, words.slice(2)),
  fill,
  read: (cluster, { words }, id) => {
    const text = words.slice(2).join(' ')
    cluster.ask(id, `read ${text}`, { type: 'read', payload: encodeText(text) })
  },
  campaign: (cluster, _, id) => fire(cluster, id, 'election'),
  fire: (cluster, { words }, id) => fire(cluster, id, words[2] as TimerName),
  deliver,
  drop: (cluster, command) => {
    for (const packet of chosen(cluster, command)) cluster.drop(packet)
  },
  stabilize: (cluster, { words }) => stabilize(cluster, words.slice(1)),
  persist,
  snapshot: (cluster, _, id) => cluster.snapshot(id),
  change,
  leave: (cluster, _, id) => {
    cluster.ask(id, 'leave', { type: 'changeMembership', change: { type: 'leave' } })
  },
  transfer: (cluster, { words }, id) => {
    const to = words[3] ?? ''
    cluster.ask(id, `transfer to ${to}`, { type: 'transferLeadership', to })
  },
  forget: (cluster, _, id) => cluster.step(id, [{ type: 'forgetLeader' }]),
  crash: (cluster, _, id) => cluster.crash(id),
  start: (cluster, _, id) => cluster.start(id),
  restart,
  stall: (cluster, _, id) => void cluster.stalled.add(id),
  unstall: (cluster, _, id) => void cluster.stalled.delete(id),
  cut: (cluster, { words }) => {
    for (const link of linksOf(cluster, words.slice(1))) cluster.cuts.add(link)
  },
  heal: (cluster, { words }) => {
    if (words.length === 1) cluster.cuts.clear()
    else for (const link of linksOf(cluster, words.slice(1))) cluster.cuts.delete(link)
  },
  messages,
  disk,
  log,
  state: (cluster, _, id) => {
    const { applied, machine } = cluster.member(id).state
    const { lines } = machine
    const shown = lines.length > 20 ? `${lines.length} lines` : lines.join(' ') || 'nothing'
    cluster.tell(`${id} applied ${applied}: ${shown}`)
  },
  status: (cluster, _, id) => {
    for (const line of describeStatus(statusOf(cluster.member(id).state))) cluster.tell(line)
  },
}

function nodes(cluster: Cluster, { words, options }: Command): void {
  const voters = words.slice(1)
  const overrides = overridesOf(options, ['spares'])
  const spares = listOf(options.get('spares'))
  for (const id of [...voters, ...spares]) cluster.add(id, overrides, voters, NOTHING_RESTORED)
  const waiting = spares.length > 0 ? ` spares ${spares.join(' ')}` : ''
  cluster.tell(`voters ${voters.join(' ')}${waiting}`)
}

/** One node that finds a log on its disk. */
function node(cluster: Cluster, { words, options }: Command, id: string): void {
  const term = Number(options.get('term') ?? 0)
  const terms = listOf(options.get('log')).map(Number)
  const voters = listOf(options.get('voters'))
  cluster.add(id, overridesOf(options, ['term', 'log', 'voters']), voters, diskOf(term, terms))
  log(cluster, { words, options }, id)
}

/** Options that are settings of the core. */
function overridesOf(options: Command['options'], others: readonly string[]): Partial<Config> {
  const overrides: Record<string, number | boolean> = {}
  for (const [name, value] of options) {
    if (others.includes(name)) continue
    if (!(name in DEFAULTS)) throw new Error(`no setting ${name}`)
    overrides[name] = value === 'true' || (value !== 'false' && Number(value))
  }
  return overrides
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? [] : value.split(',')
}

/** Lets the clocks of all nodes, or of some, go on; those that are up take a turn. */
function tick(cluster: Cluster, { words }: Command): void {
  const ids = words.length > 2 ? words.slice(2) : [...cluster.members.keys()]
  for (const id of ids) {
    const member = cluster.member(id)
    member.nowMs += Number(words[1])
    if (member.isUp) cluster.step(id, [])
  }
}

/** Time goes on for all, and nothing waits. */
function run(cluster: Cluster, { words }: Command): void {
  for (let ms = 0; ms < Number(words[1]); ms += RUN_STEP_MS) {
    tick(cluster, { words: ['tick', String(RUN_STEP_MS)], options: new Map() })
    stabilize(cluster, [])
  }
}

function propose(cluster: Cluster, id: NodeId, words: readonly string[]): void {
  const text = words.join(' ')
  cluster.ask(id, `propose ${text}`, { type: 'request', payload: encodeText(text) })
}

/** Many commands in one turn, whose answers are not told. */
function fill(cluster: Cluster, { words }: Command, id: string): void {
  const payloads: Uint8Array[] = []
  for (let at = 1; at <= Number(words[2]); at++) payloads.push(encodeText(`fill ${at}`))
  cluster.askAll(id, payloads)
}

function fire(cluster: Cluster, id: NodeId, timer: TimerName): void {
  cluster.step(id, [{ type: 'timerFired', timer }])
}

function deliver(cluster: Cluster, command: Command): void {
  const isKept = command.words.includes('dup')
  for (const packet of chosen(cluster, command)) cluster.deliver(packet, isKept)
}

/** The messages that a command means: of what is under way now, oldest first. */
function chosen(cluster: Cluster, { options }: Command): readonly Packet[] {
  const type = options.get('type')
  const types: readonly string[] = [...Object.values(MESSAGE_NAMES), 'heartbeat']
  if (type !== undefined && !types.includes(type)) throw new Error(`no message ${type}`)
  const from = options.get('from')
  const to = options.get('to')
  const fits = cluster.network.filter((packet) => {
    return (
      (type === undefined || nameOf(packet.message) === type) &&
      (from === undefined || packet.from === from) &&
      (to === undefined || packet.to === to)
    )
  })
  const nth = options.get('nth')
  if (nth !== undefined) return fits.slice(Number(nth) - 1, Number(nth))
  return fits.slice(0, Number(options.get('count') ?? fits.length))
}

/** Delivers and persists, one by one, until nothing is left; `ids` limits it to some nodes. */
function stabilize(cluster: Cluster, ids: readonly string[]): void {
  const isMeant = (id: NodeId): boolean => ids.length === 0 || ids.includes(id)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let isQuiet = true
    for (const id of cluster.members.keys()) {
      if (!isMeant(id)) continue
      for (const packet of cluster.network.filter(({ to }) => to === id)) {
        isQuiet = false
        cluster.deliver(packet, false)
      }
      if (cluster.stalled.has(id)) continue
      for (const { id: persistId } of cluster.member(id).writes) {
        isQuiet = false
        cluster.persist(id, persistId)
      }
    }
    if (isQuiet) return
  }
  throw new Error('it does not come to rest')
}

/** `persist N` all, one by one; `#id`: all up to it at once; `count=`: so many, one by one. */
function persist(cluster: Cluster, { words, options }: Command, id: string): void {
  const upTo = words[2]
  if (upTo !== undefined) return cluster.persist(id, Number(upTo.slice(1)))
  const { writes } = cluster.member(id)
  const count = Number(options.get('count') ?? writes.length)
  for (const write of writes.slice(0, count)) cluster.persist(id, write.id)
}

function change(cluster: Cluster, { words, options }: Command, id: string): void {
  const voters = listOf(options.get('voters'))
  const learners = listOf(options.get('learners'))
  const autoLeave = !words.includes('explicit')
  const change = { type: 'change', voters, learners, autoLeave } as const
  cluster.ask(id, 'change', { type: 'changeMembership', change })
}

/** Stops and starts a node. `lose`: what was not durable is lost; else it is written first. */
function restart(cluster: Cluster, { words }: Command, id: string): void {
  const last = cluster.member(id).writes.at(-1)
  if (last !== undefined && words[2] !== 'lose') cluster.persist(id, last.id)
  cluster.crash(id)
  cluster.start(id)
}

/** `1→2` is one direction; a bare node is all its links, in both. */
function linksOf(cluster: Cluster, words: readonly string[]): readonly string[] {
  const ids = [...cluster.members.keys()]
  return words.flatMap((word) => {
    if (word.includes('→')) return [word]
    return ids.filter((id) => id !== word).flatMap((id) => [`${id}→${word}`, `${word}→${id}`])
  })
}

function messages(cluster: Cluster, command: Command): void {
  for (const { from, to, message } of chosen(cluster, command)) {
    cluster.tell(describeMessage(from, to, message))
  }
}

function disk(cluster: Cluster, _: Command, id: string): void {
  const { disk: held, writes } = cluster.member(id)
  const { hardState, snapshot, base, entries } = held
  cluster.tell(`${id} term ${hardState.term} vote ${hardState.vote ?? 'none'}`)
  if (snapshot !== null) cluster.tell(`snapshot ${snapshot.index}/${snapshot.term}`)
  cluster.tell(`entries ${describeEntries(base.index + 1, entries) || 'none'}`)
  for (const write of writes) cluster.tell(`pending ${describePersist(write)}`)
}

function log(cluster: Cluster, _: Command, id: string): void {
  const { log: held, commit, snapshot } = cluster.member(id).state.raft
  const { base, lastIndex } = held
  const entries = describeEntries(base.index + 1, slice(held, base.index + 1, lastIndex))
  const before = base.index > 0 ? `behind ${base.index}/${base.term}: ` : ''
  const at = snapshot === null ? '' : ` snapshot ${snapshot.index}/${snapshot.term}`
  cluster.tell(`${id} commit ${commit}${at} log ${before}${entries || 'none'}`)
}
