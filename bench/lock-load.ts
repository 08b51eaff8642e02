// Load for benches of the lock machine alone: states with many locks held, and the commands of
// clients who take, keep and give back uniformly drawn keys.

import { invariant } from '../core/invariant.ts'
import type { LockCommand, LockRequest, Status } from '../core/lock/command.ts'
import { lockMachine, lockService } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { LockState } from '../core/lock/state.ts'
import { mapSize } from '../core/ordered-map.ts'
import type { SessionCommand } from '../core/session/command.ts'
import type { SessionState } from '../core/session/state.ts'
import type { RandomStream } from '../sim/random.ts'
import { openStreams } from '../sim/random.ts'

/** Commands that are applied one after the other at one log time. */
export const TURN_COMMANDS = 64
/** Turns that remembered replies live for, and so what is remembered once it stays as many. */
const MEMO_TURNS = 1_000
/** Replies remembered in every state of `steadyPlace`. */
export const MEMOS: number = MEMO_TURNS * TURN_COMMANDS
/** Log time from turn to turn, so that as many replies are forgotten as come in. */
const TURN_MS = 600
/** How many clients there are, each with an owner's name of its own. */
export const OWNERS = 1_000
/** As long as a lease can be: none runs out while commands are applied. */
export const TTL_MS = 86_400_000

/** A lock machine with the usual limits. */
export const machine: ReturnType<typeof lockMachine> = lockMachine()

/** Forgets every reply with the next command. */
const forgetful = lockMachine({ memoLifeMs: 0 })

/** A state, and the entry that brought it. */
export interface Place {
  readonly state: LockState
  readonly index: number
  readonly timeMs: number
}

/** What a client does: with a free key, with one that is held, or with any. */
export type Kind = 'acquire' | 'release' | 'renew' | 'status'

/**
 * The clients of one world. They know which keys are free, so that nothing is refused: who acquires
 * a key has it, and who releases or renews one names the token that it got.
 */
export class Clients {
  readonly #random: RandomStream
  /** All keys by number, the held ones first. */
  readonly #order: Uint32Array
  readonly #owners: Uint16Array
  readonly #tokens: Uint32Array
  #held = 0
  #requests = 0

  constructor(keys: number, stream = 'clients') {
    this.#random = openStreams('bench/locks', false, null).stream(stream)
    this.#order = Uint32Array.from({ length: keys }, (_, key) => key)
    this.#owners = new Uint16Array(keys)
    this.#tokens = new Uint32Array(keys)
  }

