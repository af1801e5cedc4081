// The page's own script: slider, pictures, lineage, and charts drawn when they come into view.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  // Okabe & Ito's palette; in the dark, blue and black are lighter.
  const LIGHT = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
  const DARK = ["#3D9BE0", "#E8742A", "#1DB58A", "#D98BB6", "#E69F00", "#8CCBF2", "#FFFFFF"];
  const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"];
  const loops = data.loops || [];
  const state = { t: 1, run: 0, hidden: new Set(), view: "output", scale: "linear" };
  const listeners = [];
  const changed = () => listeners.forEach((listener) => listener());
  const shown = () => loops.filter((loop) => !state.hidden.has(loop.name));
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = () => document.documentElement.dataset.theme === "dark";
  const place = (name) => loops.findIndex((loop) => loop.name === name);
  const colour = (name) => (dark() ? DARK : LIGHT)[place(name) % LIGHT.length];
  const symbol = (name) => {
    const at = place(name);
    return SYMBOLS[(at + Math.floor(at / LIGHT.length)) % SYMBOLS.length];
  };

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }
  const percent = (share) => `${Math.round(share * 1000) / 10}%`;
  const number = (value) => (value === null || value === undefined ? "undefined" : String(Number(value.toPrecision(3))));

  const fixed = (value) => (value === null ? "undefined" : value < 10 ? value.toFixed(2) : number(value));

  // Light and dark
  const wanted = matchMedia("(prefers-color-scheme: dark)");
  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    document.querySelectorAll("[data-loop]").forEach((node) => node.style.setProperty("--loop", colour(node.dataset.loop)));
    changed();
  }
  byId("theme").addEventListener("click", () => setTheme(dark() ? "light" : "dark"));
  wanted.addEventListener("change", (event) => setTheme(event.matches ? "dark" : "light"));

  // Pictures: a sheet is a background that every cell shows one place of.
  const pictures = data.pictures;
  // Of the run seed chosen; the first is that of the lineage graphs.
  const run = () => data.runs[state.run];
  // Short addresses for the sheets: every cell names one, at every step of the slider.
  const addresses = (data.sheets || []).map((url) => {
    const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (char) => char.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  });
  const preloaded = [];
  function cell(tag, sheet, at, columns, rows, attributes = {}) {
    const made = element(tag, { class: "pic", ...attributes });
    putPicture(made, sheet, at, columns, rows);
    return made;
  }
  function putPicture(node, sheet, at, columns, rows) {
    node.style.backgroundImage = `url(${addresses[sheet]})`;
    node.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
    const x = columns > 1 ? ((at % columns) / (columns - 1)) * 100 : 0;
    const y = rows > 1 ? (Math.floor(at / columns) / (rows - 1)) * 100 : 0;
    node.style.backgroundPosition = `${x}% ${y}%`;
  }
  function buildPanels() {
    if (!pictures) return;
    const rows = Math.ceil(pictures.labels.length / pictures.columns);
    const panel = (title, swatch) => {
      const made = element("div", { class: "panel", role: "group", "aria-label": title });
      const heading = element("h3");
      if (swatch) { made.dataset.loop = swatch; heading.append(element("span", { class: "swatch", "aria-hidden": "true" })); }
      heading.append(title);
      const note = element("p");
      const sheet = element("div", { class: "sheet", style: `grid-template-columns: repeat(${pictures.columns}, minmax(0, 1fr))` });
      made.append(heading, note, sheet);
      byId("panels").append(made);
      return { made, note, sheet };
    };
    const real = panel("real images");
    real.note.textContent = "held out, of the same classes";
    real.sheet.setAttribute("role", "img");
    real.sheet.setAttribute("aria-label", `${pictures.labels.length} held-out real images`);
    pictures.labels.forEach((_, at) => real.sheet.append(cell("div", pictures.real.sheet, at, pictures.columns, rows)));
    for (const { name } of loops) {
      const { made, note, sheet } = panel(name, name);
      const cells = pictures.labels.map((label, at) => {
        const made = element("button", { type: "button", class: "pic", tabindex: at ? "-1" : "0" });
        made.addEventListener("click", () => openLineage(name, at));
        made.addEventListener("keydown", (event) => walk(event, cells, at));
        sheet.append(made);
        return made;
      });
      listeners.push(() => {
        made.hidden = state.hidden.has(name);
        const sheetNumber = run().pictures.loops[name][state.t - 1];
        cells.forEach((node, at) => {
          putPicture(node, sheetNumber, at, pictures.columns, rows);
          node.setAttribute("aria-label", `${name}, generation ${state.t}, class ${pictures.labels[at]}, picture ${at}`);
        });
        note.textContent = told(name);
      });
    }
    for (const url of addresses) { const image = new Image(); image.src = url; preloaded.push(image); }
  }
  function told(name) {
    const parts = [];
    for (const [metric, word] of [["frechet_distance", "distance"], ["precision", "precision"], ["recall", "recall"]]) {
      parts.push(`${word} ${fixed(run().metrics[name][metric][state.t - 1])}`);
    }
    return parts.join(" · ");
  }
  function walk(event, cells, at) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = cells[(at + step + cells.length) % cells.length];
    cells.forEach((node) => node.setAttribute("tabindex", "-1"));
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  // Lineage of one picture
  function openLineage(name, at) {
    const t = state.t;
    const rows = Math.ceil(pictures.labels.length / pictures.columns);
    const of = run().descent[name];
    const here = of[t - 1];
    byId("dialog-title").textContent = `${name}, generation ${t}, picture ${at}`;
    const facts = element("dl");
    const fact = (term, ...values) => facts.append(element("dt", {}, term), element("dd", {}, ...values));
    fact("class asked for", pictures.labels[at]);
    fact("made by", element("code", {}, here.model.path), ` (G of generation ${t}, run seed ${run().seed})`);
    fact("its seed", element("code", {}, run().pictures.seeds[at]), here.bias === null ? "" : `, sampled at λ = ${here.bias}`);
    fact("model's seed", element("code", {}, here.model.seed));
    fact("model's hash", element("code", {}, here.model.sha256.slice(0, 16)));
    fact("trained on", trained(here));
    fact("real share", `${percent(here.real_share)}; ${here.real_ancestors} distinct real images anywhere in its ancestry`);
    fact("mean depth", `${number(here.depth + 1)} generations of models between this picture and real data`);
    const strip = element("div", { class: "strip" });
    of.forEach((_, before) => {
      const picture = cell("div", run().pictures.loops[name][before], at, pictures.columns, rows, { role: "img", "aria-label": `generation ${before + 1}` });
      strip.append(element("figure", {}, picture, element("figcaption", {}, before + 1 === t ? `▲ ${before + 1}` : `${before + 1}`)));
    });
    const chain = element("ol", { class: "chain", reversed: "", start: String(t) });
    for (let before = t; before >= 1; before -= 1) {
      const step = of[before - 1];
      const own = step.weights.length > 1 ? `; the model itself from ${shares(step.weights)}` : "";
      chain.append(element("li", { value: String(before) }, `G of generation ${before} ← ${trained(step)}${own}`));
    }
    const top = element("div", { class: "dialog-top" }, cell("div", run().pictures.loops[name][t - 1], at, pictures.columns, rows, { role: "img", "aria-label": "the picture" }), facts);
    const path = `results/${data.experiment}/${here.preview.path}`;
    byId("dialog-content").replaceChildren(
      top, element("h3", {}, "The same seed in every generation"), strip,
      element("h3", {}, "Ancestry"), chain,
      element("h3", {}, "Make it again, byte for byte"),
      element("pre", { tabindex: "0" }, `autophagy trace ${path} ${at} --regenerate`),
    );
    byId("dialog").showModal();
  }
  const trained = (step) => step.outside ? `origin ${step.outside}` : `${step.rows} rows: ${shares(step.sources)}`;
  const shares = (sources) => sources.map((source) => `${percent(source.share)} ${source.path}`).join(", ");

  function buildShares() {
    if (!byId("shares")) return;
    document.querySelectorAll(".graph").forEach((made) => listeners.push(() => { made.hidden = state.hidden.has(made.dataset.loop); }));
    for (const { name } of loops) {
      const body = element("tbody");
      data.runs[0].descent[name].forEach((step, at) => body.append(element("tr", {},
        element("th", { scope: "row" }, String(at + 1)), element("td", {}, String(step.rows)),
        element("td", {}, percent(step.real_share)), element("td", {}, number(step.depth)),
        element("td", {}, String(step.real_ancestors)), element("td", {}, step.outside ? `origin ${step.outside}` : shares(step.sources)))));
      const head = element("tr", {}, ...["generation", "rows", "real", "mean depth", "real ancestors", "sources"].map((word) => element("th", { scope: "col" }, word)));
      byId("shares").append(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Sources of ${name}` },
        element("table", {}, element("caption", {}, name), element("thead", {}, head), body)));
    }
  }

  // Nearest real images
  function buildNeighbours() {
    const found = data.neighbours;
    if (!found || !byId("neighbours")) return;
    const rows = Math.ceil(pictures.labels.length / pictures.columns);
    for (const { name } of loops) {
      const grid = element("div", { class: "nearest" });
      const made = element("div", { class: "panel", "data-loop": name },
        element("h3", {}, element("span", { class: "swatch", "aria-hidden": "true" }), name), grid);
      byId("neighbours").append(made);
      listeners.push(() => {
        made.hidden = state.hidden.has(name);
        const of = found.previews[run().descent[name][state.t - 1].preview.path];
        const count = Math.min(of.loop.rows.length, 6);
        grid.style.setProperty("--n", String(count));
        const line = (title, draw) => grid.append(element("span", { class: "row" }, title), ...Array.from({ length: count }, (_, at) => draw(at)));
        grid.replaceChildren();
        line("sample", (at) => cell("div", run().pictures.loops[name][state.t - 1], at, pictures.columns, rows, { role: "img", "aria-label": `sample ${at}` }));
        for (const [split, title] of [["loop", "training"], ["reference", "held out"]]) {
          const height = Math.ceil(Object.keys(found[split].place).length / found.columns);
          line(title, (at) => cell("div", found[split].sheet, found[split].place[of[split].rows[at]], found.columns, height,
            { role: "img", "aria-label": `nearest ${title} image of sample ${at}, row ${of[split].rows[at]}` }));
          line("", (at) => element("span", {}, number(of[split].distances[at])));
        }
      });
    }
  }

  // Controls
  function go(t) {
    const next = Math.min(Math.max(t, 1), data.generations);
    if (next === state.t) return;
    state.t = next;
    byId("generation").value = String(next);
    byId("now").textContent = `generation ${next} of ${data.generations}`;
    changed();
  }
  let timer = null;
  function play() {
    if (timer) { clearInterval(timer); timer = null; } else {
      if (state.t === data.generations) go(1);
      timer = setInterval(() => { if (state.t === data.generations) play(); else go(state.t + 1); }, 900);
    }
    byId("play").textContent = timer ? "❚❚" : "▶";
    byId("play").setAttribute("aria-label", timer ? "Pause" : "Play the generations");
  }
  function buildSlider() {
    if (!byId("generation")) return;
    byId("generation").addEventListener("input", (event) => go(Number(event.target.value)));
    byId("play").addEventListener("click", play);
    document.addEventListener("keydown", (event) => {
      const typed = event.target.closest && event.target.closest("input, select, textarea, dialog, pre, .scroll");
      if (typed || (byId("dialog") && byId("dialog").open) || event.ctrlKey || event.metaKey || event.altKey) return;
      const to = { ArrowRight: state.t + 1, ArrowLeft: state.t - 1, Home: 1, End: data.generations }[event.key];
      if (to !== undefined) { event.preventDefault(); go(to); }
      if (event.key === "p" || event.key === "P") play();
    });
  }
  function buildControls() {
    if (byId("run")) byId("run").addEventListener("change", (event) => { state.run = Number(event.target.value); changed(); });
    for (const { name } of loops) {
      const box = element("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => { if (box.checked) state.hidden.delete(name); else state.hidden.add(name); changed(); });
      byId("toggles").append(element("label", { "data-loop": name }, box, element("span", { class: "swatch", "aria-hidden": "true" }), name));
    }
    document.querySelectorAll("input[name=view], input[name=scale]").forEach((input) =>
      input.addEventListener("change", () => { state[input.name] = input.value; changed(); }));
  }

  // Charts: (traces, layout) by functions of the state, drawn once in view and on every change.
  function layout(more) {
    const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), linecolor: css("--grey"), tickfont: { color: css("--soft") }, automargin: true };
    const { xaxis = {}, yaxis = {}, ...rest } = more;
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: css("--ink") },
      margin: { l: 44, r: 10, t: 8, b: 36 }, hovermode: "closest", dragmode: false,
      hoverlabel: { bgcolor: css("--ground"), bordercolor: css("--grey"), font: { color: css("--ink") }, namelength: -1 },
      xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
    };
  }
  const pending = [];
  function chart(holder, label, make) {
    const plot = element("div", { class: "plot", role: "img", "aria-label": label });
    holder.append(plot);
    pending.push({ plot, make });
  }
  function startCharts() {
    const live = new Set();
    const draw = ({ plot, make }) => {
      const { traces, layout: more } = make();
      window.Plotly.react(plot, traces, layout(more), { displayModeBar: false, responsive: true });
      plot.dataset.drawn = "yes";
    };
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const item = pending.find((of) => of.plot === entry.target);
        if (entry.isIntersecting) { live.add(item); draw(item); } else { live.delete(item); }
      }
    }, { rootMargin: "200px" });
    pending.forEach(({ plot }) => watcher.observe(plot));
    listeners.push(() => live.forEach(draw));
  }
  const line = (name, more) => ({ type: "scatter", mode: "lines+markers", name,
    line: { color: colour(name), width: 2 }, marker: { color: colour(name), symbol: symbol(name), size: 7 }, ...more });

  function holder(parent, title, hint) {
    const made = element("div", { class: "chart" }, element("h3", {}, title), element("p", {}, hint));
    parent.append(made);
    return made;
  }
  function buildCurves() {
    if (!byId("curves")) return;
    for (const curve of data.curves) {
      const positive = curve.range === null && loops.every(({ name }) => ["output", "model"].every((view) => curve.loops[name][view].mean.every((y) => y === null || y > 0)));
      chart(holder(byId("curves"), curve.title, curve.hint), `${curve.title} of each loop over generations; ${curve.hint}. The numbers stand in the table below.`, () => {
        const ends = [1, data.generations];
        const traces = Object.entries(curve.real_only).map(([name, of]) => ({
          type: "scatter", mode: "lines+text", name, x: ends, y: [of.mean[0], of.mean[0]], line: { color: css("--grey"), width: 1.5, dash: "dash" },
          text: ["", name.split(" ")[0]], textposition: "top left", textfont: { size: 10, color: css("--soft") },
          hovertemplate: `%{y:.4g}<extra>${escaped(name)}</extra>`,
        }));
        for (const { name } of shown()) {
          const of = curve.loops[name][state.view];
          if (of.sd) {
            const edge = (sign) => of.mean.map((y, at) => (y === null || of.sd[at] === null ? null : y + sign * of.sd[at]));
            traces.push({ type: "scatter", mode: "lines", x: of.x, y: edge(-1), line: { width: 0 }, hoverinfo: "skip" });
            traces.push({ type: "scatter", mode: "lines", x: of.x, y: edge(1), line: { width: 0 }, fill: "tonexty", fillcolor: `${colour(name)}33`, hoverinfo: "skip" });
          }
          traces.push(line(name, { x: of.x, y: of.mean, hovertemplate: `%{y:.4g}<extra>${escaped(name)}, generation %{x}</extra>` }));
        }
        const shapes = curve.band ? [
          { type: "rect", xref: "paper", x0: 0, x1: 1, y0: curve.band.low, y1: curve.band.high, fillcolor: css("--grey"), opacity: 0.25, line: { width: 0 }, layer: "below" },
          { type: "line", xref: "paper", x0: 0, x1: 1, y0: curve.band.mean, y1: curve.band.mean, line: { color: css("--grey"), width: 1, dash: "dot" }, layer: "below" },
        ] : [];
        shapes.push({ type: "line", x0: state.t, x1: state.t, yref: "paper", y0: 0, y1: 1, line: { color: css("--line"), width: 1 }, layer: "below" });
        const log = state.scale === "log" && positive;
        const range = curve.range ? { range: [curve.range[0] - 0.02, curve.range[1] + 0.03] } : {};
        return { traces, layout: { shapes: log && curve.band && curve.band.low <= 0 ? shapes.slice(-1) : shapes,
          xaxis: { title: { text: "generation", standoff: 4 }, dtick: Math.ceil(data.generations / 10), range: [0.8, data.generations + 0.2] },
          yaxis: { type: log ? "log" : "linear", rangemode: "tozero", ...range } } };
      });
    }
  }
  // Plotly reads a few tags in texts; names of loops hold none, and are not trusted to.
  const escaped = (text) => text.replace(/[&<>%{}]/g, "");

  function buildPlane() {
    if (!byId("plane")) return;
    chart(byId("plane"), "Precision against recall: each loop's path over generations", () => {
      const traces = Object.entries(data.plane.marks).map(([name, of]) => ({
        type: "scatter", mode: "markers", name, x: of.x, y: of.y, marker: { color: css("--grey"), size: name === `real ${data.kind}` ? 13 : 9, symbol: name === `real ${data.kind}` ? "star" : "circle-open", line: { width: 2 } },
        hovertemplate: `recall %{x:.2f}, precision %{y:.2f}<extra>${escaped(name)}</extra>`,
      }));
      for (const { name } of shown()) {
        const of = data.plane.loops[name][state.view];
        const sizes = of.t.map((t) => (t === 1 ? 13 : 8));
        traces.push(line(name, { x: of.x, y: of.y, text: of.t.map(String), mode: "lines+markers",
          marker: { color: colour(name), symbol: symbol(name), size: sizes, line: { width: of.t.map((t) => (t === state.t ? 3 : 0)), color: css("--ink") } },
          hovertemplate: `recall %{x:.2f}, precision %{y:.2f}<extra>${escaped(name)}, generation %{text}</extra>` }));
      }
      return { traces, layout: { xaxis: { title: { text: "recall (diversity)" }, range: [-0.02, 1.04] }, yaxis: { title: { text: "precision (quality)" }, range: [-0.02, 1.04] } } };
    });
  }
  const column = (points, at) => points.map((point) => point[at]);
  function buildMaps() {
    if (!byId("maps")) return;
    const every = [data.ground.real, ...data.runs.flatMap((of) => Object.values(of.places).flat())].flat();
    const reach = (at) => { const known = column(every, at).filter((v) => v !== null); const low = Math.min(...known), high = Math.max(...known); const pad = (high - low) * 0.05 || 1; return [low - pad, high + pad]; };
    const ranges = [reach(0), reach(1)];
    for (const { name } of loops) {
      const made = element("div", { class: "chart", "data-loop": name }, element("h3", {}, element("span", { class: "swatch", "aria-hidden": "true" }), name));
      byId("maps").append(made);
      listeners.push(() => { made.hidden = state.hidden.has(name); });
      chart(made, `Held-out real data and the preview of ${name} in a plane, at the slider's generation`, () => {
        const points = run().places[name][state.t - 1];
        return { traces: [
          { type: "scatter", mode: "markers", name: "real", x: column(data.ground.real, 0), y: column(data.ground.real, 1), marker: { color: css("--grey"), size: 5, opacity: 0.55 }, hoverinfo: "skip" },
          { type: "scatter", mode: "markers", name, x: column(points, 0), y: column(points, 1), marker: { color: colour(name), size: 6, symbol: symbol(name), opacity: 0.9 }, hovertemplate: `picture %{pointNumber}<extra>${escaped(name)}</extra>` },
        ], layout: { margin: { l: 34, r: 10, t: 8, b: 36 },
          xaxis: { range: ranges[0], title: { text: data.ground.axes[0], font: { size: 11 } } },
          yaxis: { range: ranges[1], title: { text: data.ground.axes[1], font: { size: 11 } } } } };
      });
    }
  }
  function buildProfiles() {
    if (!data.real) return;
    const { real } = data;
    if (byId("classes")) {
      const sum = (values) => values.reduce((a, b) => a + b, 0) || 1;
      const normed = (values) => values.map((value) => value / sum(values));
      const names = real.classes.map((_, at) => (data.classes || [])[at] || String(at));
      byId("classes").append(element("h3", {}, "Classes of the samples"), element("p", {}, "share of samples; grey: real images"));
      chart(byId("classes"), "Histogram of the samples' classes, loop by loop", () => ({
        traces: [{ type: "bar", name: "real images", x: names, y: normed(real.classes), marker: { color: css("--grey"), opacity: 0.6 } },
          ...shown().map(({ name }) => ({ type: "bar", name, x: names, y: normed(run().profiles[name][state.t - 1].classes), marker: { color: colour(name) }, hovertemplate: `%{y:.1%}<extra>${escaped(name)}, class %{x}</extra>` }))],
        layout: { barmode: "group", bargap: 0.15, xaxis: { type: "category", title: { text: "class", standoff: 4 } }, yaxis: { tickformat: ".0%" } },
      }));
    }
    if (!byId("spectra")) return;
    byId("spectra").append(element("h3", {}, "Radial power spectrum"), element("p", {}, "mean power by spatial frequency; dashed grey: real images"));
    const rings = real.spectrum.map((_, at) => at + 1);
    chart(byId("spectra"), "Power of the samples by spatial frequency, loop by loop, beside real images", () => ({
      traces: [{ type: "scatter", mode: "lines", name: "real images", x: rings, y: real.spectrum, line: { color: css("--soft"), width: 4, dash: "dash" } },
        ...shown().map(({ name }) => line(name, { x: rings, y: run().profiles[name][state.t - 1].spectrum, hovertemplate: `%{y:.3g}<extra>${escaped(name)}, %{x} cycles</extra>` }))],
      layout: { xaxis: { title: { text: "cycles per picture", standoff: 4 } }, yaxis: { type: "log", exponentformat: "power", dtick: 1 } },
    }));
  }

  // For the scripts of single pages, which run after this one and then call `refresh`.
  window.autophagy = {
    state, data, loops, listeners, shown, go, byId, element, css, colour, symbol, percent, cell, putPicture,
    holder, chart, line, escaped, layout, charts: startCharts,
    refresh: () => setTheme(document.documentElement.dataset.theme),
  };
  buildSlider();
  buildControls();
  buildPanels();
  buildNeighbours();
  buildShares();
  buildCurves();
  buildPlane();
  buildMaps();
  buildProfiles();
  setTheme(wanted.matches ? "dark" : "light");
})();
