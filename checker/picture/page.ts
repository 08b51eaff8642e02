// The page of a picture: its words and tables, which need no script; the timelines are drawn by it.

import type { CheckResult } from '../check.ts'
import type { Operation } from '../history.ts'
import { sayOperation } from './bars.ts'
import { sayTime, type Clock } from './clock.ts'
import { pageScript, pageScriptHash } from './page-script.ts'
import { pageStyle, pageStyleHash } from './page-style.ts'
import { isOpen } from './select.ts'
import { counted, html, scriptJson, visible } from './text.ts'
import type { Pictured, WholeView } from './timeline.ts'
import type { View } from './view.ts'

/** What stands on the page. */
export interface Page {
  readonly result: CheckResult
  readonly title: string | null
  readonly pictured: Pictured
  readonly processes: number
  /** Operations in conflict that are not shown. */
  readonly coreLeft: number
  readonly density: readonly number[]
  readonly coreView: View | null
  readonly whole: WholeView | null
}

const titleLengthMax = 160
const messageLengthMax = 700
const textLengthMax = 200

const verdicts = {
  ok: { sign: '\u2713', words: 'Linearizable' },
  violation: { sign: '\u2717', words: 'Not linearizable' },
  unknown: { sign: '?', words: 'Not decided' }
} as const

