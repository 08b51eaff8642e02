// The script of the page of a picture, as text: it runs in the reader's browser, from a file. What
// is drawn is decided before, see timeline.ts; here it is put on the screen, zoomed and explained.

import { drawScript } from './draw-script.ts'

/** The hash by which the page's policy knows its script; the tests say what it must be. */
export const pageScriptHash = 'sha256-vhehYZOskWsUREOjTMCi1QXNH/XRthZ61758qcEMP7o='

/** What moves the timelines and tells about their bars. */
const handleScript: string = String.raw`
const views = data.views.map((view, at) => {
  return createView(document.querySelector('[data-view="' + at + '"]'), view)
})
const history = views[views.length - 1]
let current = history

function act(view, name) {
  const { left, right } = view
  const middle = (left + right) / 2
  if (name === 'in') view.zoom(1 / 1.5, middle)
  else if (name === 'out') view.zoom(1.5, middle)
  else if (name === 'left') view.pan(-0.15)
  else if (name === 'right') view.pan(0.15)
  else if (name === 'reset') view.reset()
  else if (name === 'all') view.show(0, 1)
  else if (name === 'help') document.getElementById('help').showModal()
}

const keys = {
  '+': 'in', '=': 'in', '-': 'out', '_': 'out', ArrowLeft: 'left', ArrowRight: 'right',
  '0': 'reset', a: 'all', '?': 'help'
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (document.getElementById('help').open || current === undefined) return
  if (event.key === 'Escape') return hideDetails()
  const name = Object.hasOwn(keys, event.key) ? keys[event.key] : null
  if (name === null) return
  event.preventDefault()
  act(current, name)
})

function fieldsOf(view, bar) {
  const say = (time) => sayExactly(time)
  const isHeld = bar.is === 'held'
  const fields = [[isHeld ? 'Lock' : 'Who', view.names[bar.row]]]
  fields.push([isHeld ? 'Held by' : 'Asked \u2192 was told', bar.text])
  if (isHeld && bar.early < bar.from) fields.push(['Perhaps from', say(bar.early)])
  fields.push([isHeld ? 'For certain from' : 'Called', say(bar.from)])
  if (bar.gaveUp !== undefined) fields.push(['Given up', say(bar.gaveUp)])
  const end = bar.to === null ? (isHeld ? 'nothing ends it' : 'no answer') : say(bar.to)
  fields.push([isHeld ? 'to' : 'Answered', end])
  if (isHeld && bar.late !== undefined) fields.push(['Perhaps to', say(bar.late)])
  if (bar.to !== null) fields.push(['Lasts', sayLength(bar.to - bar.from)])
  if (!isHeld) fields.push(['Outcome', outcomes[bar.is]])
  if (bar.letter !== undefined) fields.push(['In conflict', 'as ' + bar.letter])
  if (bar.order !== undefined) fields.push(['In the order', 'number ' + bar.order])
  return fields
}

const outcomes = {
  ok: 'ok', fail: 'fail: never took effect', info: 'info: may take effect later, or never'
}

function listOf(fields) {
  const list = document.createElement('dl')
  list.className = 'fields'
  for (const [name, text] of fields) {
    list.append(element('dt', name), element('dd', text))
  }
  return list
}

function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

const details = document.getElementById('details')
const tip = document.getElementById('tip')
let chosen = null

function showDetails(view, bar, shape) {
  hideDetails()
  chosen = shape
  shape.classList.add('chosen')
  const close = element('button', '\u00d7')
  close.setAttribute('aria-label', 'Close')
  close.addEventListener('click', hideDetails)
  details.replaceChildren(close, listOf(fieldsOf(view, bar)))
  details.hidden = false
  tip.hidden = true
}

function hideDetails() {
  if (chosen !== null) chosen.classList.remove('chosen')
  chosen = null
  details.hidden = true
  tip.hidden = true
}

function showTip(view, bar, x, y) {
  tip.replaceChildren(listOf(fieldsOf(view, bar)))
  tip.hidden = false
  const { width, height } = tip.getBoundingClientRect()
  tip.style.left = Math.max(4, Math.min(innerWidth - width - 4, x + 14)) + 'px'
  tip.style.top = (y + height + 22 > innerHeight ? Math.max(4, y - height - 14) : y + 18) + 'px'
}

for (const view of views) {
  const { root, rows } = view
  const become = () => { current = view }
  root.addEventListener('pointerenter', become)
  root.addEventListener('focusin', become)
  root.addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]')
    if (button !== null) act(view, button.dataset.do)
  })
  const pxOf = (event) => event.clientX - rows.getBoundingClientRect().left
  rows.addEventListener('wheel', (event) => {
    const at = view.placeAt(pxOf(event))
    if (pxOf(event) < view.gutter || event.ctrlKey) return
    const isPan = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)
    const by = (event.deltaX || event.deltaY) / view.plot
    const isMoved = isPan ? view.pan(by) : view.zoom(Math.exp(event.deltaY * 0.0015), at)
    if (isMoved) event.preventDefault()
  }, { passive: false })
  rows.addEventListener('dblclick', (event) => view.zoom(0.4, view.placeAt(pxOf(event))))
  listenToDrag(view, pxOf)
  view.bars.forEach((bar, at) => {
    const shape = view.shapes[at].group
    shape.addEventListener('pointermove', (event) => {
      if (chosen !== shape) showTip(view, bar, event.clientX, event.clientY)
    })
    shape.addEventListener('pointerleave', () => { tip.hidden = true })
    shape.addEventListener('click', () => showDetails(view, bar, shape))
    shape.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      showDetails(view, bar, shape)
    })
    shape.addEventListener('focus', () => {
      if (!shape.matches(':focus-visible')) return
      view.reveal(bar)
      if (!details.hidden) showDetails(view, bar, shape)
    })
  })
}

function listenToDrag(view, pxOf) {
  const { rows } = view
  let from = null
  let isDragged = false
  rows.addEventListener('pointerdown', (event) => {
    if (event.button === 0 && pxOf(event) >= view.gutter) from = event.clientX
    isDragged = false
  })
  rows.addEventListener('pointermove', (event) => {
    view.pointAt(pxOf(event))
    if (from === null) return
    if (!isDragged && Math.abs(event.clientX - from) < 4) return
    if (!isDragged) rows.setPointerCapture(event.pointerId)
    isDragged = true
    rows.classList.add('dragged')
    tip.hidden = true
    view.pan((from - event.clientX) / view.plot)
    from = event.clientX
  })
  const end = () => {
    from = null
    rows.classList.remove('dragged')
  }
  rows.addEventListener('pointerup', end)
  rows.addEventListener('pointercancel', end)
  rows.addEventListener('pointerleave', () => view.pointAt(-1))
  rows.addEventListener('click', (event) => {
    if (isDragged) event.stopPropagation()
  }, true)
}

const overview = document.querySelector('.overview')
if (overview !== null && history !== undefined) {
  const frame = overview.querySelector('.frame')
  const length = data.last - data.first || 1
  history.onShow = () => {
    const [from, to] = [history.left, history.right].map((place) => {
      const share = (history.timeAt(place) - data.first) / length
      return Math.max(0, Math.min(1, share)) * 1000
    })
    frame.setAttribute('x', String(Math.min(from, 997)))
    frame.setAttribute('width', String(Math.max(3, to - from)))
  }
  const go = (event) => {
    const { left, width } = overview.getBoundingClientRect()
    const place = history.place(data.first + ((event.clientX - left) / width) * length)
    const half = (history.right - history.left) / 2
    history.show(place - half, place + half)
  }
  overview.addEventListener('pointerdown', (event) => {
    overview.setPointerCapture(event.pointerId)
    go(event)
  })
  overview.addEventListener('pointermove', (event) => {
    if (event.buttons === 1) go(event)
  })
}

for (const sample of document.querySelectorAll('.sample')) drawSample(sample)
for (const view of views) {
  view.draw()
  new ResizeObserver(() => view.draw()).observe(view.root)
}
addEventListener('beforeprint', () => views.forEach((view) => view.draw(760)))
addEventListener('afterprint', () => views.forEach((view) => view.draw()))
`

/** The script. */
export const pageScript: string = `(() => {
'use strict'
${drawScript}${handleScript}})()
`
