// Sorting and filtering of the table of all students; without it the table is complete and sorted by name.
(() => {
  const table = document.getElementById("all");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows], form = document.getElementById("filter");

  const show = () => {
    const text = form.elements.text.value.toLowerCase(), status = form.elements.status.value;
    for (const row of rows) {
      row.hidden = (status && row.dataset.status !== status) || !row.textContent.toLowerCase().includes(text);
    }
    form.querySelector("output").value = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show(); // a browser that goes back fills the form in again

  const order = new Intl.Collator(undefined, { numeric: true });
  const sort = (heading) => {
    const column = heading.cellIndex, down = heading.getAttribute("aria-sort") === "ascending";
    const text = (row) => row.cells[column].textContent.trim();
    const empty = (row) => text(row) === "";
    const compare = (a, b) => Number(text(a)) - Number(text(b)) || order.compare(text(a), text(b)); // NaN: by the text
    rows.sort((a, b) => empty(a) - empty(b) || (down ? -1 : 1) * compare(a, b));
    body.append(...rows);
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    for (const other of table.tHead.querySelectorAll("button span")) other.textContent = "";
    heading.querySelector("span").textContent = down ? " ▼" : " ▲";
  };
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.append(...heading.childNodes, document.createElement("span"));
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }
})();
