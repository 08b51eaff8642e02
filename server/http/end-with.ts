// The end of a connection that Node's HTTP server looks after no more. It knows no HTTP.

import type { Socket } from 'node:net'

/** How long the other end may take to close its half too, milliseconds. */
const HALF_OPEN_MS_MAX = 1_000

/**
 * Says `text` and ends the connection. The other end may go on sending until it has read that, for
 * bytes that meet a closed socket would cost it the answer; but not for as long as it likes.
 */
export function endWith(socket: Socket, text: string): void {
  socket.end(text)
  const timer = setTimeout(() => socket.destroy(), HALF_OPEN_MS_MAX)
  socket.once('close', () => clearTimeout(timer))
}
