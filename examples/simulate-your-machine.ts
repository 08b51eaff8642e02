// A bank of our own, run through every fault of the simulated world. Requests carry an id, so that
// a client may ask again. The planted bug: the bank remembers the latest id only, so an order that
// is asked for again after another one came in between counts twice. No unit test looks there.

import type { Model } from 'lockstep/checker'
import { hashBytes, lanesHex } from 'lockstep/core'
import type { Machine } from 'lockstep/core'
import { commandWorkload, simulate } from 'lockstep/sim'
import type { RandomStream, UserOracle } from 'lockstep/sim'

// 1. The machine: deposits into accounts, and what is in them.

type Command =
  | { readonly type: 'deposit'; readonly id: string; readonly to: string; readonly amount: number }
  | { readonly type: 'balance'; readonly of: string }

interface Counted {
  readonly type: 'counted'
  readonly id: string
}

interface Bank {
  readonly balances: Readonly<Record<string, number>>
  /** What each deposit was answered, by its id. */
  readonly answered: Readonly<Record<string, number>>
}

function bank(options: { readonly forgetful: boolean }): Machine<Bank, Command, number, Counted> {
  return {
    initial: () => ({ balances: {}, answered: {} }),
    apply: ({ balances, answered }, command) => {
      if (command.type === 'balance') {
        return [{ balances, answered }, balances[command.of] ?? 0, []]
      }
      const { id, to, amount } = command
      const before = answered[id]
      if (before !== undefined) return [{ balances, answered }, before, []]
      const balance = (balances[to] ?? 0) + amount
      const remembered = options.forgetful ? {} : answered
      const after = {
        balances: { ...balances, [to]: balance },
        answered: { ...remembered, [id]: balance },
      }
      return [after, balance, [{ type: 'counted', id }]]
    },
    // What only looks is answered without the log, by any node that knows how much is committed.
    query: ({ balances }, command) =>
      command.type === 'balance' ? (balances[command.of] ?? 0) : null,
    due: () => null,
    encodeCommand: toBytes,
    decodeCommand: (bytes) => fromBytes<Command>(bytes),
    encodeReply: toBytes,
    decodeReply: (bytes) => fromBytes<number>(bytes),
    encodeSnapshot: toBytes,
    decodeSnapshot: (bytes) => fromBytes<Bank>(bytes),
    hash: (state) => lanesHex(hashBytes(toBytes(state))),
  }
}

function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function fromBytes<Value>(bytes: Uint8Array): Value | null {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value
  } catch {
    return null
  }
}

// 2. What the clients do.

const workload = commandWorkload<Command, number, Counted>({
  draw: (random: RandomStream, client) => {
    const account = random.pick(['ada', 'bob', 'eve'])
    if (random.chance(256)) return { type: 'balance', of: account }
    const id = `${client}.${random.below(2 ** 32)}`
    return { type: 'deposit', id, to: account, amount: random.between(1, 100) }
  },
  fresh: { type: 'balance', of: 'ada' },
  isRead: ({ type }) => type === 'balance',
  retry: true,
})

// 3. What answers are right: a model, which says less than the machine and knows nothing of ids.

const accountOf = (command: Command): string =>
  command.type === 'deposit' ? command.to : command.of

const model: Model<number, Command, number> = {
  name: 'account',
  init: () => 0,
  step: (balance, command, answer) => {
    const after = command.type === 'deposit' ? balance + command.amount : balance
    return answer === undefined || answer === after ? after : null
  },
  equal: (a, b) => a === b,
  partition: (history) => {
    const parts = new Map<string, (typeof history)[number][]>()
    for (const operation of history) {
      const account = accountOf(operation.input)
      parts.set(account, [...(parts.get(account) ?? []), operation])
    }
    return [...parts.values()]
  },
  describe: (command, answer) => `${JSON.stringify(command)} -> ${answer ?? '?'}`,
  describeState: (balance) => `balance ${balance}`,
}

// 4. A rule of our own, looked at after every turn of every node. It remembers: one for each run.

function countsOnce(): UserOracle<Bank, number, Counted> {
  const entryOf = new Map<string, number>()
  return {
    name: 'a deposit counts once',
    stepped: ({ effects }) => {
      for (const effect of effects) {
        if (effect.type !== 'applied') continue
        for (const event of effect.events) {
          if (event.type !== 'counted') continue
          const earlier = entryOf.get(event.id) ?? effect.index
          entryOf.set(event.id, earlier)
          const entries = `entries ${earlier} and ${effect.index}`
          if (earlier !== effect.index) return `deposit ${event.id} counted at ${entries}`
        }
      }
      return null
    },
  }
}

// 5. Seeds, until one finds something. A seed decides everything: the same one finds it again.

function search(title: string, forgetful: boolean, ownOracle: boolean, seeds: number): boolean {
  const machine = bank({ forgetful })
  for (let seed = 1; seed <= seeds; seed++) {
    const oracles = ownOracle ? [countsOnce()] : []
    const small = { clients: 4, fireMs: 10_000 }
    const { verdict, violation } = simulate({ machine, workload, model, oracles, seed, ...small })
    if (verdict === 'ok') continue
    console.log(`${title}: seed ${seed}: ${violation?.oracle ?? verdict}`)
    if (violation !== null) console.log(`  ${violation.message}`)
    return violation !== null
  }
  console.log(`${title}: ${seeds} seeds, all ok`)
  return false
}

const found = [
  search('forgetful, seen by our own oracle', true, true, 50),
  search('forgetful, seen by the model', true, false, 50),
]
const falseAlarm = search('mended', false, true, 20)
if (found.includes(false) || falseAlarm) process.exitCode = 1
