// A register embedded in three replicas in one thread: the state machine that you write, and the
// host loop that carries out effects and brings back events. Run: npx tsx examples/embed-core.ts

import { ByteReader, ByteWriter, DEFAULTS, NOTHING_RESTORED } from 'lockstep/core'
import { hashBytes, lanesHex, replica } from 'lockstep/core'
import type { Event, Machine, NodeId, ReplicaState } from 'lockstep/core'

interface Register { readonly value: number }
interface Reply { readonly ok: boolean; readonly value: number }
interface Command { readonly type: Verb; readonly expected: number; readonly value: number }
const VERBS = ['write', 'read', 'compareAndSwap'] as const
type Verb = (typeof VERBS)[number]

// 1. The machine: pure functions over immutable data. No clock, no I/O; null on garbage, no throw.
const register: Machine<Register, Command, Reply, never> = {
  initial: () => ({ value: 0 }),
  apply(state, { type, expected, value }) {
    const ok = type !== 'compareAndSwap' || state.value === expected
    const after = type === 'read' || !ok ? state : { value }
    return [after, { ok, value: after.value }, []] // no late answers, no events for watchers
  },
  query: ({ value }, { type }) => (type === 'read' ? { ok: true, value } : null), // without the log
  due: () => null, // the next command that log time calls for, such as the end of a lease
  encodeCommand: ({ type, expected, value }) => pack(VERBS.indexOf(type), expected, value),
  decodeCommand: (bytes) => unpack(bytes, 3, ([verb = 3, expected = 0, value = 0]) => {
    const type = VERBS[verb]
    return type === undefined ? null : { type, expected, value }
  }),
  encodeReply: ({ ok, value }) => pack(ok ? 1 : 0, value),
  decodeReply: (bytes) => unpack(bytes, 2, ([ok, value = 0]) => ({ ok: ok === 1, value })),
  encodeSnapshot: ({ value }) => pack(value),
  decodeSnapshot: (bytes) => unpack(bytes, 1, ([value = 0]) => ({ value })),
  hash: (state) => lanesHex(hashBytes(pack(state.value))),
}

function pack(...numbers: number[]): Uint8Array {
  const writer = new ByteWriter()
  for (const number of numbers) writer.varint(number)
  return writer.finish()
}

function unpack<Value>(bytes: Uint8Array, count: number, make: (of: number[]) => Value | null) {
  const reader = new ByteReader(bytes)
  const numbers = Array.from({ length: count }, () => reader.varint())
  return reader.done ? make(numbers) : null
}

// 2. The host. Time, random bits and request ids come from here: the core has none of its own.
const { initial, step, deadlineMs } = replica(register)
const voters = ['a', 'b', 'c']
let nowMs = 0 // a virtual clock; in production a monotonic one, in whole milliseconds
let seed = 1
const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
const nodes = new Map<NodeId, { state: ReplicaState<Register>; inbox: Event[] }>()
for (const node of voters) {
  const config = { ...DEFAULTS, cluster: 'example', group: '0', node, voters }
  nodes.set(node, { state: initial(config, NOTHING_RESTORED, nowMs, random()), inbox: [] })
}

/** One turn: take all waiting events, then read the clock, step, and execute effects in order. */
function turn(id: NodeId): void {
  const node = nodes.get(id)!
  const events = node.inbox.splice(0)
  const [state, effects] = step(node.state, { events, now: nowMs, random: random() })
  node.state = state
  for (const effect of effects) {
    // Duty 1: write it to disk, in order, and report it once it is durable. Here that is at once.
    if (effect.type === 'persist') node.inbox.push({ type: 'persisted', id: effect.id })
    // Duty 2: `send` leaves now; `sendAfter` when the persist `after` is durable. Here that is now.
    if (effect.type === 'send' || effect.type === 'sendAfter') {
      nodes.get(effect.to)!.inbox.push({ type: 'received', from: id, message: effect.message })
    }
    // Duty 3: hand the answer to whoever asked. (Duty 4 is for logs too long to keep as a whole.)
    if (effect.type === 'reply') console.log(`request ${effect.request}:`, effect.outcome)
    if (effect.type === 'applied') console.log(`${id} applied entry ${effect.index}:`, effect.reply)
  }
}

/** Lets `ms` of virtual time pass: turns while events wait, then the clock jumps to a deadline. */
function run(ms: number): void {
  for (const endMs = nowMs + ms; nowMs < endMs; ) {
    do voters.forEach(turn)
    while (voters.some((id) => nodes.get(id)!.inbox.length > 0))
    nowMs = Math.min(endMs, ...voters.map((id) => deadlineMs(nodes.get(id)!.state)))
  }
}

// 3. Use it: elect a leader, ask it, and let a heartbeat tell the others what is committed.
run(1_000)
const leader = voters.find((id) => nodes.get(id)!.state.raft.role === 'leader')!
console.log(`${leader} leads term ${nodes.get(leader)!.state.raft.term}`)
const asked = [['write', 0, 7], ['compareAndSwap', 7, 8], ['compareAndSwap', 7, 9], ['read', 0, 0]]
for (const [request, [type, expected, value]] of (asked as [Verb, number, number][]).entries()) {
  const payload = register.encodeCommand({ type, expected, value })
  nodes.get(leader)!.inbox.push({ type: 'request', request, payload })
}
run(100)
const hashes = voters.map((id) => register.hash(nodes.get(id)!.state.machine))
console.log(`all agree: ${hashes.every((hash) => hash === hashes[0])}, on ${hashes[0]}`)
