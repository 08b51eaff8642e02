// One socket to one node: the handshake on it, the frames after that, and when it counts as dead.
// Whom to take in, whom to dial and which connection to use for a peer is its owner's.

import type { Socket } from 'node:net'
import type { NodeId } from '../../core/raft/config.ts'
import { unreachable } from '../../core/invariant.ts'
import {
  decodeGreeting,
  encodeGreeting,
  HANDSHAKE_BYTES_MAX,
  isGreeting,
  nameOf,
  versionProblem
} from '../handshake.ts'
import type { Greeting, Introduction, Verdict } from '../handshake.ts'
import { FrameBatch, FrameReader } from '../stream-frames.ts'

/** Who opened a connection: we did, or the other one. */
export type Side = 'dialled' | 'accepted'

/** Why a connection ended. */
export type Ending =
  /** We closed it, because another one takes its place, or all ends. */
  | { readonly type: 'closed' }
  /** The other one closed it, or the way between was cut. */
  | { readonly type: 'lost'; readonly reason: string }
  /** One of the two said: not yet. */
  | { readonly type: 'later' }
  /** One of the two does not take the other in. */
  | { readonly type: 'refused'; readonly by: 'us' | 'them'; readonly reason: string }
  /** What came was not what has to come: nothing in time, garbage, a frame over the cap. */
  | { readonly type: 'broken'; readonly reason: string }

/** Whom a connection tells, and asks. Never within a call of the owner but for `closed`. */
export interface ConnectionOwner {
  introduce(): Introduction
  consider(theirs: Introduction, side: Side): Verdict
  /** Both take each other in: frames may be sent. */
  admitted(connection: Connection): void
  received(connection: Connection, frame: Uint8Array): void
  /** Once, the last call for a connection. */
  closed(connection: Connection, ending: Ending): void
}

/** Limits of a connection, in ticks of its owner's clock where they are times. */
export interface ConnectionLimits {
  readonly handshakeTicks: number
  readonly silentTicks: number
  readonly frameBytesMax: number
  readonly queuedBytesMax: number
}

/** What a connection is made with. */
export interface ConnectionOptions {
  readonly socket: Socket
  readonly side: Side
  /** Distinguishes the lives of this process: random. */
  readonly life: number
  /** The name that whoever answers must have, of a connection that we dial. */
  readonly expected: string | null
  readonly limits: ConnectionLimits
  readonly owner: ConnectionOwner
}

type State =
  /** The way to the other one is not there yet. */
  | 'connecting'
  | 'awaitsHello'
  | 'awaitsAnswer'
  | 'awaitsVerdict'
  | 'admitted'
  /** We have said why this ends, and wait until the other one has heard it. */
  | 'parting'
  | 'closed'

const BEAT = encodeGreeting({ type: 'beat' })

/** A connection in any state from its socket's birth to its death. */
export class Connection {
  readonly side: Side
  /** Where the other end is, for an operator. */
  readonly place: string
  /** The other one's last introduction; null before the first. */
  theirs: Introduction | null = null
  /** Distinguishes the lives of the other one's process. */
  theirLife = 0
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #reader = new FrameReader(HANDSHAKE_BYTES_MAX)
  readonly #batch = new FrameBatch()
  readonly #onBody = (body: Uint8Array): void => this.#received(body)
  #state: State
  #isHeard = true
  #hasWritten = false
  #ticks = 0
  #ending: Ending | null = null

  /** `place`: where it leads, for an operator. A dialled socket may still be connecting. */
  constructor(place: string, options: ConnectionOptions) {
    const { socket, side } = options
    this.place = place
    this.side = side
    this.#socket = socket
    this.#options = options
    this.#state = side === 'accepted' ? 'awaitsHello' : 'connecting'
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 10_000)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#end({ type: 'lost', reason: reasonOf(error) }))
    socket.on('close', () => this.#end({ type: 'lost', reason: 'the other end closed it' }))
  }

  /** The node at the other end, known from its introduction; null before. */
  get node(): NodeId | null {
    return this.theirs === null ? null : this.theirs.node
  }

