"""A page that opens offline: one HTML file, whose tables can be sorted by a click and filtered by words without any library."""

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1500px; padding: 1em 2em; color: #222; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px; }}
th, td {{ border: 1px solid #ccc; padding: 3px 7px; vertical-align: top; }}
th {{ background: #eee; cursor: pointer; position: sticky; top: 0; }}
td strong {{ color: #a3420b; }}
code {{ background: #f3f3f3; padding: 0 3px; }}
input {{ margin: .3em 0; padding: 3px 6px; width: 22em; }}
{style}</style>
<script>{library}</script>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""

_SCRIPT = """
for (const table of document.querySelectorAll("table")) {
  const rows = [...table.tBodies[0].rows];
  const filter = document.createElement("input");
  filter.placeholder = "show rows that contain ...";
  const words = () => filter.value.toLowerCase().split(" ");
  filter.oninput = () => rows.forEach(row => row.hidden = !words().every(word => row.textContent.toLowerCase().includes(word)));
  if (rows.length > 5) table.before(filter);
  const value = (row, column) => {
    const text = row.cells[column].textContent.replace(/,/g, "");
    const number = parseFloat(text);
    return isNaN(number) ? text : number;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.title = "sort";
    head.onclick = () => {
      const descending = head.dataset.order !== "descending";
      head.dataset.order = descending ? "descending" : "ascending";
      const sign = descending ? -1 : 1;
      const order = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1; // numbers before words, either way
        return sign * (x < y ? -1 : x > y ? 1 : 0);
      };
      rows.sort(order).forEach(row => table.tBodies[0].append(row));
    };
  });
}
"""


def framed(title: str, markdown: str, library: str = "", style: str = "", script: str = "") -> str:
    """Return Markdown as a page. `library` is JavaScript that runs before the body is there, `script` some that runs after it."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    return _FRAME.format(title=title, body=body, library=library, style=style, script=_SCRIPT + script)
