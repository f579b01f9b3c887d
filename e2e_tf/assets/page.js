"use strict";
// Tables that sort, plots that are drawn from the JSON beside them. Everything is in the page; nothing is loaded.
(function () {
  const page = (window.e2ePage = {});

  function key(row, column) {
    const cell = row.cells[column];
    const text = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    const number = text === "" ? NaN : Number(text);
    return { text: text, number: number, empty: text === "" || text === "-" };
  }

  function compare(a, b) {
    if (a.empty || b.empty) return a.empty - b.empty;
    if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return a.number - b.number;
    return a.text.localeCompare(b.text, undefined, { numeric: true });
  }

  page.sort = function (head) {
    const table = head.closest("table"), body = table.tBodies[0];
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const rows = Array.from(body.rows, (row) => ({ row: row, key: key(row, head.cellIndex) }));
    // Cells without a value stay below in both directions.
    rows.sort((a, b) => (a.key.empty || b.key.empty ? 1 : sign) * compare(a.key, b.key));
    body.append(...rows.map((one) => one.row));
  };

  document.querySelectorAll("table.sortable thead th").forEach((head) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => page.sort(head));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        page.sort(head);
      }
    });
  });

  // A row of a table lights up its lines in the plots whose traces carry the same key.
  document.querySelectorAll("tr[data-key]").forEach((row) => {
    row.addEventListener("mouseenter", () => light(row.dataset.key));
    row.addEventListener("mouseleave", () => light(null));
  });

  function light(wanted) {
    document.querySelectorAll(".plot.js-plotly-plot").forEach((plot) => {
      if (!plot.data.some((trace) => trace.meta !== undefined)) return;
      const opacity = plot.data.map((trace) =>
        wanted === null || trace.meta === undefined || trace.meta === wanted ? 1 : 0.1);
      window.Plotly.restyle(plot, { opacity: opacity });
    });
  }

  // Boxes over the axes of parallel coordinates keep the lines that pass all of them.
  function brush(plot) {
    const kept = new Map();
    const show = () => {
      const inside = (trace) => Array.from(kept).every(([axis, range]) =>
        trace.y[axis] >= range[0] && trace.y[axis] <= range[1]);
      window.Plotly.restyle(plot, { opacity: plot.data.map((trace) => (inside(trace) ? 1 : 0.06)), selectedpoints: [null] });
    };
    plot.on("plotly_selected", (event) => {
      if (!event || !event.range) return;
      const x = event.range.x.slice().sort((a, b) => a - b), y = event.range.y.slice().sort((a, b) => a - b);
      for (let axis = Math.ceil(x[0]); axis <= x[1]; axis += 1) kept.set(axis, y);
      show();
    });
    plot.on("plotly_deselect", () => {
      kept.clear();
      show();
    });
  }

  const base = {
    font: { family: "system-ui, sans-serif", size: 12, color: "#1c2733" },
    paper_bgcolor: "white",
    plot_bgcolor: "white",
    margin: { l: 64, r: 40, t: 34, b: 52 },
    modebar: { orientation: "v" },
    colorway: ["#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd", "#6c757d"],
    hoverlabel: { font: { size: 12 } },
    legend: { orientation: "h", y: 1.06, yanchor: "bottom", x: 0 },
  };
  const axis = { exponentformat: "power", gridcolor: "#e8edf1", linecolor: "#6b7a88", ticks: "outside", zeroline: false, automargin: true };
  page.config = { responsive: true, displaylogo: false, displayModeBar: "hover",
    showSendToCloud: false, // its button would send the numbers of a plot to a server
    toImageButtonOptions: { scale: 2 } };

  // What stands above every frame: experiment and kind of data left, luminosity and energy right.
  const given = document.getElementById("labels");
  const labels = given === null ? [] : Object.entries(JSON.parse(given.textContent)).map(([side, text]) => (
    { text: text, xref: "paper", yref: "paper", x: side === "left" ? 0 : 1, y: 1, xanchor: side, yanchor: "bottom",
      yshift: 1, showarrow: false, font: { size: side === "left" ? 12 : 11 } }));
  const LABELS = 20, ROW = 19; // heights in pixels, of the labels and of a row of a legend

  // Rows of a horizontal legend: one where all entries fit, else columns as wide as the longest.
  function legendRows(found, width) {
    const names = found.data.filter((trace) => trace.name && trace.showlegend !== false).map((trace) => trace.name);
    if (found.data.length < 2 || names.length === 0 || found.layout.showlegend === false) return 0;
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = base.font.size + "px " + base.font.family;
    const widths = names.map((name) => 50 + pen.measureText(name).width);
    if (widths.reduce((a, b) => a + b) <= width) return 1;
    return Math.ceil(names.length / Math.max(1, Math.floor(width / Math.max(...widths))));
  }

  // The frame keeps its height whatever stands above it.
  function makeRoom(plot, found) {
    const asked = parseFloat(plot.style.height), margin = found.layout.margin || base.margin;
    const rows = legendRows(found, plot.clientWidth - margin.l - margin.r);
    const above = labels.length ? LABELS : 5;
    if (rows === 0) return;
    plot.style.height = asked + above + ROW * (rows - 1) + "px";
    const frame = Math.max(60, asked - margin.t - margin.b - 10);
    found.layout.legend = Object.assign({}, base.legend, { y: 1 + above / frame }, found.layout.legend);
  }

  page.layout = function (own) {
    const layout = Object.assign({}, base, own);
    layout.annotations = (own.annotations || []).concat(labels);
    for (const name of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(name)) continue;
      const made = Object.assign({}, axis, layout[name]);
      if (made.title) made.title = Object.assign({ standoff: 12 }, made.title);
      layout[name] = made;
      if (layout[name].type === "log") layout[name].nticks = 5; // with more, digits stand over decades
    }
    return layout;
  };

  page.drawn = (async function () {
    const packed = document.getElementById("plotly");
    const plots = document.querySelectorAll(".plot");
    if (packed === null) return 0;
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const code = document.createElement("script");
    code.textContent = await new Response(stream).text();
    document.head.append(code);
    for (const plot of plots) {
      const found = JSON.parse(plot.nextElementSibling.textContent);
      makeRoom(plot, found);
      await window.Plotly.newPlot(plot, found.data, page.layout(found.layout), page.config);
      if (found.layout.meta === "brush") brush(plot);
    }
    return plots.length;
  })();
  page.drawn.then(
    (count) => { document.documentElement.dataset.plots = String(count); },
    (error) => {
      console.error(error);
      document.documentElement.dataset.plots = "failed";
      document.querySelectorAll(".plot").forEach((plot) => {
        if (!plot.hasChildNodes()) plot.textContent = "This browser cannot draw the plots: " + error;
      });
    });
})();
