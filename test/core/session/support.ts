// A small inner machine with every trait that sessions must cope with (late answers, timers,
// events, queries), and a driver that applies commands as a log would: no index is told twice.

import * as assert from 'uvu/assert'
import { hashBytes, lanesHex } from '../../../core/hash.ts'
import { unreachable } from '../../../core/invariant.ts'
import type { Machine, MachineEvent } from '../../../core/machine.ts'
import type { SessionContext } from '../../../core/session/apply.ts'
import type {
  SessionCommand,
  SessionEnded,
  SessionEvent,
  SessionReply,
} from '../../../core/session/command.ts'
import type { SessionMachine, SessionOptions } from '../../../core/session/machine.ts'
import { withSessions } from '../../../core/session/machine.ts'
import type { SessionState } from '../../../core/session/state.ts'

/** One that waits until its key is woken. */
interface Sleeper {
  readonly index: number
  readonly key: string
  readonly session: number | null
}

export interface Board {
  readonly total: number
  readonly sleepers: readonly Sleeper[]
  readonly alarmMs: number | null
}

export type BoardCommand =
  | { readonly type: 'add'; readonly amount: number }
  | { readonly type: 'say'; readonly letters: number }
  | { readonly type: 'sleep'; readonly key: string }
  | { readonly type: 'wake'; readonly key: string }
  /** Answered by an event of its own entry. */
  | { readonly type: 'selfAnswer' }
  | { readonly type: 'alarm'; readonly atMs: number }
  | { readonly type: 'ring' }

export type BoardReply = number | string

export interface Added {
  readonly type: 'added'
  readonly amount: number
  readonly session: number | null
  readonly guarded: boolean
}

type BoardEvents = readonly MachineEvent<BoardReply, Added>[]

const TYPES = ['add', 'say', 'sleep', 'wake', 'selfAnswer', 'alarm', 'ring']

/** Adds up, and lets its clients sleep until another wakes them. */
export const board: Machine<Board, BoardCommand, BoardReply, Added> = {
  initial: () => ({ total: 0, sleepers: [], alarmMs: null }),
  apply: (state, command, context) => applyToBoard(state, command, context as SessionContext),
  query: (state, command) => (command.type === 'add' && command.amount === 0 ? state.total : null),
  due: ({ alarmMs }) => (alarmMs === null ? null : { atMs: alarmMs, command: { type: 'ring' } }),
  encodeCommand: toBytes,
  decodeCommand: (bytes) => {
    const command = fromBytes(bytes) as BoardCommand | null
    return typeof command === 'object' && TYPES.includes(command?.type as string) ? command : null
  },
  encodeReply: toBytes,
  decodeReply: (bytes) => {
    const reply = fromBytes(bytes)
    return typeof reply === 'number' || typeof reply === 'string' ? reply : null
  },
  encodeSnapshot: toBytes,
  decodeSnapshot: (bytes) => {
    const state = fromBytes(bytes) as Board | null
    return typeof state === 'object' && Array.isArray(state?.sleepers) ? state : null
  },
  hash: (state) => lanesHex(hashBytes(toBytes(state))),
}

/** Wakes who slept under the key `own` in the session that has ended, with -1. */
export function wakeOwn(
  state: Board,
  { session, index }: SessionEnded,
): readonly [Board, BoardEvents] {
  assert.ok(index > session)
  return wake(state, -1, (sleeper) => sleeper.session === session && sleeper.key === 'own')
}

function applyToBoard(
  state: Board,
  command: BoardCommand,
  { index, session, guarded }: SessionContext,
): readonly [Board, BoardReply | null, BoardEvents] {
  switch (command.type) {
    case 'add': {
      const total = state.total + command.amount
      const { amount } = command
      return [{ ...state, total }, total, [{ type: 'added', amount, session, guarded }]]
    }
    case 'say':
      return [state, 'x'.repeat(command.letters), []]
    case 'sleep': {
      const sleepers = [...state.sleepers, { index, key: command.key, session }]
      return [{ ...state, sleepers }, null, []]
    }
    case 'wake': {
      const [after, events] = wake(state, state.total, ({ key }) => key === command.key)
      return [after, events.length, events]
    }
    case 'selfAnswer':
      return [state, null, [{ type: 'answer', index, reply: state.total }]]
    case 'alarm':
      return [{ ...state, alarmMs: command.atMs }, command.atMs, []]
    case 'ring':
      return [{ ...state, alarmMs: null }, 0, []]
    default:
      return unreachable(command)
  }
}

function wake(
  state: Board,
  reply: BoardReply,
  isMeant: (sleeper: Sleeper) => boolean,
): readonly [Board, BoardEvents] {
  const meant = state.sleepers.filter(isMeant)
  const sleepers = state.sleepers.filter((sleeper) => !isMeant(sleeper))
  return [{ ...state, sleepers }, meant.map(({ index }) => ({ type: 'answer', index, reply }))]
}

function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function fromBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return null
  }
}

type Command = SessionCommand<BoardCommand>
type Reply = SessionReply<BoardReply>

/** A board with sessions, and its log. */
export class Driver {
  readonly machine: SessionMachine<Board, BoardCommand, BoardReply, Added>
  state: SessionState<Board>
  index = 0
  timeMs = 0
  /** Everything of the last command. */
  events: readonly MachineEvent<Reply, SessionEvent<Added>>[] = []
  /** Late answers so far, as [index, reply]. */
  answers: [number, Reply][] = []
  /** Indexes that were told anything. */
  readonly #told = new Set<number>()

  constructor(options: SessionOptions<Board, BoardReply, Added> = {}) {
    this.machine = withSessions(board, options)
    this.state = this.machine.initial()
  }

  /** Applies a command at the next index; its reply, or null. */
  apply(command: Command): Reply | null {
    this.index += 1
    const { index, timeMs } = this
    const context = { index, timeMs, version: 1 }
    const [state, reply, events] = this.machine.apply(this.state, command, context)
    this.state = state
    this.events = events
    if (reply !== null) this.#tell(index)
    for (const event of events) {
      if (event.type !== 'answer') continue
      this.#tell(event.index)
      this.answers.push([event.index, event.reply])
    }
    return reply
  }

  /** Opens a session that lives for 1 000 ms; its id. */
  open(ttlMs = 1_000): number {
    const reply = this.apply({ type: 'openSession', ttlMs })
    assert.is(reply?.type, 'opened')
    return reply?.type === 'opened' ? reply.session : 0
  }

  call(
    session: number,
    sequence: number,
    command: BoardCommand,
    acknowledged = 0,
    bound = true,
  ): Reply | null {
    return this.apply({ type: 'call', session, sequence, acknowledged, bound, command })
  }

  plain(command: BoardCommand): Reply | null {
    return this.apply({ type: 'plain', command })
  }

  expire(max = 1_000): Reply | null {
    return this.apply({ type: 'expireSessions', max })
  }

  bytes(): Uint8Array {
    return this.machine.encodeSnapshot(this.state)
  }

  #tell(index: number): void {
    assert.not.ok(this.#told.has(index), `index ${index} is told twice`)
    this.#told.add(index)
  }
}

export const add = (amount: number): BoardCommand => ({ type: 'add', amount })
export const sleep = (key: string): BoardCommand => ({ type: 'sleep', key })
export const wakeUp = (key: string): BoardCommand => ({ type: 'wake', key })
export const replied = (reply: BoardReply): Reply => ({ type: 'replied', reply })
