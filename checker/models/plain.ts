// Reads the data of history files for the models: texts that name keys and owners, fields of maps,
// and values that compare by ===. Accepts anything, and throws at nothing.

import { Tagged } from '../event.ts'
import type { Asked, Plain } from '../event.ts'

/** A value of an object, compared by ===. Lists, maps and nil become texts that begin with #. */
export type Value = boolean | number | bigint | string

/** A text that differs for different data and is short for what is common. */
export function plainText(value: unknown): string {
  if (typeof value === 'string') return needsQuotes(value) ? JSON.stringify(value) : value
  if (typeof value === 'bigint') return `${value}`
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : `${value}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${value.map(plainText).join(' ')}]`
  if (value instanceof Set) return `#{${[...value].map(plainText).sort().join(' ')}}`
  if (value instanceof Tagged) return `#${value.tag} ${plainText(value.value)}`
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  const texts = entries.map(([name, field]) => `${plainText(name)} ${plainText(field)}`)
  return `{${texts.sort().join(', ')}}`
}

/** Whether a string could be taken for other data, or for more than one. */
function needsQuotes(text: string): boolean {
  if (text === '' || /[\s"#{}[\],]/.test(text)) return true
  return /^(-?\d|-?Infinity$|NaN$|null$|true$|false$|undefined$)/.test(text)
}

/** A value that compares by ===. Of nil it is a text too: null means other things to models. */
export function valueOf(plain: Plain | undefined): Value {
  if (plain === null || plain === undefined) return '#nil'
  if (typeof plain === 'object') return `#${plainText(plain)}`
  if (typeof plain === 'string') return plain.startsWith('#') ? `#${JSON.stringify(plain)}` : plain
  if (typeof plain === 'number' && Number.isNaN(plain)) return '#NaN'
  return plain
}

/** Says a value: strings in quotes. */
export function showValue(value: Value | null | undefined): string {
  if (value === undefined) return '?'
  if (typeof value !== 'string') return String(value)
  return value.startsWith('#') ? value.slice(1) : JSON.stringify(value)
}

/** A text that differs for different values, and sorts with others. */
export function valueHash(value: Value | null): string {
  return `${typeof value} ${value}`
}

/** The elements of a list or a set, or null. */
export function itemsOf(plain: Plain | undefined): readonly Plain[] | null {
  if (plain instanceof Tagged) return itemsOf(plain.value)
  if (plain instanceof Set) return [...plain] as Plain[]
  return Array.isArray(plain) ? plain : null
}

/** The field of a map under the first of `names` that it has, or undefined. */
export function fieldOf(plain: Plain, ...names: readonly string[]): Plain | undefined {
  if (plain instanceof Tagged) return fieldOf(plain.value, ...names)
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) return undefined
  for (const name of names) {
    if (plain instanceof Map) {
      if (plain.has(name)) return plain.get(name) as Plain
    } else if (Object.hasOwn(plain, name)) return (plain as Record<string, Plain>)[name]
  }
  return undefined
}

/** A word of a file, without the colon that keywords have in some; null when it is no string. */
export function wordOf(plain: Plain | undefined): string | null {
  if (typeof plain !== 'string') return null
  return plain.startsWith(':') ? plain.slice(1) : plain
}

/** Names the object that is meant; the empty text when there is just one. */
export function keyOf({ key }: Asked): string {
  return key === undefined || key === null ? '' : plainText(key)
}

/** The key before a description, if there is one. */
export function showKey(key: string | undefined): string {
  return key === undefined || key === '' ? '' : ` ${key}`
}

/** Who asks: the field `owner` or `client` of a map, else the process. */
export function ownerOf({ value, process }: Asked): string {
  const owner = fieldOf(value, 'owner', 'client') ?? null
  return owner === null ? `process ${process}` : plainText(owner)
}

/** A whole number of at least `least`, or null. */
export function wholeOf(plain: Plain | undefined, least: number): number | null {
  return typeof plain === 'number' && Number.isSafeInteger(plain) && plain >= least ? plain : null
}
