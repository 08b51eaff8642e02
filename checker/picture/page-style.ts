// The style of the page of a picture. What colours say, shapes, strokes and words say too.

/** The hash by which the page's policy knows its style; the tests say what it must be. */
export const pageStyleHash = 'sha256-kq6+XGdbxzahLCsCSwEpN6cLMZ3CrriNjtvnwXRcZ0I='

/** The style sheet. */
export const pageStyle: string = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c2430; --soft: #5a6573; --line: #dfe3e8; --faint: #f5f6f8;
  --bar: #dbe4ef; --bar-edge: #7189a6; --core: #fbdccb; --core-edge: #b83a00;
  --held: #cfe8e0; --held-edge: #22806a; --good: #1a7346; --doubt: #7a5b00; --focus: #0b62d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181e; --ink: #e6eaf0; --soft: #9ca8b7; --line: #2e3641; --faint: #1b2129;
    --bar: #2b3a4d; --bar-edge: #8aa3c1; --core: #5a2a12; --core-edge: #ff9a66;
    --held: #1c443a; --held-edge: #5fc4aa; --good: #63cf97; --doubt: #e3bd57; --focus: #79b4ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1600px; padding: 18px clamp(12px, 2.5vw, 32px) 64px;
  background: var(--paper); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { font-size: 20px; font-weight: 650; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 15px; font-weight: 650; margin: 18px 0 0; }
