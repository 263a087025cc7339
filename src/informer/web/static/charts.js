// Draws every figure.chart with uPlot: the regular range as a band, expected, observed, and what
// passed its threshold. Counts belong to whole steps, so lines are stairs. Times are UTC, or of the
// zone that the page has in `data-zone`.
"use strict";
(() => {
  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const HEIGHTS = { large: 250, small: 150, score: 92 };
  const AXIS_W = 46;
  const stores = new WeakMap(); // the numbers of a part of the page -> its series
  const figures = new Map(); // figure -> its plots and what watches its size
  const zooms = new Map(); // of figures that were exchanged: the range that a person chose
  let paint = palette();

  function palette() {
    const probe = document.body.appendChild(document.createElement("i"));
    const colour = (name) => {
      probe.style.color = `var(--${name})`; // a canvas knows no variables and no light-dark()
      return getComputedStyle(probe).color;
    };
    queueMicrotask(() => probe.remove());
    return {
      ink: colour("ink"), muted: colour("muted"), grid: colour("grid"), band: colour("band"),
      expected: colour("expected"), hot: colour("hot"), wash: colour("wash"), gap: colour("gap"),
    };
  }

  function seriesOf(node) {
    const numbers = node.closest("[data-charts]").querySelector("script.series");
    if (!stores.has(numbers)) stores.set(numbers, JSON.parse(numbers.textContent));
    return stores.get(numbers)[Number(node.dataset.series)];
  }

  // Rows as uPlot wants them; a last row ends the last step.
  function decode(s) {
    if (s.rows) return s.rows;
    const jumps = typeof s.dt === "number" ? Array(s.dt).fill(1) : s.dt;
    const x = s.o.length ? [s.t0] : [];
    for (const jump of jumps) x.push(x[x.length - 1] + jump * s.unit);
    const limit = Array.isArray(s.x) ? s.x : s.o.map(() => s.x);
    const columns = [s.l, s.h, s.e, s.o, s.s, limit];
    s.rows = [
      x.length ? [...x, x[x.length - 1] + s.unit] : [],
      ...columns.map((c) => (x.length ? [...c, c[c.length - 1]] : [])),
    ];
    return s.rows;
  }

  const two = (n) => String(n).padStart(2, "0");
  const clock = (t) => `${two(t.getHours())}:${two(t.getMinutes())}`;
  const zone = () => document.documentElement.dataset.zone || "UTC";
  const date = (s) => uPlot.tzDate(new Date(s * 1000), zone()); // its own clock shows that zone

  function day(t) {
    return `${DAYS[t.getDay()]} ${t.getDate()}`;
  }

  function figure(v) {
    if (v === null || v === undefined) return "–";
    const size = Math.abs(v);
    if (size >= 100 || Number.isInteger(v)) return Math.round(v).toLocaleString("en");
    return String(Number(v.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)));
  }

  function ticks(u, splits, axis, space, step) {
    return splits.map((s) => {
      if (u.valToPos(s, "x") > u.over.clientWidth - 16) return "";
      const t = date(s);
      return step >= 86400 || clock(t) === "00:00" ? day(t) : clock(t);
    });
  }

  function shade(u, from, until, fill) {
    const left = Math.max(u.valToPos(from, "x", true), u.bbox.left);
    const right = Math.min(u.valToPos(until, "x", true), u.bbox.left + u.bbox.width);
    if (right <= left) return;
    u.ctx.fillStyle = fill;
    u.ctx.fillRect(left, u.bbox.top, Math.max(right - left, 2), u.bbox.height);
  }

  function background(node, rows) {
    return (u) => {
      const { opened, resolved } = node.dataset;
      if (opened) shade(u, Number(opened), Number(resolved), paint.wash);
      for (let i = 0; i + 1 < rows[0].length; i++) {
        if (rows[4][i] === null) shade(u, rows[0][i], rows[0][i + 1], paint.gap);
      }
    };
  }

  // A bar below the steps whose score passed its threshold, which may be what several steps add up
  // to; a dot on those that lie outside the regular range by themselves.
  function marks(rows, radius) {
    return (u) => {
      const [x, low, high, , observed, score, limit] = rows;
      const { ctx } = u;
      const foot = u.bbox.top + u.bbox.height;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left - 8, u.bbox.top - 8, u.bbox.width + 16, u.bbox.height + 16);
      ctx.clip();
      ctx.fillStyle = paint.hot;
      for (let i = 0; i + 1 < x.length; i++) {
        if (observed[i] === null || limit[i] === null || score[i] === null) continue;
        if (score[i] < limit[i]) continue;
        const left = u.valToPos(x[i], "x", true);
        const right = u.valToPos(x[i + 1], "x", true);
        ctx.fillRect(left, foot - 2 * uPlot.pxRatio, Math.max(right - left, 1), 4 * uPlot.pxRatio);
        if (observed[i] >= low[i] && observed[i] <= high[i]) continue;
        const unit = Math.min(x[i + 1] - x[i], x[1] - x[0]);
        ctx.beginPath();
        ctx.arc(
          u.valToPos(x[i] + unit / 2, "x", true), u.valToPos(observed[i], "y", true),
          radius * uPlot.pxRatio, 0, 7,
        );
        ctx.fill();
      }
      ctx.restore();
    };
  }

  function read(node, rows) {
    const readout = node.querySelector(".readout");
    return (u) => {
      const i = u.cursor.idx;
      if (i === null || i === undefined || i + 1 >= rows[0].length) {
        readout.textContent = "";
        return;
      }
      const [x, low, high, expected, observed, score, limit] = rows.map((column) => column[i]);
      const t = date(x);
      const at = `${day(t)} ${MONTHS[t.getMonth()]} ${clock(t)}`;
      readout.textContent = observed === null
        ? `${at}: no data`
        : `${at}: observed ${figure(observed)}, expected ${figure(expected)} ` +
          `(${figure(low)} to ${figure(high)}), score ${figure(score)}, threshold ${figure(limit)}`;
      readout.classList.toggle("hot", score !== null && limit !== null && score >= limit);
    };
  }

  function stepAt(u, column, closest, x) {
    return closest > 0 && u.data[0][closest] > x ? closest - 1 : closest;
  }

  function options(node, rows, height, lines, top, hooks, foot) {
    const stairs = uPlot.paths.stepped({ align: 1, alignGaps: 1 });
    const axis = { stroke: () => paint.muted, font: "11px system-ui, sans-serif" };
    return {
      width: node.clientWidth,
      height,
      tzDate: date,
      legend: { show: false },
      padding: [10, 10, foot ? 0 : 4, 0],
      scales: { x: { time: true }, y: { range: (u, min, max) => [0, top(max)] } },
      axes: [
        {
          ...axis, show: foot, size: 26, gap: 4, values: ticks, space: 64,
          grid: { stroke: () => paint.grid, width: 1 }, ticks: { show: false },
        },
        {
          ...axis, size: AXIS_W, gap: 6, space: 30, values: (u, s) => s.map(figure),
          grid: { stroke: () => paint.grid, width: 1 }, ticks: { show: false },
        },
      ],
      series: [{}, ...lines.map((line) => ({ paths: stairs, points: { show: false }, ...line }))],
      cursor: {
        y: false,
        points: { show: false },
        dataIdx: stepAt,
        drag: { x: true, y: false },
        sync: {
          key: "time", scales: ["x", null],
          filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
        },
      },
      hooks,
    };
  }

  function draw(node) {
    if (figures.has(node)) return;
    const rows = decode(seriesOf(node));
    const target = node.querySelector(".plot");
    const large = node.classList.contains("large");
    const scored = large && rows[5].filter((v) => v !== null).length > rows[5].length / 2;
    const main = options(
      target, rows, HEIGHTS[large ? "large" : "small"],
      [
        { stroke: "transparent" },
        { stroke: "transparent" },
        { stroke: () => paint.expected, width: 1.5, dash: [5, 4] },
        { stroke: () => paint.ink, width: large ? 1.75 : 0.9 },
      ],
      (max) => Math.max((max || 0) * 1.12, 1),
      {
        drawClear: [background(node, rows)],
        draw: [marks(rows, large ? 3.5 : 2.75)],
        setCursor: [read(node, rows)],
      },
      !scored,
    );
    main.bands = [{ series: [2, 1], fill: () => paint.band }];
    const plots = [new uPlot(main, rows.slice(0, 5), target)];
    if (scored) plots.push(scoreStrip(node, target, rows));
    const [from, until] = [Number(node.dataset.from), Number(node.dataset.until)];
    link(plots, rows);
    const range = zooms.get(node.dataset.series) || { min: from, max: until };
    for (const plot of plots) plot.setScale("x", range);
    keys(target, plots[0], rows);
    const watched = new ResizeObserver(() => {
      for (const plot of plots) {
        if (target.clientWidth) plot.setSize({ width: target.clientWidth, height: plot.height });
      }
    });
    watched.observe(target);
    figures.set(node, { plots, watched });
  }

  // Before a part of the page is exchanged: what a person zoomed into stays so.
  function leave(part) {
    for (const [node, { plots, watched }] of figures) {
      if (!part.contains(node)) continue;
      const { min, max } = plots[0].scales.x;
      const [from, until] = [Number(node.dataset.from), Number(node.dataset.until)];
      if (min > from || max < until) zooms.set(node.dataset.series, { min, max });
      else zooms.delete(node.dataset.series);
      watched.disconnect();
      for (const plot of plots) plot.destroy();
      figures.delete(node);
    }
  }

  function watch(part) {
    for (const node of part.querySelectorAll("figure.chart")) watcher.observe(node);
  }

  function scoreStrip(node, target, rows) {
    const limit = Math.max(...rows[6].map((v) => v || 0));
    const strip = options(
      target, rows, HEIGHTS.score,
      [
        { stroke: () => paint.muted, width: 1.25, fill: () => paint.gap },
        { stroke: () => paint.hot, width: 1.25, dash: [2, 3] },
      ],
      (max) => Math.max((max || 0) * 1.15, limit * 1.6, 1),
      {
        drawClear: [background(node, rows)],
        draw: [(u) => {
          u.ctx.fillStyle = paint.muted;
          u.ctx.font = `${11 * uPlot.pxRatio}px system-ui, sans-serif`;
          u.ctx.textAlign = "left";
          u.ctx.textBaseline = "top";
          u.ctx.fillText("score and its threshold", u.bbox.left + 6 * uPlot.pxRatio, u.bbox.top + 2);
        }],
      },
      true,
    );
    return new uPlot(strip, [rows[0], rows[5], rows[6]], target);
  }

  // Two plots of one figure keep the same range when one of them is zoomed.
  function link(plots, rows) {
    for (const plot of plots) {
      plot.hooks.setScale = [(u, key) => {
        if (key !== "x") return;
        const { min, max } = u.scales.x;
        for (const other of plots) {
          if (other !== u && (other.scales.x.min !== min || other.scales.x.max !== max)) {
            other.setScale("x", { min, max });
          }
        }
      }];
    }
  }

  function keys(target, plot, rows) {
    const x = rows[0];
    let at = null; // the step that is read
    const point = () => {
      if (at !== null) plot.setCursor({ left: plot.valToPos((x[at] + x[at + 1]) / 2, "x"), top: 10 });
    };
    target.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") {
        plot.setScale("x", { min: x[0], max: x[x.length - 1] });
        queueMicrotask(point); // after the plot has taken its new scale
      } else if (way) {
        const { min, max } = plot.scales.x;
        const first = x.findIndex((v) => v >= min);
        const last = x.findLastIndex((v) => v <= max) - 1;
        const now = at ?? (way > 0 ? first - 1 : last + 1);
        at = Math.min(Math.max(now + way * (event.shiftKey ? 10 : 1), first), last);
        point();
        event.preventDefault();
      }
    });
    const readout = target.parentNode.querySelector(".readout");
    target.addEventListener("focus", () => readout.setAttribute("aria-live", "polite"));
    target.addEventListener("blur", () => readout.removeAttribute("aria-live"));
  }

  function repaint() {
    paint = palette();
    for (const { plots } of figures.values()) for (const plot of plots) plot.redraw(false, true);
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "300px" },
  );
  watch(document);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  window.informer = { draw, leave, repaint, watch };
})();
