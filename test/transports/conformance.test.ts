// The conformance suite over the transports that need no socket, and each case shown to fail on a
// transport that is broken for it.

import * as assert from 'uvu/assert'
import type { NodeId } from '../../core/raft/config.ts'
import { transportCases, transportConformance } from '../../transports/conformance.ts'
import type { TransportPlace } from '../../transports/conformance-party.ts'
import { inProcessNetwork } from '../../transports/in-process.ts'
import type { Receiver, Transport, TransportSupports } from '../../transports/transport.ts'
import { suite } from '../harness.ts'
import { SimulatedPlace } from './simulated-place.ts'

const test = suite('transport conformance')

const supports = { unopenable: true, floodBytes: 300_000 }

function inProcessPlace(): TransportPlace {
  const network = inProcessNetwork({
    defer: setImmediate,
    frameBytesMax: 250_000,
    queuedBytesMax: 250_000
  })
  return {
    make: node => network.transport(node),
    pause: () => new Promise(resolve => setImmediate(resolve)),
    end: async () => {},
    makeUnopenable: async () => {
      await network.transport('x').open({ received: () => {} })
      return network.transport('x')
    }
  }
}

transportConformance({
  test: (title, body) => test(`in-process: ${title}`, body),
  place: inProcessPlace,
  supports
})

transportConformance({
  test: (title, body) => test(`simulated network: ${title}`, body),
  place: () => new SimulatedPlace(),
  supports: { ...supports, unopenable: false }
})

/** In what way a transport is broken: it stands between a host and a good one. */
interface Flaw {
  readonly supports?: Partial<TransportSupports>
  readonly open?: (inner: Transport, receiver: Receiver) => Promise<void>
  readonly received?: (pass: Receiver['received'], from: NodeId, frame: Uint8Array) => void
  readonly send?: (inner: Transport, to: NodeId, frame: Uint8Array) => void
  readonly flush?: (inner: Transport) => void
  readonly close?: (inner: Transport) => Promise<void>
}

function flawed(inner: Transport, flaw: Flaw): Transport {
  const wrap = (receiver: Receiver): Receiver => ({
    received: (from, frame) => {
      const pass: Receiver['received'] = (one, what) => receiver.received(one, what)
      if (flaw.received === undefined) pass(from, frame)
      else flaw.received(pass, from, frame)
    }
  })
  return {
    supports: { ...inner.supports, ...flaw.supports },
    open: receiver => (flaw.open ?? ((to, whom) => to.open(whom)))(inner, wrap(receiver)),
    send: (to, frame) => (flaw.send ?? ((into, ...args) => into.send(...args)))(inner, to, frame),
    flush: () => (flaw.flush ?? (into => into.flush()))(inner),
    close: () => (flaw.close ?? (into => into.close()))(inner)
  }
}

const nobody = 'b@00000002'

/** Calls `act` for the frame of that number, counted from 0, of all that pass. */
function atFrame(number: number, act: (frame: Uint8Array) => Uint8Array): Flaw {
  let count = 0
  return { received: (pass, from, frame) => pass(from, count++ === number ? act(frame) : frame) }
}

function changed(frame: Uint8Array): Uint8Array {
  const copy = frame.slice()
  copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 0x80
  return copy
}

/** Sends two frames of one turn in the other order. */
function swapping(): Flaw {
  let kept: readonly [NodeId, Uint8Array] | null = null
  return {
    send: (inner, to, frame) => {
      if (kept === null) kept = [to, frame]
      else {
        inner.send(to, frame)
        inner.send(...kept)
        kept = null
      }
    },
    flush: inner => {
      if (kept !== null) inner.send(...kept)
      kept = null
      inner.flush()
    }
  }
}

/** Sends what it took before it was open with the first frame after. */
function keepsUnopened(): Flaw {
  const waiting: (readonly [NodeId, Uint8Array])[] = []
  const { open, isOpen } = opened()
  return {
    open,
    send: (inner, to, frame) => {
      if (!isOpen(inner)) return void waiting.push([to, frame])
      for (const one of waiting.splice(0)) inner.send(...one)
      inner.send(to, frame)
    }
  }
}

interface Opened {
  readonly open: (inner: Transport, receiver: Receiver) => Promise<void>
  readonly isOpen: (inner: Transport) => boolean
}

function opened(): Opened {
  const open = new Set<Transport>()
  return {
    open: async (inner, receiver) => {
      await inner.open(receiver)
      open.add(inner)
    },
    isOpen: inner => open.has(inner)
  }
}

/** Receives frames while it is told to send, as one does that calls back at once. */
function eager(): Flaw {
  const waiting: (() => void)[] = []
  return {
    received: (pass, from, frame) => void waiting.push(() => pass(from, frame)),
    flush: inner => {
      for (const one of waiting.splice(0)) one()
      inner.flush()
    }
  }
}

/** Goes on receiving for a while when it was told to close. */
function slowToClose(): Flaw {
  return {
    close: async inner => {
      for (let turns = 0; turns < 10; turns++) await new Promise(resolve => setImmediate(resolve))
      await inner.close()
    }
  }
}

function twice(number: number): Flaw {
  let count = 0
  return {
    received: (pass, from, frame) => {
      if (count++ === number) pass(from, frame.slice())
      pass(from, frame)
    }
  }
}

function losing(number: number): Flaw {
  let count = 0
  return { received: (pass, from, frame) => void (count++ === number || pass(from, frame)) }
}

function longer(frame: Uint8Array): Uint8Array {
  return Uint8Array.from([...frame, 0])
}

function throwsUnopened(): Flaw {
  const { open, isOpen } = opened()
  return {
    open,
    send: (inner, to, frame) => {
      if (!isOpen(inner)) throw new Error('the transport is not open')
      inner.send(to, frame)
    }
  }
}

