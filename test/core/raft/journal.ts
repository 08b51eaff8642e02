// The state machine of the core's own tests: it writes down what is applied, answers some commands
// late and wants others proposed in time. Commands are text; anything that is not UTF-8 is garbage.

import { ByteReader, ByteWriter } from '../../../core/bytes.ts'
import { hashBytes, lanesHex } from '../../../core/hash.ts'
import type { Machine } from '../../../core/machine.ts'

export interface Journal {
  /** `index@timeMs text` of each command, and from version 2 of the rules on `vN` before it. */
  readonly lines: readonly string[]
  /** Log times at which a `tick` is wanted, in order. */
  readonly dues: readonly number[]
}

export interface Noted {
  readonly type: 'noted'
  readonly text: string
}

export type JournalMachine = Machine<Journal, string, string, Noted>

/**
 * `late` gets no reply until a later `answer INDEX` comes; `due MS` wants a `tick` at that log
 * time; `tick` drops the dues that have passed; any other text is only written down. `count` and
 * `last` can be read without the log.
 */
export const journal: JournalMachine = {
  initial: () => ({ lines: [], dues: [] }),
  apply(state, command, { index, timeMs, version }) {
    const rules = version > 1 ? ` v${version}` : ''
    const lines = [...state.lines, `${index}@${timeMs}${rules} ${command}`]
    const [verb, value] = command.split(' ')
    const noted = { type: 'noted', text: command } as const
    switch (verb) {
      case 'late':
        return [{ lines, dues: state.dues }, null, [noted]]
      case 'answer': {
        // A machine answers only what it has applied.
        if (Number(value) >= index) return [{ lines, dues: state.dues }, 'ok', [noted]]
        const reply = { type: 'answer', index: Number(value), reply: `late ${value}` } as const
        return [{ lines, dues: state.dues }, 'ok', [noted, reply]]
      }
      case 'due': {
        const dues = [...state.dues, Number(value)].sort((a, b) => a - b)
        return [{ lines, dues }, 'ok', [noted]]
      }
      case 'tick':
        return [{ lines, dues: state.dues.filter((atMs) => atMs > timeMs) }, 'ok', [noted]]
      default:
        return [{ lines, dues: state.dues }, `did ${command}`, [noted]]
    }
  },
  query(state, command) {
    if (command === 'count') return String(state.lines.length)
    return command === 'last' ? (state.lines.at(-1) ?? 'nothing') : null
  },
  due({ dues }) {
    return dues.length === 0 ? null : { atMs: dues[0] as number, command: 'tick' }
  },
  encodeCommand: encodeText,
  decodeCommand: decodeText,
  encodeReply: encodeText,
  decodeReply: decodeText,
  encodeSnapshot(state) {
    const writer = new ByteWriter()
    writer.varint(state.lines.length)
    for (const line of state.lines) writer.text(line)
    writer.varint(state.dues.length)
    for (const due of state.dues) writer.varint(due)
    return writer.finish()
  },
  decodeSnapshot(bytes) {
    const reader = new ByteReader(bytes)
    const lines: string[] = []
    for (let left = reader.varint(); left > 0 && reader.ok; left--) lines.push(reader.text())
    const dues: number[] = []
    for (let left = reader.varint(); left > 0 && reader.ok; left--) dues.push(reader.varint())
    return reader.done ? { lines, dues } : null
  },
  hash: (state) => lanesHex(hashBytes(journal.encodeSnapshot(state))),
}

/** A command's bytes. */
export function encodeText(text: string): Uint8Array {
  const writer = new ByteWriter()
  writer.text(text)
  return writer.finish()
}

/** Bytes that are no command of this machine. */
export const GARBAGE: Uint8Array = Uint8Array.of(0xff)

function decodeText(bytes: Uint8Array): string | null {
  const reader = new ByteReader(bytes)
  const text = reader.text()
  return reader.done ? text : null
}
