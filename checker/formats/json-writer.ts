// Writes data as JSON that reads as the same data again: see the scanner for what JSON lacks.

import { isPlainMap, Tagged } from '../event.ts'
import type { Plain } from '../event.ts'

/** One value, on one line. */
export function writeJson(value: Plain): string {
  switch (typeof value) {
    case 'string':
      return writeString(value)
    case 'number':
      return writeNumber(value)
    case 'bigint':
    case 'boolean':
      return `${value}`
    default:
      return value === null ? 'null' : writeCollection(value)
  }
}

function writeCollection(value: Exclude<Plain, null | boolean | number | bigint | string>): string {
  if (value instanceof Set) return `{"#set":${writeArray([...value])}}`
  if (value instanceof Map) return `{"#map":${writeArray([...value])}}`
  if (value instanceof Tagged) return `{"#tagged":${writeArray([value.tag, value.value])}}`
  if (!isPlainMap(value)) return writeArray(value as readonly Plain[])
  const names = Object.keys(value)
  const isLikeSpecial = names.length === 1 && /^#+(set|map|tagged|number)$/.test(names[0] ?? '')
  const prefix = isLikeSpecial ? '#' : ''
  const fields = names.map((name) => {
    return `${writeString(prefix + name)}:${writeJson(value[name] ?? null)}`
  })
  return `{${fields.join(',')}}`
}

function writeArray(items: readonly Plain[]): string {
  return `[${items.map(writeJson).join(',')}]`
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) return `{"#number":"${value}"}`
  // With an exponent, or it would read as an integer beyond 2^53.
  const isFloat = Number.isInteger(value) && !Number.isSafeInteger(value)
  return isFloat ? value.toExponential() : `${value}`
}

function writeString(text: string): string {
  return JSON.stringify(text).replaceAll('\ufffd', '\\ufffd')
}
