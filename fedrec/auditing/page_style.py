"""How the page of an audit looks on a screen, on a phone and on paper, and what its few lines of script do."""

STYLE = """
:root { color-scheme: light; --ink: #1c1c1c; --faint: #595959; --line: #c9c9c9; --soft: #f4f6f8; --link: #00558a; }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: #fff; font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: break-word; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.5rem; }
h1, h2, td, th, dd, p, li, figcaption { overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1.1rem 0 .2rem; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 .4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .4rem 0 .8rem; max-width: 75ch; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid #b34700; outline-offset: 2px; }
.skip { position: absolute; left: -100vw; top: 0; background: #fff; padding: .5rem 1rem; z-index: 2; }
.skip:focus { left: 0; }
.about { color: var(--faint); font-size: .875rem; margin: 0 0 .8rem; max-width: none; }
.first { display: grid; grid-template-columns: minmax(0, 22rem) minmax(0, 1fr); gap: 0 2.5rem; align-items: start; }
.verdict { border-left: .35rem solid #0072b2; padding-left: 1rem; }
.verdict p { font-size: 1.08rem; line-height: 1.42; margin: 0 0 .75rem; }
.verdict p:first-child { font-weight: 650; }
figure { margin: 0; }
figcaption { font-weight: 650; margin: 0 0 .3rem; }
svg { display: block; max-width: 100%; height: auto; font-family: inherit; }
svg.narrow { display: none; }
nav { border-block: 1px solid var(--line); margin: 1.2rem 0 0; padding: .5rem 0; font-size: .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; list-style: none; margin: 0; padding: 0; }
nav a { display: inline-block; padding: .15rem 0; }
section { padding: 1.8rem 0 .4rem; border-bottom: 1px solid var(--line); }
.answer { font-size: 1.06rem; background: var(--soft); padding: .6rem .9rem; border-left: .25rem solid var(--line); max-width: none; }
section figure { margin: 1.1rem 0 .4rem; }
.scroll { overflow-x: auto; margin: .8rem 0 1.2rem; max-width: 100%; position: relative;
  background: linear-gradient(90deg, #fff, transparent) 0 0 / 2rem 100% no-repeat local,
    linear-gradient(270deg, #fff 30%, transparent) 100% 0 / 2rem 100% no-repeat local,
    linear-gradient(270deg, #0003, transparent) 100% 0 / .8rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: .45rem; }
caption span { display: block; position: sticky; left: 0; max-width: min(80ch, calc(100vw - 2.2rem)); }
th, td { border-bottom: 1px solid #e2e2e2; padding: .3rem 1.2rem .3rem 0; text-align: left; vertical-align: top; font-weight: 400;
  overflow-wrap: normal; }
td, tbody th { white-space: nowrap; }
td.item, th.item, td.text, td.command { white-space: normal; }
tbody th:first-child { font-weight: 600; }
summary + .scroll { margin-top: .4rem; }
thead th { border-bottom: 2px solid var(--ink); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; }
thead .number { min-width: 5.5rem; }
#runs-table thead .number { min-width: 0; }
.over { display: inline-block; min-width: 10rem; }
.under { font-weight: 400; }
td a { color: inherit; text-decoration: underline #8fa9ba; }
td a:hover { color: var(--link); text-decoration-color: currentcolor; }
.note { color: var(--faint); font-size: .8125rem; line-height: 1.35; margin: .2rem 0 0; }
tbody tr:hover { background: var(--soft); }
.item, .text { min-width: 11rem; max-width: 26rem; overflow-wrap: anywhere; }
code { font: .8125rem/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
details { margin: .4rem 0 1rem; }
summary { cursor: pointer; padding: .3rem 0; color: var(--link); width: fit-content; max-width: 100%; }
dl { display: grid; grid-template-columns: minmax(0, 11rem) minmax(0, 1fr); gap: .5rem 1.5rem; }
dt { font-weight: 600; }
dd { margin: 0; max-width: 75ch; }
.filter { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem; margin: .4rem 0; }
input { font: inherit; padding: .35rem .5rem; border: 1px solid #767676; border-radius: .2rem; width: 20rem; max-width: 100%; }
button { font: inherit; font-size: .8125rem; padding: .1rem .5rem; border: 1px solid #767676; border-radius: .2rem; background: #fff;
  color: var(--ink); cursor: pointer; }
.group th { background: var(--soft); padding: .4rem .5rem; font-weight: 600; }
tbody:target, tbody:target .group th { background: #fff3c4; }
.command { min-width: 22rem; max-width: 44rem; }
footer { color: var(--faint); font-size: .875rem; padding-block: 1rem 2rem; }
[hidden] { display: none !important; }
@media (max-width: 60rem) { .first { grid-template-columns: minmax(0, 1fr); gap: .8rem; } }
@media (max-width: 40rem) {
  header, main, footer { padding: 0 1rem; }
  h1 { font-size: 1.3rem; margin-top: .8rem; }
  .about { font-size: .8125rem; line-height: 1.35; margin-bottom: .6rem; }
  .verdict { padding-left: .7rem; }
  .verdict p { font-size: .975rem; line-height: 1.36; margin-bottom: .45rem; }
  svg.wide { display: none; }
  svg.narrow { display: block; }
  .over { min-width: 0; }
  .under { display: block; }
  th:first-child { position: sticky; left: 0; background: #fff; }
  dl { grid-template-columns: minmax(0, 1fr); gap: .1rem; }
  dd { margin-bottom: .6rem; }
}
@media (min-width: 48rem) { table { min-width: 38rem; } }
@media print {
  @page { size: A4; margin: 14mm; }
  html { font-size: 9.5pt; } /* of which all sizes are multiples */
  header, main, footer { max-width: none; padding: 0; }
  nav, .filter, button, .skip { display: none !important; }
  .first { grid-template-columns: minmax(0, 1fr); gap: .6rem; }
  svg.wide { display: block; }
  svg.narrow { display: none; }
  a { color: inherit; text-decoration: none; }
  section { border: 0; padding-top: 1rem; }
  h2, h3, caption, summary, .answer, .group { break-after: avoid; }
  tr, figure, dt, dd, li, .answer { break-inside: avoid; }
  thead { display: table-header-group; }
  table { font-size: 7.5pt; }
  .scroll { overflow: visible; }
  th, td { padding: .14rem .8rem .14rem 0; }
  .scroll { background: none; }
  .command, .item, .text, thead .number { min-width: 0; }
  .command { width: 50%; }
  .command code { font-size: 6.5pt; }
  .group ~ tr ~ tr .command code { display: none; } /* the runs of a group have one command but for the seed */
  .answer, .group th { background: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; color: inherit; font-weight: 600; }
}
"""

