// The cluster of a transcript: nothing moves by itself. Each node has an inbox of undelivered
// messages, a disk with writes that are not durable, and a clock. Every turn is told line by line,
// and held to the rules of safety.ts.

import type { Effect, Persist, SendAfter } from '../../core/effect.ts'
import type { Event, RequestEvent } from '../../core/event.ts'
import type { Config, NodeId } from '../../core/raft/config.ts'
import { DEFAULTS, configProblem } from '../../core/raft/config.ts'
import type { Message } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { Restored } from '../../core/raft/state.ts'
import { replica } from '../../core/replica.ts'
import type { Replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { describeEffect, describeMessage, describePersist } from './describe.ts'
import { Safety } from './safety.ts'
import { textMachine } from './text-machine.ts'
import type { Nothing, Text } from './text-machine.ts'

type TextEffect = Effect<string, Nothing>
type Unasked<Asked> = Asked extends unknown ? Omit<Asked, 'request'> : never

const machine: Replica<Text, string, Nothing> = replica(textMachine)

/** Every election timeout drawn from these is twice the base: nothing happens by itself before. */
const RANDOM_START = DEFAULTS.electionTimeoutMs
const RANDOM_TURN = 96_651_916
/** A number of the first that leaves the draw as it is: each life gets other random bits. */
const RANDOM_LIFE = DEFAULTS.electionTimeoutMs + 1
/** More entries than this applied in one turn are told as a range. */
const APPLIED_MAX = 8

/** A message that was sent and has not arrived. */
export interface Packet {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
}

/** One node with its disk and its clock. */
export interface Member {
  readonly config: Config
  state: ReplicaState<Text>
  isUp: boolean
  nowMs: number
  lives: number
  disk: Restored
  /** Issued, and not durable yet. */
  writes: Persist[]
  /** Messages that wait for the disk. */
  parked: SendAfter[]
  /** Index of the snapshot that the core has asked for; 0 when it has not. */
  snapshotAsked: number
}

export class Cluster {
  readonly members: Map<NodeId, Member> = new Map()
  /** Sent and not delivered, oldest first. */
  network: Packet[] = []
  /** What has been told since the last `take`. */
  lines: string[] = []
  /** Links on which all is lost, as `from→to`. */
  readonly cuts: Set<string> = new Set()
  /** Nodes whose disk finishes nothing unless told to. */
  readonly stalled: Set<NodeId> = new Set()
  readonly #asked: string[] = []
  readonly #safety = new Safety()

  /** Takes a node in; it has run for a base election timeout, so it withholds no vote. */
  add(node: NodeId, overrides: Partial<Config>, voters: readonly NodeId[], disk: Restored): void {
    const config = { cluster: 'c', group: '0', ...DEFAULTS, ...overrides, node, voters }
    const problem = configProblem(config)
    if (problem !== null) throw new Error(problem)
    const state = machine.initial(config, disk, 0, RANDOM_START)
    const nowMs = config.electionTimeoutMs
    const common = { lives: 0, writes: [], parked: [], snapshotAsked: 0, isUp: true }
    this.members.set(node, { config, state, nowMs, disk, ...common })
    this.#safety.checkStart(disk, state.raft)
  }

  member(node: NodeId): Member {
    const member = this.members.get(node)
    if (member === undefined) throw new Error(`there is no node ${node}`)
    return member
  }

  tell(line: string): void {
    this.lines.push(line)
  }

  /** What was told since the last time. */
  take(): string[] {
    return this.lines.splice(0)
  }

  /** Asks something of a node; `label` names it when the answer comes. */
  ask(node: NodeId, label: string, event: Unasked<RequestEvent>): void {
    this.#asked.push(label)
    this.step(node, [{ ...event, request: this.#asked.length - 1 } as RequestEvent])
  }

  /** Asks for many commands in one turn; the answers are not told. */
  askAll(node: NodeId, payloads: readonly Uint8Array[]): void {
    const events = payloads.map((payload) => {
      this.#asked.push('')
      return { type: 'request', request: this.#asked.length - 1, payload } as const
    })
    this.step(node, events)
  }

  /** One turn. Its lines follow `heading`, which is left out when nothing follows, or forced. */
  step(node: NodeId, events: readonly Event[], heading = '', isForced = false): void {
    const member = this.member(node)
    if (!member.isUp) throw new Error(`node ${node} is down`)
    const before = member.state
    const input = { now: member.nowMs, random: RANDOM_TURN, events }
    const [state, effects] = machine.step(before, input)
    member.state = state
    if (heading !== '' && (isForced || effects.length > 0)) this.tell(heading)
    const indent = heading === '' ? '' : '  '
    for (const line of this.#perform(node, member, effects)) this.tell(indent + line)
    this.#safety.check(before.raft, state.raft, (id) => this.members.get(id)?.disk ?? null)
  }

  /** Delivers one message, which leaves the network unless it is kept. */
  deliver(packet: Packet, isKept: boolean): void {
    if (!isKept) this.#remove(packet)
    const { from, to, message } = packet
    const said = describeMessage(from, to, message)
    if (this.member(to).isUp) this.step(to, [{ type: 'received', from, message }], said, true)
    else this.tell(`${said}: ${to} is down`)
  }

  /** Loses one message. */
  drop(packet: Packet): void {
    this.#remove(packet)
    this.tell(`lost ${describeMessage(packet.from, packet.to, packet.message)}`)
  }

  /** All writes up to `id` become durable, and the node hears of them in one turn. */
  persist(node: NodeId, id: number): void {
    const member = this.member(node)
    const done = member.writes.filter((write) => write.id <= id)
    if (done.length === 0) throw new Error(`nothing to persist on ${node}`)
    member.writes = member.writes.filter((write) => write.id > id)
    for (const write of done) member.disk = written(member.disk, write)
    this.tell(`${node} durable ${done.map((write) => `#${write.id}`).join(' ')}`)
    const leaving = member.parked.filter(({ after }) => after <= id)
    member.parked = member.parked.filter(({ after }) => after > id)
    for (const { to, message } of leaving) {
      this.tell(`  send ${describeMessage(node, to, message)}${this.#post(node, to, message)}`)
    }
    // Taken back, so that what the turn says stands below it as well.
    const heading = this.lines.pop() as string
    this.step(node, [{ type: 'persisted', id: (done.at(-1) as Persist).id }], heading, true)
  }

  /** Stops a node; what was not durable is lost. */
  crash(node: NodeId): void {
    const member = this.member(node)
    for (const write of member.writes) this.tell(`lost ${node} ${describePersist(write)}`)
    for (const { to, message } of member.parked) {
      this.tell(`lost ${describeMessage(node, to, message)}`)
    }
    member.writes = []
    member.parked = []
    member.snapshotAsked = 0
    member.isUp = false
  }

  /** Starts a stopped node from its disk. */
  start(node: NodeId): void {
    const member = this.member(node)
    if (member.isUp) throw new Error(`node ${node} is up`)
    member.lives++
    const random = RANDOM_START + RANDOM_LIFE * member.lives
    member.state = machine.initial(member.config, member.disk, member.nowMs, random)
    member.isUp = true
    this.#safety.checkStart(member.disk, member.state.raft)
    const { term, vote, log, commit } = member.state.raft
    this.tell(`${node} starts, term ${term} vote ${vote ?? 'none'} last ${log.lastIndex}` +
      ` commit ${commit}`)
  }

  /** The host takes a snapshot, of its own accord unless it was asked, and hands it back. */
  snapshot(node: NodeId): void {
    const member = this.member(node)
    if (member.snapshotAsked === 0) this.step(node, [{ type: 'snapshotWanted' }])
    const { applied, machine: text } = member.state
    if (member.snapshotAsked !== applied) throw new Error(`${node} has nothing new to snapshot`)
    member.snapshotAsked = 0
    const bytes = textMachine.encodeSnapshot(text)
    this.step(node, [{ type: 'snapshotTaken', index: applied, bytes }])
  }

  #remove(packet: Packet): void {
    this.network = this.network.filter((other) => other !== packet)
  }

  /** Does what effects ask for, and says what they were. */
  #perform(node: NodeId, member: Member, effects: readonly TextEffect[]): string[] {
    const lines: string[] = []
    const applied = effects.filter((effect) => effect.type === 'applied')
    const isLong = applied.length > APPLIED_MAX
    for (const effect of effects) {
      if (effect.type === 'applied' && isLong) {
        if (effect === applied[0]) {
          lines.push(`${node} applied ${effect.index}..${applied.at(-1)?.index}`)
        }
        continue
      }
      if (effect.type === 'reply' && this.#asked[effect.request] === '') continue
      let line = describeEffect(node, effect, (request) => this.#asked[request] as string)
      if (effect.type === 'persist') member.writes.push(effect)
      else if (effect.type === 'takeSnapshot') member.snapshotAsked = effect.index
      else if (effect.type === 'send') line += this.#post(node, effect.to, effect.message)
      else if (effect.type === 'sendAfter') {
        if ((member.writes[0]?.id ?? Infinity) <= effect.after) member.parked.push(effect)
        else {
          const { to, message } = effect
          line = `send ${describeMessage(node, to, message)}${this.#post(node, to, message)}`
        }
      }
      lines.push(line)
    }
    return lines
  }

  /** Puts a message on the network; says when it is lost there. */
  #post(from: NodeId, to: NodeId, message: Message): string {
    if (this.cuts.has(`${from}→${to}`)) return ' (lost)'
    if (!this.members.has(to)) return ' (nobody there)'
    this.network.push({ from, to, message })
    return ''
  }
}

/** What a disk holds after one more write. */
function written(disk: Restored, write: Persist): Restored {
  const { hardState, checkpoint, firstIndex, entries, logChanged } = write
  const base = checkpoint?.base ?? disk.base
  const kept = checkpoint === null ? disk.entries.slice(0, firstIndex - 1 - base.index) : []
  return {
    hardState: hardState ?? disk.hardState,
    snapshot: checkpoint?.snapshot ?? disk.snapshot,
    base,
    entries: logChanged ? [...kept, ...entries] : disk.entries,
    damage: null,
  }
}

/** A disk with a log of the given terms, whose entries are all of one command. */
export function diskOf(term: number, terms: readonly number[]): Restored {
  const payload = textMachine.encodeCommand('x')
  const entries = terms.map((of, at) => {
    return { term: of, stampMs: at, kind: 'command' as const, payload }
  })
  return { ...NOTHING_RESTORED, hardState: { term, vote: null }, entries }
}
