"use strict";
// A jet in η and φ and in space, with a slider through the jets of the page.
(function () {
  const COLOURS = { track: "#e42536", ecal: "#f89c20", hcal: "#5790fc", pixel: "#4d4d4d" };
  const NAMES = { track: "Tracks (pT)", ecal: "ECAL", hcal: "HCAL", pixel: "Pixel clusters" };
  const SYMBOLS = { track: "circle", ecal: "square", hcal: "diamond", pixel: "x" };
  const FAINT = "rgba(90,90,90,0.45)", BINS = 4;

  window.e2ePage.drawn.then(() => document.querySelectorAll(".display").forEach(start), () => {});

  function start(root) {
    const jets = JSON.parse(root.querySelector("script").textContent);
    const get = (name) => root.querySelector("[data-part=" + name + "]");
    const slider = get("slider"), edges = get("edges"), share = get("share");
    slider.max = jets.length - 1;
    let drawing = Promise.resolve();

    function show() {
      const jet = jets[Number(slider.value)];
      get("title").textContent = (Number(slider.value) + 1) + " of " + jets.length + ": " + jet.title;
      get("facts").textContent = jet.facts;
      const kinds = ["graph"].concat(Object.keys(jet.attention), ["none"]);
      if (edges.options.length !== kinds.length) {
        edges.replaceChildren(...kinds.map((kind) => new Option(
          kind === "graph" ? "edges of the graph" : kind === "none" ? "no edges" : "attention: " + kind, kind)));
      }
      share.disabled = !(edges.value in jet.attention);
      const lines = chosen(jet, edges.value, Number(share.value) / 100);
      const text = (mark) => mark.node.map((n) => jet.hover[n]);
      drawing = drawing
        .then(() => window.Plotly.react(get("flat"), flat(jet, lines, text), flatLayout(jet), window.e2ePage.config))
        .then(() => window.Plotly.react(get("space"), space(jet, lines, text), spaceLayout(), window.e2ePage.config))
        .then(() => { root.dataset.shown = slider.value; })
        .catch((error) => console.error(error));
    }

    // Edges in a few groups of one width each: a trace for every edge would be slow.
    function chosen(jet, kind, kept) {
      const count = jet.senders.length, rows = Array.from({ length: count }, (_, i) => i);
      if (kind === "none" || count === 0) return [];
      if (!(kind in jet.attention)) return [{ rows: rows, colour: FAINT, width: 1, name: count + " edges" }];
      const weight = jet.attention[kind];
      rows.sort((a, b) => weight[b] - weight[a]);
      const top = rows.slice(0, Math.max(1, Math.round(kept * count))), largest = weight[top[0]] || 1;
      const groups = Array.from({ length: BINS }, (_, i) => ({
        rows: [], colour: "rgba(122,33,221," + (0.25 + 0.65 * (i + 1) / BINS).toFixed(2) + ")", width: 0.5 + 1.5 * (i + 1),
        name: "attention up to " + (largest * (i + 1) / BINS).toPrecision(2) }));
      for (const row of top) groups[Math.min(BINS - 1, Math.floor(BINS * weight[row] / largest))].rows.push(row);
      return groups.filter((group) => group.rows.length);
    }

    function segments(jet, rows, points) {
      const out = points[0].map(() => []);
      for (const row of rows) {
        const a = points[jet.senders[row]], b = points[jet.receivers[row]];
        a.forEach((value, i) => out[i].push(value, b[i], null));
      }
      return out;
    }

    function size(value, largest) {
      return 5 + 27 * Math.sqrt(value / largest);
    }

    function flat(jet, lines, text) {
      const traces = lines.map((group) => {
        const [x, y] = segments(jet, group.rows, jet.places);
        return { type: "scatter", mode: "lines", x: x, y: y, hoverinfo: "skip", name: group.name,
          line: { color: group.colour, width: group.width } };
      });
      const largest = Math.max(...Object.values(jet.marks).flatMap((mark) => mark.value), 1e-9);
      for (const kind of ["hcal", "ecal", "pixel", "track"]) {
        const mark = jet.marks[kind];
        if (mark === undefined) continue;
        if (kind === "track" && jet.vertex !== null) {
          const x = [], y = [];
          for (const n of mark.node) {
            x.push(jet.vertex[n][0], jet.places[n][0], null);
            y.push(jet.vertex[n][1], jet.places[n][1], null);
          }
          traces.push({ type: "scatter", mode: "lines", x: x, y: y, hoverinfo: "skip", name: "from the vertex",
            line: { color: COLOURS.track, width: 1.5 } });
        }
        traces.push({ type: "scatter", mode: "markers", name: NAMES[kind], text: text(mark),
          x: mark.node.map((n) => jet.places[n][0]), y: mark.node.map((n) => jet.places[n][1]),
          hovertemplate: "%{text}<extra>" + NAMES[kind] + "</extra>",
          marker: { color: COLOURS[kind], symbol: SYMBOLS[kind], opacity: 0.75, line: { color: "black", width: 0.6 },
            size: mark.value.map((value) => size(value, largest)) } });
      }
      traces.push({ type: "scatter", mode: "markers", x: [0], y: [0], name: "jet axis", hoverinfo: "skip",
        marker: { symbol: "cross-thin", size: 16, line: { width: 2, color: "black" } } });
      return traces;
    }

    function flatLayout(jet) {
      const reach = Math.min(1.05 * Math.max(0.1, ...jet.places.flat().map(Math.abs)), 0.8);
      const range = [-reach, reach];
      return window.e2ePage.layout({ xaxis: { title: { text: "Δη to the jet axis" }, range: range, constrain: "domain" },
        yaxis: { title: { text: "Δφ to the jet axis [rad]" }, range: range, scaleanchor: "x" } });
    }

    function space(jet, lines, text) {
      const traces = lines.map((group) => {
        const [x, y, z] = segments(jet, group.rows, jet.space.nodes);
        return { type: "scatter3d", mode: "lines", x: z, y: x, z: y, hoverinfo: "skip", name: group.name,
          line: { color: group.colour, width: group.width } };
      });
      for (const [kind, found] of Object.entries(jet.space.lines)) {
        const x = [], y = [], z = [], hover = [], names = text(jet.marks[kind]);
        found.forEach((line, i) => {
          for (const point of line) {
            x.push(point[2]); y.push(point[0]); z.push(point[1]); hover.push(names[i]);
          }
          x.push(null); y.push(null); z.push(null); hover.push("");
        });
        traces.push({ type: "scatter3d", mode: "lines", x: x, y: y, z: z, name: NAMES[kind], text: hover,
          hovertemplate: "%{text}<extra>" + NAMES[kind] + "</extra>",
          line: { color: COLOURS[kind], width: kind === "track" ? 3 : 7 } });
      }
      if (jet.marks.pixel !== undefined) {
        const points = jet.marks.pixel.node.map((n) => jet.space.nodes[n]);
        traces.push({ type: "scatter3d", mode: "markers", x: points.map((p) => p[2]), y: points.map((p) => p[0]),
          z: points.map((p) => p[1]), name: NAMES.pixel, text: text(jet.marks.pixel),
          hovertemplate: "%{text}<extra>" + NAMES.pixel + "</extra>", marker: { color: COLOURS.pixel, size: 2, symbol: "circle" } });
      }
      return traces;
    }

    function spaceLayout() {
      const axis = (name) => ({ title: { text: name }, backgroundcolor: "white", gridcolor: "#e8edf1" });
      return window.e2ePage.layout({ uirevision: "kept", margin: { l: 0, r: 40, t: 34, b: 0 }, scene: { aspectmode: "data", camera: { eye: { x: 1.8, y: 1.8, z: 1.4 } },
        xaxis: axis("z [m]"), yaxis: axis("x [m]"), zaxis: axis("y [m]") } });
    }

    slider.addEventListener("input", show);
    edges.addEventListener("change", show);
    share.addEventListener("input", show);
    const step = (by) => {
      slider.value = Math.min(jets.length - 1, Math.max(0, Number(slider.value) + by));
      show();
    };
    get("back").addEventListener("click", () => step(-1));
    get("on").addEventListener("click", () => step(1));
    show();
  }
})();