function throwsClosed(): Flaw {
  let isClosed = false
  return {
    close: async inner => {
      await inner.close()
      isClosed = true
    },
    ...throwing(() => isClosed)
  }
}

function closesOnce(): Flaw {
  let isClosed = false
  return {
    close: async inner => {
      if (isClosed) throw new Error('it is closed already')
      isClosed = true
      await inner.close()
    }
  }
}

/** Keeps what goes beyond the cap, and sends it bit by bit. */
function keepsAll(): Flaw {
  const waiting: (readonly [NodeId, Uint8Array])[] = []
  let isSending = false
  const drip = (inner: Transport): void => {
    const next = waiting.shift()
    isSending = next !== undefined
    if (next === undefined) return
    inner.send(...next)
    inner.flush()
    setImmediate(drip, inner)
  }
  return {
    send: (_, to, frame) => void waiting.push([to, frame]),
    flush: inner => {
      if (!isSending) drip(inner)
    }
  }
}

/** Sends no more to anybody once there was much to send. */
function givesUp(): Flaw {
  let longCount = 0
  return {
    send: (inner, to, frame) => {
      if (frame.length > 60_000) longCount++
      if (longCount < 4) inner.send(to, frame)
    }
  }
}

/** Keeps the first frames to somebody until he is there. */
function keepsForLater(): Flaw {
  const kept: Uint8Array[] = []
  let count = 0
  return {
    send: (inner, to, frame) => {
      if (to.startsWith('c') && ++count <= 3) kept.push(frame)
      else {
        if (count > 3) for (const one of kept.splice(0)) inner.send(to, one)
        inner.send(to, frame)
      }
    }
  }
}

/** Reaches the first life of a peer alone. */
function deafToRestarts(): Flaw {
  let closes = 0
  return {
    close: async inner => {
      closes++
      await inner.close()
    },
    send: (inner, to, frame) => {
      if (closes === 0) inner.send(to, frame)
    }
  }
}

const throwing = (isSo: (to: NodeId) => boolean): Flaw => ({
  send: (inner, to, frame) => {
    if (isSo(to)) throw new Error(`no connection to ${to}`)
    inner.send(to, frame)
  }
})

/** Each case by its title's first words, with transports that it must find broken. */
const flaws: readonly (readonly [string, string, () => Flaw])[] = [
  ['frames to a peer that reads', 'doubles a frame', () => twice(200)],
  ['frames to a peer that reads', 'changes a bit', () => atFrame(200, changed)],
  ['frames to a peer that reads', 'cuts a frame', () => atFrame(200, one => one.slice(0, -1))],
  ['frames to a peer that reads', 'lengthens a frame', () => atFrame(200, longer)],
  ['frames to a peer that reads', 'loses a frame', () => losing(200)],
  ['frames to a peer that reads', 'swaps frames', swapping],
  ['frames of any length', 'cuts long ones', () => ({
    received: (pass, from, frame) => pass(from, frame.slice(0, 65_536))
  })],
  ['the longest frame', 'carries less', () => ({ supports: { frameBytesMax: 250_001 } })],
  ['the longest frame', 'carries more', () => ({ supports: { frameBytesMax: 249_999 } })],
  ['three nodes', 'takes one peer for another', () => ({
    received: (pass, from, frame) => pass(from.startsWith('a') ? nobody : from, frame)
  })],
  ['three nodes', 'sends to another', () => ({
    send: (inner, to, frame) => inner.send(to.startsWith('c') ? nobody : to, frame)
  })],
  ['the receiver', 'calls it within a flush', eager],
  ['a frame to nobody who is there', 'throws', () => throwing(to => to.startsWith('nobody'))],
  ['a frame to nobody who is there', 'keeps it', keepsForLater],
  ['frames before `open` has resolved', 'keeps them', keepsUnopened],
  ['frames before `open` has resolved', 'throws', throwsUnopened],
  ['a closed transport', 'throws', throwsClosed],
  ['a closed transport', 'goes on', () => ({ close: async () => {} })],
  ['close', 'throws the second time', closesOnce],
  ['frames on their way', 'closes slowly', slowToClose],
  ['a peer that comes back', 'does not see it', deafToRestarts],
  ['a peer that does not read', 'keeps all', keepsAll],
  ['a peer that does not read', 'gives it up', givesUp],
  ['a transport that cannot open', 'says nothing', () => ({ open: async () => {} })],
  ['a transport that cannot open', 'throws a text', () => ({
    open: inner => inner.open({ received: () => {} }).catch(() => {
      throw 'it does not work' as unknown
    })
  })]
]

for (const [situation, name, make] of flaws) {
  test(`transport conformance: ${situation}: finds a transport that ${name}`, async () => {
    const found = transportCases.filter(one => one.title.startsWith(`${situation}:`))
    assert.is(found.length, 1)
    const place = (): TransportPlace => {
      const inner = inProcessPlace()
      const flaw = make()
      return {
        ...inner,
        make: node => flawed(inner.make(node), flaw),
        makeUnopenable: async () => flawed((await inner.makeUnopenable?.()) as Transport, flaw)
      }
    }
    const failure = await found[0]?.run(place, supports).then(() => null, String)
    assert.type(failure, 'string', 'the case passed')
    assert.ok(!/undefined|not a function/.test(failure ?? ''), failure ?? '')
  })
}

test('transport conformance: every case: has a transport that it finds broken', () => {
  for (const { title } of transportCases) {
    assert.ok(flaws.some(([situation]) => title.startsWith(`${situation}:`)), title)
  }
})

test.run()
