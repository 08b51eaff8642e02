// Reads server-sent events out of text that arrives in pieces. Knows nothing of locks.

/** One event. */
export interface ServerEvent {
  /** `message` where none was said. */
  readonly type: string
  readonly data: string
  readonly id: string | null
}

/** Keeps what has arrived of the event that is under way. */
export class EventReader {
  #text = ''

  /** The events that are whole with this piece; comments and events without data are none. */
  read(piece: string): ServerEvent[] {
    this.#text += piece
    const blocks = this.#text.split(/\r?\n\r?\n/)
    this.#text = blocks.pop() ?? ''
    return blocks.flatMap(eventOf)
  }
}

function eventOf(block: string): ServerEvent[] {
  let type = 'message'
  let id: string | null = null
  const data: string[] = []
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
    if (field === 'event') type = value
    else if (field === 'id') id = value
    else if (field === 'data') data.push(value)
  }
  return data.length === 0 ? [] : [{ type, data: data.join('\n'), id }]
}
