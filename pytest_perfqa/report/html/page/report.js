/* Draws the charts of a run from its record, and makes tables sortable.
 *
 * Texts of the record go into the page as text only: `textContent` in the document, `plain` where
 * Plotly would read its own kind of mark-up.
 */
"use strict";

const perfqa = (() => {
  const records = new Map();
  const waiting = new Map();

  /* Called by result.js beside each page: the only way to load data from file:// addresses. */
  function receive(slug, text) {
    records.set(slug, JSON.parse(text));
    (waiting.get(slug) || []).forEach((resolve) => resolve(records.get(slug)));
    waiting.delete(slug);
  }

  function load(slug) {
    if (records.has(slug)) return Promise.resolve(records.get(slug));
    return new Promise((resolve, reject) => {
      waiting.set(slug, [...(waiting.get(slug) || []), resolve]);
      const script = document.createElement("script");
      script.src = `../${encodeURIComponent(slug)}/result.js`;
      script.onerror = () => reject(new Error(`${slug} could not be loaded`));
      document.head.append(script);
    });
  }

  return { receive, load, records };
})();

(() => {
  const LEGEND_NAME = 60;
  const HOVER_NAME = 40;
  const MOST_ROWS = 2000;
  const MARGIN = { l: 70, r: 70, t: 22, b: 34 };
  const NARROW = { l: 54, r: 44, t: 22, b: 34 };
  const NARROW_WINDOW = 600;
  /* A4 and Letter have room for so much between margins of 12 mm. */
  const PAPER = { width: 700, height: 180 };
  const LETTER_WIDTH = 7;
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
  const TIMES = { p50: "p50", p95: "p95", p99: "p99", max: "max" };

  const root = document.documentElement;
  const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const plain = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const cut = (text, length) => {
    const letters = [...String(text)];
    return letters.length > length ? letters.slice(0, length - 1).join("") + "…" : letters.join("");
  };
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const prints = () => root.dataset.print !== undefined;
  const margin = () => (prints() || innerWidth >= NARROW_WINDOW ? MARGIN : NARROW);

  /* Charts have the colours and the width that there were when they were drawn. */
  function repaint(draw) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    addEventListener("beforeprint", () => { root.dataset.print = ""; draw(); });
    addEventListener("afterprint", () => {
      delete root.dataset.print;
      draw();
      document.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot));
    });
  }

  function seconds(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (size > 0 && size < 1e-3) return `${(value * 1e6).toPrecision(3)} µs`;
    if (size < 1) return `${Number((value * 1e3).toPrecision(4))} ms`;
    return `${Number(value.toPrecision(5))} s`;
  }

  function bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
    return `${Number(value.toPrecision(4))} ${units[unit]}`;
  }

  const percent = (value) => `${Number((value * 100).toPrecision(4))} %`;
  const perSecond = (value) => `${Number(value.toPrecision(4))}/s`;
  const count = (value) => String(Number(value.toPrecision(6)));

  /* ---- what there is to draw: series made of the record ---- */

  /* Sums of `factor` windows each, as rates at the middle of the time they cover. What is left at
     the end counts with the last of them, where it is less than half of one: a single request
     would be a peak. */
  function rates(counts, width, factor) {
    const x = [];
    const y = [];
    let first = 0;
    while (first < counts.length) {
      const left = counts.length - first;
      const some = counts.slice(first, first + (left < 1.5 * factor ? left : factor));
      x.push((first + some.length / 2) * width);
      y.push(some.reduce((sum, one) => sum + one, 0) / (some.length * width));
      first += some.length;
    }
    return { x, y };
  }

  /* The same of a level: its mean over the ends of `factor` windows each. */
  function means(levels, width, factor) {
    const { x, y } = rates(levels, width, factor);
    return { x, y: y.map((one) => one * width) };
  }

  function timesOf(windows, kind, statistic) {
    const x = [];
    const y = [];
    windows[kind][statistic].forEach((value, index) => {
      if (value !== null) {
        x.push((index + 0.5) * windows.width);
        y.push(value);
      }
    });
    return { x, y };
  }

  function line(id, name, points, tint, show, more = {}) {
    return { id, name, ...points, color: tint, show, dash: "solid", ...more };
  }

  function loadSeries(measured, factor) {
    const { windows } = measured;
    const rate = (name) => rates(windows[name], windows.width, factor);
    const pending = means(windows.pending, windows.width, factor);
    const series = [
      line("launched", "launched", rate("launched"), "launched", perSecond),
      line("completed", "completed", rate("completed"), "completed", perSecond, { dash: "dash" }),
    ];
    if (windows.failed.some(Boolean)) {
      series.push(line("failed", "failed", rate("failed"), "failed", perSecond));
    }
    series.push(line("pending", "pending", pending, "pending", count, { axis: "y2" }));
    return series;
  }

  function latencySeries(measured) {
    const { windows } = measured;
    const series = Object.entries(TIMES).map(([statistic, name]) =>
      line(`latency.${statistic}`, name, timesOf(windows, "latency", statistic), statistic, seconds,
        statistic === "max" ? { width: 1 } : {}));
    for (const statistic of Object.keys(TIMES)) {
      series.push(line(`response.${statistic}`, `response ${TIMES[statistic]}`,
        timesOf(windows, "response", statistic), statistic, seconds,
        { dash: "dot", hidden: statistic !== "p95" }));
    }
    return series;
  }

  const CODE_COLORS = { 1: "s8", 2: "c2", 3: "c3", 4: "c4", 5: "c5" };

  const WITH_ANSWER = ["expectation", "capture"];

  function statusSeries(measured, factor) {
    const { windows } = measured;
    const series = [];
    for (const code of Object.keys(windows.status).sort()) {
      series.push(line(`status.${code}`, code, rates(windows.status[code], windows.width, factor),
        CODE_COLORS[code[0]] || "s8", perSecond, { stacked: true }));
    }
    Object.keys(windows.errors).sort().forEach((kind, index) => {
      // Those with an answer stand in the stack already, by its status.
      const shape = WITH_ANSWER.includes(kind) ? { dash: "dot" } : { stacked: true, pattern: "/" };
      series.push(line(`error.${kind}`, kind, rates(windows.errors[kind], windows.width, factor),
        `e${(index % 4) + 1}`, perSecond, shape));
    });
    return series;
  }

  function partSeries(measured, figure, show) {
    return measured.parts
      .filter((part) => part[figure])
      .map((part, index) => line(part.name, part.name,
        { x: part[figure].times, y: part[figure].values }, `s${(index % 8) + 1}`, show,
        { dash: DASHES[Math.floor(index / 8) % DASHES.length] }));
  }

  function modelSeries(measured, chart, show) {
    return measured.lines
      .filter((one) => one.chart === chart)
      .map((one) => line(`model.${one.name}`, `model: ${one.name}`,
        { x: one.series.times, y: one.series.values }, "model", show,
        { dash: "longdash", width: 1.5, axis: one.name.includes("pending") ? "y2" : "y" }));
  }

  const CHARTS = {
    load: {
      series: (measured, factor) => [
        ...loadSeries(measured, factor), ...modelSeries(measured, "load", count)],
      overlay: ["completed", "pending"],
      axis: { title: "per second", rangemode: "tozero" },
      second: { title: "pending", rangemode: "tozero" },
    },
    latency: {
      series: (measured) => [...latencySeries(measured), ...modelSeries(measured, "latency", seconds)],
      overlay: ["latency.p50", "latency.p95"],
      axis: { title: "seconds", rangemode: "tozero" },
    },
    status: {
      series: statusSeries,
      overlay: null,
      axis: { title: "per second", rangemode: "tozero" },
    },
    cpu: {
      series: (measured) => [...partSeries(measured, "cpu", percent), ...modelSeries(measured, "cpu", percent)],
      overlay: null,
      axis: { title: "CPU", rangemode: "tozero", tickformat: ".1~%" },
    },
    memory: {
      series: (measured) => [
        ...partSeries(measured, "memory", bytes), ...modelSeries(measured, "memory", bytes)],
      overlay: null,
      axis: { title: "bytes", rangemode: "tozero", tickformat: ".3s" },
    },
  };

  /* ---- Plotly's side of a series ---- */

  function trace(one) {
    const tint = color(one.color);
    const sparse = one.x.length < 150 && !one.stacked;
    const made = {
      type: "scatter",
      mode: sparse ? "lines+markers" : "lines",
      x: one.x,
      y: one.y,
      name: cut(plain(one.name), HOVER_NAME),
      yaxis: one.axis || "y",
      line: { color: tint, width: one.width || 2, dash: one.dash, shape: "linear" },
      marker: { size: 4, color: tint },
      customdata: one.y.map(one.show),
      hovertemplate: "%{customdata}",
      visible: one.hidden ? "legendonly" : true,
      showlegend: false,
    };
    if (one.stacked) {
      Object.assign(made, {
        stackgroup: "all",
        line: { color: tint, width: 0, shape: "hvh" },
        fillpattern: one.pattern
          ? { shape: one.pattern, bgcolor: tint, fgcolor: color("paper"), size: 6, solidity: 0.25 }
          : undefined,
        fillcolor: tint,
      });
    }
    return made;
  }

  /* A limit far above all that was found would press the curves flat: it is only named. */
  const inReach = (limit, series) => {
    const most = series.filter((one) => one.axis !== "y2")
      .reduce((high, one) => one.y.reduce((a, b) => Math.max(a, b), high), 0);
    return limit.value <= 2.5 * most;
  };

  function shapes(measured, chart, series) {
    const made = [];
    measured.phases.forEach((phase, index) => {
      if (phase.warmup || index % 2) {
        made.push({ type: "rect", xref: "x", yref: "paper", x0: phase.start, x1: phase.end, y0: 0,
          y1: 1, line: { width: 0 }, layer: "below", fillcolor: color(phase.warmup ? "warm" : "phase") });
      }
    });
    for (const event of measured.events) {
      const tint = color(event.kind === "fault" ? "failed" : event.kind === "disturbance" ? "dim" : "pending");
      if (event.until !== null) {
        made.push({ type: "rect", xref: "x", yref: "paper", x0: event.at, x1: event.until, y0: 0,
          y1: 1, line: { width: 0 }, layer: "below", fillcolor: tint, opacity: 0.12 });
      }
      made.push({ type: "line", xref: "x", yref: "paper", x0: event.at, x1: event.at, y0: 0, y1: 1,
        line: { color: tint, width: 1.5, dash: "dot" } });
    }
    for (const limit of measured.limits.filter((one) => one.chart === chart && inReach(one, series))) {
      made.push({ type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: limit.value,
        y1: limit.value, line: { color: color(limit.met === false ? "failed" : "dim"), width: 1.5,
          dash: "dash" } });
    }
    return made;
  }

  function annotations(measured, chart, end, series) {
    const made = [];
    const put = (text, where) => made.push({
      text: plain(cut(text, 28)), hovertext: cut(plain(text), 300), showarrow: false,
      font: { size: 11, color: color("dim") }, ...where });
    if (chart === "load") {
      const { l, r } = margin();
      const width = (prints() ? PAPER.width : document.querySelector("main").clientWidth) - l - r;
      for (const phase of measured.phases) {
        // Names of phases too short for them are in the table, and in what the cursor says.
        const until = Math.min(phase.end, end); // a run may have been ended before
        const room = Math.floor(((until - phase.start) / end) * (width / LETTER_WIDTH));
        if (room >= Math.min(phase.name.length, 4)) {
          put(cut(phase.name, room), { x: (phase.start + until) / 2, xref: "x", y: 1,
            yref: "paper", yanchor: "bottom" });
        }
      }
    }
    measured.events.forEach((event, index) => {
      if (chart === "load" || chart === "status") {
        put(event.name, { x: event.at, xref: "x", y: 0.97 - 0.12 * (index % 4), yref: "paper",
          xanchor: event.at > end / 2 ? "right" : "left",
          bgcolor: color("paper"), font: { size: 11, color: color("failed") } });
      }
    });
    for (const limit of measured.limits.filter((one) => one.chart === chart)) {
      const where = inReach(limit, series)
        ? { y: limit.value, yref: "y", yanchor: "bottom" } : { y: 1, yref: "paper", yanchor: "bottom" };
      put(where.yref === "y" ? limit.name : `↑ ${limit.name}`,
        { x: 1, xref: "paper", xanchor: "right", ...where });
    }
    return made;
  }

  function layout(chart, measured, state, series) {
    const axis = (given) => ({
      title: { text: given.title, font: { size: 12 } }, gridcolor: color("grid"),
      zerolinecolor: color("line"), linecolor: color("line"), rangemode: given.rangemode,
      tickformat: given.tickformat, fixedrange: false, automargin: false });
    const spec = CHARTS[chart];
    const made = {
      ...(prints() ? PAPER : {}), margin: margin(), hovermode: "x unified", hoverdistance: -1, dragmode: "zoom",
      paper_bgcolor: color("paper"), plot_bgcolor: color("paper"),
      font: { color: color("ink"), size: 12, family: "system-ui, sans-serif" },
      hoverlabel: { bgcolor: color("paper"), bordercolor: color("line"), font: { color: color("ink") } },
      xaxis: { range: state.range || [0, state.end], gridcolor: color("grid"), linecolor: color("line"),
        zerolinecolor: color("line"), ticksuffix: " s", showspikes: true, spikemode: "across",
        spikesnap: "hovered data", spikethickness: 1, spikedash: "solid", spikecolor: color("dim"),
        unifiedhovertitle: { text: "%{x} s" } },
      yaxis: axis(spec.axis),
      shapes: shapes(measured, chart, series),
      annotations: annotations(measured, chart, state.end, series),
      showlegend: false, uirevision: "keep",
    };
    if (chart === "latency" && state.log) Object.assign(made.yaxis, { type: "log", dtick: 1 });
    if (chart === "memory") {
      Object.assign(made.yaxis, { tickformat: undefined, exponentformat: "SI", ticksuffix: "B" });
    }
    if (spec.second) {
      made.yaxis2 = { ...axis(spec.second), overlaying: "y", side: "right", showgrid: false,
        tickmode: "auto", nticks: 6 };
    }
    return made;
  }

  const CONFIG = { displaylogo: false, responsive: true, doubleClick: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

  /* ---- the page of a run ---- */

  class Page {
    constructor(slug, record) {
      this.record = record;
      this.measured = record.measured;
      this.others = new Map();
      this.hidden = new Map();
      this.factor = 1;
      this.figures = [...document.querySelectorAll("figure[data-chart]")]
        .filter((figure) => CHARTS[figure.dataset.chart]);
      const { windows, duration } = this.measured;
      this.state = { end: Math.max(duration, windows.launched.length * windows.width), range: null,
        log: false };
      this.busy = false;
      this.tools = document.querySelector("form.tools");
      this.readout = document.querySelector(".readout");
    }

    start() {
      this.chooseWindow();
      this.draw();
      this.drawHistogram();
      this.listen();
      const wanted = new URLSearchParams(location.hash.slice(1)).get("overlay");
      for (const slug of wanted ? wanted.split(",") : []) {
        const box = [...this.tools.querySelectorAll("[name=overlay]")].find((one) => one.value === slug);
        if (box) {
          box.checked = true;
          box.closest("details").open = true;
          this.overlay(slug, true);
        }
      }
    }

    /* Counts of one window each are a comb where arrivals are few: 10 windows are shown together. */
    chooseWindow() {
      const { windows } = this.measured;
      const select = this.tools.elements.window;
      const number = windows.launched.length;
      const factors = [1, 2, 5, 10, 30, 60, 300].filter((one) => one === 1 || number / one >= 8);
      for (const factor of factors) {
        select.append(element("option", { value: factor },
          seconds(Number((factor * windows.width).toPrecision(6)))));
      }
      this.factor = Math.max(...factors.filter((one) => one <= 10 && (one === 1 || number / one >= 20)));
      select.value = String(this.factor);
    }

    series(chart) {
      const spec = CHARTS[chart];
      const own = spec.series(this.measured, this.factor);
      const title = (record) => record.scenario === this.record.scenario
        ? record.service : `${record.service}, ${record.scenario}`;
      let number = 0;
      for (const [slug, record] of this.others) {
        number += 1;
        const tint = `s${((number + 4) % 8) + 1}`;
        own.push(...this.overlaid(chart, record.measured).map((one, index) => ({
          ...one, id: `${slug}/${one.id}`, name: `${title(record)}: ${one.name}`, color: tint,
          dash: DASHES[(index + 1) % DASHES.length], stacked: false, hidden: false })));
      }
      for (const one of own) {
        const key = `${chart}/${one.id}`;
        if (this.hidden.has(key)) one.hidden = this.hidden.get(key);
      }
      return own;
    }

    /* Of another run only what tells most, or the charts could not be read. */
    overlaid(chart, measured) {
      const spec = CHARTS[chart];
      if (spec.overlay) {
        return spec.series(measured, this.factor).filter((one) => spec.overlay.includes(one.id));
      }
      if (chart !== "status") return spec.series(measured, this.factor);
      const { windows } = measured;
      const bad = rates(windows.bad, windows.width, this.factor);
      return [line("bad", "not as expected", bad, "c5", perSecond)];
    }

    draw() {
      for (const figure of this.figures) {
        const chart = figure.dataset.chart;
        const plot = figure.querySelector(".plot");
        const series = this.series(chart);
        plot.series = series;
        Plotly.react(plot, series.map(trace), layout(chart, this.measured, this.state, series),
          CONFIG);
        this.legend(figure, series);
        const table = figure.querySelector("details.data");
        if (table.open) this.table(figure);
      }
    }

    legend(figure, series) {
      const legend = figure.querySelector(".legend");
      const focused = [...legend.children].indexOf(document.activeElement);
      legend.replaceChildren(...series.map((one, index) => {
        const button = element("button", { type: "button", "aria-pressed": String(!one.hidden),
          "data-series": one.id, title: one.name });
        button.append(swatch(one), element("span", {}, cut(one.name, LEGEND_NAME)));
        button.addEventListener("click", () => this.toggle(figure, index));
        return button;
      }));
      if (focused >= 0 && legend.children[focused]) legend.children[focused].focus();
    }

    toggle(figure, index) {
      const plot = figure.querySelector(".plot");
      const one = plot.series[index];
      one.hidden = !one.hidden;
      this.hidden.set(`${figure.dataset.chart}/${one.id}`, one.hidden);
      Plotly.restyle(plot, { visible: one.hidden ? "legendonly" : true }, [index]);
      figure.querySelector(".legend").children[index].setAttribute("aria-pressed", String(!one.hidden));
    }

    table(figure) {
      const series = figure.querySelector(".plot").series;
      const moments = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
      const head = element("tr", {}, element("th", { scope: "col" }, "Time"),
        ...series.map((one) => element("th", { scope: "col", class: "number" }, cut(one.name, LEGEND_NAME))));
      const columns = series.map((one) => new Map(one.x.map((x, index) => [x, one.show(one.y[index])])));
      const rows = moments.slice(0, MOST_ROWS).map((moment) => element("tr", {},
        element("th", { scope: "row" }, seconds(Number(moment.toPrecision(8)))),
        ...columns.map((column) => element("td", { class: "number" }, column.get(moment) ?? ""))));
      const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
      const cutOff = moments.length > MOST_ROWS
        ? [element("p", {}, `${moments.length - MOST_ROWS} more rows are in result.json.`)] : [];
      figure.querySelector(".data .scroll").replaceChildren(table, ...cutOff);
    }

    zoom(range) {
      this.state.range = range;
      const [from, to] = range || ["", ""];
      this.tools.elements.from.value = range ? Number(from.toPrecision(6)) : "";
      this.tools.elements.to.value = range ? Number(to.toPrecision(6)) : "";
      this.busy = true;
      const all = this.figures.map((figure) => Plotly.relayout(figure.querySelector(".plot"),
        { "xaxis.range": range ? [...range] : [0, this.state.end], "yaxis.autorange": true }));
      Promise.all(all).finally(() => { this.busy = false; });
    }

    listen() {
      for (const figure of this.figures) {
        const plot = figure.querySelector(".plot");
        plot.on("plotly_relayout", (change) => {
          if (this.busy || change["xaxis.range[0]"] === undefined) return;
          this.zoom([change["xaxis.range[0]"], change["xaxis.range[1]"]].map(Number));
        });
        plot.on("plotly_doubleclick", () => this.zoom(null));
        plot.on("plotly_hover", (event) => {
          if (event.xvals && !this.busy) this.point(event.xvals[0], plot);
        });
        plot.on("plotly_unhover", () => this.point(null, plot));
        plot.addEventListener("keydown", (event) => this.key(event, plot));
        figure.querySelector("details.data").addEventListener("toggle", () => this.table(figure));
      }
      this.tools.addEventListener("submit", (event) => event.preventDefault());
      this.tools.addEventListener("click", (event) => this.press(event.target.dataset.do));
      this.tools.addEventListener("change", (event) => this.change(event.target));
      repaint(() => { this.draw(); this.drawHistogram(); });
    }

    press(what) {
      const { from, to } = this.tools.elements;
      if (what === "reset") this.zoom(null);
      if (what === "zoom") {
        const range = [Number(from.value || 0), Number(to.value || this.state.end)];
        if (range[0] < range[1]) this.zoom(range);
      }
    }

    change(field) {
      if (field.name === "window") {
        this.factor = Number(field.value);
        this.draw();
      } else if (field.name === "log") {
        this.state.log = field.checked;
        this.draw();
      } else if (field.name === "overlay") {
        this.overlay(field.value, field.checked);
      }
    }

    overlay(slug, on) {
      if (!on) {
        this.others.delete(slug);
        this.extent();
        return;
      }
      perfqa.load(slug).then((record) => {
        if (record.measured) this.others.set(slug, record);
        this.extent();
      }, (error) => { this.readout.textContent = error.message; });
    }

    extent() {
      const all = [this.measured, ...[...this.others.values()].map((record) => record.measured)];
      this.state.end = Math.max(...all.map(({ windows, duration }) =>
        Math.max(duration, windows.launched.length * windows.width)));
      this.draw();
    }

    /* One cursor for all charts: where it is on one, the others show what they have there. */
    point(moment, source) {
      this.busy = true;
      for (const figure of this.figures) {
        const plot = figure.querySelector(".plot");
        if (plot === source && moment !== null) continue;
        if (moment === null) Plotly.Fx.unhover(plot);
        else Plotly.Fx.hover(plot, { xval: moment }, "xy");
      }
      this.busy = false;
      this.moment = moment;
    }

    key(event, plot) {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
      if (event.key === "Escape") {
        this.point(null, null);
        this.readout.textContent = "";
      }
      if (!step) return;
      event.preventDefault();
      const [low, high] = this.state.range || [0, this.state.end];
      const width = this.measured.windows.width * this.factor;
      const moment = Math.min(Math.max((this.moment ?? low) + step * width, low), high);
      this.point(moment, null);
      this.moment = moment;
      const values = plot.series.filter((one) => !one.hidden).map((one) => {
        const nearest = one.x.reduce((best, x, index) =>
          (Math.abs(x - moment) < Math.abs(one.x[best] - moment) ? index : best), 0);
        return one.x.length ? `${cut(one.name, HOVER_NAME)} ${one.show(one.y[nearest])}` : "";
      });
      const phase = this.measured.phases.find((one) => moment >= one.start && moment < one.end);
      this.readout.textContent =
        `At ${seconds(moment)}${phase ? `, ${cut(phase.name, HOVER_NAME)}` : ""}: ${values.filter(Boolean).join(", ")}`;
    }

    drawHistogram() {
      const figure = document.querySelector("figure[data-chart=histogram]");
      if (!figure) return;
      const { edges, latency, response } = this.measured.histogram;
      const middle = edges.slice(1).map((edge, index) => Math.sqrt(edge * edges[index]));
      const width = edges.slice(1).map((edge, index) => edge - edges[index]);
      const series = [["latency", latency, "p50"], ["response", response, "p95"]].map(
        ([name, counts, tint]) => ({ ...line(name, name, { x: middle, y: counts }, tint, count),
          hidden: remembered(this.hidden, "histogram", { id: name, hidden: name === "response" }) }));
      const plot = figure.querySelector(".plot");
      plot.series = series;
      const traces = series.map((one) => ({ type: "bar", x: one.x, y: one.y, width, name: one.name,
        marker: { color: color(one.color), opacity: 0.75 }, showlegend: false,
        customdata: edges.slice(1).map((edge, index) => `${seconds(edges[index])} to ${seconds(edge)}`),
        hovertemplate: "%{customdata}: %{y}<extra></extra>",
        visible: one.hidden ? "legendonly" : true }));
      const base = layout("status", { phases: [], events: [], limits: [] }, { end: 1 }, []);
      const { p50, p95, p99 } = this.measured.totals.latency;
      const marks = [["p50", p50], ["p95", p95], ["p99", p99]].filter(([, value]) => value !== null);
      Plotly.react(plot, traces, { ...base, barmode: "overlay", hovermode: "closest",
        xaxis: { type: "log", gridcolor: color("grid"), linecolor: color("line"), ticksuffix: "s",
          exponentformat: "SI", dtick: edges[edges.length - 1] / edges[0] > 50 ? 1 : undefined },
        yaxis: { ...base.yaxis, title: { text: "requests", font: { size: 12 } } },
        shapes: marks.map(([name, value]) => ({ type: "line", xref: "x", yref: "paper", x0: value,
          x1: value, y0: 0, y1: 1, line: { color: color(name), width: 1.5, dash: "dash" } })),
        annotations: marks.map(([name, value], index) => ({ text: name, x: Math.log10(value), xref: "x",
          y: 1 - 0.1 * index, yref: "paper", xanchor: "left", showarrow: false,
          bgcolor: color("paper"), font: { size: 11, color: color(name) } })) }, CONFIG);
      this.legend(figure, series);
      const data = figure.querySelector("details.data");
      if (!data.dataset.ready) {
        data.dataset.ready = "yes";
        data.addEventListener("toggle", () => this.table(figure));
      }
    }
  }

  /* ---- the page of a breaking point ---- */

  /* Whether a series is hidden is remembered, for when it is drawn anew. */
  function remembered(hidden, chart, one) {
    const key = `${chart}/${one.id}`;
    return hidden.has(key) ? hidden.get(key) : Boolean(one.hidden);
  }

  /* Buttons that hide and show series, the first of which is so many traces from the first. */
  function toggles(figure, series, hidden, first) {
    figure.querySelector(".legend").replaceChildren(...series.map((one, index) => {
      const button = element("button", { type: "button", "aria-pressed": String(!one.hidden),
        "data-series": one.id }, swatch(one), element("span", {}, one.name));
      button.addEventListener("click", () => {
        one.hidden = !one.hidden;
        hidden.set(`${figure.dataset.chart}/${one.id}`, one.hidden);
        button.setAttribute("aria-pressed", String(!one.hidden));
        Plotly.restyle(figure.querySelector(".plot"),
          { visible: one.hidden ? "legendonly" : true }, [first + index]);
      });
      return button;
    }));
  }

  const VERDICTS = {
    PASSED: { tint: "good", symbol: "circle" }, FAILED: { tint: "bad", symbol: "x" },
    INCONCLUSIVE: { tint: "odd", symbol: "diamond" }, INVALID: { tint: "broken", symbol: "square" },
    UNTESTED: { tint: "dim", symbol: "circle-open" },
  };

  class Search {
    constructor(record) {
      this.record = record;
      this.hidden = new Map();
    }

    start() {
      this.draw();
      repaint(() => this.draw());
    }

    draw() {
      // A search may begin with loads that come all at once: they have no rate, and no place among
      // those that have one.
      const { probes, window: within } = this.record;
      const rated = probes.some((probe) => probe.rate !== null);
      const load = rated ? (probe) => probe.rate : (probe) => probe.size;
      this.chart("probes", "probe", rated ? "per second" : "requests",
        (probe, index) => (load(probe) === null ? null : [index + 1, load(probe)]),
        rated ? this.bracket() : [],
        { dtick: probes.length > 20 ? undefined : 1, range: [0.5, probes.length + 0.5] });
      // How long a burst waits follows from its size, how long a load that lasts from its rate.
      const by = rated && within === null ? load : (probe) => probe.size;
      this.chart("slowest", by === load && rated ? "per second" : "requests", "seconds",
        (probe) => (probe.slowest === null || by(probe) === null ? null : [by(probe), probe.slowest]),
        [], {});
    }

    bracket() {
      const { low, high } = this.record;
      const across = (value, tint) => ({ type: "line", xref: "paper", yref: "y", x0: 0, x1: 1,
        y0: value, y1: value, line: { color: color(tint), width: 1.5, dash: "dash" } });
      const made = [];
      if (low !== null && high !== null) {
        made.push({ type: "rect", xref: "paper", yref: "y", x0: 0, x1: 1, y0: low, y1: high,
          line: { width: 0 }, fillcolor: color("warm"), layer: "below" });
      }
      if (low !== null) made.push(across(low, "good"));
      if (high !== null) made.push(across(high, "bad"));
      return made;
    }

    chart(name, x, y, place, drawn, more) {
      const figure = document.querySelector(`figure[data-chart=${name}]`);
      if (!figure) return;
      const placed = this.record.probes.filter((probe, index) => place(probe, index) !== null);
      const kinds = [...new Set(placed.map((probe) => probe.verdict))];
      const series = kinds.map((verdict) => {
        const { tint, symbol } = VERDICTS[verdict] || VERDICTS.UNTESTED;
        const some = this.record.probes
          .map((probe, index) => [probe, place(probe, index)])
          .filter(([probe, where]) => probe.verdict === verdict && where !== null);
        return { ...line(verdict, verdict, { x: some.map(([, [one]]) => one),
          y: some.map(([, [, other]]) => other) }, tint, count), symbol, stacked: true,
          hidden: remembered(this.hidden, name, { id: verdict }),
          said: some.map(([probe]) => plain(cut(`${probe.size} requests: ${probe.why}`, 120))) };
      });
      const plot = figure.querySelector(".plot");
      plot.series = series;
      const base = layout("status", { phases: [], events: [], limits: [] }, { end: 1 }, []);
      const traces = series.map((one) => ({ type: "scatter", mode: "markers", x: one.x, y: one.y,
        name: one.name, text: one.said, hovertemplate: "%{y}: %{text}<extra></extra>",
        visible: one.hidden ? "legendonly" : true,
        marker: { size: 10, color: color(one.color), symbol: one.symbol }, showlegend: false }));
      const path = { type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false,
        line: { color: color("dim"), width: 1 }, ...(drawn.length ? this.path(place) : { x: [], y: [] }) };
      Plotly.react(plot, [path, ...traces], { ...base, hovermode: "closest", shapes: drawn,
        xaxis: { title: { text: x, font: { size: 12 } }, gridcolor: color("grid"),
          linecolor: color("line"), rangemode: "tozero", ...more },
        margin: { ...margin(), r: 20, b: 44 },
        yaxis: { ...base.yaxis, title: { text: y, font: { size: 12 } } } }, CONFIG);
      toggles(figure, series, this.hidden, 1);
      figure.querySelector("details.data").hidden = true;
    }

    path(place) {
      const points = this.record.probes.map(place).filter((one) => one !== null);
      return { x: points.map(([one]) => one), y: points.map(([, other]) => other) };
    }
  }

  /* ---- the page of a characterisation ---- */

  class Character {
    constructor(record) {
      this.record = record;
      this.hidden = new Map();
    }

    start() {
      this.draw();
      repaint(() => this.draw());
    }

    draw() {
      const { staircases, scalability } = this.record;
      if (staircases.length) {
        this.chart("staircase", ["seconds", "answers"], ["Time", seconds], this.steps(staircases));
      }
      if (scalability) {
        this.chart("scalability", ["requests at one time (mean)", "per second"],
          ["Concurrency", count], this.law(scalability));
      }
    }

    steps(staircases) {
      return staircases.flatMap(({ size, finished, good, predicted }, index) => {
        const tint = `s${(index % 8) + 1}`;
        const rising = (times) => {
          const x = [0, ...[...times].sort((a, b) => a - b)];
          return { x, y: x.map((_, so) => so) };
        };
        const name = `burst ${index + 1}: ${size}`;
        const hidden = staircases.length > 4 && index < staircases.length - 4;
        const made = [line(`burst.${index}`, name, rising(finished.filter((_, one) => good[one])),
          tint, count, { hidden })];
        if (predicted) {
          made.push(line(`predicted.${index}`, `${name}, predicted`, rising(predicted), tint, count,
            { dash: "dash", width: 1, hidden }));
        }
        return made;
      });
    }

    law({ points, law }) {
      const split = (pairs) => ({ x: pairs.map(([x]) => x), y: pairs.map(([, y]) => y) });
      const sorted = [...points].sort(([a], [b]) => a - b);
      return [line("bursts", "bursts", split(sorted), "s1", perSecond, { marks: true, stacked: true }),
        line("law", "fitted law", split(law), "s2", perSecond, { dash: "longdash" })];
    }

    chart(name, [x, y], heading, series) {
      for (const one of series) one.hidden = remembered(this.hidden, name, one);
      const figure = document.querySelector(`figure[data-chart=${name}]`);
      const plot = figure.querySelector(".plot");
      const shape = name === "staircase" ? "hv" : "linear";
      const traces = series.map((one) => ({ type: "scatter", mode: one.marks ? "markers" : "lines",
        x: one.x, y: one.y, name: one.name, showlegend: false, visible: one.hidden ? "legendonly" : true,
        line: { color: color(one.color), width: one.width || 2, dash: one.dash, shape },
        marker: { size: 9, color: color(one.color) } }));
      const base = layout("status", { phases: [], events: [], limits: [] }, { end: 1 }, []);
      const axis = (text) => ({ title: { text, font: { size: 12 } }, gridcolor: color("grid"),
        linecolor: color("line"), zerolinecolor: color("line"), rangemode: "tozero" });
      Plotly.react(plot, traces, { ...base, hovermode: "closest", margin: { ...margin(), r: 20, b: 44 },
        xaxis: axis(x), yaxis: axis(y) }, CONFIG);
      toggles(figure, series, this.hidden, 0);
      this.table(figure, heading, series);
    }

    table(figure, [title, show], series) {
      const head = element("tr", {}, ...["Series", title, "Value"].map((text) =>
        element("th", { scope: "col" }, text)));
      const rows = series.flatMap((one) => one.x.map((x, index) => element("tr", {},
        element("th", { scope: "row" }, one.name), element("td", { class: "number" }, show(x)),
        element("td", { class: "number" }, one.show(one.y[index])))));
      const cutOff = rows.length > MOST_ROWS
        ? [element("p", {}, `${rows.length - MOST_ROWS} more rows are in result.json.`)] : [];
      figure.querySelector(".data .scroll").replaceChildren(element("table", {},
        element("thead", {}, head), element("tbody", {}, ...rows.slice(0, MOST_ROWS))), ...cutOff);
    }
  }

  /* The swatch shows dash and pattern as well as colour, for those who can't tell colours apart. */
  function swatch(one) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("width", "22");
    svg.setAttribute("height", "10");
    svg.setAttribute("aria-hidden", "true");
    const dashes = { dash: "6 3", dot: "2 2", dashdot: "6 2 2 2", longdash: "10 3" };
    const mark = document.createElementNS(space, one.stacked ? "rect" : "line");
    const set = one.stacked
      ? { width: 22, height: 10, rx: 2, style: `fill: var(--${one.color})` }
      : { x1: 0, x2: 22, y1: 5, y2: 5, style: `stroke: var(--${one.color})`, "stroke-width": 3,
        "stroke-dasharray": dashes[one.dash] || "" };
    for (const [key, value] of Object.entries(set)) mark.setAttribute(key, value);
    svg.append(mark);
    return svg;
  }

  /* ---- tables that sort by a click on a heading ---- */

  function sortable(table) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = element("button", { type: "button" }, heading.textContent);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((one) => one.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(table, column, down ? -1 : 1);
      });
    });
  }

  function sort(table, column, sign) {
    const body = table.tBodies[0];
    const key = (row) => {
      const cell = row.cells[column];
      // A run without a result has one wide cell: it comes last, whatever is sorted by.
      if (!cell || cell.classList.contains("nothing")) return null;
      return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
    };
    const rows = [...body.rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "number" && typeof b === "number"
        ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
      return sign * order;
    });
    body.append(...rows.map(([, row]) => row));
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("table.sortable").forEach(sortable);
    const slug = document.body.dataset.run;
    if (slug && perfqa.records.has(slug)) {
      const started = performance.now();
      const record = perfqa.records.get(slug);
      if (document.body.dataset.page === "search") new Search(record).start();
      else if (document.body.dataset.page === "character") new Character(record).start();
      else new Page(slug, record).start();
      document.body.dataset.drawn = String(Math.round(performance.now() - started));
    }
  });
})();
