// Search, links that open what they point at, and paper.
"use strict";
(() => {
  const search = document.getElementById("search");
  if (search) {
    const cards = [...document.querySelectorAll("details.pattern")].map((node) => ({
      node,
      text: [...node.querySelectorAll(".headline, .box title, .id")]
        .map((part) => part.textContent.toLowerCase())
        .join(" "),
    }));
    const found = document.getElementById("found");
    const all = found.textContent;
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let hits = 0;
      for (const { node, text } of cards) {
        node.hidden = !words.every((word) => text.includes(word));
        hits += node.hidden ? 0 : 1;
      }
      found.textContent = words.length ? `${hits} of ${all}` : all;
      document.getElementById("nothing").hidden = hits > 0;
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target.closest("input, textarea")) return;
      event.preventDefault();
      search.focus();
    });
  }

  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== "DETAILS") return;
    target.hidden = false;
    target.open = true;
    target.scrollIntoView({ block: "start" });
    target.querySelector("summary").focus({ preventScroll: true });
  }
  addEventListener("hashchange", openTarget);
  // a second click on the same link changes no hash
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && (link.getAttribute("href") || link.href.baseVal) === location.hash) openTarget();
  });
  openTarget();

  const closed = new Set();
  addEventListener("beforeprint", () => {
    for (const node of document.querySelectorAll("details.incident:not([open])")) {
      closed.add(node);
      node.open = true;
    }
    document.documentElement.classList.add("paper");
    for (const node of document.querySelectorAll("details[open] figure.chart")) informer.draw(node);
    informer.repaint();
  });
  addEventListener("afterprint", () => {
    for (const node of closed) node.open = false;
    closed.clear();
    document.documentElement.classList.remove("paper");
    informer.repaint();
  });
})();
