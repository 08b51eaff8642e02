// Holds connections to a port of this machine until it is killed, and says how many are open.
// Usage: node --import tsx hold-connections.ts PORT COUNT [TEXT]
// Each sends TEXT, if there is any, and counts as open once something has come back.

import { connect } from 'node:net'

/** So many are being opened at a time: of all holders together fewer than a listener lets wait. */
const OPENING_MAX = 50
const SAY_MS = 50

function hold(port: number, count: number, text: string): void {
  let begun = 0
  let open = 0
  let said = -1
  const next = (): void => {
    if (begun === count) return
    begun += 1
    const socket = connect(port, '127.0.0.1')
    let isOpen = false
    const opened = (): void => {
      if (isOpen) return
      isOpen = true
      open += 1
      next()
    }
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (isOpen) open -= 1
      else next()
    })
    socket.on('data', opened)
    socket.on('connect', () => {
      if (text === '') opened()
      else socket.write(text)
    })
  }
  for (let at = 0; at < OPENING_MAX; at++) next()
  setInterval(() => {
    if (open !== said) process.stdout.write(`open ${open}\n`)
    said = open
  }, SAY_MS)
}

const [port, count, text = ''] = process.argv.slice(2)
hold(Number(port), Number(count), text)