  get isAdmitted(): boolean {
    return this.#state === 'admitted'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Bytes taken and not given to the operating system. */
  get queuedBytes(): number {
    return this.#socket.writableLength + this.#batch.bytesCount
  }

  /** A dialled socket has its way: it says hello. */
  begin(): void {
    if (this.#state !== 'connecting') return
    this.#state = 'awaitsAnswer'
    const { life, owner } = this.#options
    this.#say({ type: 'hello', life, introduction: owner.introduce() })
  }

  /** Takes a frame, or drops it when too much waits. True: it is the first since `flush`. */
  take(frame: Uint8Array): boolean {
    const { queuedBytesMax } = this.#options.limits
    const batchedBytes = this.#batch.bytesCount
    const queuedBytes = batchedBytes + this.#socket.writableLength
    if (this.#state !== 'admitted' || queuedBytes + frame.length > queuedBytesMax) return false
    this.#batch.add(frame)
    return batchedBytes === 0
  }

  /** Writes what was taken since the last call, at once. */
  flush(): void {
    if (this.#batch.bytesCount === 0 || this.#state !== 'admitted') return
    this.#hasWritten = true
    this.#socket.write(this.#batch.take())
  }

  /** One tick of the owner's clock: tells the other one that we live, and sees that it does. */
  tick(): void {
    const { handshakeTicks, silentTicks } = this.#options.limits
    this.#ticks = this.#isHeard && this.#state === 'admitted' ? 0 : this.#ticks + 1
    this.#isHeard = false
    if (this.#state === 'parting') {
      if (this.#ticks > handshakeTicks) this.#socket.destroy()
    } else if (this.#state !== 'admitted') {
      if (this.#ticks > handshakeTicks) this.break('the handshake did not end in time')
    } else if (this.#ticks > silentTicks) this.break('nothing was heard of it for too long')
    else {
      if (!this.#hasWritten) this.#write(BEAT)
      this.#hasWritten = false
    }
  }

  /** Ends when the operating system has its socket back. */
  async gone(): Promise<void> {
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once('close', resolve))
  }

  /** Ends it at once, whatever is queued. */
  close(): void {
    this.#end({ type: 'closed' })
  }

  /** Ends it at once: the other one did what none may. */
  break(reason: string): void {
    this.#end({ type: 'broken', reason })
  }

  #read(chunk: Uint8Array): void {
    this.#isHeard = true
    const problem = this.#reader.push(chunk, this.#onBody)
    if (problem === null || this.#state === 'parting') return
    const what = problem === 'badLength' ? 'a frame of a length that none has' : 'a changed frame'
    this.break(`received ${what}: is it one of our nodes?`)
  }

  #received(body: Uint8Array): void {
    if (this.#state === 'closed' || this.#state === 'parting') return
    if (this.#state === 'admitted' && !isGreeting(body)) {
      this.#options.owner.received(this, body)
      return
    }
    const greeting = decodeGreeting(body)
    if (greeting === null) this.break('received a greeting that does not parse')
    else this.#greeted(greeting)
  }

  #greeted(greeting: Greeting): void {
    if (greeting.type === 'hello' && this.#state === 'awaitsHello') this.#hello(greeting)
    else if (greeting.type === 'answer' && this.#state === 'awaitsAnswer') this.#answer(greeting)
    else if (greeting.type === 'verdict' && this.#state === 'awaitsVerdict') {
      this.#conclude({ type: 'admit' }, greeting.verdict)
    } else if (greeting.type !== 'beat' || this.#state !== 'admitted') {
      this.break(`received a ${greeting.type} out of turn`)
    }
  }

  #hello({ life, introduction }: Extract<Greeting, { type: 'hello' }>): void {
    const { owner, life: ourLife } = this.#options
    this.theirs = introduction
    this.theirLife = life
    const verdict = this.#judge(introduction)
    // After the verdict: what we decided on the other one may be in what we say of ourselves.
    const ours = owner.introduce()
    this.#say({ type: 'answer', life: ourLife, introduction: ours, verdict })
    if (verdict.type === 'admit') this.#state = 'awaitsVerdict'
    else this.#conclude(verdict, { type: 'admit' })
  }

  #answer({ life, introduction, verdict }: Extract<Greeting, { type: 'answer' }>): void {
    this.theirs = introduction
    this.theirLife = life
    const ours = this.#judge(introduction)
    if (verdict.type === 'admit') this.#say({ type: 'verdict', verdict: ours })
    this.#conclude(ours, verdict)
  }

  #judge(theirs: Introduction): Verdict {
    const { owner, expected, side } = this.#options
    const ours = owner.introduce()
    const name = nameOf(theirs.node)
    if (name === nameOf(ours.node)) {
      return { type: 'refuse', reason: `${name} is the name of both ends of this connection` }
    }
    if (expected !== null && name !== expected) {
      const reason = `${this.place} was dialled for ${expected}, and ${name} answered`
      return { type: 'refuse', reason }
    }
    const reason = versionProblem(ours, theirs)
    return reason === null ? owner.consider(theirs, side) : { type: 'refuse', reason }
  }

  #conclude(ours: Verdict, theirs: Verdict): void {
    if (this.#state === 'closed') return
    if (ours.type === 'admit' && theirs.type === 'admit') {
      this.#state = 'admitted'
      this.#reader.bodyBytesMax = this.#options.limits.frameBytesMax
      this.#options.owner.admitted(this)
      return
    }
    this.#state = 'parting'
    this.#ticks = 0
    this.#ending = endingOf(ours, theirs)
    this.#socket.end()
  }

  #say(greeting: Greeting): void {
    this.#write(encodeGreeting(greeting))
  }

  #write(body: Uint8Array): void {
    const batch = new FrameBatch()
    batch.add(body)
    this.#socket.write(batch.take())
  }

  #end(ending: Ending): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#socket.destroy()
    this.#batch.take()
    this.#options.owner.closed(this, this.#ending ?? ending)
  }
}

/** What an error says; one that gathers several errors has no message of its own. */
function reasonOf({ message, code }: NodeJS.ErrnoException): string {
  return message === '' ? (code ?? 'unknown') : message
}

/** How a handshake ended in which one of the two did not admit the other. */
function endingOf(ours: Verdict, theirs: Verdict): Ending {
  if (ours.type === 'refuse') return { type: 'refused', by: 'us', reason: ours.reason }
  switch (theirs.type) {
    case 'refuse':
      return { type: 'refused', by: 'them', reason: theirs.reason }
    case 'later':
    case 'admit':
      return { type: 'later' }
    default:
      return unreachable(theirs)
  }
}
