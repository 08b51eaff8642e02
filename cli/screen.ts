// Where a command writes. On a terminal there is colour and one line that is drawn over and over;
// into a file or a CI log there are plain lines and no control characters.

/** The two streams of a command, and what they can show. */
export interface Screen {
  /** True when stdout is a terminal that people look at. */
  readonly isTerminal: boolean
  /** True when stderr is one too: the place for `status`. */
  readonly hasStatus: boolean
  /** Width in characters. */
  readonly columns: number
  /** Writes lines to stdout. */
  print(text: string): void
  /** Writes lines to stderr. */
  complain(text: string): void
  /** Draws `text` over the last status, on stderr; does nothing without `hasStatus`. */
  status(text: string): void
  /** Colours `text` on a terminal; elsewhere answers it as it is. */
  paint(style: Style, text: string): string
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

const ERASE_LINE = '\r\u001b[2K'
const COLUMNS_DEFAULT = 80

/** The screen of this process. */
export function processScreen(): Screen {
  const { stdout, stderr, env } = process
  const inCi = env['CI'] !== undefined && env['CI'] !== '' && env['CI'] !== 'false'
  const isPlain = inCi || env['TERM'] === 'dumb'
  const isTerminal = stdout.isTTY === true && !isPlain
  const hasStatus = stderr.isTTY === true && !isPlain
  const hasColour = isTerminal && (env['NO_COLOR'] ?? '') === ''
  let statusShown = false

  function clear(): void {
    if (statusShown) stderr.write(ERASE_LINE)
    statusShown = false
  }

  return {
    isTerminal,
    hasStatus,
    // A terminal that does not know its size says 0.
    columns: stdout.columns || stderr.columns || COLUMNS_DEFAULT,
    print: (text) => {
      clear()
      stdout.write(`${text}\n`)
    },
    complain: (text) => {
      clear()
      stderr.write(`${text}\n`)
    },
    status: (text) => {
      if (!hasStatus) return
      clear()
      if (text === '') return
      stderr.write(text)
      statusShown = true
    },
    paint: (style, text) => {
      if (!hasColour) return text
      const [on, off] = CODES[style]
      return `\u001b[${on}m${text}\u001b[${off}m`
    },
  }
}
