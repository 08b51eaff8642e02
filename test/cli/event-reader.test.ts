// Server-sent events out of pieces of text.

import * as assert from 'uvu/assert'
import { EventReader } from '../../cli/event-reader.ts'
import { suite } from '../harness.ts'

const test = suite('event reader')

test('event reader: any cut of the text: the same events', () => {
  const first = ': hi\n\nid: 7\nevent: granted\ndata: {"a":1}\n\n'
  const text = `${first}retry: 5\n\ndata: x\ndata: y\r\n\r\n`
  const expected = [
    { type: 'granted', data: '{"a":1}', id: '7' },
    { type: 'message', data: 'x\ny', id: null },
  ]
  for (let size = 1; size <= text.length; size++) {
    const reader = new EventReader()
    const found = []
    for (let at = 0; at < text.length; at += size) {
      found.push(...reader.read(text.slice(at, at + size)))
    }
    // A cut between \r\n\r and \n must make no event of its own.
    assert.equal(found, expected, `pieces of ${size}`)
  }
})

test.run()
