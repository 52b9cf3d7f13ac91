"""Tables of a page that can be sorted by a click and filtered by words, without any library."""

STYLE = """\
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: 3px 7px; vertical-align: top; }
th { background: #eee; cursor: pointer; position: sticky; top: 0; }
input { margin: .3em 0; padding: 3px 6px; width: 22em; }
"""

SCRIPT = """
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
