// The values of a node's options, one by one: what each may look like, and the sentence for what
// does not. It knows no option by name.

import { parseDuration } from '../client/duration.ts'

/** Where a peer's raft port is. */
export interface PeerAddress {
  /** What its `--id` says. */
  readonly id: string
  readonly host: string
  readonly port: number
}

/** A host and a port. */
export type Address = Omit<PeerAddress, 'id'>

/** How much may be logged: from the rarest to the most talkative. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Reads one value, or says what is wrong with it. */
export type Read<Value> = (text: string) => Value | Wrong

/** What is wrong with a value: the rest of a sentence that begins with its name. */
export class Wrong {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

/** Any text. */
export const text: Read<string> = (given) => given

/** The name of a node. */
export const nodeName: Read<string> = (given) => {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(given)) return given
  return new Wrong(`wants 1 to 64 letters, digits, '.', '_' or '-', not '${given}'`)
}

/** A port; 0 is any that is free. */
export const port: Read<number> = (given) => {
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given)
  const isLink = given.startsWith('tcp://')
  const hint = isLink ? ' (Kubernetes sets it for a service: use enableServiceLinks: false)' : ''
  return new Wrong(`wants a port from 0 to 65535, not '${given}'${hint}`)
}

/** A duration of a millisecond or more, in milliseconds. */
export const duration: Read<number> = (given) => {
  const ms = parseDuration(given)
  if (ms !== null && ms >= 1) return ms
  return new Wrong(`wants a duration such as 150ms, 30s or 5m, not '${given}'`)
}

/** What a timer can be set for is 2^31 - 1 ms; this, in whole hours. */
const PAUSE_HOURS_MAX = 596

/** A duration that a timer is set for: one beyond its range would go off at once, for ever. */
export const pause: Read<number> = (given) => {
  const ms = duration(given)
  if (ms instanceof Wrong || ms <= PAUSE_HOURS_MAX * 3_600_000) return ms
  return new Wrong(`wants ${PAUSE_HOURS_MAX}h or less, not '${given}'`)
}

/** A host name or an address. */
export const host: Read<string> = (given) => {
  const bare = /^\[(.*)\]$/.exec(given)?.[1] ?? given
  if (/^[A-Za-z0-9._:%-]+$/.test(bare)) return bare
  return new Wrong(`wants a host name or an address, not '${given}'`)
}

/** A host and a port. */
export const address: Read<Address> = (given) => {
  const [, where = '', number = ''] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(given) ?? []
  const at = host(where)
  const on = port(number)
  if (typeof at === 'string' && typeof on === 'number' && on > 0) return { host: at, port: on }
  return new Wrong(`wants host:port, with IPv6 in brackets as in [::1]:9001, not '${given}'`)
}

/** Where an HTTP API is: scheme, host and port, and nothing behind them. */
export const httpUrl: Read<string> = (given) => {
  const url = /^https?:\/\//.test(given) && URL.canParse(given) ? new URL(given) : null
  if (url !== null && url.href === `${url.origin}/`) return url.origin
  return new Wrong(`wants http://host:port or https://host:port, not '${given}'`)
}

/** Names and addresses of nodes. */
export const peers: Read<readonly PeerAddress[]> = (given) => {
  const found: PeerAddress[] = []
  for (const one of given.split(',').map((part) => part.trim())) {
    const colon = one.indexOf(':')
    const id = nodeName(one.slice(0, Math.max(colon, 0)))
    const at = address(one.slice(colon + 1))
    if (id instanceof Wrong || at instanceof Wrong) {
      const accepted = 'id:host:raft-port with commas between them, IPv6 in brackets'
      return new Wrong(`wants ${accepted}, and '${one}' is not that`)
    }
    found.push({ id, ...at })
  }
  return found
}

/** How much is logged. */
export const logLevel: Read<LogLevel> = (given) => {
  const level = LOG_LEVELS.find((one) => one === given)
  if (level !== undefined) return level
  return new Wrong(`wants one of ${LOG_LEVELS.join(', ')}, not '${given}'`)
}

/** A switch. */
export const toggle: Read<boolean> = (given) => {
  if (given === 'true' || given === '1') return true
  if (given === 'false' || given === '0') return false
  return new Wrong(`wants true or false, not '${given}'`)
}