SCRIPT = """
const table = document.querySelector("#all-runs table");
const field = document.querySelector("#filter");
const said = document.querySelector("#said");
if (table && field) {
  field.closest(".filter").hidden = false;
  const groups = [...table.tBodies].map(body => [body, [...body.rows].slice(1)]);
  const text = (body, row) => (body.rows[0].textContent + " " + row.textContent).toLowerCase();
  const texts = new Map(groups.flatMap(([body, rows]) => rows.map(row => [row, text(body, row)])));
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\\s+/);
    let shown = 0;
    for (const [body, rows] of groups) {
      let some = 0;
      for (const row of rows) {
        row.hidden = !words.every(word => texts.get(row).includes(word));
        some += !row.hidden;
      }
      body.hidden = !some;
      shown += some;
    }
    said.textContent = shown + " of " + texts.size + " runs";
  });
}
document.addEventListener("click", async event => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    said.textContent = "The command is copied.";
    button.textContent = "copied";
    setTimeout(() => button.textContent = "copy", 2000);
  } catch {
    getSelection().selectAllChildren(code);
    said.textContent = "The command is selected.";
  }
});
const show = () => {
  const aim = location.hash && document.getElementById(location.hash.slice(1));
  if (!aim) return;
  if (field && aim.hidden) { field.value = ""; field.dispatchEvent(new Event("input")); }
  for (let fold = aim.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  aim.scrollIntoView();
};
addEventListener("hashchange", show);
show();
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  closed.forEach(fold => fold.open = true);
});
addEventListener("afterprint", () => closed.forEach(fold => fold.open = false));
"""
