// What single EDN tokens mean: numbers, characters, tags. Knows no text around them.

import { isPlainMap, Tagged } from '../event.ts'
import type { Plain } from '../event.ts'
import { setField } from './plain-map.ts'

const digitsMax = 1000

/** Whether the token at `at` must be a number. */
export function isNumberStart(text: string, at: number): boolean {
  const first = text.charCodeAt(at)
  if (first >= 0x30 && first <= 0x39) return true
  if (first !== 0x2b && first !== 0x2d) return false
  const second = text.charCodeAt(at + 1)
  return second >= 0x30 && second <= 0x39
}

/** A number of any of EDN's kinds; undefined: the token is none. */
export function readNumber(token: string): Plain | undefined {
  if (token.length > digitsMax) return undefined
  if (/^[+-]?(0|[1-9][0-9]*)N?$/.test(token)) return integerOf(token.replace(/^\+|N$/g, ''))
  if (/^[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?$/.test(token)) return Number(token)
  if (/^[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?M$/.test(token)) {
    return new Tagged('decimal', token.slice(0, -1))
  }
  if (/^[+-]?[0-9]+\/[1-9][0-9]*$/.test(token)) return new Tagged('ratio', token)
  return undefined
}

/** The integer that these digits say: a number, or beyond 2^53 a bigint. */
export function integerOf(digits: string): number | bigint {
  const value = Number(digits)
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value
  return BigInt(digits)
}

const namedCharacters: ReadonlyMap<string, string> = new Map([
  ['newline', '\n'],
  ['return', '\r'],
  ['space', ' '],
  ['tab', '\t'],
  ['backspace', '\b'],
  ['formfeed', '\f']
])

/** The character that stands after a backslash; undefined: there is none with that name. */
export function namedCharacter(token: string): string | undefined {
  const known = namedCharacters.get(token)
  if (known !== undefined) return known
  if (/^u[0-9a-fA-F]{4}$/.test(token)) return String.fromCharCode(parseInt(token.slice(1), 16))
  const isOne = token.length === 1 || (token.length === 2 && (token.codePointAt(0) ?? 0) > 0xffff)
  return isOne && token >= ' ' ? token : undefined
}

/** A value with a tag. A record of a class (`#jepsen.history.Op{...}`) is its map. */
export function tagged(tag: string, value: Plain): Plain {
  const isRecord = tag.includes('.') && !tag.includes('/')
  if (isRecord && (isPlainMap(value) || value instanceof Map)) return value
  return new Tagged(tag, value)
}

/** `#:name{...}`: each key of the map gets the namespace, if it has none. Undefined: no map. */
export function withNamespace(namespace: string, value: Plain): Plain | undefined {
  if (!isPlainMap(value)) return undefined
  const fields: Record<string, Plain> = {}
  for (const [name, inner] of Object.entries(value)) {
    setField(fields, name.includes('/') ? name : `${namespace}/${name}`, inner)
  }
  return fields
}
