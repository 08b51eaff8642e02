// The state machine of the transcripts: it keeps the lines that it is given. `last` and `count` are
// queries, which the machine answers without the log. Bytes that begin with 0xff are no command.

import { ByteReader, ByteWriter } from '../../core/bytes.ts'
import { hashBytes, lanesHex } from '../../core/hash.ts'
import type { Machine } from '../../core/machine.ts'

export interface Text {
  readonly lines: readonly string[]
}

/** It has no events of its own. */
export interface Nothing {
  readonly type: 'nothing'
}

export const textMachine: Machine<Text, string, string, Nothing> = {
  initial: () => ({ lines: [] }),
  apply({ lines }, command) {
    const after = [...lines, command]
    return [{ lines: after }, `line ${after.length}`, []]
  },
  query({ lines }, command) {
    if (command === 'last') return lines.at(-1) ?? 'nothing'
    return command === 'count' ? String(lines.length) : null
  },
  due: () => null,
  encodeCommand: encodeText,
  decodeCommand: decodeText,
  encodeReply: encodeText,
  decodeReply: decodeText,
  encodeSnapshot({ lines }) {
    const writer = new ByteWriter()
    writer.varint(lines.length)
    for (const line of lines) writer.text(line)
    return writer.finish()
  },
  decodeSnapshot(bytes) {
    const reader = new ByteReader(bytes)
    const lines = Array.from({ length: reader.varint() }, () => reader.text())
    return reader.done ? { lines } : null
  },
  hash: (state) => lanesHex(hashBytes(textMachine.encodeSnapshot(state))),
}

/** A command's bytes: one for the length, then the text. */
export function encodeText(text: string): Uint8Array {
  const writer = new ByteWriter()
  writer.text(text)
  return writer.finish()
}

/** The text of a command, or null when it is none. */
export function decodeText(bytes: Uint8Array): string | null {
  const reader = new ByteReader(bytes)
  const text = reader.text()
  return reader.done ? text : null
}
