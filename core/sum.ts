// Digests of whole collections: the sum over the digests of their records, whatever their order.
// What a record and a node come to is remembered with them for as long as they live: a state that
// is asked again after a change costs what has changed, and one that nobody asks costs nothing.

import type { Lanes } from './hash.ts'
import { addLanes } from './hash.ts'
import type { MapKey, MapNode, OrderedMap } from './ordered-map.ts'
import type { Queue } from './queue.ts'

/** The digest of nothing. */
export const NO_LANES: Lanes = [0, 0, 0, 0]

/** Asks `lanesOf` once for each object, which never changes. */
export function remembered<Item extends object>(
  lanesOf: (item: Item) => Lanes,
): (item: Item) => Lanes {
  const known = new WeakMap<Item, Lanes>()
  return (item) => {
    let lanes = known.get(item)
    if (lanes === undefined) {
      lanes = lanesOf(item)
      known.set(item, lanes)
    }
    return lanes
  }
}

/** Sums over all entries of a map. */
export function mapSum<Key extends MapKey, Value>(
  lanesOf: (value: Value, key: Key) => Lanes,
): (map: OrderedMap<Key, Value>) => Lanes {
  const ofNode = remembered((node: MapNode<Key, Value>): Lanes => {
    if (node.type === 'branch') return sum(node.children, 0, ofNode)
    return sum(node.values, 0, (value, at) => lanesOf(value, node.keys[at] as Key))
  })
  return ofNode
}

/** Sums over all that is in a queue. */
export function queueSum<Value>(
  lanesOf: (value: Value) => Lanes,
): (queue: Queue<Value>) => Lanes {
  const ofParts = mapSum((part: readonly Value[]) => sum(part, 0, lanesOf))
  return ({ head, headAt, middle, tail }) => {
    const ends = addLanes(sum(head, headAt, lanesOf), sum(tail, 0, lanesOf))
    return addLanes(ends, ofParts(middle))
  }
}

function sum<Item>(
  items: readonly Item[],
  from: number,
  lanesOf: (item: Item, at: number) => Lanes,
): Lanes {
  let [a, b, c, d] = NO_LANES
  for (let at = from; at < items.length; at++) {
    const lanes = lanesOf(items[at] as Item, at)
    a = (a + lanes[0]) | 0
    b = (b + lanes[1]) | 0
    c = (c + lanes[2]) | 0
    d = (d + lanes[3]) | 0
  }
  return [a, b, c, d]
}
