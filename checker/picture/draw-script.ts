// The part of the page's script that draws a timeline.

/** Declares `data`, `createView`, `drawSample` and `sayExactly`. */
export const drawScript: string = String.raw`
const data = JSON.parse(document.getElementById('data').textContent)
const { unit } = data
const barHeight = 18
const lineHeights = { process: 26, lock: 22 }
const axisHeight = 28
const stripHeight = 14
const characterWidth = 7.25

function svg(name, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  set(made, attributes)
  made.append(...children)
  return made
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}

document.body.append(svg('svg', { width: 0, height: 0, 'aria-hidden': 'true' }, svg('defs', {},
  svg('pattern', { id: 'away', width: 7, height: 7, patternUnits: 'userSpaceOnUse',
    patternTransform: 'rotate(45)' }, svg('path', { class: 'away-line', d: 'M0 0V7' })),
  svg('pattern', { id: 'both', width: 5, height: 5, patternUnits: 'userSpaceOnUse',
    patternTransform: 'rotate(-45)' }, svg('path', { class: 'both-line', d: 'M0 0V5' })))))

/** A time among others that are at most most and lie step apart. */
function sayTime(time, step, most) {
  const [name, size] = unit.name === '' ? ['', 1] : unitFor(most)
  const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / size) - 1e-9)))
  return (time / size).toFixed(digits) + (name === '' ? '' : ' ' + name)
}

function unitFor(time) {
  const units = [['s', 1e9], ['ms', 1e6], ['\u00b5s', 1e3]]
  return units.find(([, size]) => time >= size) || ['ns', 1]
}

/** A length of time, to four digits. */
function sayLength(time) {
  if (unit.name === '') return String(Number(time.toFixed(3)))
  const [name, size] = unitFor(time)
  return Number((time / size).toPrecision(4)) + ' ' + name
}

function sayExactly(time) {
  const text = String(Number((time / unit.size).toFixed(9)))
  return unit.name === '' ? text : text + ' ' + unit.name
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((one) => one * power).find((step) => step >= least * 0.9999)
}

/** A bar's shapes: a thin line for what may be, a body for what is, its letter, its words. */
function createShape(bar, row) {
  const core = bar.letter === undefined ? '' : ' core'
  const words = { info: ', no answer', fail: ', failed', ok: ', ok', held: '' }[bar.is]
  const conflict = bar.letter === undefined ? '' : ', in conflict as ' + bar.letter
  const group = svg('g', { class: 'bar ' + bar.is + core, tabindex: 0, role: 'button',
    'aria-label': row.name + ': ' + bar.text + words + conflict })
  const line = svg('path', { class: 'line' })
  const body = svg('path', { class: 'body' })
  const text = svg('text', { class: 'said' })
  group.append(line, body)
  let letter = null
  if (bar.letter !== undefined) {
    letter = svg('g', {}, svg('circle', { r: 8 }), svg('text', { class: 'letter-text', y: 4 }))
    letter.lastChild.textContent = bar.letter
    group.append(letter)
  }
  group.append(text)
  let point = null
  if (bar.at !== undefined) {
    point = svg('circle', { class: 'point', r: 4 })
    group.append(point)
  }
  return { group, line, body, text, letter, point }
}

function box(x0, x1, y, height) {
  return 'M' + x0 + ' ' + y + 'H' + x1 + 'v' + height + 'H' + x0 + 'Z'
}

/** A box whose right end is torn off. */
function torn(x0, x1, y, height) {
  const tooth = height / 4
  return 'M' + x0 + ' ' + y + 'H' + x1 + ('l-4 ' + tooth + 'l4 ' + tooth).repeat(2) + 'H' + x0 + 'Z'
}

function arrow(x0, x1, y) {
  return 'M' + x0 + ' ' + y + 'H' + x1 + 'm-5 -4l5 4l-5 4'
}

/** The paths of a bar from x0 to x1; open: its line goes on to the right edge. */
function pathsOf(is, { x0, x1, y, edge, early, late }) {
  const middle = y + barHeight / 2
  if (is === 'fail') {
    const cross = 'M' + (x1 - 4) + ' ' + (middle - 7) + 'l8 14m0 -14l-8 14'
    return { body: box(x0, x1, middle - 4, 8), line: cross }
  }
  if (is === 'info') {
    return { body: torn(x0, x1, y, barHeight), line: edge > x1 + 8 ? arrow(x1, edge, middle) : '' }
  }
  if (is === 'ok') return { body: box(x0, x1, y, barHeight), line: '' }
  const low = y + barHeight - 1
  const whiskers = (late > x1 ? 'M' + x1 + ' ' + low + 'H' + late + 'v-5' : '') +
    (early < x0 ? 'M' + x0 + ' ' + low + 'H' + early + 'v-5' : '')
  const line = edge > x1 ? arrow(x1, edge, middle) : whiskers
  return { body: box(x0, x1, y + 1, barHeight - 2), line }
}

function createView(root, view) {
  const axis = svg('svg', { class: 'axis', 'aria-hidden': 'true' })
  const rows = svg('svg', { class: 'rows', tabindex: 0, role: 'group', 'aria-label': view.label +
    ': ' + view.bars.length + ' bars in ' + view.rows.length + ' rows. + and - zoom, ? is help.' })
  root.append(axis, rows)
  const tops = []
  let height = 4
  for (const row of view.rows) {
    tops.push(height)
    const strip = row.overlaps !== undefined && row.overlaps.length > 0 ? stripHeight : 0
    height += row.lines * lineHeights[row.is] + strip
  }
  const rowsHeight = height
  height += view.regions.length > 0 ? 20 : 4
  const clip = 'clip-' + root.dataset.view
  const clipBox = svg('rect', { y: 0, height })
  const back = svg('g', {})
  const plotted = svg('g', { 'clip-path': 'url(#' + clip + ')' })
  const ruled = svg('g', {})
  const front = svg('g', { 'pointer-events': 'none' })
  const shapes = view.bars.map((bar) => createShape(bar, view.rows[bar.row]))
  const isCoreRow = view.rows.map(() => false)
  view.bars.forEach((bar) => { if (bar.letter !== undefined) isCoreRow[bar.row] = true })
  plotted.append(ruled, ...shapes.map(({ group }) => group), front)
  const cursor = svg('path', { class: 'cursor' })
  const cursorText = svg('text', { class: 'tick', y: 12 })
  rows.append(svg('defs', {}, svg('clipPath', { id: clip }, clipBox)), back, plotted, cursor)
  const { nextOf, beforeOf } = neighbours(view.bars)
  const points = view.scale
  let width = 0

  const place = (time) => {
    let at = 0
    while (at < points.length - 2 && points[at + 1].time <= time) at += 1
    const [a, b] = [points[at], points[at + 1]]
    return a.place + ((time - a.time) / (b.time - a.time)) * (b.place - a.place)
  }
  const timeAt = (where) => {
    let at = 0
    while (at < points.length - 2 && points[at + 1].place <= where) at += 1
    const [a, b] = [points[at], points[at + 1]]
    return a.time + ((where - a.place) / (b.place - a.place)) * (b.time - a.time)
  }
  const first = view.start.map(place)
  const self = {
    root, rows, names: view.rows.map(({ name }) => name), bars: view.bars, shapes, place, timeAt,
    left: 0, right: 1, gutter: 0, plot: 1, onShow: () => {}
  }
  const x = (time) => {
    const at = (place(time) - self.left) / (self.right - self.left)
    return Math.round((self.gutter + Math.max(-2, Math.min(3, at)) * self.plot) * 10) / 10
  }
  self.placeAt = (px) => {
    return self.left + ((px - self.gutter) / self.plot) * (self.right - self.left)
  }
  self.show = (left, right) => {
    const span = Math.max(1e-9, Math.min(1, right - left))
    const begin = Math.max(0, Math.min(1 - span, left))
    if (begin === self.left && begin + span === self.right) return false
    self.left = begin
    self.right = begin + span
    update()
    return true
  }
  self.zoom = (factor, at) => {
    const span = Math.max(1e-9, Math.min(1, (self.right - self.left) * factor))
    const share = (at - self.left) / (self.right - self.left)
    return self.show(at - share * span, at + (1 - share) * span)
  }
  self.pan = (share) => {
    const by = share * (self.right - self.left)
    return self.show(self.left + by, self.right + by)
  }
  self.reset = () => self.show(first[0], first[1])
  self.reveal = (bar) => {
    const from = place(bar.from)
    const to = bar.to === null ? from : place(bar.to)
    const span = self.right - self.left
    if (to < self.left || from > self.right - span * 0.02) {
      self.show(from - span / 3, from + (span * 2) / 3)
    }
  }
  self.pointAt = (px) => {
    const isIn = px >= self.gutter && px <= self.gutter + self.plot
    cursor.setAttribute('d', isIn ? 'M' + px + ' 0V' + rowsHeight : 'M0 0')
    const said = sayTime(timeAt(self.placeAt(px)), timePerPx(), timeAt(self.right))
    cursorText.textContent = isIn ? said : ''
    const x = Math.max(self.gutter, Math.min(width - 60, px - 20))
    set(cursorText, { x })
  }
  const timePerPx = () => {
    const at = points.findIndex((point, index) => point.isCut !== true && index < points.length - 1)
    const [a, b] = [points[at], points[at + 1]]
    const timePerPlace = (b.time - a.time) / (b.place - a.place)
    return (timePerPlace * (self.right - self.left)) / self.plot
  }

  self.draw = (fixedWidth) => {
    width = Math.max(280, Math.floor(fixedWidth || root.clientWidth))
    self.gutter = width < 640 ? 92 : 128
    self.plot = width - self.gutter - 6
    set(axis, { viewBox: '0 0 ' + width + ' ' + axisHeight })
    set(rows, { viewBox: '0 0 ' + width + ' ' + height })
    set(clipBox, { x: self.gutter, width: self.plot + 6 })
    const lettersMax = Math.floor((self.gutter - 14) / 7)
    back.replaceChildren(...view.rows.flatMap((row, at) => {
      const isLong = row.name.length > lettersMax
      const name = isLong ? row.name.slice(0, lettersMax - 1) + '\u2026' : row.name
      const core = isCoreRow[at] ? ' core' : ''
      const label = svg('text', { class: 'name' + core, x: 10, y: tops[at] + 17 })
      label.textContent = name
      label.append(svg('title', {}, row.name))
      const next = at + 1 < tops.length ? tops[at + 1] : rowsHeight
      const area = { x: 0, y: tops[at], width, height: next - tops[at] }
      const stripe = svg('rect', { class: 'stripe', ...area })
      return at % 2 === 0 ? [stripe, label] : [label]
    }))
    update()
  }

  function update() {
    if (width === 0) return
    drawAxis()
    drawFront()
    view.bars.forEach((bar, at) => drawBar(bar, shapes[at], nextOf[at], beforeOf[at]))
    self.onShow()
  }

  function drawAxis() {
    const least = timePerPx() * (unit.name === '' ? 80 : 96)
    const step = niceStep(least)
    const ticks = []
    const rules = []
    let free = self.gutter + 4
    points.slice(0, -1).forEach((point, at) => {
      const next = points[at + 1]
      if (point.isCut || x(next.time) < self.gutter || x(point.time) > width) return
      const from = Math.max(point.time, timeAt(self.left))
      const to = Math.min(next.time, timeAt(self.right))
      for (let n = Math.ceil(from / step); n * step <= to; n += 1) {
        const at = x(n * step)
        rules.push('M' + at + ' 0V' + rowsHeight)
        if (at < free) continue
        const label = svg('text', { class: 'tick', x: at + 3, y: 18 })
        label.textContent = sayTime(n * step, step, timeAt(self.right))
        if (at + label.textContent.length * 7 > width) continue
        ticks.push(svg('path', { class: 'rule', d: 'M' + at + ' 6V' + axisHeight }), label)
        free = at + label.textContent.length * 7 + 16
      }
    })
    const head = svg('text', { class: 'tick', x: 10, y: 18 })
    head.textContent = unit.name === '' ? 'instant' : 'time'
    axis.replaceChildren(head, ...ticks)
    rows.append(cursorText)
    ruled.replaceChildren(svg('path', { class: 'rule', d: rules.join('') || 'M0 0' }),
      ...view.regions.flatMap(({ from, to, text }) => {
        const [x0, x1] = [Math.max(x(from), self.gutter), Math.min(x(to), width)]
        if (x1 <= x0) return []
        const label = svg('text', { class: 'remark', x: x0 + 4, y: rowsHeight + 14 })
        label.textContent = x1 - x0 > text.length * 6 ? text : ''
        const region = { class: 'region', x: x0, y: 0, width: x1 - x0, height: rowsHeight }
        return [svg('rect', region), label]
      }))
  }

  function drawFront() {
    const made = []
    view.rows.forEach(({ overlaps = [], lines }, at) => {
      const y = tops[at] + lines * lineHeights.lock
      for (const [from, to] of overlaps) {
        const [x0, x1] = [Math.max(x(from), self.gutter), Math.min(x(to), width)]
        if (x1 < x0) continue
        const area = { x: x0, y, width: Math.max(2, x1 - x0), height: stripHeight - 4 }
        const strip = { class: 'overlap', ...area }
        const edges = 'M' + x0 + ' ' + tops[at] + 'V' + y + 'M' + x1 + ' ' + tops[at] + 'V' + y
        const label = svg('text', { class: 'both', y: y + 9 })
        const isRight = x1 + 90 < width
        set(label, isRight ? { x: x1 + 5 } : { x: x0 - 5, 'text-anchor': 'end' })
        label.textContent = isRight || x0 - self.gutter > 90 ? 'held twice' : ''
        made.push(svg('rect', strip), svg('path', { class: 'cursor', d: edges }), label)
      }
    })
    points.forEach((point, at) => {
      if (!point.isCut) return
      const next = points[at + 1]
      const middle = (x(point.time) + x(next.time)) / 2
      const half = Math.max(3, Math.min(9, (x(next.time) - x(point.time)) / 4))
      const teeth = Math.ceil(rowsHeight / 12)
      const down = 'l4 6l-4 6'.repeat(teeth)
      const edge = (at) => 'M' + at + ' 0' + down
      const fill = edge(middle - half) + 'h' + 2 * half + 'l4 -6l-4 -6'.repeat(teeth) + 'Z'
      made.push(svg('path', { class: 'cut', d: fill }),
        svg('path', { class: 'cut-edge', d: edge(middle - half) + edge(middle + half) }))
      const span = x(next.time) - x(point.time)
      const text = svg('text', { class: 'tick', x: middle, y: 18, 'text-anchor': 'middle' })
      text.textContent = '\u22ef' + (span > 70 ? ' ' + sayLength(next.time - point.time) : '')
      if (middle > self.gutter && middle < width) axis.append(text)
    })
    front.replaceChildren(...made)
  }

  function drawBar(bar, { group, line, body, text, letter, point }, next, before) {
    const edge = width - 3
    const isOpen = bar.to === null
    const nextX = next === null ? edge : x(next.from)
    const x0 = x(bar.from)
    let x1 = isOpen ? edge : x(bar.to)
    if (bar.is === 'info') {
      x1 = bar.gaveUp === undefined ? nextX - 4 : Math.min(nextX - 4, x(bar.gaveUp))
    }
    x1 = Math.max(x1, x0 + 3)
    const isOut = x0 > width || (Math.max(x1, isOpen ? edge : x1) < self.gutter)
    group.setAttribute('visibility', isOut ? 'hidden' : 'visible')
    if (isOut) return
    const top = tops[bar.row] + (bar.line || 0) * lineHeights[view.rows[bar.row].is]
    const y = top + (bar.is === 'held' ? 2 : 4)
    const early = bar.early === undefined ? x0 : x(bar.early)
    const late = bar.late === undefined ? x1 : x(bar.late)
    const shownEnd = isOpen && bar.is === 'held' ? edge - 8 : x1
    const paths = pathsOf(bar.is, { x0, x1: shownEnd, y, edge: isOpen ? edge : x1, early, late })
    body.setAttribute('d', paths.body)
    line.setAttribute('d', paths.line || 'M0 0')
    const middle = y + barHeight / 2
    const begin = Math.max(x0, self.gutter)
    let inside = begin + 6
    if (letter !== null) {
      const at = x1 - x0 < 22 ? (x0 + x1) / 2 : Math.max(x0, self.gutter) + 11
      letter.setAttribute('transform', 'translate(' + at + ' ' + middle + ')')
      inside = at + 12
    }
    const suffix = bar.is === 'info' ? ' (no answer)' : bar.is === 'fail' ? ' (failed)' : ''
    const number = bar.order === undefined ? '' : bar.order + ' '
    const full = number + bar.text + suffix
    const room = (from, to) => Math.floor((to - from - 4) / characterWidth)
    const fits = bar.is === 'fail' ? 0 : room(inside, Math.min(shownEnd, width))
    const outside = Math.max(shownEnd + 6, inside, bar.is === 'fail' ? shownEnd + 8 : 0)
    const beside = room(outside, nextX - 2)
    const beforeX = before === null ? self.gutter : before.to === null ? x0 : x(before.to)
    const left = Math.min(x0, letter === null ? x0 : (x0 + x1) / 2 - 8) - 5
    const taken = before === null ? 0 : before.text.length + 2
    const ahead = left < self.gutter ? 0 : room(beforeX, left) - taken
    let [at, count, anchor] = [inside, fits, 'start']
    if (fits < full.length && beside > fits) [at, count] = [outside, beside]
    if (count < full.length && ahead >= full.length) [at, count, anchor] = [left, ahead, 'end']
    let shown = full
    if (bar.is === 'held') {
      const short = full.replace(/^process /, '')
      shown = [full, short, short.split(', ')[0]].find((one) => one.length <= count) || ''
    }
    const isTooShort = count < number.length + 6
    if (shown.length > count) shown = isTooShort ? '' : shown.slice(0, count - 1) + '\u2026'
    if (shown === '' && number.length - 1 <= count) shown = number
    set(text, { x: at, y: middle + 4, 'text-anchor': anchor })
    text.replaceChildren()
    if (number !== '' && shown.length > 0) {
      const bold = svg('tspan', { class: 'order' })
      bold.textContent = shown.slice(0, number.length)
      text.append(bold)
    }
    text.append(shown.slice(number.length))
    if (point !== null) set(point, { cx: Math.min(Math.max(x(bar.at), x0), x1), cy: y + barHeight })
  }
  self.left = first[0]
  self.right = first[1]
  return self
}

/** Of each bar, those that come next and before it on its line, or null. */
function neighbours(bars) {
  const last = new Map()
  const nextOf = bars.map(() => null)
  const beforeOf = bars.map(() => null)
  bars.map((_, at) => at).sort((a, b) => bars[b].from - bars[a].from).forEach((at) => {
    const line = bars[at].row + ' ' + (bars[at].line || 0)
    if (last.has(line)) {
      nextOf[at] = bars[last.get(line)]
      beforeOf[last.get(line)] = bars[at]
    }
    last.set(line, at)
  })
  return { nextOf, beforeOf }
}

function drawSample(sample) {
  const name = sample.dataset.sample
  if (name === 'overlap') {
    sample.append(svg('rect', { class: 'overlap', x: 2, y: 5, width: 40, height: 10 }))
    return
  }
  if (name === 'point') {
    sample.append(svg('circle', { class: 'point', cx: 22, cy: 10, r: 4 }))
    return
  }
  const is = name === 'core' ? 'ok' : name
  const isOpen = is === 'info'
  const shape = { x0: is === 'held' ? 10 : 2, x1: isOpen ? 22 : 34, y: 1, edge: isOpen ? 42 : 0,
    early: 2, late: 42 }
  const { body, line } = pathsOf(is, shape)
  const group = svg('g', { class: is + (name === 'core' ? ' core' : '') })
  group.append(svg('path', { class: 'line', d: line || 'M0 0' }))
  group.append(svg('path', { class: 'body', d: body }))
  sample.append(group)
}
`
