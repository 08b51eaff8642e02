// Random histories of sessions: few sessions and numbers, so that they meet often, with whatever
// networks and clients do: doubled, late and reordered calls, marks that lag, long silences.

import fc from 'fast-check'
import { unreachable } from '../../../core/invariant.ts'
import type { SessionCommand } from '../../../core/session/command.ts'
import type { SessionLimits } from '../../../core/session/limits.ts'
import { SESSION_LIMITS } from '../../../core/session/limits.ts'
import type { BoardCommand } from './support.ts'

/** Limits so low that random histories run into each of them. */
export const LOW_LIMITS: SessionLimits = {
  ...SESSION_LIMITS,
  sessionsMax: 3,
  unacknowledgedMax: 5,
  replyBytesMax: 12,
  expireMax: 2,
}

/** One step: time passes, then a command comes; which one is made out when it is run. */
export interface Step {
  readonly passMs: number
  /** True: the clock goes on to what is due, if that is ahead, and the command is the due one. */
  readonly toDue: boolean
  readonly kind: 'open' | 'keepAlive' | 'close' | 'call' | 'plain' | 'expire'
  readonly ttlMs: number
  /** Which of the sessions so far, counted back from the last; 0: one that never was. */
  readonly pick: number
  /** How far above the client's mark the number is. */
  readonly ahead: number
  /** How far the client's mark rises first. */
  readonly rise: number
  readonly command: BoardCommand
  readonly bound: boolean
  /** True: a number that was used before keeps its first command, and whether that is bound. */
  readonly honest: boolean
  /** Repeat the command so many back instead; 0 repeats nothing. */
  readonly back: number
}

/** Any command of the inner machine. */
export const boardCommand: fc.Arbitrary<BoardCommand> = fc.oneof(
  { weight: 4, arbitrary: typed('add', { amount: fc.integer({ min: 1, max: 99 }) }) },
  { weight: 1, arbitrary: typed('say', { letters: fc.nat(9) }) },
  { weight: 4, arbitrary: typed('sleep', { key: fc.constantFrom('a', 'b', 'own') }) },
  { weight: 2, arbitrary: typed('wake', { key: fc.constantFrom('a', 'b', 'own') }) },
  { weight: 1, arbitrary: typed('selfAnswer', {}) },
  { weight: 1, arbitrary: typed('alarm', { atMs: fc.nat(5_000) }) },
) as fc.Arbitrary<BoardCommand>

/** An arbitrary of a union's member. */
export function typed(
  type: string,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<object> {
  return fc.record(fields).map((values) => ({ type, ...values }))
}

const step: fc.Arbitrary<Step> = fc.record({
  passMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
  toDue: fc.integer({ min: 0, max: 11 }).map((value) => value === 0),
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('open', 'keepAlive', 'plain', 'expire') },
    { weight: 1, arbitrary: fc.constantFrom('close', 'keepAlive', 'open', 'call') },
    { weight: 8, arbitrary: fc.constant('call') },
  ) as fc.Arbitrary<Step['kind']>,
  ttlMs: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 100, max: 400 }) },
    { weight: 1, arbitrary: fc.constantFrom(99, 86_400_001) },
  ),
  pick: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.nat(5)),
  ahead: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.nat(7)),
  rise: fc.integer({ min: -6, max: 2 }).map((value) => Math.max(0, value)),
  command: boardCommand,
  bound: fc.boolean(),
  honest: fc.integer({ min: 0, max: 4 }).map((value) => value > 0),
  back: fc.integer({ min: -12, max: 8 }).map((value) => Math.max(0, value)),
})

/** About sixty steps. */
export const steps: fc.Arbitrary<Step[]> = fc.array(step, {
  minLength: 20,
  maxLength: 100,
  size: 'max',
})

/** The clients of a history: what they have opened, acknowledged and sent. */
export class Clients {
  readonly opened: number[] = []
  readonly #marks = new Map<number, number>()
  readonly #calls = new Map<string, Pick<Step, 'command' | 'bound'>>()
  readonly #sent: SessionCommand<BoardCommand>[] = []

  /** The command of a step. */
  commandOf(at: Step): SessionCommand<BoardCommand> {
    const earlier = at.back === 0 ? undefined : this.#sent[this.#sent.length - at.back]
    const command = earlier ?? this.#fresh(at)
    this.#sent.push(command)
    return command
  }

  #fresh(at: Step): SessionCommand<BoardCommand> {
    const session = this.opened[this.opened.length - at.pick] ?? 1_000_000
    switch (at.kind) {
      case 'open':
        return { type: 'openSession', ttlMs: at.ttlMs }
      case 'keepAlive':
        return { type: 'keepAlive', session }
      case 'close':
        return { type: 'closeSession', session }
      case 'plain':
        return { type: 'plain', command: at.command }
      case 'expire':
        return { type: 'expireSessions', max: 1 + (at.pick % 3) }
      case 'call': {
        const acknowledged = (this.#marks.get(session) ?? 0) + at.rise
        this.#marks.set(session, acknowledged)
        const sequence = acknowledged + at.ahead
        const id = `${session}/${sequence}`
        const { command, bound } = (at.honest ? this.#calls.get(id) : undefined) ?? at
        if (!this.#calls.has(id)) this.#calls.set(id, { command, bound })
        return { type: 'call', session, sequence, acknowledged, bound, command }
      }
      default:
        return unreachable(at.kind)
    }
  }
}
