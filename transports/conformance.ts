// What every transport must do, whatever it stands on: named cases for any test runner. They throw
// plain errors, and know of a transport only what its interface says.
//
//   transportConformance({ test, place: () => myPlace(), supports: { ... } })

import { expect, Stage, STAGE_NODES } from './conformance-party.ts'
import type { Party, TransportPlace } from './conformance-party.ts'

/** What a place can do; cases that need more are left out. */
export interface PlaceSupports {
  /** `makeUnopenable` makes a transport that must fail to open. */
  readonly unopenable: boolean
  /**
   * Bytes that are more than the transport keeps for a peer that does not read, with all that lies
   * between them: what is sent within one callback, so that nobody can read meanwhile.
   */
  readonly floodBytes: number
}

/** One thing that every transport must do. */
export interface TransportCase {
  /** `situation: expectation`. */
  readonly title: string
  readonly needs: 'unopenable' | null
  /** Ends well, or throws. Each call of `place` makes a new place where nobody is open. */
  run(place: () => TransportPlace, supports: PlaceSupports): Promise<void>
}

/** How to run the suite. */
export interface TransportConformance {
  /** Registers a test with whatever runner there is. */
  readonly test: (title: string, body: () => Promise<void>) => void
  readonly place: () => TransportPlace
  readonly supports: PlaceSupports
}

/** Registers a test for each case that the place supports. */
export function transportConformance({ test, place, supports }: TransportConformance): void {
  for (const { title, needs, run } of transportCases) {
    if (needs === null || supports[needs]) test(title, () => run(place, supports))
  }
}

const FRAMES = 500

async function everyFrame(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  const sent: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    sent.push(...a.sendTurn(b.node, FRAMES / 20))
    if (turn % 4 === 0) await stage.place.pause()
  }
  await stage.until('all frames arrive', () => b.has(a, sent))
  await stage.quiet()
}

async function everyLength(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  const { frameBytesMax } = a.transport.supports
  const lengths = [60, 61, 127, 128, 255, 256, 4_096, 16_384, 65_536, 65_537, 200_000]
  for (const length of lengths) {
    if (length > frameBytesMax) continue
    const sent = a.sendTurn(b.node, 1, length)
    await stage.until(`a frame of ${length} bytes arrives`, () => b.has(a, sent))
  }
}

async function theLongest(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  const { frameBytesMax } = a.transport.supports
  const longer = a.sendTurn(b.node, 1, frameBytesMax + 1)
  const longest = a.sendTurn(b.node, 1, frameBytesMax)
  await stage.until('the longest frame arrives', () => b.has(a, longest))
  const next = a.sendTurn(b.node)
  await stage.until('the frame behind it arrives', () => b.has(a, next))
  await stage.quiet()
  expect(!b.has(a, longer), 'a frame of more than frameBytesMax was carried')
}

async function amongThree(stage: Stage): Promise<void> {
  const parties: Party[] = []
  for (const node of STAGE_NODES) parties.push(await stage.open(node))
  const links = parties.flatMap((from) => {
    return parties.filter((to) => to !== from).map((to) => ({ from, to, sent: [] as number[] }))
  })
  for (const { from, to } of links) await from.reach(to)
  for (let turn = 0; turn < 10; turn++) {
    for (const { from, to, sent } of links) sent.push(from.send(to.node))
    for (const party of parties) party.flush()
    await stage.place.pause()
  }
  for (const { from, to, sent } of links) {
    await stage.until(`all of ${from.node} arrives at ${to.node}`, () => to.has(from, sent))
  }
  await stage.quiet()
}

async function neverWithin(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  const answered: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    const sent = a.sendTurn(b.node)
    answered.push(...b.sendTurn(a.node))
    await stage.until('a frame arrives', () => b.has(a, sent))
  }
  await stage.until('the answers arrive', () => a.has(b, answered))
}

async function toNobody(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  a.sendTurn('nobody@0000000f', 3)
  a.sendTurn('', 3)
  const early = a.sendTurn('c@00000003', 3)
  a.sendTurn(a.node, 3)
  const sent = a.sendTurn(b.node)
  await stage.until('others are still reached', () => b.has(a, sent))
  const c = await stage.open('c@00000003')
  await stage.connect(a, c)
  await stage.quiet()
  expect(!hasAny(c, a, early), 'a frame arrived that was sent before there was a connection')
}

async function beforeOpen(stage: Stage): Promise<void> {
  const b = await stage.open('b@00000002')
  const a = stage.make('a@00000001')
  const early = a.sendTurn(b.node, 3)
  const opening = a.open()
  early.push(...a.sendTurn(b.node, 3))
  await opening
  await stage.connect(a, b)
  await stage.quiet()
  expect(!hasAny(b, a, early), 'a frame arrived that was sent before `open` had resolved')
}

