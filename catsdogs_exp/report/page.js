"use strict";
// What a page does beyond being read: keys, the mark in the navigation, closed blocks that open when they must.
// Without it everything is there all the same.
(() => {
  const sections = [...document.querySelectorAll("main > section")];
  const blocks = [...document.querySelectorAll("main details")];
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const keys = document.getElementById("keys");

  function open(section) {
    const block = section?.querySelector(":scope > details");
    if (block) block.open = true;
  }

  function current() {
    const line = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) + 2;
    return sections.findLastIndex((section) => section.getBoundingClientRect().top <= line);
  }

  function go(by) {
    const section = sections[Math.min(Math.max(current() + by, 0), sections.length - 1)];
    if (!section) return;
    open(section);
    section.scrollIntoView();
    section.focus({ preventScroll: true });
  }

  function toggleAll() {
    const some = blocks.some((block) => !block.open);
    for (const block of blocks) block.open = some;
  }

  const actions = {
    j: () => go(1),
    k: () => go(-1),
    o: toggleAll,
    "?": () => (keys.open ? keys.close() : keys.showModal()),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const action = actions[event.key];
    if (!action || (keys.open && event.key !== "?")) return;
    event.preventDefault();
    action();
  });
  document.getElementById("show-keys").addEventListener("click", () => keys.showModal());

  const openTarget = () => open(document.getElementById(decodeURIComponent(location.hash.slice(1))));
  addEventListener("hashchange", openTarget);
  openTarget();

  // the last section may be too short to reach the top: at the end of the page it is the one that is read
  function mark() {
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    const now = atEnd && scrollY > 0 ? sections.length - 1 : Math.max(current(), 0);
    for (const [index, section] of sections.entries()) {
      const link = links.get(section.id);
      if (index === now) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
  }
  addEventListener("scroll", mark, { passive: true });
  addEventListener("resize", mark);
  mark();

  // paper cannot be clicked on
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = blocks.filter((block) => !block.open);
    for (const block of closed) block.open = true;
  });
  addEventListener("afterprint", () => {
    for (const block of closed) block.open = false;
  });
})();
