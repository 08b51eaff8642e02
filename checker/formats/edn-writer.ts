// Writes data as EDN that reads as the same data again.

import { isPlainMap, Tagged } from '../event.ts'
import type { Plain } from '../event.ts'
import { readNumber } from './edn-values.ts'

/** One form, on one line. */
export function writeEdn(value: Plain): string {
  switch (typeof value) {
    case 'string':
      return writeString(value)
    case 'number':
      return writeNumber(value)
    case 'bigint':
      return `${value}N`
    case 'boolean':
      return value ? 'true' : 'false'
    default:
      return value === null ? 'nil' : writeCollection(value)
  }
}

/** A name: a keyword where EDN has one of that name, else a string. */
export function writeName(name: string): string {
  return /^[a-zA-Z*!_?$%&=<>][\w.*+!?$%&=<>'-]*$/.test(name) ? `:${name}` : writeString(name)
}

function writeCollection(value: Exclude<Plain, null | boolean | number | bigint | string>): string {
  if (value instanceof Set) return `#{${[...value].map(writeEdn).join(' ')}}`
  if (value instanceof Map) {
    return `{${[...value].map(([key, inner]) => `${writeEdn(key)} ${writeEdn(inner)}`).join(', ')}}`
  }
  if (value instanceof Tagged) return writeTagged(value)
  if (!isPlainMap(value)) return `[${(value as readonly Plain[]).map(writeEdn).join(' ')}]`
  const fields = Object.entries(value)
  return `{${fields.map(([name, inner]) => `${writeName(name)} ${writeEdn(inner)}`).join(', ')}}`
}

function writeTagged({ tag, value }: Tagged): string {
  if (typeof value === 'string') {
    const token = tag === 'decimal' ? `${value}M` : value
    const read = tag === 'decimal' || tag === 'ratio' ? readNumber(token) : undefined
    if (read instanceof Tagged && read.tag === tag) return token
  }
  return `#${tag} ${writeEdn(value)}`
}

function writeNumber(value: number): string {
  if (Number.isSafeInteger(value)) return `${value}`
  if (Number.isNaN(value)) return '##NaN'
  if (!Number.isFinite(value)) return value > 0 ? '##Inf' : '##-Inf'
  // With an exponent, or it would read as an integer beyond 2^53.
  return Number.isInteger(value) ? value.toExponential() : `${value}`
}

/** Characters that an editor, a decoder or a line reader would not leave alone are escaped. */
function writeString(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`
  const unsafe = /["\\\u0000-\u001f\u007f\u2028\u2029\ufeff\ufffd]|\p{Cs}/gu
  return `"${text.replace(unsafe, escapeOf)}"`
}

function escapeOf(character: string): string {
  const known = '\t\n\r"\\'.indexOf(character)
  if (known !== -1) return `\\${'tnr"\\'.charAt(known)}`
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
