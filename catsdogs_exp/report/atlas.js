"use strict";
// Filters of the atlas: by class, part, use and layer. Without it all channels are there.
(() => {
  const form = document.getElementById("filters");
  const shown = document.getElementById("filtered");
  const channels = [...document.querySelectorAll(".channel")];
  const value = (id) => document.getElementById(id)?.value ?? "";
  const layers = document.getElementById("by-layer");

  function filter() {
    const [name, part, layer] = ["by-class", "by-part", "by-layer"].map(value);
    const use = parseFloat(value("by-use"));
    let count = 0;
    for (const channel of channels) {
      const data = channel.dataset;
      const fits =
        (!name || data.class === name) &&
        (!part || (part === "*" ? data.part !== "" : data.part === part || data.part.startsWith(`${part}:`))) &&
        (use < 0 || parseFloat(data.use) >= use) &&
        (!layer || data.layer === layer);
      channel.hidden = !fits;
      count += fits;
    }
    for (const section of document.querySelectorAll("main > section")) {
      if (section.querySelector(".channel")) section.hidden = !section.querySelector(".channel:not([hidden])");
    }
    shown.value = `${count} of ${channels.length} channels`;
  }

  function leaf(by) {
    const last = layers.options.length;
    layers.selectedIndex = (layers.selectedIndex + by + last) % last;
    filter();
    scrollTo(0, 0);
  }

  function all() {
    form.reset();
    filter();
  }

  const actions = { n: () => leaf(1), p: () => leaf(-1), a: all };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const action = actions[event.key];
    if (!action || document.getElementById("keys").open) return;
    event.preventDefault();
    action();
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