  /** The names of the keys that are held. */
  heldKeys(): readonly string[] {
    return Array.from(this.#order.subarray(0, this.#held), keyName)
  }

  /** Others who know the same, and go on by draws of their own. */
  fork(): Clients {
    const fork = new Clients(this.#order.length, 'fork')
    fork.#order.set(this.#order)
    fork.#owners.set(this.#owners)
    fork.#tokens.set(this.#tokens)
    fork.#held = this.#held
    fork.#requests = this.#requests
    return fork
  }

  /**
   * The next command, which has to be that of the entry `index`, as it comes out of the codec: with
   * strings of its own, as far as the codec does not know them.
   */
  next(kind: Kind, index: number): LockCommand {
    const command = machine.decodeCommand(machine.encodeCommand(this.#make(kind, index)))
    invariant(command !== null, 'bench: a command without a form in bytes')
    return command
  }

  #make(kind: Kind, index: number): LockRequest | Status {
    switch (kind) {
      case 'acquire':
        return this.#acquire(index)
      case 'release': {
        const number = this.#drawHeld()
        this.#swap(number, --this.#held)
        return { type: 'release', ...this.#mine(this.#held), all: false }
      }
      case 'renew':
        return { type: 'renew', ...this.#mine(this.#drawHeld()), ttlMs: null }
      case 'status': {
        const number = this.#random.below(this.#order.length)
        return { type: 'status', key: keyName(this.#keyAt(number)), holder: null }
      }
    }
  }

  #acquire(index: number): LockRequest {
    invariant(this.#held < this.#order.length, 'bench: no key is free')
    const number = this.#random.between(this.#held, this.#order.length - 1)
    this.#swap(number, this.#held)
    const key = this.#keyAt(this.#held)
    this.#owners[key] = this.#random.below(OWNERS)
    this.#tokens[key] = index
    const { token: _, ...mine } = this.#mine(this.#held++)
    const terms = { waitMs: 0, reentrant: false, lockDelayMs: 0, metadata: '' }
    return { type: 'acquire', ...mine, mode: 'exclusive', ttlMs: TTL_MS, ...terms }
  }

  #drawHeld(): number {
    invariant(this.#held > 0, 'bench: no key is held')
    return this.#random.below(this.#held)
  }

  #keyAt(number: number): number {
    return this.#order[number] as number
  }

  #swap(a: number, b: number): void {
    const key = this.#keyAt(a)
    this.#order[a] = this.#keyAt(b)
    this.#order[b] = key
  }

  /** What the holder of a key calls it by, and a new name for what it asks. */
  #mine(number: number): { key: string; owner: string; token: number; requestId: string } {
    const key = this.#keyAt(number)
    const owner = `o${this.#owners[key]}`
    const requestId = `${owner}.${this.#requests++}`
    return { key: keyName(key), owner, token: this.#tokens[key] as number, requestId }
  }
}

function keyName(key: number): string {
  return `k${key}`
}

/**
 * The next commands of the clients from a place on. `kinds` come in turns: an acquire and a release
 * make a pair.
 */
export function commandsFrom(
  { index }: Place,
  clients: Clients,
  count: number,
  ...kinds: readonly Kind[]
): readonly LockCommand[] {
  return Array.from({ length: count }, (_, at) => {
    return clients.next(kinds[at % kinds.length] as Kind, index + 1 + at)
  })
}

/** Applies commands in turns, each of which comes `turnMs` after the one before. */
export function applyAll(
  from: Place,
  commands: readonly LockCommand[],
  turnMs: number = TURN_MS,
  { apply }: typeof machine = machine,
): Place {
  let { state, index, timeMs } = from
  for (let at = 0; at < commands.length; at++) {
    if (at % TURN_COMMANDS === 0) timeMs += turnMs
    index++
    const [after, reply] = apply(state, commands[at] as LockCommand, { index, timeMs, version: 1 })
    if (!isDone(reply)) throw new Error(`a command came to nothing: ${JSON.stringify(reply)}`)
    state = after
  }
  return { state, index, timeMs }
}

function isDone(reply: LockReply | null): boolean {
  if (reply === null) return false
  const { type } = reply
  return type === 'granted' || type === 'released' || type === 'renewed' || type === 'status'
}

/** `count` of the clients' keys, all of them free before, held since 0; no reply is remembered. */
export function heldPlace(clients: Clients, count: number): Place {
  let place: Place = { state: machine.initial(), index: 0, timeMs: 0 }
  for (let left = count; left > 0; left -= TURN_COMMANDS) {
    const commands = commandsFrom(place, clients, Math.min(left, TURN_COMMANDS), 'acquire')
    place = applyAll(place, commands, 0, forgetful)
  }
  // The last reply goes with a command that is not remembered itself.
  place = applyAll(place, commandsFrom(place, clients, 1, 'status'), 1, forgetful)
  const { locks, memosCount } = place.state
  invariant(mapSize(locks) === count && memosCount === 0, 'bench: not what was to be held')
  return place
}

/**
 * Half of the clients' keys held, as they are at random after many pairs, and `MEMOS` replies
 * remembered. From here on every turn of requests forgets as many as it brings.
 */
export function steadyPlace(clients: Clients, keys: number): Place {
  let place = heldPlace(clients, keys / 2)
  for (let turn = 0; turn < MEMO_TURNS; turn++) {
    const commands = commandsFrom(place, clients, TURN_COMMANDS, 'acquire', 'release')
    place = applyAll(place, commands)
  }
  invariant(place.state.memosCount === MEMOS, 'bench: not as many replies as there should be')
  return place
}

/** The lock service with the usual limits. */
const service = lockService()

/** A state of the service, and the entry that brought it. */
export interface ServicePlace {
  readonly state: SessionState<LockState>
  readonly index: number
  readonly timeMs: number
}

type Calls = readonly SessionCommand<LockCommand>[]

/** Each owner's commands as calls of a session of its own, each acknowledged by the next. */
class Sessions {
  readonly #sequences = new Map<string, number>()

  /** They are the first entries of a log, in the order of their owners' numbers. */
  opening(): Calls {
    return Array.from({ length: OWNERS }, () => ({ type: 'openSession', ttlMs: TTL_MS }) as const)
  }

  call(command: LockCommand): SessionCommand<LockCommand> {
    invariant('owner' in command, 'bench: a command of nobody')
    const { owner } = command
    const acknowledged = this.#sequences.get(owner) ?? 0
    const sequence = acknowledged + 1
    this.#sequences.set(owner, sequence)
    const session = Number(owner.slice(1)) + 1
    return { type: 'call', session, sequence, acknowledged, bound: true, command }
  }
}

/** Half of the keys held, each in its owner's session, and pairs of acquire and release next. */
export function sessionPairs(
  keys: number,
  pairs: number,
): { readonly place: ServicePlace; readonly calls: Calls } {
  const clients = new Clients(keys)
  const sessions = new Sessions()
  const start = { state: service.initial(), index: 0, timeMs: 0 }
  const opened = applyCalls(start, sessions.opening())
  const next = (index: number, count: number, ...kinds: readonly Kind[]): Calls =>
    Array.from({ length: count }, (_, at) => {
      return sessions.call(clients.next(kinds[at % kinds.length] as Kind, index + 1 + at))
    })
  const place = applyCalls(opened, next(opened.index, keys / 2, 'acquire'))
  return { place, calls: next(place.index, 2 * pairs, 'acquire', 'release') }
}

/** Applies commands of the service in turns, as `applyAll` those of the machine. */
export function applyCalls(from: ServicePlace, calls: Calls): ServicePlace {
  let { state, index, timeMs } = from
  for (let at = 0; at < calls.length; at++) {
    if (at % TURN_COMMANDS === 0) timeMs += TURN_MS
    index++
    const command = calls[at] as SessionCommand<LockCommand>
    const [after, reply] = service.apply(state, command, { index, timeMs, version: 1 })
    const isCome = reply?.type === 'opened' || (reply?.type === 'replied' && isDone(reply.reply))
    if (!isCome) throw new Error(`a call came to nothing: ${JSON.stringify(reply)}`)
    state = after
  }
  return { state, index, timeMs }
}
