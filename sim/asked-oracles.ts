// What must hold of a client that asks through the client library, as seen from what it asks and
// is told: no call is forgotten before it is over, and nothing is left of what was given up.

import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import type { Asker, AskTerms, GiveUp } from '../client/asker.ts'
import type { CallResult } from '../client/request-data.ts'
import { invariant } from '../core/invariant.ts'
import type { Acquire, LockCommand } from '../core/lock/command.ts'
import { lockService } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { SessionCommand, SessionReply } from '../core/session/command.ts'
import { isPlain } from './lock-operation.ts'
import { inputOf, outputOf } from './lock-words.ts'
import type { OwnWay, Stage } from './workload.ts'

const FORGOTTEN = 'no call is forgotten before it is over'
const LEFT = 'nothing is left of what was given up'

/** The rules that are looked at here. */
export const ASKED_ORACLES: readonly string[] = [FORGOTTEN, LEFT]

/** How many levels of a key an owner has outside of sessions, and how often it waits for it. */
export type ClaimsOf = (key: string, owner: string) => number

type Command = SessionCommand<LockCommand>
type Reply = SessionReply<LockReply>

const machine = lockService()

/** Asks as it is told, and looks on. */
export class AskedOracles implements Asker {
  readonly way: OwnWay<LockInput, LockOutput>
  readonly #stage: Stage
  readonly #claimsOf: ClaimsOf
  /** What is asked and has no end yet. */
  readonly #underWay = new Set<Command>()
  /** The acquire of each owner by its request id; null: it has made several. */
  readonly #acquireOf = new Map<string, string | null>()
  /** Given up; none of which something may not be known. */
  #givenUp: Acquire[] = []

  constructor(way: OwnWay<LockInput, LockOutput>, stage: Stage, claimsOf: ClaimsOf) {
    this.way = way
    this.#stage = stage
    this.#claimsOf = claimsOf
  }

  now(): number {
    return this.way.now()
  }

  ask(payload: Uint8Array, terms: AskTerms, then: (result: CallResult) => void): GiveUp {
    const command = machine.decodeCommand(payload)
    invariant(command !== null, 'asked: no command')
    this.#mustRemember(command)
    this.#noteOwner(command)
    this.#underWay.add(command)
    const record = this.#recordOf(command)
    return this.way.ask(payload, terms, (result) => {
      this.#underWay.delete(command)
      const reply = result.type === 'done' ? machine.decodeReply(result.reply) : null
      if (!isHeard(reply)) this.#givenUp = []
      const output = reply?.type === 'replied' ? outputOf(reply.reply) : null
      record?.(result.type === 'failed' ? 'fail' : output === null ? 'info' : 'ok', output)
      then(result)
      this.#mustBeGone()
    })
  }

  /** What is not heard of in time may be left. */
  setTimer(afterMs: number, then: () => void): () => void {
    return this.way.setTimer(afterMs, () => {
      this.#givenUp = []
      then()
    })
  }

  /** Nobody waits for an acquire any more. */
  gaveUp(command: Acquire): void {
    this.#givenUp.push(command)
  }

  #mustRemember(command: Command): void {
    if (command.type !== 'call' && command.type !== 'closeSession') return
    this.#stage.evaluated(FORGOTTEN)
    if (command.type === 'closeSession') this.#stage.probe('a session of guarded calls closed')
    for (const other of this.#underWay) {
      if (other.type !== 'call' || other.session !== command.session) continue
      const { sequence, session } = other
      if (command.type === 'call' && sequence > command.acknowledged) continue
      const by = command.type === 'call' ? `acknowledged ${command.acknowledged}` : 'closed'
      this.#stage.fail(FORGOTTEN, `session ${session} is ${by}, and call ${sequence} under way`)
    }
  }

  #noteOwner(command: Command): void {
    if (command.type !== 'call' || command.command.type !== 'acquire') return
    const { owner, requestId } = command.command
    const noted = this.#acquireOf.get(owner)
    if (noted !== requestId) this.#acquireOf.set(owner, noted === undefined ? requestId : null)
  }

  /**
   * Once all is answered: no acquire that was given up waits or holds. Of an owner with another
   * acquire it cannot be said which of them holds.
   */
  #mustBeGone(): void {
    if (this.#underWay.size > 0) return
    for (const { key, owner, requestId } of this.#givenUp) {
      if (this.#acquireOf.get(owner) !== requestId) continue
      this.#stage.evaluated(LEFT)
      const claims = this.#claimsOf(key, owner)
      if (claims > 0) this.#stage.fail(LEFT, `${owner} has ${claims} of ${key}`)
    }
    this.#givenUp = []
  }

  /** The history has what the library gives back by itself: no other release is without a name. */
  #recordOf(command: Command): ReturnType<OwnWay<LockInput, LockOutput>['record']> | null {
    if (command.type !== 'call' || command.command.type !== 'release') return null
    const { key, requestId } = command.command
    if (requestId !== null) return null
    this.#stage.probe('an acquire given back')
    const input = isPlain(key) ? inputOf(command.command) : null
    return input === null ? null : this.way.record(input)
  }
}

/** Whether an answer says what it was asked for. */
function isHeard(reply: Reply | null): boolean {
  return reply !== null && (reply.type !== 'rejected' || reply.reason === 'sequenceReused')
}
