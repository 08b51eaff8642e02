// A backup as bytes: the state of the lock service, and what of its cluster a new one has to know
// to go on from it. Behind a format version and before a checksum; it knows no files.
//
//   "lockstep backup\n" | u8 format | cluster | index | clock, ms | version | snapshot | u32 crc32c

import { ByteReader, ByteWriter, putU32 } from '../core/bytes.ts'
import { crc32c } from '../core/crc32.ts'

/** Version of the format that this build writes, and the newest that it reads. */
export const BACKUP_FORMAT_VERSION = 1

const MAGIC = new TextEncoder().encode('lockstep backup\n')
const CRC_BYTES = 4

/** What was saved of a cluster. */
export interface Backup {
  /** The cluster that it was taken of. */
  readonly cluster: string
  /** The last entry that is in it. */
  readonly index: number
  /** The machine's clock as of that entry, milliseconds of log time. */
  readonly clockMs: number
  /** The version of the machine's rules in force then. */
  readonly version: number
  /** What `Machine.encodeSnapshot` made of the state. */
  readonly snapshot: Uint8Array
}

/** The bytes of a backup. */
export function encodeBackup(backup: Backup): Uint8Array {
  const { snapshot } = backup
  const writer = new ByteWriter()
  writer.raw(MAGIC)
  writer.u8(BACKUP_FORMAT_VERSION)
  writer.text(backup.cluster)
  writer.varint(backup.index)
  writer.varint(backup.clockMs)
  writer.varint(backup.version)
  writer.varint(snapshot.length)
  const head = writer.finish()
  const end = head.length + snapshot.length
  const bytes = new Uint8Array(end + CRC_BYTES)
  bytes.set(head)
  bytes.set(snapshot, head.length)
  putU32(bytes, end, crc32c(bytes, 0, end))
  return bytes
}

/** Reads a backup, or says what is wrong with the bytes. Total on garbage. */
export function decodeBackup(bytes: Uint8Array): Backup | { readonly problem: string } {
  const reader = new ByteReader(bytes)
  const magic = reader.raw(MAGIC.length)
  if (!reader.ok || !MAGIC.every((byte, at) => magic[at] === byte)) {
    return { problem: 'it is no backup of lockstep' }
  }
  const format = reader.u8()
  if (format > BACKUP_FORMAT_VERSION) {
    const known = `format ${format}, this build knows up to ${BACKUP_FORMAT_VERSION}`
    return { problem: `it was written by a newer build (${known}): use that build` }
  }
  const end = bytes.length - CRC_BYTES
  const stored = new ByteReader(bytes, Math.max(0, end)).u32()
  if (end < reader.at || crc32c(bytes, 0, end) !== stored) {
    return { problem: 'it is damaged: its checksum is wrong, so it was cut short or has changed' }
  }
  const cluster = reader.text()
  const index = reader.varint()
  const clockMs = reader.varint()
  const version = reader.varint()
  const snapshot = reader.block()
  reader.u32()
  if (format === BACKUP_FORMAT_VERSION && reader.done && version > 0) {
    return { cluster, index, clockMs, version, snapshot }
  }
  return { problem: 'its checksum is right and its content makes no sense' }
}
