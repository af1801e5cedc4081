// The page of the exact loops: curves with their formulas, maps of n_e over n_r.
"use strict";
(() => {
  const { byId, data, listeners, shown, state, chart, holder, colour, symbol, escaped, refresh } = window.autophagy;
  for (const curve of data.theory.curves) {
    chart(holder(byId("theory"), curve.title, ""), `${curve.title} over ${curve.x}, run by run, simulated and by formula`, () => ({
      traces: shown().filter(({ name }) => curve.runs[name]).flatMap(({ name }) => {
        const of = curve.runs[name];
        const marks = { type: "scatter", mode: "markers", name, x: of.x, y: of.y, error_y: { type: "data", array: of.error, color: colour(name), thickness: 1 }, marker: { color: colour(name), symbol: symbol(name), size: 6 }, hovertemplate: `%{x}: %{y:.4g}<extra>${escaped(name)}</extra>` };
        const formula = of.formula && { type: "scatter", mode: "lines", name: `${name}, formula`, x: of.x, y: of.formula, line: { color: colour(name), width: 2 }, hovertemplate: `%{x}: %{y:.4g}<extra>${escaped(name)}, formula</extra>` };
        return formula ? [formula, marks] : [marks];
      }),
      layout: { xaxis: { title: { text: curve.x, standoff: 4 }, type: curve.logarithmic.includes("x") ? "log" : "linear" },
        yaxis: { type: curve.logarithmic.includes("y") ? "log" : "linear", exponentformat: "power" } },
    }));
  }
  for (const map of data.theory.maps) {
    const made = holder(byId("theory"), map.run, "n_e / n_r");
    listeners.push(() => { made.hidden = state.hidden.has(map.run); });
    const logs = map.ratio.map((row) => row.map((value) => (value === null || value <= 0 ? null : Math.log2(value))));
    const reach = Math.max(0.1, ...logs.flat().filter((value) => value !== null).map(Math.abs));
    chart(made, `Map of n_e over n_r for ${map.run}, over the numbers of synthetic points and ${map.y_title}`, () => ({
      traces: [{ type: "heatmap", x: map.x, y: map.y, z: logs, text: map.ratio, zmin: -reach, zmax: reach,
        colorscale: [[0, "#D55E00"], [0.5, "#ffffff"], [1, "#0072B2"]], hovertemplate: `n_s %{x}, ${map.y_title} %{y}: n_e/n_r %{text:.3g}<extra></extra>`,
        colorbar: { thickness: 10, title: { text: "log₂" } } }],
      layout: { xaxis: { type: "log", dtick: 1, exponentformat: "power", title: { text: "n_s", standoff: 4 } }, yaxis: { type: map.y_log ? "log" : "linear", ...(map.y_log ? { dtick: 1, exponentformat: "power" } : {}), title: { text: map.y_title } } },
    }));
  }
  refresh();
})();
