// Times and memory of a run's jobs.
"use strict";
(() => {
  const { byId, data, shown, chart, holder, css, line, escaped, refresh } = window.autophagy;
  const { names, seconds } = data.rules;
  chart(holder(byId("rules"), "All jobs of a step", "seconds, one after the other"), "Seconds of all jobs, step by step; the numbers stand in the table below.", () => ({
    traces: [{ type: "bar", orientation: "h", x: [...seconds].reverse(), y: [...names].reverse(), marker: { color: css("--accent") }, hovertemplate: "%{x:.4g} s<extra>%{y}</extra>" }],
    layout: { xaxis: { rangemode: "tozero" }, yaxis: { type: "category" } },
  }));
  for (const step of data.steps) {
    for (const [key, title, unit] of [["seconds", "seconds a job", "s"], ["MB", "memory, MB", "MB"]]) {
      chart(holder(byId("steps"), `${step.rule}: ${title}`, ""), `${step.rule}: ${title} over generations, loop by loop`, () => ({
        traces: shown().filter(({ name }) => step.loops[name]).map(({ name }) => line(name, { x: step.loops[name].x, y: step.loops[name][key], hovertemplate: `%{y:.4g} ${unit}<extra>${escaped(name)}, generation %{x}</extra>` })),
        layout: { xaxis: { title: { text: "generation", standoff: 4 }, dtick: 1 }, yaxis: { rangemode: "tozero" } },
      }));
    }
  }
  refresh();
})();
