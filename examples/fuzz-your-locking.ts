// A program that counts under a lock: it reads the number when it is granted the lock, and writes
// one more before it asks for the next thing. Fast-check interleaves two of them until a count is
// lost: the lease of one has run out before it writes. With the fencing token none is lost.

import fc from 'fast-check'
import { lockMachine } from 'lockstep/core'
import { lockCommands } from 'lockstep/fast-check'
import type { TimedCommand } from 'lockstep/fast-check'

/** Runs the programs against the lock machine, in the order of the log; returns the counts lost. */
function countsLost(commands: readonly TimedCommand[], checksToken: boolean): number {
  const machine = lockMachine()
  let state = machine.initial()
  let [index, timeMs] = [0, 0]
  const resource = { count: 0, token: 0 }
  const read = new Map<string, { count: number; token: number }>()
  let written = 0
  for (const { afterMs, command } of commands) {
    timeMs += afterMs
    // The leader of the service ends what has run out before it takes the next command.
    let due = machine.due(state)
    for (; due !== null && due.atMs <= timeMs; due = machine.due(state)) {
      state = machine.apply(state, due.command, { index: ++index, timeMs, version: 1 })[0]
    }
    const mine = read.get(command.owner)
    if (mine !== undefined && !(checksToken && mine.token < resource.token)) {
      resource.count = mine.count + 1
      written++
    }
    read.delete(command.owner)
    const [after, reply] = machine.apply(state, command, { index: ++index, timeMs, version: 1 })
    state = after
    if (command.type !== 'acquire' || reply?.type !== 'granted') continue
    // Who reads shows its token too: from now on nobody with an earlier one may write.
    if (checksToken) resource.token = reply.token
    read.set(command.owner, { count: resource.count, token: reply.token })
  }
  return written - resource.count
}

const commands = lockCommands({
  keys: 1,
  owners: 2,
  types: ['acquire', 'release'],
  modes: ['exclusive'],
})

for (const checksToken of [false, true]) {
  const holds = fc.property(commands, (asked) => countsLost(asked, checksToken) === 0)
  const { failed, counterexample } = fc.check(holds, { numRuns: 3_000, seed: 7 })
  const title = checksToken ? 'with the token' : 'without the token'
  console.log(`${title}: ${failed ? 'a count' : 'none'} is lost`)
  for (const { afterMs, command } of counterexample?.[0] ?? []) {
    console.log(`  ${afterMs} ms later ${command.owner} asks for ${command.type}`)
  }
}
