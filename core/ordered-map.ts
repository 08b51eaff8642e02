// An immutable map in key order: a B+ tree that copies the path to each change. An old version
// stays whole, a fork is a reference, and the order rests on the keys alone. It knows nothing of
// what it holds. Two maps of equal entries may differ in shape: compare their entries.

import { invariant } from './invariant.ts'

const ENTRIES_MAX = 32
const ENTRIES_MIN = 12
/** What a node gets at most that is made with many others. */
const ENTRIES_FILLED = 26

/** Keys are compared with `<`: text by code unit. One map holds one of the two kinds. */
export type MapKey = string | number

/** The lowest nodes: key `i` belongs to value `i`. */
export interface MapLeaf<Key extends MapKey, Value> {
  readonly type: 'leaf'
  readonly keys: readonly Key[]
  readonly values: readonly Value[]
}

/** The nodes above: key `i` is the least one below child `i`; `size` counts the entries below. */
export interface MapBranch<Key extends MapKey, Value> {
  readonly type: 'branch'
  readonly keys: readonly Key[]
  readonly children: readonly MapNode<Key, Value>[]
  readonly size: number
}

/** A node with all that is below it. */
export type MapNode<Key extends MapKey, Value> = MapLeaf<Key, Value> | MapBranch<Key, Value>

/** A persistent ordered map: plain data, and changed only by making another. */
export type OrderedMap<Key extends MapKey, Value> = MapNode<Key, Value>

const EMPTY: MapLeaf<never, never> = { type: 'leaf', keys: [], values: [] }

/** The map without entries. */
export function emptyMap<Key extends MapKey, Value>(): OrderedMap<Key, Value> {
  return EMPTY
}

/** Number of entries, in O(1). */
export function mapSize<Key extends MapKey, Value>(map: OrderedMap<Key, Value>): number {
  return map.type === 'leaf' ? map.keys.length : map.size
}

/** The value at `key`, or undefined. O(log n). */
export function mapGet<Key extends MapKey, Value>(
  map: OrderedMap<Key, Value>,
  key: Key,
): Value | undefined {
  let node = map
  while (node.type === 'branch') {
    node = node.children[childAt(node.keys, key)] as MapNode<Key, Value>
  }
  const at = lowerBound(node.keys, key)
  return node.keys[at] === key ? node.values[at] : undefined
}

/** The map with `value` at `key`, whether or not it had one before. O(log n). */
export function mapSet<Key extends MapKey, Value>(
  map: OrderedMap<Key, Value>,
  key: Key,
  value: Value,
): OrderedMap<Key, Value> {
  const root = insert(map, key, value)
  if (root.keys.length <= ENTRIES_MAX) return root
  const [left, right] = split(root)
  return branchOf([leastKey(left), leastKey(right)], [left, right])
}

/**
 * The map of many entries at once, for which `keys` rise; `values` are in their order. O(n), and a
 * fraction of what setting one after the other costs.
 */
export function mapOf<Key extends MapKey, Value>(
  keys: readonly Key[],
  values: readonly Value[],
): OrderedMap<Key, Value> {
  let nodes: MapNode<Key, Value>[] = pieces(keys.length).map(([start, end]) => {
    return { type: 'leaf', keys: keys.slice(start, end), values: values.slice(start, end) }
  })
  while (nodes.length > 1) {
    const below = nodes
    nodes = pieces(below.length).map(([start, end]) => {
      const children = below.slice(start, end)
      return branchOf(children.map(leastKey), children)
    })
  }
  return nodes[0] ?? EMPTY
}

/** The map without `key`; the same map when it has none. O(log n). */
export function mapDelete<Key extends MapKey, Value>(
  map: OrderedMap<Key, Value>,
  key: Key,
): OrderedMap<Key, Value> {
  const root = remove(map, key)
  if (root.type === 'branch' && root.children.length === 1) return childOf(root, 0)
  return root
}

/** The entry of the least key, or null. O(log n). */
export function mapFirst<Key extends MapKey, Value>(
  map: OrderedMap<Key, Value>,
): readonly [Key, Value] | null {
  let node = map
  while (node.type === 'branch') node = childOf(node, 0)
  return node.keys.length === 0 ? null : [node.keys[0] as Key, node.values[0] as Value]
}

/** Number of entries whose key is less than `key`, in O(log n). */
export function mapRank<Key extends MapKey, Value>(map: OrderedMap<Key, Value>, key: Key): number {
  let node = map
  let rank = 0
  while (node.type === 'branch') {
    const at = childAt(node.keys, key)
    for (let index = 0; index < at; index++) rank += mapSize(childOf(node, index))
    node = childOf(node, at)
  }
  return rank + lowerBound(node.keys, key)
}

/** All entries in key order, from the first key that is not less than `from` when it is given. */
export function* mapEntries<Key extends MapKey, Value>(
  map: OrderedMap<Key, Value>,
  from?: Key,
): Generator<readonly [Key, Value], void> {
  const path: { readonly branch: MapBranch<Key, Value>; at: number }[] = []
  let node = map
  while (node.type === 'branch') {
    const at = from === undefined ? 0 : childAt(node.keys, from)
    path.push({ branch: node, at })
    node = childOf(node, at)
  }
  let at = from === undefined ? 0 : lowerBound(node.keys, from)
  for (;;) {
    for (; at < node.keys.length; at++) yield [node.keys[at] as Key, node.values[at] as Value]
    let step = path.pop()
    while (step !== undefined && step.at + 1 === step.branch.children.length) step = path.pop()
    if (step === undefined) return
    path.push({ branch: step.branch, at: step.at + 1 })
    let next = childOf(step.branch, step.at + 1)
    while (next.type === 'branch') {
      path.push({ branch: next, at: 0 })
      next = childOf(next, 0)
    }
    node = next
    at = 0
  }
}

