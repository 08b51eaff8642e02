// Texts of histories for a page: short, visible whatever they hold, and inert in HTML and scripts.

/** Characters that would not be seen, or would turn the text around. */
const unseen = /(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

const ellipsis = '\u2026'

/** A text as a person can read it, of at most `lengthMax` characters before escapes. */
export function visible(text: string, lengthMax: number): string {
  const isLong = text.length > lengthMax
  const cut = isLong ? text.slice(0, lengthMax - 1).replace(/[\ud800-\udbff]$/, '') : text
  const shown = cut.replace(unseen, (unit) => {
    if (unit === '\n') return '\\n'
    return `\\u${(unit.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
  return isLong ? `${shown}${ellipsis}` : shown
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

/** A text as the content of an element, or of an attribute in quotes. */
export function html(text: string): string {
  return text.replace(/[&<>"']/g, (unit) => entities[unit] ?? unit)
}

/** Data as the content of a script element that holds JSON. */
export function scriptJson(data: unknown): string {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** How many bytes a text is in UTF-8. */
export function bytesOf(text: string): number {
  let bytes = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) bytes += 1
    else bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3
  }
  return bytes
}

/** A count with its noun: `1 operation`, `12,345 operations`. */
export function counted(count: number, noun: string): string {
  const digits = `${count}`.replace(/\B(?=(\d{3})+$)/g, ',')
  return `${digits} ${noun}${count === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`
}
