// The page of a picture in a real browser, from a file: it runs as it may, shows what is wrong on
// the first screen, and can be zoomed by keys and mouse. Screenshots are left in out/pictures.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { renderHtml } from '../checker/picture/picture.ts'
import { checked, staleRead, twoHolders } from '../test/checker/pictured.ts'
import { suite } from '../test/harness.ts'
import { repositoryRoot } from '../test/support/source-files.ts'

const test = suite('picture in a browser')
const folder = join(repositoryRoot, 'out/pictures')
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const size = { width: 1280, height: 800 }

/** What each picture is of. */
const pictures: Readonly<Record<string, () => string>> = {
  'two-holders': () => renderHtml(twoHolders()),
  'stale-read': () => renderHtml(staleRead()),
  locks: () => {
    const options = { kind: 'lock', operations: 100_000, crashRate: 0.01 } as const
    const { result, nanosecondsAt } = checked({ ...options, lie: 'double-grant' }, 'fenced-mutex')
    return renderHtml(result, { nanosecondsAt })
  },
  ok: () => {
    const options = { kind: 'cas-register', operations: 40, clients: 5 } as const
    const { result, nanosecondsAt } = checked(options, 'cas-register')
    return renderHtml(result, { nanosecondsAt })
  },
  crashed: () => {
    const options = { kind: 'rw-lock', operations: 60, clients: 5, crashRate: 0.15 } as const
    return renderHtml(checked(options, 'rw-lock').result)
  }
}

let browser: Browser
const problems: string[] = []

test.before(async () => {
  mkdirSync(folder, { recursive: true })
  for (const [name, make] of Object.entries(pictures)) {
    writeFileSync(join(folder, `${name}.html`), make())
  }
  browser = await chromium.launch({ executablePath })
})

test.after(async () => {
  await browser.close()
})

interface Look {
  readonly colorScheme?: 'light' | 'dark'
  readonly viewport?: { readonly width: number; readonly height: number }
}

async function open(name: string, look: Look = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: size, reducedMotion: 'reduce', ...look })
  page.on('console', (message) => problems.push(`${name}: ${message.text()}`))
  page.on('pageerror', (error) => problems.push(`${name}: ${String(error)}`))
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) problems.push(`${name} asks for ${request.url()}`)
  })
  await page.goto(`file://${join(folder, `${name}.html`)}`)
  return page
}

/** Where the bodies of some bars are, from left to right. */
async function widthsOf(page: Page, selector: string): Promise<number[]> {
  const boxes = await page.locator(`${selector} path.body`).all()
  const found = await Promise.all(boxes.map((box) => box.boundingBox()))
  return found.map((box) => box?.width ?? 0)
}

const coreBar = '[data-view="0"] .bar.core'

for (const name of Object.keys(pictures)) {
  test(`picture in a browser: ${name}: light, dark and narrow: no complaint`, async () => {
    const looks: Readonly<Record<string, Look>> = {
      light: { colorScheme: 'light' },
      dark: { colorScheme: 'dark' },
      narrow: { viewport: { width: 420, height: 800 } }
    }
    const papers = new Set<string>()
    for (const [look, options] of Object.entries(looks)) {
      const page = await open(name, options)
      assert.ok((await page.locator('.bar').count()) > 0)
      const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.ok(Number(wide) <= 0, `${look}: ${String(wide)} px too wide`)
      papers.add(String(await page.evaluate('getComputedStyle(document.body).backgroundColor')))
      await page.screenshot({ path: join(folder, `${name}-${look}.png`) })
      await page.close()
    }
    assert.is(papers.size, 2, 'light and dark look the same')
    assert.equal(problems.splice(0), [])
  })
}

for (const name of ['two-holders', 'stale-read', 'locks']) {
  test(`picture in a browser: ${name}: what is in conflict is on the first screen`, async () => {
    const page = await open(name)
    const bars = await page.locator(coreBar).all()
    assert.ok(bars.length >= 2)
    for (const bar of bars) {
      const box = await bar.locator('path.body').boundingBox()
      assert.ok(box !== null && box.width > 0 && box.y + box.height <= size.height, 'out of sight')
      assert.ok(box.x >= 0 && box.x + box.width <= size.width)
    }
    assert.ok(await page.locator('tbody tr').last().isVisible())
    await page.close()
  })
}

