// Sets fields of ordinary objects whose names come out of files.

import type { Plain } from '../event.ts'

/** Sets a field, also one that objects have from elsewhere. */
export function setField(fields: Record<string, Plain>, name: string, value: Plain): void {
  if (name !== '__proto__') fields[name] = value
  else {
    const all = { value, writable: true, enumerable: true, configurable: true }
    Object.defineProperty(fields, name, all)
  }
}
