// The values that commands, replies and snapshots of the lock machine have in common, as bytes:
// what may be null stands behind a flag, and a mode is a flag.

import type { ByteReader, ByteWriter } from '../bytes.ts'
import type { Mode } from './command.ts'

/** Appends an integer or null. */
export function writeIntegerOrNull(writer: ByteWriter, value: number | null): void {
  writer.bool(value !== null)
  if (value !== null) writer.varint(value)
}

/** The integer of `writeIntegerOrNull`, or null. */
export function readIntegerOrNull(reader: ByteReader): number | null {
  return reader.bool() ? reader.varint() : null
}

/** Appends text or null. */
export function writeTextOrNull(writer: ByteWriter, value: string | null): void {
  writer.bool(value !== null)
  if (value !== null) writer.text(value)
}

/** The text of `writeTextOrNull`, or null. */
export function readTextOrNull(reader: ByteReader): string | null {
  return reader.bool() ? reader.text() : null
}

/** Appends a mode. */
export function writeMode(writer: ByteWriter, mode: Mode): void {
  writer.bool(mode === 'shared')
}

/** The mode of `writeMode`. */
export function readMode(reader: ByteReader): Mode {
  return reader.bool() ? 'shared' : 'exclusive'
}

/** Appends a mode or null. */
export function writeModeOrNull(writer: ByteWriter, mode: Mode | null): void {
  writer.bool(mode !== null)
  if (mode !== null) writeMode(writer, mode)
}

/** The mode of `writeModeOrNull`, or null. */
export function readModeOrNull(reader: ByteReader): Mode | null {
  return reader.bool() ? readMode(reader) : null
}
