// Small histories of locks, event by event: a few processes, some of which act for one owner, and
// a service that does most of what it says. Requests get lost, answers too, some fail.

import type { HistoryEvent, Plain } from '../../checker/event.ts'
import type { AnyModel } from '../../checker/models/catalogue.ts'
import type { Chance } from './chance.ts'

/** What is drawn. */
export interface DrawOptions {
  readonly model: AnyModel
  /** What an acquire asks for, besides its owner. */
  readonly asks?: readonly Plain[]
  /** What a granted acquire and a release may be told. */
  readonly tells?: (chance: Chance, granted: number) => Plain
  readonly keys?: number
  /** In percent: owners who go on after they gave up, fields that name an owner. */
  readonly retries?: number
  readonly shared?: number
  readonly operations?: number
}

interface Client {
  process: number
  /** How often it holds what it asked for, as it thinks. */
  held: number
  open: { f: string; key: Plain | null; value: Plain; isDone: boolean } | null
}

/** Draws a history. */
export function drawLocks(options: DrawOptions, chance: Chance): HistoryEvent[] {
  const { model, keys = 2, retries = 30, shared = 15, asks = [null], operations = 9 } = options
  const events: HistoryEvent[] = []
  const states = new Map<string, unknown>()
  const clients = Array.from({ length: 2 + chance.below(4) }, (_, process): Client => {
    return { process, held: 0, open: null }
  })
  const lies = chance.pick([0, 4, 15])
  const crashes = chance.pick([0, 8, 25])
  const fails = chance.pick([0, 0, 15])
  let [asked, granted, processes] = [0, 0, clients.length]
  const record = (type: HistoryEvent['type'], { process, open }: Client, value: Plain): void => {
    if (open === null) return
    const key = open.key === null ? {} : { key: open.key }
    events.push({ type, process, f: open.f, ...key, value })
  }
  const act = ({ process, open }: Client): void => {
    if (open === null || open.isDone) return
    const keyed = open.key === null ? {} : { key: open.key }
    const input = model.ask({ f: open.f, ...keyed, value: open.value, process })
    const name = String(open.key)
    const before = states.has(name) ? states.get(name) : model.init()
    const after = model.step(before, input, undefined)
    if (after === null) return
    open.isDone = true
    states.set(name, after)
  }
  for (let rounds = 0; rounds < 80 && events.length < 2.4 * operations; rounds++) {
    const client = chance.pick(clients)
    const { open } = client
    if (open === null) {
      if (asked++ >= operations) continue
      const isRelease = client.held > 0 ? chance.percent(80) : chance.percent(7)
      const f = isRelease ? 'release' : 'acquire'
      const owner = chance.percent(shared) ? { owner: chance.pick(['a', 'b']) } : null
      const value = owner ?? (isRelease ? null : chance.pick(asks))
      const key = keys === 1 ? null : chance.below(keys)
      client.open = { f, key, value, isDone: false }
      record('invoke', client, value)
      continue
    }
    if (chance.percent(45)) act(client)
    const isLie = chance.percent(lies)
    if (chance.percent(crashes)) {
      if (chance.percent(60)) record('info', client, open.value)
      else if (!chance.percent(retries)) clients.splice(clients.indexOf(client), 1)
      else continue
      if (chance.percent(30)) act(client)
      client.open = null
      if (!chance.percent(retries)) {
        client.process = processes++
        client.held = 0
      }
    } else if (open.isDone || isLie) {
      if (chance.percent(50)) continue
      if (open.f === 'acquire') granted += 1
      client.held += open.f === 'acquire' ? 1 : -1
      record('ok', client, options.tells?.(chance, granted) ?? null)
      client.open = null
    } else if (chance.percent(fails)) {
      record('fail', client, null)
      client.open = null
    }
    if (clients.length === 0) break
  }
  return events
}