.facts, .note { color: var(--soft); margin: 2px 0 8px; }
.verdict {
  margin: 10px 0 0; padding: 8px 12px; border-left: 4px solid; background: var(--faint);
  overflow-wrap: anywhere; max-height: 12em; overflow-y: auto;
}
.verdict strong { margin-right: 8px; }
.verdict.ok { border-color: var(--good); } .verdict.ok strong { color: var(--good); }
.verdict.violation { border-color: var(--core-edge); }
.verdict.violation strong { color: var(--core-edge); }
.verdict.unknown { border-color: var(--doubt); } .verdict.unknown strong { color: var(--doubt); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 8px; }
th, td { text-align: left; padding: 3px 14px 3px 0; border-top: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; border: 0; }
td code { display: inline-block; min-width: 18ch; overflow-wrap: anywhere; }
td small { color: var(--soft); }
td { vertical-align: top; } td:nth-child(2) { white-space: nowrap; }
.time { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code, svg text.said { font: 12px ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
.letter {
  display: inline-block; min-width: 20px; border-radius: 10px; text-align: center;
  font: 600 12px/20px system-ui, sans-serif; color: var(--paper); background: var(--core-edge);
}
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.view { position: relative; border: 1px solid var(--line); border-radius: 6px; }
.tools { position: absolute; right: 6px; top: -34px; display: flex; gap: 3px; }
button {
  font: inherit; min-width: 28px; padding: 2px 7px; border: 1px solid var(--line);
  border-radius: 5px; color: var(--ink); background: var(--paper); cursor: pointer;
}
button:hover { background: var(--faint); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.axis, .rows { display: block; width: 100%; height: auto; }
.axis { position: sticky; top: 0; z-index: 1; background: var(--paper);
  border-bottom: 1px solid var(--line); border-radius: 6px 6px 0 0; }
.rows { cursor: grab; touch-action: pan-y; user-select: none; -webkit-user-select: none; }
.rows.dragged { cursor: grabbing; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg text.tick, svg text.name { fill: var(--soft); font-variant-numeric: tabular-nums; }
svg text.name.core { fill: var(--ink); font-weight: 650; }
.rule { stroke: var(--line); } .stripe { fill: var(--faint); }
.bar { cursor: pointer; }
.bar path, .sample path { fill: var(--bar); stroke: var(--bar-edge); stroke-width: 1; }
.bar path.line, .sample path.line { fill: none; stroke-width: 1.5; }
.info path.line { stroke-dasharray: 5 3; }
.info path.body { stroke-dasharray: 3 2; fill: var(--paper); }
.fail path.body { fill: var(--paper); } .fail path.line { stroke-width: 1; }
.held path { fill: var(--held); stroke: var(--held-edge); }
.core path { fill: var(--core); stroke: var(--core-edge); stroke-width: 2; }
.core.info path.body, .core.fail path.body { fill: var(--paper); }
.core circle { fill: var(--core-edge); } .core text.letter-text { fill: var(--paper);
  font-weight: 650; font-size: 11px; text-anchor: middle; }
.point { fill: var(--good); stroke: var(--paper); }
.bar tspan.order { font-weight: 700; fill: var(--good); }
.bar:focus { outline: none; }
.bar:focus-visible path.body, .bar.chosen path.body { stroke: var(--focus); stroke-width: 3; }
.bar:hover path.body { stroke-width: 2.5; }
.region { fill: url(#away); } .overlap { fill: url(#both); stroke: var(--core-edge); }
.away-line { stroke: var(--line); stroke-width: 2; }
.both-line { stroke: var(--core-edge); stroke-width: 2; }
.cut { fill: var(--faint); stroke: none; } .cut-edge { fill: none; stroke: var(--soft); }
svg text.remark { fill: var(--soft); font-size: 11px; font-style: italic; }
svg text.both { fill: var(--core-edge); font-size: 11px; font-weight: 650; }
.cursor { stroke: var(--soft); stroke-dasharray: 2 3; pointer-events: none; }
.overview { display: block; width: 100%; height: 40px; margin: 0 0 42px; cursor: pointer;
  background: var(--faint); border: 1px solid var(--line); border-radius: 6px; }
.density { fill: var(--bar-edge); opacity: .7; } .mark { stroke: var(--core-edge); }
.mark, .frame { stroke-width: 2; vector-effect: non-scaling-stroke; }
.frame { fill: var(--focus); fill-opacity: .1; stroke: var(--focus); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 0;
  margin: 12px 0; color: var(--soft); }
.legend svg { vertical-align: middle; margin-right: 6px; }
#tip, #details { background: var(--paper); border: 1px solid var(--soft); border-radius: 6px;
  box-shadow: 0 3px 14px #0003; overflow-wrap: anywhere; }
#tip { position: fixed; z-index: 3; max-width: min(420px, 90vw); padding: 6px 10px;
  pointer-events: none; }
#details { position: fixed; z-index: 2; left: 50%; bottom: 12px; transform: translateX(-50%);
  width: min(620px, 94vw); padding: 10px 14px; max-height: 45vh; overflow: auto; }
#details[hidden], #tip[hidden] { display: none; }
dl.fields { display: grid; grid-template-columns: max-content 1fr; gap: 1px 14px; margin: 0; }
dl.fields dt { color: var(--soft); } dl.fields dd { margin: 0; }
#details button { position: absolute; right: 8px; top: 8px; }
dialog { border: 1px solid var(--soft); border-radius: 8px; color: inherit;
  background: var(--paper); max-width: 480px; }
dialog dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; }
dialog dd { margin: 0; } dialog h2 { margin: 0; }
dialog::backdrop { background: #0006; }
kbd { font: 12px ui-monospace, monospace; border: 1px solid var(--line); border-radius: 4px;
  padding: 0 5px; }
@media (prefers-reduced-motion: no-preference) { #details { animation: rise .12s ease-out; } }
@keyframes rise { from { opacity: 0; } }
@media (max-width: 640px) {
  body { padding-top: 10px; } .note { padding-right: 0; }
  .tools { position: static; padding: 4px; flex-wrap: wrap; } .overview { margin-bottom: 8px; }
}
@media (forced-colors: active) { .core path { stroke-width: 3; } }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; }
  body { padding: 0; max-width: none; } .tools, #tip, #details { display: none; }
  .overview { margin-bottom: 8px; } section { break-inside: auto; } .axis { position: static; }
  .view, tr { break-inside: avoid; } .verdict { max-height: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`
