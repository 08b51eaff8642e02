// The in-process network beyond the conformance suite: when it delivers, and what it refuses.

import * as assert from 'uvu/assert'
import { inProcessNetwork } from '../../transports/in-process.ts'
import { suite } from '../harness.ts'

const test = suite('in-process')

const frame = Uint8Array.of(1, 1, 7)

test('in-process: a turn: is delivered by one deferred call, and not before', async () => {
  const deferred: (() => void)[] = []
  const network = inProcessNetwork({ defer: callback => void deferred.push(callback) })
  const [a, b] = [network.transport('a'), network.transport('b')]
  const received: string[] = []
  const opening = [a, b].map(one => one.open({ received: from => void received.push(from) }))
  for (const one of deferred.splice(0)) one()
  await Promise.all(opening)
  a.send('b', frame)
  a.send('b', frame)
  assert.is(deferred.length, 0)
  a.flush()
  a.flush()
  assert.is(deferred.length, 1)
  assert.equal(received, [])
  deferred[0]?.()
  assert.equal(received, ['a', 'a'])
})

test('in-process: a receiver that throws: costs no room for later frames', async () => {
  const deferred: (() => void)[] = []
  const network = inProcessNetwork({
    defer: callback => void deferred.push(callback),
    queuedBytesMax: 6
  })
  const [a, b] = [network.transport('a'), network.transport('b')]
  let count = 0
  const received = (): void => {
    if (++count === 1) throw new Error('a fault of the host')
  }
  const opening = [a.open({ received }), b.open({ received })]
  for (const one of deferred.splice(0)) one()
  await Promise.all(opening)
  for (const expected of [1, 3]) {
    for (let sent = 0; sent < 3; sent++) a.send('b', frame)
    a.flush()
    try {
      deferred.pop()?.()
    } catch (error) {
      assert.is((error as Error).message, 'a fault of the host')
    }
    assert.is(count, expected)
  }
})

test('in-process: a node that is open, and a second open: are refused by name', async () => {
  const network = inProcessNetwork({ defer: queueMicrotask })
  const open = (): Promise<string> => {
    return network.transport('a').open({ received: () => {} }).then(() => '', String)
  }
  assert.is(await open(), '')
  assert.match(await open(), /a is connected already/)
  const again = network.transport('b')
  const both = [again, again].map(one => one.open({ received: () => {} }).then(() => '', String))
  assert.match((await Promise.all(both)).join(), /^,.*b is opening: open each one once/)
  const closed = network.transport('c')
  const opening = closed.open({ received: () => {} }).then(() => '', String)
  await closed.close()
  assert.match(await opening, /c was closed while it opened/)
})

test.run()
