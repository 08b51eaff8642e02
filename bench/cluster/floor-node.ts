// One process of the floor: what any replicated lock service of three nodes has to do at least, and
// nothing else. The leader writes each request to its file and to two followers; a request is
// answered when it is durable on two of the three. No consensus, no locks, no recovery.
//
// Usage: node floor-node.js FILE PORT [FOLLOWER-PORT FOLLOWER-PORT]   (a leader has followers)

import { fdatasync, openSync, writeSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { FrameBatch, FrameReader } from '../../transports/stream-frames.ts'

const [file = '', port = '', ...followers] = process.argv.slice(2)
const BODY_BYTES_MAX = 1 << 20

/** A request: whose it is, and its bytes, of which the answer repeats the first four. */
interface Asked {
  readonly socket: Answering
  readonly body: Uint8Array
}

/** A connection whose answers of one round leave together. */
interface Answering {
  readonly socket: Socket
  readonly batch: FrameBatch
}

const descriptor = openSync(file, 'w')
const isLeader = followers.length > 0
/** Rounds of the leader that are durable here. */
let followed = 0
let arrived: Asked[] = []
let isSyncing = false
let isRoundScheduled = false
/** Rounds are numbered, and end in order everywhere. */
let round = 0
const open: { readonly round: number; readonly asked: Asked[] }[] = []
const durable = [0, ...followers.map(() => 0)]

const links = followers.map((follower, at) => {
  const socket = connect(Number(follower), '127.0.0.1')
  socket.setNoDelay(true)
  const reader = new FrameReader(BODY_BYTES_MAX)
  socket.on('data', (chunk) => {
    reader.push(chunk, (body) => {
      durable[at + 1] = new DataView(body.buffer, body.byteOffset).getUint32(0)
    })
    answer()
  })
  return socket
})

createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  const from = { socket, batch: new FrameBatch() }
  const reader = new FrameReader(BODY_BYTES_MAX)
  socket.on('data', (chunk) => {
    reader.push(chunk, (body) => arrived.push({ socket: from, body }))
    schedule()
  })
}).listen(Number(port), '127.0.0.1')

function schedule(): void {
  if (isRoundScheduled || isSyncing) return
  isRoundScheduled = true
  setImmediate(takeRound)
}

/** All that has arrived is written, sent on, and made durable together. */
function takeRound(): void {
  isRoundScheduled = false
  const asked = arrived
  if (asked.length === 0) return
  arrived = []
  round++
  const batch = new FrameBatch()
  for (const { body } of asked) batch.add(body)
  const bytes = batch.take()
  writeSync(descriptor, bytes)
  for (const link of links) {
    const frame = new FrameBatch()
    frame.add(bytes)
    link.write(frame.take())
  }
  open.push({ round, asked })
  isSyncing = true
  const synced = round
  fdatasync(descriptor, () => {
    isSyncing = false
    durable[0] = synced
    answer()
    schedule()
  })
}

/** A leader answers what two of three have; a follower says how many of its rounds it has. */
function answer(): void {
  const sorted = [...durable].sort((a, b) => b - a)
  const upTo = sorted[isLeader ? 1 : 0] as number
  const touched = new Set<Answering>()
  while (open.length > 0 && (open[0] as { round: number }).round <= upTo) {
    for (const { socket, body } of open.shift()?.asked ?? []) {
      touched.add(socket)
      if (isLeader) socket.batch.add(body.subarray(0, 4))
      else followed++
    }
  }
  for (const { socket, batch } of touched) {
    if (!isLeader) batch.add(numberBytes(followed))
    socket.write(batch.take())
  }
}

function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
