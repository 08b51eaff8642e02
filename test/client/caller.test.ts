// The caller and its carrier: what a call that is given up came to, though no node answers.

import * as assert from 'uvu/assert'
import type { Carrier } from '../../client/caller.ts'
import { Caller } from '../../client/caller.ts'
import { DrivenClock } from '../../client/driven-clock.ts'
import type { CallResult } from '../../client/request.ts'
import { suite } from '../harness.ts'

const test = suite('caller')

/** A call that is given up once it was sent, by a carrier that can take it back, or cannot. */
async function givenUp(canTakeBack: boolean): Promise<CallResult> {
  let giveUp = (): void => {}
  const carrier: Carrier = {
    send: () => queueMicrotask(() => giveUp()),
    flush: () => {},
    withdraw: () => canTakeBack,
    soon: (then) => queueMicrotask(then),
    problems: () => [],
    close: () => {},
  }
  const caller = new Caller({
    nodes: ['a'],
    attemptTimeoutMs: 500,
    retryPauseMs: 50,
    clock: new DrivenClock(),
    random: () => 0,
    weigh: () => 'final',
    open: () => carrier,
  })
  return new Promise((resolve) => {
    giveUp = caller.ask(new Uint8Array([1]), { timeoutMs: 5_000, read: false }, resolve)
  })
}

test('caller: given up before it has left: it has not happened and will not', async () => {
  assert.equal(await givenUp(true), { type: 'failed', refusal: null })
})

test('caller: given up after it has left: unknown', async () => {
  assert.equal(await givenUp(false), { type: 'unknown' })
})

test.run()
