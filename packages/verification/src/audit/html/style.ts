/** Everything that the page looks like: nothing is loaded from anywhere. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1a1f26; --soft: #5b6672; --line: #d8dee5; --back: #fff; --panel: #f5f7f9;
  --good: #1f7a4d; --bad: #b3261e; --wait: #a8690a; --anchored: #2f6f9f; --pending: #d9a441; --failed: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebef; --soft: #9aa7b4; --line: #36404b; --back: #14191f; --panel: #1d242c;
  --good: #59c08d; --bad: #f2857c; --wait: #e0b25c; --anchored: #6fb1de; --pending: #d9a441; --failed: #f2857c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.5rem 4rem; font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  color: var(--ink); background: var(--back); }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .7rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.verdict { display: inline-block; margin: 1rem 0 0; padding: .45rem .9rem; border-radius: .4rem; border: 2px solid currentColor; font-weight: 650; }
.passed { color: var(--good); } .exceptions { color: var(--bad); } .incomplete { color: var(--wait); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .7rem; margin-top: 1.4rem; }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; background: var(--panel); }
.card b { display: block; font-size: 1.45rem; line-height: 1.2; font-variant-numeric: tabular-nums; } .card span { color: var(--soft); font-size: .85rem; }
.card.bad b { color: var(--bad); } .card.wait b { color: var(--wait); }
table { border-collapse: collapse; width: 100%; font-size: .87rem; } .wide { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em/1.4 ui-monospace, SFMono-Regular, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.name { white-space: nowrap; } .kind { white-space: nowrap; font-weight: 600; color: var(--bad); }
svg { display: block; width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--soft); } svg .grid { stroke: var(--line); }
.key { display: flex; gap: 1.2rem; font-size: .85rem; color: var(--soft); margin-top: .3rem; flex-wrap: wrap; }
.key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -.08rem; }
.anchored { fill: var(--anchored); background: var(--anchored); } .pending { fill: var(--pending); background: var(--pending); }
.failed { fill: var(--failed); background: var(--failed); }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--soft); }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --back: #fff; --panel: #fff; --good: #14532d; --bad: #8c1d18; --wait: #7a4b00;
    --anchored: #2f6f9f; --pending: #d9a441; --failed: #8c1d18; }
  body { padding: 0; max-width: none; font-size: 10pt; } h2 { break-after: avoid; margin-top: 1.4rem; }
  .cards { grid-template-columns: repeat(4, 1fr); } .card, figure, tr { break-inside: avoid; } thead { display: table-header-group; }
  .wide { overflow: visible; } .anchored, .pending, .failed { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`;
