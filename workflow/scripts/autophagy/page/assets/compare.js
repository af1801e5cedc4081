// Two experiments side by side: their curves over one another, their previews in pairs.
"use strict";
(() => {
  const { byId, data, state, listeners, shown, element, css, colour, symbol, cell, putPicture, holder, chart, line, escaped, refresh } = window.autophagy;
  const SIDES = [["a", "A", "solid", ""], ["b", "B", "dash", "-open"]];

  function traces(curve) {
    const found = [];
    for (const { name } of shown()) {
      for (const [side, letter, dash, open] of SIDES) {
        const of = curve[side] && curve[side].loops[name] && curve[side].loops[name][state.view];
        if (!of) continue;
        if (of.sd) {
          const edge = (sign) => of.mean.map((y, at) => (y === null || of.sd[at] === null ? null : y + sign * of.sd[at]));
          found.push({ type: "scatter", mode: "lines", x: of.x, y: edge(-1), line: { width: 0 }, hoverinfo: "skip" });
          found.push({ type: "scatter", mode: "lines", x: of.x, y: edge(1), line: { width: 0 }, fill: "tonexty", fillcolor: `${colour(name)}22`, hoverinfo: "skip" });
        }
        found.push(line(`${letter}: ${name}`, { x: of.x, y: of.mean,
          line: { color: colour(name), width: 2, dash }, marker: { color: colour(name), symbol: `${symbol(name)}${open}`, size: 8, line: { width: 2 } },
          hovertemplate: `%{y:.4g}<extra>${letter}: ${escaped(name)}, generation %{x}</extra>` }));
      }
    }
    return found;
  }
  function bands(curve) {
    const [a, b] = SIDES.map(([side]) => curve[side] && curve[side].band);
    const across = { xref: "paper", x0: 0, x1: 1, layer: "below" };
    const found = a ? [{ ...across, type: "rect", y0: a.low, y1: a.high, fillcolor: css("--grey"), opacity: 0.25, line: { width: 0 } }] : [];
    if (b && (!a || a.mean !== b.mean)) found.push({ ...across, type: "line", y0: b.mean, y1: b.mean, line: { color: css("--soft"), width: 1.5, dash: "dot" } });
    return found;
  }
  for (const curve of byId("compared") ? data.compared : []) {
    const values = SIDES.flatMap(([side]) => (curve[side] ? Object.values(curve[side].loops) : [])).flatMap((of) => [...of.output.mean, ...of.model.mean]);
    const positive = curve.range === null && values.every((value) => value === null || value > 0);
    chart(holder(byId("compared"), curve.title, curve.hint), `${curve.title} of each loop in A and in B over generations; the last ones stand in the table below.`, () => {
      const log = state.scale === "log" && positive;
      const range = curve.range ? { range: [curve.range[0] - 0.02, curve.range[1] + 0.03] } : {};
      return { traces: traces(curve), layout: {
        shapes: bands(curve).filter((shape) => !log || shape.y0 > 0),
        xaxis: { title: { text: "generation", standoff: 4 }, dtick: Math.ceil(data.generations / 10), range: [0.8, data.generations + 0.2] },
        yaxis: { type: log ? "log" : "linear", rangemode: "tozero", ...range } } };
    });
  }

  for (const [name, pair] of byId("pairs") ? Object.entries(data.pairs) : []) {
    const group = element("div", { class: "pair", role: "group", "aria-label": name, "data-loop": name },
      element("h3", {}, element("span", { class: "swatch", "aria-hidden": "true" }), name),
      element("p", {}, pair.same_seeds ? "the same seeds in both" : "drawn from other seeds in B"));
    byId("pairs").append(group);
    SIDES.forEach(([side, letter], place) => {
      const columns = pair.columns[place], rows = Math.ceil(pair.count[place] / columns);
      const sheet = element("div", { class: "sheet", role: "img", style: `grid-template-columns: repeat(${columns}, minmax(0, 1fr))` });
      const cells = Array.from({ length: pair.count[place] }, (_, at) => cell("div", pair[side][0], at, columns, rows));
      const note = element("p");
      sheet.append(...cells);
      group.append(element("div", { class: "panel" }, note, sheet));
      listeners.push(() => {
        const there = state.t <= pair[side].length;
        const told = there ? `${letter}, generation ${state.t}` : `${letter}: has no generation ${state.t}`;
        group.hidden = state.hidden.has(name);
        note.textContent = told;
        sheet.setAttribute("aria-label", `${name} in ${told}: ${pair.count[place]} pictures`);
        sheet.style.visibility = there ? "visible" : "hidden";
        if (there) cells.forEach((node, at) => putPicture(node, pair[side][state.t - 1], at, columns, rows));
      });
    });
  }
  refresh();
})();