/** The page's HTML. The only thing that may run on it is its own script. */
export function pageOf(page: Page): string {
  const { result, title, pictured, coreView, whole } = page
  const { verdict, model } = result
  const heading = visible(title ?? `A history of a ${model.name}`, titleLengthMax)
  const views = [coreView, whole?.view ?? null].filter((view) => view !== null)
  const { first, last, unit } = pictured.clock
  const policy = [
    "default-src 'none'",
    `script-src '${pageScriptHash}'`,
    `style-src '${pageStyleHash}'`,
    "base-uri 'none'",
    "form-action 'none'"
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(`${verdicts[verdict].sign} ${heading}`)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${html(heading)}</h1>
<p class="facts">${factsOf(page)}</p>
<p class="verdict ${verdict}"><strong><span aria-hidden="true">${verdicts[verdict].sign}</span>
${verdicts[verdict].words}</strong> <span class="message">${html(messageOf(page))}</span></p>
</header>
<main>
${coreView === null ? '' : coreSection(page)}
${whole === null ? '' : historySection(page, whole)}
${views.length === 0 ? '' : legend(pictured)}
</main>
<aside id="details" aria-live="polite" aria-label="The chosen bar" hidden></aside>
<div id="tip" hidden></div>
${help}
<script id="data" type="application/json">${scriptJson({ unit, first, last, views })}</script>
<script>${pageScript}</script>
</body>
</html>
`
}

function factsOf({ result, processes, pictured: { clock } }: Page): string {
  const { model, history } = result
  const facts = [
    `model ${html(visible(model.name, textLengthMax))}`,
    counted(history.length, 'operation'),
    counted(processes, 'process'),
    ...(clock.unit.name === '' ? [] : [sayLoosely(clock.last - clock.first, clock)])
  ]
  return facts.join(' <span aria-hidden="true">\u00b7</span> ')
}

function messageOf({ result, pictured: { order, provedUntil, clock } }: Page): string {
  if (result.verdict === 'violation') return visible(result.message, messageLengthMax)
  if (result.verdict === 'ok') {
    const end = order.length === 0 ? '.' : ': the numbers on the bars, and a dot where each may be.'
    return `One order of the operations keeps real time and explains every answer${end}`
  }
  const { proved } = result
  const reason = visible(result.reason, messageLengthMax)
  if (proved === undefined || provedUntil === null) return reason
  const until = sayLoosely(clock.timeOf(provedUntil), clock)
  return `${reason}. The first ${counted(proved.answers, 'answer')} are proved right, to ${until}.`
}

function sayLoosely(time: number, { unit }: Clock): string {
  return sayTime(time, unit, unit.name === '' ? 1 : unit.size / 1000)
}

function coreSection(page: Page): string {
  const { core } = page.pictured
  const more = page.coreLeft === 0 ? '' : `, and ${counted(page.coreLeft, 'operation')} more`
  const what = core.length === 1 ? 'This operation' : `These ${core.length} operations`
  return `<section aria-labelledby="core-title">
<h2 id="core-title">In conflict</h2>
<p class="note">${what}${more}: ${spanOf(page)}</p>
${viewOf(0, 'The operations in conflict')}
${tableOf(page.pictured)}
</section>`
}

/** What the operations in conflict prove. */
function spanOf({ result, pictured: { clock } }: Page): string {
  const span = result.verdict === 'violation' ? result.span : undefined
  if (span === undefined) return 'where no order can go on.'
  const { from } = span
  if (from === -Infinity) return 'no order explains them, whatever else there is.'
  const since = sayLoosely(clock.timeOf(from), clock)
  return `no order explains them, whatever was there at ${since}.`
}

function tableOf({ model, core, letters, clock }: Pictured): string {
  const times = core.flatMap(({ call, return: answered }) => [call, answered]).map(clock.timeOf)
  const sorted = times.filter(Number.isFinite).sort((a, b) => a - b)
  const gaps = sorted.map((time, at) => time - (sorted[at - 1] ?? time)).filter((gap) => gap > 0)
  const gap = Math.min(clock.unit.size, ...gaps)
  const say = (instant: number): string => {
    const time = sayTime(clock.timeOf(instant), clock.unit, gap)
    return clock.unit.name === '' ? time : `${time} <small>at ${instant}</small>`
  }
  const rows = core.map((one) => {
    const answered = isOpen(one) ? 'no answer' : say(one.return)
    const asked = visible(sayOperation(model, one), textLengthMax)
    return `<tr><th scope="row"><span class="letter">${letters.get(one) ?? ''}</span></th>
<td>process ${one.process}</td><td><code>${html(asked)}</code></td>
<td class="time">${say(one.call)}</td><td class="time">${answered}</td>
<td>${outcomeOf(one)}</td></tr>`
  })
  return `<div class="scroll"><table>
<thead><tr><th scope="col"><span class="unseen">Letter</span></th><th scope="col">Who</th>
<th scope="col">Asked \u2192 was told</th><th scope="col" class="time">Called</th>
<th scope="col" class="time">Answered</th><th scope="col">Outcome</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>`
}

function outcomeOf(operation: Operation): string {
  if (isOpen(operation)) return 'info: may take effect later, or never'
  return operation.outcome === 'fail' ? 'fail: never took effect' : 'ok'
}

function historySection(page: Page, { drawn }: WholeView): string {
  const { history } = page.pictured
  const all = counted(history.length, 'operation')
  const isAll = drawn === history.length
  const some = isAll ? `All ${all}.` : `${drawn} of ${all} are drawn: ${nearest(page)}`
  return `<section aria-labelledby="history-title">
<h2 id="history-title">The history</h2>
<p class="note">${some}</p>
${page.density.length === 0 ? '' : overviewOf(page)}
${viewOf(page.coreView === null ? 0 : 1, 'The history')}
</section>`
}

function nearest({ pictured: { core, provedUntil } }: Page): string {
  if (core.length > 0) return 'those nearest to the conflict.'
  return provedUntil === null ? 'the first ones.' : 'those nearest to the end of what is proved.'
}

/** How many operations were called when, with what is in conflict marked. */
function overviewOf({ density, pictured: { core, clock } }: Page): string {
  const most = Math.max(1, ...density)
  const steps = density.map((count, at) => {
    const top = count === 0 ? 40 : 37 - Math.round((count / most) * 35)
    return `V${top}H${Math.round(((at + 1) * 1000) / density.length)}`
  })
  const places = core.map(({ call }) => {
    const place = (clock.timeOf(call) - clock.first) / (clock.last - clock.first || 1)
    return Math.round(place * 1000)
  })
  const marks = places.map((x) => `<path class="mark" d="M${x} 0V40"/>`).join('')
  return `<svg class="overview" viewBox="0 0 1000 40" preserveAspectRatio="none" role="img"
aria-label="Calls over the whole time; what is framed is drawn below">
<path class="density" d="M0 40${steps.join('')}V40Z"/>${marks}
<rect class="frame" x="0" y="0" width="1000" height="40"/></svg>`
}

/** A place for a timeline, and its buttons. */
function viewOf(index: number, label: string): string {
  const button = (name: string, sign: string, text: string): string => {
    const names = `title="${text}" aria-label="${text}"`
    return `<button type="button" data-do="${name}" ${names}>${sign}</button>`
  }
  return `<div class="view" data-view="${index}" role="group" aria-label="${label}">
<div class="tools">${button('in', '+', 'Zoom in (+)')}${button('out', '\u2212', 'Zoom out (-)')}
${button('left', '\u2190', 'Earlier (left arrow)')}
${button('right', '\u2192', 'Later (right arrow)')}
${button('reset', '0', 'As at first (0)')}${button('all', 'all', 'The whole time (a)')}
${button('help', '?', 'Help (?)')}</div>
<noscript><p class="note">The timeline is drawn by a script, which does not run here.</p></noscript>
</div>`
}

function legend({ model, core, order }: Pictured): string {
  const entries = [
    ['ok', 'answered ok: from call to answer'],
    ...(core.length === 0 ? [] : [['core', 'in conflict, with its letter']]),
    ['info', 'no answer: may take effect at any time later, or never'],
    ['fail', 'failed: never took effect'],
    ...(model.holdings === undefined ? [] : [
      ['held', 'a lock is held for certain; thin: it may be'],
      ['overlap', 'held by more than may hold it']
    ]),
    ...(order.length === 0 ? [] : [['point', 'may take effect here, in the order of the numbers']])
  ]
  const items = entries.map(([name, text]) => {
    const box = 'class="sample" width="44" height="20" aria-hidden="true"'
    return `<li><svg ${box} data-sample="${name}"></svg> ${text}</li>`
  })
  return `<ul class="legend" aria-label="What the shapes mean">${items.join('')}</ul>`
}

const keys: readonly (readonly [string, string])[] = [
  ['+ \u2212', 'zoom in, zoom out; the wheel zooms at the pointer'],
  ['\u2190 \u2192', 'earlier, later; or drag'],
  ['0', 'as at first'],
  ['a', 'the whole time'],
  ['Tab', 'from bar to bar'],
  ['Enter', 'all about the bar'],
  ['Escape', 'away with that'],
  ['?', 'this help']
]

const help = `<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">Keys</h2>
<dl>${keys.map(([key, text]) => `<dt><kbd>${key}</kbd></dt><dd>${text}</dd>`).join('')}</dl>
<form method="dialog"><button>Close</button></form></dialog>`
