// The console beside its pages: what is new is asked for, times in a zone, theme, keys.
"use strict";
(() => {
  const root = document.documentElement;
  const EVERY_MS = 3000;
  const find = (id) => document.getElementById(id);
  const keep = (name, value) => {
    try {
      localStorage.setItem(`informer.${name}`, value);
    } catch {
      // a browser that keeps nothing forgets it with the page
    }
  };

  // Times
  const RULE = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  let format = null;

  function told(moment) {
    const part = Object.fromEntries(format.formatToParts(moment).map((p) => [p.type, p.value]));
    const clock = `${part.hour}:${part.minute}`;
    return { day: `${part.weekday} ${part.day}`, clock, exact: part.second === "00" ? clock : `${clock}:${part.second}`, month: part.month };
  }

  function tell(part) {
    format = new Intl.DateTimeFormat("en-GB", { ...RULE, timeZone: root.dataset.zone });
    for (const node of part.querySelectorAll("time[datetime]")) {
      const { day, month, clock, exact } = told(new Date(node.dateTime));
      const seconds = (node.dataset.seconds ??= String(/:\d\d:\d\d$/.test(node.textContent)));
      node.textContent = `${day} ${month} ${seconds === "true" ? exact : clock}`;
      node.title = `${node.textContent} ${root.dataset.zone}`;
    }
    for (const node of part.querySelectorAll("text[data-at]")) {
      const { day, clock } = told(new Date(Number(node.dataset.at) * 1000));
      node.textContent = clock === "00:00" ? day : clock;
    }
  }

  function zones() {
    const select = find("zone");
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const known = ["UTC", own, root.dataset.zone, ...Intl.supportedValuesOf("timeZone")];
    select.replaceChildren(
      ...[...new Set(known)].map((name) => new Option(name === own && name !== "UTC" ? `${name} (here)` : name, name)),
    );
    select.value = root.dataset.zone;
    select.addEventListener("change", () => {
      root.dataset.zone = select.value;
      keep("zone", select.value);
      tell(document);
      informer.repaint();
    });
  }

  // Light or dark
  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function turn() {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep("theme", root.dataset.theme);
    informer.repaint();
  }

  // What is new: a hidden page asks nothing, and one that is shown again asks at once.
  let lostSince = 0;
  let waiting = 0;

  async function ask() {
    clearTimeout(waiting);
    if (document.hidden) return;
    try {
      const answer = await fetch("/pulse", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
      find("signed-out").hidden = answer.status !== 401;
      if (answer.ok) {
        const { version } = await answer.json();
        if (version !== document.body.dataset.version) changed(version);
      } else if (answer.status !== 401) {
        throw new Error(answer.statusText);
      }
      lostSince = 0;
    } catch {
      lostSince ||= Date.now();
      find("lost-since").dateTime = new Date(lostSince).toISOString();
      tell(find("alerts"));
    }
    find("lost").hidden = !lostSince;
    waiting = setTimeout(ask, EVERY_MS);
  }

  function changed(version) {
    document.body.dataset.version = version;
    document.body.dispatchEvent(new CustomEvent("informer:changed"));
  }

  // Parts that are exchanged keep what a person opened.
  const opened = new Set();
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const part = detail.target;
    for (const node of part.querySelectorAll("details[id]")) {
      if (node.open) opened.add(node.id);
      else opened.delete(node.id);
    }
    if (detail.xhr.status < 400 || detail.xhr.responseText.includes('id="answer"')) informer.leave(part);
  });
  document.addEventListener("htmx:load", ({ detail }) => {
    for (const node of detail.elt.querySelectorAll("details[id]")) {
      if (opened.has(node.id)) node.open = true;
    }
    tell(detail.elt);
    informer.watch(detail.elt);
  });

  // Keys
  const RANGES = ["1h", "6h", "24h", "7d", "30d"];
  let before = "";

  function step(way) {
    const items = [...document.querySelectorAll("[data-item] a.headline")];
    const now = items.indexOf(document.activeElement);
    const next = items[Math.min(Math.max(now + way, 0), items.length - 1)];
    if (next) next.focus();
  }

  function range(way) {
    const links = [...document.querySelectorAll(".ranges[aria-label='Range'] a")];
    const now = links.findIndex((link) => link.getAttribute("aria-current"));
    const next = links[(now < 0 ? RANGES.indexOf("24h") : now) + way];
    if (next) next.click();
  }

  const ACTIONS = {
    "/": () => document.querySelector("main input[type=search]")?.focus(),
    "?": () => find("help").showModal(),
    j: () => step(1),
    k: () => step(-1),
    t: turn,
    "[": () => range(-1),
    "]": () => range(1),
  };

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    const key = event.key;
    const page = before === "g" && document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`);
    before = key;
    const action = page ? () => page.click() : ACTIONS[key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(new URL(button.dataset.copy, location.href).href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copy it from the address bar";
    }
    setTimeout(() => { button.textContent = said; }, 2000);
  });

  find("theme").addEventListener("click", turn);
  find("keys").addEventListener("click", () => find("help").showModal());
  document.addEventListener("keydown", pressed);
  document.addEventListener("visibilitychange", ask);
  zones();
  tell(document);
  waiting = setTimeout(ask, EVERY_MS);
})();