async function afterClose(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  await b.close()
  a.sendTurn(b.node, 3)
  await stage.place.pause()
  a.sendTurn(b.node, 3)
  const late = b.sendTurn(a.node, 3)
  await stage.quiet()
  expect(!hasAny(a, b, late), 'a closed transport sent a frame')
}

async function closedTwice(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  await Promise.all([b.close(), b.close()])
  await b.close()
  const never = stage.make('c@00000003')
  await never.close()
  await never.close()
  a.sendTurn(b.node)
}

async function silentOnceClosing(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  // What is on its way, sent, or in the buffers of both, must not come through any more.
  for (let turn = 0; turn < 20; turn++) {
    a.sendTurn(b.node, 5, 1_000)
    if (turn === 10) await stage.place.pause()
  }
  const closing = b.close()
  a.sendTurn(b.node, 5)
  await closing
  await stage.quiet()
}

async function restarted(stage: Stage): Promise<void> {
  const [a, b] = await stage.pair()
  a.sendTurn(b.node, 20)
  await b.close()
  a.sendTurn(b.node, 20)
  const again = await stage.open('b@00000002')
  await stage.connect(a, again)
  await again.close()
  await stage.quiet()
  const last = await stage.open('b@00000002')
  await stage.connect(last, a)
  const sent = a.sendTurn(last.node, 20)
  await stage.until('frames arrive as before', () => last.has(a, sent))
  await stage.quiet()
}

async function flood(stage: Stage, { floodBytes }: PlaceSupports): Promise<void> {
  const [a, b] = await stage.pair()
  const bytes = Math.min(a.transport.supports.frameBytesMax, 65_536)
  const count = Math.ceil(floodBytes / bytes)
  const sent: number[] = []
  for (let turn = 0; turn < 4; turn++) sent.push(...a.sendTurn(b.node, Math.ceil(count / 4), bytes))
  await stage.quiet()
  await a.reach(b)
  await stage.quiet()
  expect(!b.has(a, sent), 'all that a peer did not read was kept for it, however much')
  const next = a.sendTurn(b.node, 5)
  await stage.until('later frames arrive', () => b.has(a, next))
}

async function unopenable(stage: Stage): Promise<void> {
  const transport = await stage.place.makeUnopenable?.()
  if (transport === undefined) throw new Error('the place makes no transport that cannot open')
  const failure: unknown = await transport.open({ received: () => {} }).then(
    () => null,
    (error: unknown) => error
  )
  expect(failure !== null, 'it was opened')
  expect(failure instanceof Error, 'it did not fail with an Error')
  expect((failure as Error).message.length >= 10, 'its error does not say what is wrong')
  transport.send('b@00000002', Uint8Array.of(1, 1, 1))
  transport.flush()
  await transport.close()
}

/** Whether one of those frames of `from` has arrived at `at`. */
function hasAny(at: Party, from: Party, numbers: readonly number[]): boolean {
  return numbers.some((number) => at.has(from, [number]))
}

/** All cases, in the order in which a new transport had best be taught them. */
export const transportCases: readonly TransportCase[] = [
  always('frames to a peer that reads: arrive, whole, once, with no bit changed', everyFrame),
  always('frames of any length: arrive as they were sent', everyLength),
  always('the longest frame: is carried, and a longer one dropped', theLongest),
  always('three nodes: each gets what was sent to it, from whom it was', amongThree),
  always('the receiver: is never called within a call of the host', neverWithin),
  always('a frame to nobody who is there: is dropped, and nothing thrown', toNobody),
  always('frames before `open` has resolved: are dropped', beforeOpen),
  always('a closed transport: takes frames, sends none, and is sent none', afterClose),
  always('close: may be called twice, and without an `open`', closedTwice),
  always('frames on their way: are not received once `close` has begun', silentOnceClosing),
  always('a peer that comes back: is reached again by itself', restarted),
  always('a peer that does not read: costs frames, and no memory without end', flood),
  { ...always('a transport that cannot open: says why', unopenable), needs: 'unopenable' }
]

function always(
  title: string,
  act: (stage: Stage, supports: PlaceSupports) => Promise<void>
): TransportCase {
  const run = async (place: () => TransportPlace, supports: PlaceSupports): Promise<void> => {
    const stage = new Stage(place())
    try {
      await act(stage, supports)
    } catch (error) {
      // What the case said counts, not what closing adds to it.
      await stage.end().catch(() => null)
      throw error
    }
    await stage.end()
  }
  return { title, needs: null, run }
}
