// The lock machine and the reference model, each under the real sessions and with a log of its own,
// and both side by side: every step is compared, and what has happened is kept as a story.

import * as assert from 'uvu/assert'
import type { LockCommand, LockQuery, Status } from '../../../core/lock/command.ts'
import type { LockEvent } from '../../../core/lock/event.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import { lockMachine, lockService } from '../../../core/lock/machine.ts'
import type { LockReply, StatusReply } from '../../../core/lock/reply.ts'
import type { LockState } from '../../../core/lock/state.ts'
import type { Answer, Due, Machine } from '../../../core/machine.ts'
import type { SessionContext } from '../../../core/session/apply.ts'
import type {
  SessionCommand,
  SessionEnded,
  SessionEvent,
  SessionReply,
} from '../../../core/session/command.ts'
import type { SessionMachine } from '../../../core/session/machine.ts'
import { withSessions } from '../../../core/session/machine.ts'
import type { SessionState } from '../../../core/session/state.ts'
import type { Step } from './arbitrary.ts'
import { KEYS } from './arbitrary.ts'
import { ReferenceModel } from './reference-model.ts'
import type { View } from './script.ts'
import { Script } from './script.ts'
import { tellCommand, tellReply } from './story.ts'

type Command = SessionCommand<LockCommand>
type Reply = SessionReply<LockReply>
type Events = readonly (Answer<Reply> | SessionEvent<LockEvent>)[]

/** A machine of locks with sessions, and its log. */
export class World<State> implements View {
  readonly machine: SessionMachine<State, LockCommand, LockReply, LockEvent>
  state: SessionState<State>
  index = 0
  timeMs = 0
  /** Of the last command. */
  events: Events = []

  constructor(machine: SessionMachine<State, LockCommand, LockReply, LockEvent>) {
    this.machine = machine
    this.state = machine.initial()
  }

  /** Applies a command at the next index; its reply, or null. */
  apply(command: Command): Reply | null {
    this.index += 1
    const { index, timeMs } = this
    const context = { index, timeMs, version: 1 }
    const [state, reply, events] = this.machine.apply(this.state, command, context)
    this.state = state
    this.events = events
    return reply
  }

  /** Late answers of the last command. */
  answers(): (readonly [number, Reply])[] {
    return this.events.flatMap((event) => {
      return event.type === 'answer' ? [[event.index, event.reply] as const] : []
    })
  }

  due(): Due<Command> | null {
    return this.machine.due(this.state)
  }

  /** What a query is answered, without the log. */
  ask(query: LockQuery): LockReply {
    const reply = this.machine.query(this.state, { type: 'plain', command: query }, this.timeMs)
    assert.is(reply?.type, 'replied')
    return (reply as { readonly reply: LockReply }).reply
  }

  status(key: string, holder: Status['holder'] = null): StatusReply {
    return this.ask({ type: 'status', key, holder }) as StatusReply
  }
}

/** Sessions end one by one. */
const SESSION_LIMITS = { expireMax: 1 }

/** The machine that users get. */
export function lockWorld(limits: Limits): World<LockState> {
  return new World(lockService(limits, SESSION_LIMITS))
}

/** The model in its place. Its states are all one. */
export function modelWorld(limits: Limits): World<ReferenceModel> {
  const { initial: _, snapshotParts: __, ...codec } = lockMachine(limits)
  const none = (): never => assert.unreachable('the model has no bytes') as never
  const inner: Machine<ReferenceModel, LockCommand, LockReply, LockEvent> = {
    ...codec,
    initial: () => new ReferenceModel(limits),
    apply: (model, command, context) => {
      const reply = model.apply(command, context as SessionContext)
      const answers = model.answers.map(([index, late]) => {
        return { type: 'answer', index, reply: late } as const
      })
      return [model, reply, answers]
    },
    query: (model, command, timeMs) => model.query(command as LockQuery, timeMs),
    due: (model) => {
      const atMs = model.dueMs()
      if (atMs === Infinity) return null
      return { atMs, command: { type: 'expire', max: limits.expireMax } }
    },
    encodeSnapshot: none,
    decodeSnapshot: none,
    hash: none,
  }
  const onSessionEnded = (model: ReferenceModel, { session, by }: SessionEnded) => {
    model.ended.set(session, by)
    return [model, []] as const
  }
  return new World(withSessions(inner, { limits: SESSION_LIMITS, onSessionEnded }))
}

/** What the model side keeps: its world, what clients keep, and what has happened so far. */
export interface Told {
  readonly world: World<ReferenceModel>
  readonly script: Script
  readonly story: string[]
}

/** A model before the first step. */
export function told(limits: Limits): Told {
  return { world: modelWorld(limits), script: new Script(), story: [] }
}

/**
 * One step on both sides. A difference is thrown with the story up to it. Returns the kinds of
 * answers; null when no command came of it.
 */
export function takeStep(step: Step, model: Told, real: World<LockState>): string[] | null {
  const { world, script, story } = model
  const { timeMs, command } = script.next(step, world)
  world.timeMs = timeMs
  real.timeMs = timeMs
  if (command === null) return null
  const line = `${world.index + 1} at ${timeMs} ms: ${tellCommand(command)}`
  const reply = world.apply(command)
  const answers = world.answers()
  const late = answers.map(([index, answer]) => `\n      ${index} is told: ${tellReply(answer)}`)
  story.push(`${line}\n      ${tellReply(reply)}${late.join('')}`)
  try {
    assert.equal(real.apply(command), reply, 'the reply')
    assert.equal(real.answers(), answers, 'the late answers')
    for (const key of KEYS) assert.equal(real.status(key), world.status(key), `status of ${key}`)
    assert.equal(real.due(), world.due(), 'what is due')
  } catch (error) {
    const { message } = error as Error
    const { actual, expects } = error as { readonly actual?: unknown; readonly expects?: unknown }
    const sides = `machine: ${JSON.stringify(actual)}\nmodel:   ${JSON.stringify(expects)}`
    const text = `\n${story.join('\n')}\n\ndiffers: ${message}\n${sides}`
    throw new Error(text, { cause: error })
  }
  const how = command.type === 'call' && !command.bound ? 'unbound ' : ''
  return [`${how}${kindOf(reply)}`, ...answers.map(([, answer]) => `late ${kindOf(answer)}`)]
}

function kindOf(reply: Reply | null): string {
  if (reply === null) return 'waits'
  const inner = reply.type === 'replied' ? reply.reply : reply
  return inner.type === 'rejected' ? inner.reason : inner.type
}