test('picture in a browser: keys: zoom, pan, back again', async () => {
  const page = await open('two-holders')
  const bars = '[data-view="1"] .bar.core'
  await page.locator('[data-view="1"] .rows').focus()
  const [, before = 0] = await widthsOf(page, bars)
  await page.keyboard.press('+')
  const [, zoomed = 0] = await widthsOf(page, bars)
  assert.ok(zoomed > before * 1.3, `${before} px, then ${zoomed} px`)
  await page.keyboard.press('-')
  assert.ok(Math.abs(((await widthsOf(page, bars))[1] ?? 0) - before) < 2)
  await page.keyboard.press('+')
  const path = page.locator(`${bars} path.body`).last()
  const place = await path.getAttribute('d')
  await page.keyboard.press('ArrowRight')
  assert.is.not(await path.getAttribute('d'), place)
  await page.keyboard.press('0')
  assert.is((await widthsOf(page, bars))[1], before)
  await page.close()
})

test('picture in a browser: mouse: the wheel zooms at the pointer, dragging pans', async () => {
  const page = await open('two-holders')
  const bars = '[data-view="0"] .bar.core'
  const [first] = await page.locator(`${bars} path.body`).all()
  const start = await first?.boundingBox()
  assert.ok(start)
  // Its outline is drawn around it.
  await page.mouse.move(start.x + 4, start.y + 9)
  await page.mouse.wheel(0, -400)
  await page.waitForFunction(`document.querySelector('${bars} path.body')
    .getBoundingClientRect().width > ${start.width * 1.3}`)
  const zoomed = await first?.boundingBox()
  assert.ok(Math.abs((zoomed?.x ?? 0) - start.x) < 3, 'what is under the pointer stays')
  await page.mouse.move(760, start.y + 9)
  await page.mouse.down()
  await page.mouse.move(700, start.y + 9, { steps: 4 })
  await page.mouse.up()
  assert.ok(Math.abs(((await first?.boundingBox())?.x ?? 0) - (zoomed?.x ?? 0) + 60) < 3)
  assert.ok(await page.locator('#details').isHidden(), 'a drag is no click')
  await page.close()
})

test('picture in a browser: Tab, Enter, Escape and ?: details and help', async () => {
  const page = await open('two-holders')
  await page.locator('[data-view="0"] .rows').focus()
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press('Tab')
  assert.is(await page.evaluate('document.activeElement.getAttribute("class")'), 'bar ok core')
  await page.keyboard.press('Enter')
  const details = page.locator('#details')
  assert.match(await details.innerText(), /acquire L -> token 6/)
  assert.match(await details.innerText(), /In conflict\s+as A/)
  await page.screenshot({ path: join(folder, 'details.png') })
  await page.keyboard.press('Escape')
  assert.ok(await details.isHidden())
  await page.keyboard.press('?')
  assert.ok(await page.locator('#help').isVisible())
  await page.screenshot({ path: join(folder, 'help.png') })
  await page.keyboard.press('Escape')
  assert.ok(await page.locator('#help').isHidden())
  assert.equal(problems.splice(0), [])
  await page.close()
})

test('picture in a browser: the overview: a click moves what is drawn', async () => {
  const page = await open('locks')
  const frame = page.locator('.overview .frame')
  const before = Number(await frame.getAttribute('x'))
  const box = await page.locator('.overview').boundingBox()
  assert.ok(box)
  await page.mouse.click(box.x + box.width / 4, box.y + 10)
  const after = Number(await frame.getAttribute('x'))
  assert.ok(Math.abs(after - 250) < 20, `from ${before} to ${after}`)
  await page.close()
})

test('picture in a browser: a script that got in: is not run', async () => {
  const name = 'tampered'
  const text = renderHtml(twoHolders())
  const tampered = text.replace('<main>', '<main><script>document.title = "run"</script>')
  writeFileSync(join(folder, `${name}.html`), tampered)
  const page = await open(name)
  assert.match(await page.title(), /fenced-mutex/)
  assert.match(problems.splice(0).join(), /Content Security Policy/)
  await page.close()
})

test.run()
