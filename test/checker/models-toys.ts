// Small histories in the words of files, and what judges them by definition: the object itself, as
// plain as it can be written, run in every order that keeps real time. Shares no rule with the
// models, which are to agree with it.

import type { Asked, HistoryEvent, Plain, Told } from '../../checker/event.ts'
import type { Operation } from '../../checker/history.ts'
import type { AnyModel } from '../../checker/models/catalogue.ts'
import type { Chance } from './chance.ts'

/** One object. */
export interface Toy {
  /** Whether `asked` can be answered so now (undefined: somehow); if it can, it takes effect. */
  take(asked: Asked, told: Told | undefined): boolean
}

/** An object, and what to ask of it. */
export interface ToyCase {
  readonly model: AnyModel
  readonly keys: readonly Plain[]
  make(): Toy
  draw(chance: Chance): { readonly f: string; readonly value: Plain }
  /** Answers to try, true and false ones. */
  answers(asked: Asked): readonly Told[]
}

/** One operation as files tell it; told undefined: no answer. */
export interface ToyOperation {
  readonly asked: Asked
  readonly told: Told | undefined
  readonly call: number
  readonly return: number
}

export const ok = (value: Plain): Told => ({ value })
export const failed: Told = { value: null, failed: true }

interface Client {
  process: number
  asked: Asked | null
  told: Told | null
}

/** Draws the events of a history: most answers are the object's own, some are not. */
export function drawEvents(toy: ToyCase, chance: Chance): HistoryEvent[] {
  const events: HistoryEvent[] = []
  const clients: Client[] = Array.from({ length: 2 + chance.below(4) }, (_, process) => {
    return { process, asked: null, told: null }
  })
  const done: [Asked, Told][] = []
  const operationsMax = 2 + chance.below(6)
  const liePercent = chance.pick([0, 10, 30])
  let asked = 0
  for (let round = 0; round < 60; round++) {
    const client = chance.pick(clients)
    if (client.asked === null) {
      if (asked++ >= operationsMax) continue
      const key = chance.pick(toy.keys)
      const { process } = client
      client.asked = { ...toy.draw(chance), key, process, position: events.length }
      events.push(eventOf('invoke', client.asked, client.asked.value))
      continue
    }
    if (chance.percent(8)) {
      events.push(eventOf('info', client.asked, client.asked.value))
      client.process += clients.length
    } else if (client.told === null) {
      client.told = answerNow(toy, client.asked, done, chance, liePercent)
      continue
    } else {
      const type = client.told.failed === true ? 'fail' : 'ok'
      events.push(eventOf(type, client.asked, client.told.value))
    }
    client.asked = null
    client.told = null
  }
  return events
}

function answerNow(
  toy: ToyCase,
  asked: Asked,
  done: [Asked, Told][],
  chance: Chance,
  liePercent: number
): Told | null {
  const answers = [...toy.answers(asked)]
  if (chance.percent(liePercent)) return chance.pick(answers)
  while (answers.length > 0) {
    const [told] = answers.splice(chance.below(answers.length), 1) as [Told]
    if (!replay(toy, done, asked, told)) continue
    done.push([asked, told])
    return told
  }
  return null
}

function replay(toy: ToyCase, done: readonly [Asked, Told][], asked: Asked, told: Told): boolean {
  const object = new Map<Plain, Toy>()
  const of = (key: Plain): Toy => {
    const known = object.get(key) ?? toy.make()
    object.set(key, known)
    return known
  }
  for (const [before, answer] of done) of(before.key ?? null).take(before, answer)
  return of(asked.key ?? null).take(asked, told)
}

function eventOf(type: HistoryEvent['type'], asked: Asked, value: Plain): HistoryEvent {
  const { process, f, key = null } = asked
  return { type, process, f, key, value }
}

/** Pairs events; what failed is left out, or with `observed` an answer like others. */
export function pairToys(events: readonly HistoryEvent[], observed: boolean): ToyOperation[] {
  const operations: ToyOperation[] = []
  const open = new Map<number, { asked: Asked; call: number }>()
  for (const [position, event] of events.entries()) {
    const { type, process, f, key, value, time = position } = event
    const pending = open.get(process)
    if (type === 'invoke') {
      const asked = { f, key: key ?? null, value, process, position, time }
      open.set(process, { asked, call: position })
      continue
    }
    if (pending === undefined) throw new Error('an answer to nothing')
    open.delete(process)
    if (type === 'fail' && !observed) continue
    const { asked, call } = pending
    if (type === 'info') operations.push({ asked, told: undefined, call, return: Infinity })
    else {
      const told = type === 'fail' ? { value, failed: true } : { value }
      const timed = { ...asked, timeReturned: time }
      operations.push({ asked: timed, told, call, return: position })
    }
  }
  for (const { asked, call } of open.values()) {
    operations.push({ asked, told: undefined, call, return: Infinity })
  }
  return operations
}

/** The operations as a model has them. Throws where it can't read one. */
export function readToys(
  model: AnyModel,
  operations: readonly ToyOperation[]
): Operation<unknown, unknown>[] {
  return operations.map(({ asked, told, call, return: answered }) => {
    const { process } = asked
    const input = model.ask(asked)
    if (input === null) throw new Error(`${model.name} can't read ${asked.f}`)
    const common = { process, input, call, return: answered }
    if (told === undefined) return { ...common, outcome: 'info' }
    const output = model.tell(input, told)
    if (output === null) throw new Error(`${model.name} can't read an answer to ${asked.f}`)
    if (output !== undefined) return { ...common, outcome: 'ok', output }
    return { ...common, outcome: told.failed === true ? 'fail' : 'ok' }
  })
}

/** By definition: some order keeps real time, and the object answers so. Key by key. */
export function isPossible(
  toy: Pick<ToyCase, 'make'>,
  operations: readonly ToyOperation[]
): boolean {
  const byKey = groupByKey(operations)
  return [...byKey.values()].every((own) => isPossibleAlone(toy, own))
}

function groupByKey(operations: readonly ToyOperation[]): Map<unknown, ToyOperation[]> {
  const groups = new Map<unknown, ToyOperation[]>()
  for (const one of operations) {
    groups.set(one.asked.key, [...(groups.get(one.asked.key) ?? []), one])
  }
  return groups
}

function isPossibleAlone(toy: Pick<ToyCase, 'make'>, operations: ToyOperation[]): boolean {
  const explains = (order: readonly ToyOperation[], left: readonly ToyOperation[]): boolean => {
    if (left.every(({ told }) => told === undefined)) return true
    return left.some((next) => {
      const rest = left.filter((other) => other !== next)
      if (rest.some((other) => other.return < next.call)) return false
      const longer = [...order, next]
      const object = toy.make()
      return longer.every(({ asked, told }) => object.take(asked, told)) && explains(longer, rest)
    })
  }
  return explains([], operations)
}
