// What the verbs that take, keep and give back a lock have in common: the key, the owner, and the
// body of the request.

import { randomBytes } from 'node:crypto'
import { valueOf } from './arguments.ts'
import { parseDurationMs } from './values.ts'
import { UsageError } from './verb.ts'
import type { Given, OptionSpec } from './verb.ts'

export const OWNER_OPTION: OptionSpec = {
  name: 'owner',
  value: 'NAME',
  help: 'who has it, as said when it was taken',
}

export const FENCING_TOKEN_OPTION: OptionSpec = {
  name: 'fencing-token',
  value: 'N',
  help: 'the holding that is meant (default: whatever the owner holds)',
}

export const TTL_OPTION: OptionSpec = {
  name: 'ttl',
  value: 'TIME',
  help: "the lease's length, such as 30s",
}

/** The one key of the command line. */
export function keyOf(given: Given, verb: string): string {
  const [key, extra] = given.positionals
  if (key === undefined || key === '') throw new UsageError(`${verb} wants the key of a lock`)
  if (extra === undefined) return key
  throw new UsageError(`'${extra}' is not understood: ${verb} takes one key`)
}

/** The owner that was named. */
export function ownerOf(given: Given, verb: string): string {
  const owner = valueOf(given, 'owner')
  if (owner !== undefined) return owner
  throw new UsageError(`${verb} wants --owner, the name that the lock was taken with`)
}

/** A name that nobody else has, for owners and requests. */
export function drawName(): string {
  return randomBytes(16).toString('hex')
}

/** The fields that were given among `ttl` and `token`, checked. */
export function termsOf(given: Given): Readonly<Record<string, unknown>> {
  const ttl = valueOf(given, 'ttl')
  const token = valueOf(given, 'fencing-token')
  if (ttl !== undefined) parseDurationMs('ttl', ttl)
  if (token !== undefined && !/^\d{1,16}$/.test(token)) {
    throw new UsageError(`--fencing-token wants a number, not '${token}'`)
  }
  return {
    ...(ttl === undefined ? {} : { ttl }),
    ...(token === undefined ? {} : { token: Number(token) }),
  }
}