/** Splits so many evenly: into pieces with room for more, none too small but an only one. */
function pieces(count: number): (readonly [number, number])[] {
  const pieceCount = Math.ceil(count / ENTRIES_FILLED)
  return Array.from({ length: pieceCount }, (_, at) => {
    return [Math.floor((at * count) / pieceCount), Math.floor(((at + 1) * count) / pieceCount)]
  })
}

/** The node with the entry; it may come out one entry too large, and its parent splits it then. */
function insert<Key extends MapKey, Value>(
  node: MapNode<Key, Value>,
  key: Key,
  value: Value,
): MapNode<Key, Value> {
  const { keys } = node
  if (node.type === 'leaf') {
    const at = lowerBound(keys, key)
    if (keys[at] === key) return { type: 'leaf', keys, values: node.values.with(at, value) }
    return {
      type: 'leaf',
      keys: keys.toSpliced(at, 0, key),
      values: node.values.toSpliced(at, 0, value),
    }
  }
  const at = childAt(keys, key)
  const child = insert(childOf(node, at), key, value)
  if (child.keys.length <= ENTRIES_MAX) return replaceChild(node, at, child)
  const [left, right] = split(child)
  return branchOf(
    keys.toSpliced(at, 1, leastKey(left), leastKey(right)),
    node.children.toSpliced(at, 1, left, right),
  )
}

/** The node without the entry; it may come out too small, and its parent mends it then. */
function remove<Key extends MapKey, Value>(
  node: MapNode<Key, Value>,
  key: Key,
): MapNode<Key, Value> {
  const { keys } = node
  if (node.type === 'leaf') {
    const at = lowerBound(keys, key)
    if (keys[at] !== key) return node
    return { type: 'leaf', keys: keys.toSpliced(at, 1), values: node.values.toSpliced(at, 1) }
  }
  const at = childAt(keys, key)
  const old = childOf(node, at)
  const child = remove(old, key)
  if (child === old) return node
  if (child.keys.length >= ENTRIES_MIN) return replaceChild(node, at, child)
  // Too small: joined with a neighbour, and split evenly when that is too large.
  const leftAt = at === 0 ? 0 : at - 1
  const both = at === 0 ? join(child, childOf(node, 1)) : join(childOf(node, leftAt), child)
  const parts = both.keys.length > ENTRIES_MAX ? split(both) : [both]
  return branchOf(
    keys.toSpliced(leftAt, 2, ...parts.map(leastKey)),
    node.children.toSpliced(leftAt, 2, ...parts),
  )
}

function replaceChild<Key extends MapKey, Value>(
  node: MapBranch<Key, Value>,
  at: number,
  child: MapNode<Key, Value>,
): MapBranch<Key, Value> {
  const least = leastKey(child)
  return {
    type: 'branch',
    keys: node.keys[at] === least ? node.keys : node.keys.with(at, least),
    children: node.children.with(at, child),
    size: node.size - mapSize(childOf(node, at)) + mapSize(child),
  }
}

function split<Key extends MapKey, Value>(
  node: MapNode<Key, Value>,
): [MapNode<Key, Value>, MapNode<Key, Value>] {
  const { keys } = node
  const half = keys.length >>> 1
  const low = keys.slice(0, half)
  const high = keys.slice(half)
  if (node.type === 'leaf') {
    return [
      { type: 'leaf', keys: low, values: node.values.slice(0, half) },
      { type: 'leaf', keys: high, values: node.values.slice(half) },
    ]
  }
  return [branchOf(low, node.children.slice(0, half)), branchOf(high, node.children.slice(half))]
}

/** Two neighbours of the same height as one node, which may be too large. */
function join<Key extends MapKey, Value>(
  left: MapNode<Key, Value>,
  right: MapNode<Key, Value>,
): MapNode<Key, Value> {
  const keys = left.keys.concat(right.keys)
  if (left.type === 'leaf') {
    invariant(right.type === 'leaf', 'ordered map: neighbours of unequal height')
    return { type: 'leaf', keys, values: left.values.concat(right.values) }
  }
  invariant(right.type === 'branch', 'ordered map: neighbours of unequal height')
  return branchOf(keys, left.children.concat(right.children))
}

function branchOf<Key extends MapKey, Value>(
  keys: readonly Key[],
  children: readonly MapNode<Key, Value>[],
): MapBranch<Key, Value> {
  let size = 0
  for (const child of children) size += mapSize(child)
  return { type: 'branch', keys, children, size }
}

function childOf<Key extends MapKey, Value>(
  node: MapBranch<Key, Value>,
  at: number,
): MapNode<Key, Value> {
  return node.children[at] as MapNode<Key, Value>
}

function leastKey<Key extends MapKey, Value>(node: MapNode<Key, Value>): Key {
  return node.keys[0] as Key
}

/** Number of keys less than `key`. */
function lowerBound(keys: readonly MapKey[], key: MapKey): number {
  // Each kind has a loop of its own: a `<` that meets both kinds costs several times as much.
  return typeof key === 'string'
    ? lowerBoundOfText(keys as readonly string[], key)
    : lowerBoundOfNumber(keys as readonly number[], key)
}

function lowerBoundOfText(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

function lowerBoundOfNumber(keys: readonly number[], key: number): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as number) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** Place of the child that holds `key` or would: the last whose least key is not above it. */
function childAt(keys: readonly MapKey[], key: MapKey): number {
  const at = lowerBound(keys, key)
  return at > 0 && keys[at] !== key ? at - 1 : at
}
