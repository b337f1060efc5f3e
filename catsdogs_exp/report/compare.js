"use strict";
// The page of a comparison: sorting, and which runs' lines are drawn. Without it the table is best first.
(() => {
  const table = document.getElementById("table");
  const boxes = [...table.querySelectorAll("input[type=checkbox]")];
  const lines = [...document.querySelectorAll("svg .run")];

  function draw() {
    const shown = new Map(boxes.map((box) => [box.dataset.run, box.checked]));
    for (const line of lines) {
      const on = shown.get(line.dataset.run) ?? true;
      if (on) line.removeAttribute("hidden");
      else line.setAttribute("hidden", "");
    }
  }

  function setAll(on) {
    for (const box of boxes) box.checked = on;
    draw();
  }

  function alone(by) {
    if (!boxes.length) return;
    const checked = boxes.filter((box) => box.checked);
    const now = checked.length === 1 ? boxes.indexOf(checked[0]) : by > 0 ? -1 : boxes.length;
    const next = (now + by + boxes.length) % boxes.length;
    for (const [place, box] of boxes.entries()) box.checked = place === next;
    draw();
    mark(boxes[next].dataset.run, true);
  }

  function mark(run, on) {
    for (const each of [...lines, ...table.tBodies[0].rows]) {
      each.classList.toggle("marked", on && each.dataset.run === run);
    }
  }

  const keyOf = (cell) => ("key" in cell.dataset ? [0, parseFloat(cell.dataset.key)] : [cell.textContent ? 1 : 2, cell.textContent]);
  const order = (a, b) => a[0] - b[0] || (a[0] ? a[1].localeCompare(b[1], undefined, { numeric: true }) : a[1] - b[1]);

  function sort(header) {
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const each of header.parentElement.cells) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row.cells[column]), row]);
    // what has no number stays last, whichever way
    rows.sort(([a], [b]) => (a[0] !== b[0] ? a[0] - b[0] : down ? order(b, a) : order(a, b)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  for (const button of table.querySelectorAll("button.sort")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }
  for (const box of boxes) box.addEventListener("change", draw);
  document.getElementById("show-all").addEventListener("click", () => setAll(true));
  document.getElementById("show-none").addEventListener("click", () => setAll(false));
  for (const each of [...lines, ...table.tBodies[0].rows]) {
    each.addEventListener("mouseenter", () => mark(each.dataset.run, true));
    each.addEventListener("mouseleave", () => mark(each.dataset.run, false));
  }
  const actions = { n: () => alone(1), p: () => alone(-1), a: () => setAll(true) };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    if (document.getElementById("keys").open) return;
    actions[event.key]?.();
  });
})();
