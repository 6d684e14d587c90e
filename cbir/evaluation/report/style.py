"""How the page looks: light, dark, narrow and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #faf9f6; --panel: #ffffff; --ink: #1e1e23; --quiet: #63636b; --line: #e4e2db;
  --accent: #b83f1d; --tint: 184 63 29; --good: #1b7446; --good-tint: 27 116 70;
  --bad: #a33244; --bad-tint: 163 50 68; --beaten: #8b8b93; --shadow: 0 1px 3px rgb(0 0 0 / 7%);
  --edge: rgb(0 0 0 / 18%);
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #141417; --panel: #1d1d22; --ink: #ececf0; --quiet: #a2a2ac; --line: #33333b;
    --accent: #ff8f66; --tint: 255 143 102; --good: #62d49b; --good-tint: 98 212 155;
    --bad: #f58a9a; --bad-tint: 245 138 154; --beaten: #85858f; --shadow: none;
    --edge: rgb(0 0 0 / 60%);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 48px 24px 64px; }
h1 { font-size: clamp(26px, 4.5vw, 40px); line-height: 1.15; margin: 4px 0 12px;
  letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { font-size: 21px; line-height: 1.3; margin: 0 0 4px; letter-spacing: -0.01em; }
h3 { font-size: 16px; margin: 28px 0 12px; }
p { margin: 0 0 12px; max-width: 72ch; }
section { margin-top: 52px; }
.eyebrow { color: var(--accent); font-weight: 650; letter-spacing: 0.02em; margin: 0; }
.quiet, .caption { color: var(--quiet); }
.caption { font-size: 14.5px; margin-bottom: 16px; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 12px;
  box-shadow: var(--shadow); }
.answer { margin-top: 28px; padding: 22px 26px; border-left: 5px solid var(--accent); }
.answer .name { font-size: clamp(20px, 3.2vw, 28px); font-weight: 700; line-height: 1.25;
  margin: 0 0 14px; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 0; }
.figures dt { color: var(--quiet); font-size: 13.5px; }
.figures dd { margin: 0; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures small { font-size: 14px; font-weight: 400; color: var(--quiet); }
.answer .doubt { margin: -6px 0 16px; color: var(--bad); font-size: 15px; }
.warnings { margin: 20px 0 0; padding: 14px 20px 14px 40px; font-size: 15px;
  overflow-wrap: anywhere; background: rgb(var(--tint) / 9%); border-radius: 10px; }
.scroll { overflow-x: auto; background: linear-gradient(to right, var(--panel) 30%, transparent)
  left / 40px 100% no-repeat local, linear-gradient(to left, var(--panel) 30%, transparent)
  right / 40px 100% no-repeat local, linear-gradient(to right, var(--edge), transparent)
  left / 14px 100% no-repeat scroll, linear-gradient(to left, var(--edge), transparent)
  right / 14px 100% no-repeat scroll, var(--panel); }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 9px 7px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th:first-child { padding-left: 12px; } tr > :last-child { padding-right: 14px; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--quiet); font-weight: 500; font-size: 13px; vertical-align: bottom; }
thead th.chosen { color: var(--accent); font-weight: 700; }
tbody th { font-weight: 500; }
th:first-child, td.word, th.word { text-align: left; }
tbody th:first-child { position: sticky; left: 0; background: var(--panel); max-width: 34ch;
  white-space: normal; overflow-wrap: break-word; }
td.best { font-weight: 700; }
td.headline { background: linear-gradient(rgb(var(--tint) / 60%) 0 0) 7px calc(100% - 3px)
  / calc((100% - 14px) * var(--share)) 3px no-repeat; }
tr.chosen > th { color: var(--accent); font-weight: 700; }
tr.chosen > td, tr.chosen > th { background-color: rgb(var(--tint) / 8%); }
tr.chosen > th:first-child { background: linear-gradient(rgb(var(--tint) / 8%) 0 0), var(--panel); }
tbody small { color: var(--quiet); font-size: 12.5px; font-weight: 400; }
tbody tr td.heat { background: rgb(var(--good-tint) / calc(var(--share) * 55%)); }
tbody tr td.above { background: rgb(var(--good-tint) / 20%); }
tbody tr td.below { background: rgb(var(--bad-tint) / 16%); }
td.same { color: var(--quiet); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr));
  gap: 20px; align-items: start; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.sure { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 5fr); gap: 20px;
  align-items: start; }
.sure.wide { grid-template-columns: minmax(0, 1fr); } .sure.wide .plot { max-width: 480px; }
.sure tbody th:first-child { max-width: 20ch; } .sure th, .sure td { padding: 9px 6px; }
.sure table { font-size: 13.5px; } .sure th:first-child { padding-left: 12px; }
.sure tr > :last-child { padding-right: 12px; }
.charts + .scroll { margin-top: 20px; }
.plot { padding: 18px 18px 12px; margin: 0; }
.charts h3, .plot h3 { margin: 0 0 10px; }
svg text { font-size: 13px; fill: var(--ink); unicode-bidi: isolate;
  stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
svg .tick, svg .axis { fill: var(--quiet); font-size: 12px; }
svg line.grid, svg line.tick { stroke: var(--line); }
svg line.whisker { stroke: var(--beaten); stroke-width: 1.5; opacity: 0.55; }
svg line.wide { stroke-width: 4; stroke-linecap: round; opacity: 0.45; }
svg line.wide.chosen { stroke: var(--accent); }
svg line.leader { stroke: var(--beaten); }
svg line.chance { stroke: var(--quiet); stroke-dasharray: 3 4; }
svg .front { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .beneath { fill: rgb(var(--tint) / 5%); }
svg .dot { fill: var(--ink); stroke: var(--panel); stroke-width: 2; }
svg .beaten { fill: var(--panel); stroke: var(--beaten); }
svg .dot.chosen { fill: var(--accent); }
svg text.chosen { fill: var(--accent); font-weight: 700; }
details { margin-top: 16px; }
summary { cursor: pointer; color: var(--quiet); font-size: 14.5px; }
details > .card, details > dl { margin-top: 12px; }
.example { padding: 18px; margin-bottom: 18px; display: grid;
  grid-template-columns: 168px minmax(0, 1fr); gap: 24px; break-inside: avoid; }
.query img, .query .none { width: 168px; height: 168px; }
.query p { margin: 8px 0 0; font-size: 13.5px; line-height: 1.4; overflow-wrap: anywhere; }
.ranking { display: grid; grid-template-columns: minmax(120px, 190px) minmax(0, 1fr);
  gap: 4px 16px; align-items: center; padding: 7px 0; border-top: 1px solid var(--line); }
.ranking:first-child { border-top: 0; padding-top: 0; }
.ranking h4 { margin: 0; font-size: 14px; font-weight: 500; line-height: 1.35;
  overflow-wrap: anywhere; }
.ranking.chosen h4 { color: var(--accent); font-weight: 700; }
.ranking h4 small { display: block; color: var(--quiet); font-weight: 400; font-size: 13px;
  font-variant-numeric: tabular-nums; }
.hits { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; margin: 0; padding: 0; }
.hits li { position: relative; width: 88px; }
img, .none { display: block; width: 88px; height: 88px; object-fit: contain; border-radius: 6px;
  background: var(--paper); }
.none { display: grid; place-items: center; color: var(--quiet); font-size: 12px; }
.hits img, .hits .none { border: 3px solid transparent; }
.right img, .right .none { border-color: var(--good); }
.wrong img, .wrong .none { border: 1px dashed var(--bad); padding: 2px; opacity: 0.62; }
.mark { position: absolute; right: -4px; top: -4px; width: 21px; height: 21px; font-size: 13px;
  font-weight: 700; border-radius: 50%; display: grid; place-items: center;
  background: var(--good); color: var(--panel); border: 2px solid var(--panel); }
.wrong .mark { background: var(--panel); color: var(--bad); border-color: var(--panel); }
dl.terms { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 18px;
  font-size: 14.5px; margin: 0; }
dl.terms dt { font-weight: 600; } dl.terms dd { margin: 0; color: var(--quiet);
  overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 14px 18px; font-size: 14px;
  background: var(--panel); border: 1px solid var(--line); border-radius: 10px; margin: 0 0 16px; }
.verdict { margin: 56px 0 0; padding-top: 24px; border-top: 3px solid var(--accent);
  font-size: 19px; line-height: 1.5; font-weight: 550; max-width: none;
  overflow-wrap: anywhere; }
@media (max-width: 720px) {
  main { padding: 28px 16px 40px; }
  .example { grid-template-columns: 1fr; gap: 14px; padding: 14px; }
  .query { display: grid; grid-template-columns: 96px 1fr; gap: 14px; align-items: center; }
  .query img, .query .none { width: 96px; height: 96px; }
  .ranking { grid-template-columns: 1fr; }
  .plot { padding: 14px 12px 10px; }
  .sure { grid-template-columns: minmax(0, 1fr); }
  .hits { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 6px; }
  .hits li, .hits img, .hits .none { width: 100%; height: auto; aspect-ratio: 1; }
  tbody th:first-child { max-width: 42vw; }
}
@media print {
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { padding: 0; max-width: none; } .card { box-shadow: none; }
  .scroll { overflow: visible; } table { font-size: 10px; } th, td { padding: 4px 5px; }
  section, .verdict { margin-top: 28px; }
}
"""
