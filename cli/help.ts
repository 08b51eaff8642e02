// The help texts, made from what the verbs declare.

import type { Verb } from './verb.ts'

const WIDTH = 100

/** `lockstep help`. */
export function overviewHelp(verbs: readonly Verb[]): string {
  const nameWidth = Math.max(...verbs.map((verb) => verb.name.length))
  return [
    'lockstep: deterministic, simulation-tested Raft and locks',
    '',
    'usage: lockstep VERB [options]',
    '',
    ...verbs.map(({ name, summary }) => `  ${name.padEnd(nameWidth)}  ${summary}`),
    '',
    'lockstep help VERB   what a verb takes, with examples',
    'lockstep --version   which version this is',
    '',
    ...EXIT_CODES,
  ].join('\n')
}

/** `lockstep help VERB`. */
export function verbHelp(verb: Verb): string {
  const options = [
    ...verb.options.map(({ name, value, help }) => {
      return { left: value === undefined ? `--${name}` : `--${name} ${value}`, help }
    }),
    { left: '--help', help: 'print this' },
  ]
  const leftWidth = Math.max(...options.map(({ left }) => left.length))
  const lineWidth = Math.max(...verb.examples.map(({ line }) => line.length))
  return [
    `lockstep ${verb.name}: ${verb.summary}`,
    '',
    `usage: lockstep ${verb.name} ${verb.usage}`,
    '',
    ...options.flatMap(({ left, help }) => entryLines(left.padEnd(leftWidth), help)),
    '',
    'examples:',
    ...verb.examples.map(({ line, what }) => `  lockstep ${line.padEnd(lineWidth)}   ${what}`),
    '',
    ...EXIT_CODES,
  ].join('\n')
}

const EXIT_CODES: readonly string[] = [
  'exit codes: 0 all good, 1 a violation or a failed operation, 2 wrong usage or unreadable input,',
  '            3 a seed stayed undecided, 130 interrupted',
]

/** An option and its help, broken at spaces and commas, aligned under itself. */
function entryLines(left: string, help: string): string[] {
  const indent = left.length + 4
  const lines: string[] = []
  let line = ''
  for (const piece of help.split(/(?<=[ ,])/)) {
    if (line !== '' && indent + line.length + piece.trimEnd().length > WIDTH) {
      lines.push(line.trimEnd())
      line = ''
    }
    line += piece
  }
  lines.push(line)
  return lines.map((text, at) => (at === 0 ? `  ${left}  ${text}` : ' '.repeat(indent) + text))
}
