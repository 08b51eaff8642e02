// How messages travel in the simulated network: nothing is lost, and no field misses the hash.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Hash128 } from '../../core/hash.ts'
import { bytesWire, referenceWire } from '../../sim/wire.ts'
import type { Wire } from '../../sim/wire.ts'
import { suite } from '../harness.ts'
import { clientReply, clientRequest, entry, message } from '../transports/arbitraries.ts'

const test = suite('sim/wire')
const RUNS = { numRuns: 500 }

const wires: readonly Wire[] = [bytesWire('c', 'g'), referenceWire()]

function hashOf(payload: unknown): string {
  const hash = new Hash128()
  referenceWire().hash(hash, payload)
  return hash.hex()
}

/** Copies of `value`, each with one thing in it changed, at any depth; kinds and reasons stay. */
function variants(value: unknown): unknown[] {
  if (typeof value === 'number') return [value === 0 ? 1 : value - 1]
  if (typeof value === 'boolean') return [!value]
  if (typeof value === 'string') return [`${value}x`]
  if (value instanceof Uint8Array) {
    const longer = Uint8Array.of(...value, 0)
    return value.length === 0 ? [longer] : [longer, value.map((byte) => byte ^ 1)]
  }
  if (Array.isArray(value)) {
    const longer = value.length === 0 ? [] : [[...value, value[0]]]
    const changed = value.flatMap((part, at) => variants(part).map((one) => value.with(at, one)))
    return [...longer, ...changed, ...(value.length === 0 ? [] : [value.slice(1)])]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) => {
    if (['type', 'kind', 'reason'].includes(name)) return []
    return variants(part).map((one) => ({ ...value, [name]: one }))
  })
}

test('wire: messages, requests and replies: arrive as they were sent', () => {
  fc.assert(
    fc.property(message, clientRequest, clientReply, (message, request, reply) => {
      for (const wire of wires) {
        assert.equal(wire.readMessage(wire.encoder('a', 'b')(message)), message)
        assert.equal(wire.readRequest(wire.request(request)), request)
        assert.equal(wire.readReply(wire.reply(reply)), reply)
      }
    }),
    RUNS,
  )
})

test('wire: anything changed in a message, a request or a reply: hashes otherwise', () => {
  fc.assert(
    fc.property(fc.oneof(message, clientRequest, clientReply), (payload) => {
      const hash = hashOf(payload)
      assert.is(hashOf(structuredClone(payload)), hash)
      for (const other of variants(payload)) {
        assert.is.not(hashOf(other), hash, JSON.stringify(other))
      }
    }),
    RUNS,
  )
})

test('wire: another kind of entry, outcome or reason: hashes otherwise', () => {
  fc.assert(
    fc.property(entry, (one) => {
      const hashes = (['noop', 'command', 'membership', 'version'] as const).map((kind) => {
        const entries = [{ ...one, kind }]
        const place = { term: 1, prevIndex: 0, prevTerm: 0, commit: 0, round: 0 }
        return hashOf({ type: 'appendRequest', ...place, entries })
      })
      assert.is(new Set(hashes).size, 4)
    }),
    { numRuns: 20 },
  )
  const outcomes = [
    ...['transferred', 'malformed', 'tooLarge', 'overloaded', 'unknown'].map((type) => ({ type })),
    ...['pending', 'isJoint'].map((reason) => ({ type: 'refused', reason })),
    { type: 'notLeader', leader: null },
    { type: 'changed', index: 1 },
  ]
  const hashes = outcomes.map((outcome) => hashOf({ request: 1, outcome, leader: null }))
  hashes.push(hashOf({ request: 1, outcome: outcomes[0], leader: 'a' }))
  assert.is(new Set(hashes).size, outcomes.length + 1)
})

test.run()
