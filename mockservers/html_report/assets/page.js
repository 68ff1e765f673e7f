// Draws the charts of the page, and lets its table be sorted and filtered. The page can be read
// without this.
"use strict";
(() => {
  const { charts, looks } = JSON.parse(document.getElementById("data").textContent);
  const reader = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const TILE = 8; // pixels of a pattern
  const NEAR = 4; // pixels beside a bar in which the pointer still means it
  const THINNEST = 1.5; // pixels of a bar at least
  const OFF_WIDTH = 5; // pixels of the frame around what does not balance, at least
  const MOST_FRAMES = 300; // around bars that are narrower than that
  const MOST_HEIGHT = 480, MOST_BESIDE = 200;
  const FLIGHT_HEIGHT = 180, FLIGHT_BESIDE = 120;

  // --- patterns ---------------------------------------------------------------------------

  const STROKES = {
    plain: [],
    rising: [[0, 8, 8, 0], [-2, 2, 2, -2], [6, 10, 10, 6]],
    falling: [[0, 0, 8, 8], [-2, 6, 2, 10], [6, -2, 10, 2]],
    level: [[0, 2, 8, 2], [0, 6, 8, 6]],
    upright: [[2, 0, 2, 8], [6, 0, 6, 8]],
    cross: [[0, 0, 8, 8], [8, 0, 0, 8]],
    grid: [[0, 4, 8, 4], [4, 0, 4, 8]],
    dots: [[1, 2, 3, 2], [5, 6, 7, 6]],
  };
  let fills = new Map();

  // The colour and the pattern of a fate, ready for a canvas; made once for each theme.
  function fill(colour, pattern) {
    const key = `${colour} ${pattern}`;
    if (!fills.has(key)) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = TILE;
      const draw = tile.getContext("2d");
      draw.fillStyle = paper(`--c-${colour}`);
      draw.fillRect(0, 0, TILE, TILE);
      draw.strokeStyle = paper("--paper");
      draw.lineWidth = pattern === "dots" ? 2 : 1.5;
      for (const [x0, y0, x1, y1] of STROKES[pattern]) {
        draw.beginPath();
        draw.moveTo(x0, y0);
        draw.lineTo(x1, y1);
        draw.stroke();
      }
      fills.set(key, draw.createPattern(tile, "repeat"));
    }
    return fills.get(key);
  }

  function paintSwatches() {
    for (const swatch of document.querySelectorAll(".swatch")) {
      const draw = swatch.getContext("2d");
      draw.fillStyle = fill(swatch.dataset.colour, swatch.dataset.pattern);
      draw.fillRect(0, 0, swatch.width, swatch.height);
    }
  }

  // Runs on one page have one scale of time, and one of requests in flight.
  const beside = document.body.classList.contains("beside");
  const longestS = Math.max(...charts.map((data) => data.took_s));
  const atOnce = (data) => data.in_flight.n.reduce((most, n) => Math.max(most, n), data.limit || 0);
  const shown = []; // how to zoom each of them
  const mostAtOnce = Math.max(...charts.map(atOnce));

  // --- the charts of a run ----------------------------------------------------------------

  const clip = (value, low, high) => Math.min(Math.max(value, low), high);

  // The first place in a sorted list whose value is above `value`.
  function above(list, value) {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle] > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function axes(lastsS, y) {
    const ink = paper("--ink"), line = { stroke: paper("--line"), width: 1 };
    const short = (s) => (lastsS < 1 ? `${+(s * 1000).toFixed(3)} ms` : `${+s.toFixed(6)} s`);
    return [
      { stroke: ink, grid: line, ticks: line, space: 80, values: (_, all) => all.map(short) },
      { stroke: ink, grid: line, ticks: line, size: 44, ...y },
    ];
  }

  function chartsOf(section, data, lastsS) {
    const { bars, in_flight: flight, limit } = data;
    const place = section.querySelector(".timeline");
    const card = section.querySelector(".card");
    const raw = section.querySelector(".entry pre");
    const whole = { min: 0, max: lastsS || 0.001 };
    const labels = Object.fromEntries(data.fates.map((one) => [one.name, one.label]));
    let plots = [], chosen = null, zoom = whole;

    // Bars of each lane, by their start: there they overlap nothing.
    const inLane = Array.from({ length: bars.lanes }, () => []);
    bars.lane.forEach((lane, i) => inLane[lane].push(i));
    const startsInLane = inLane.map((lane) => lane.map((i) => bars.start[i]));
    const longest = bars.start.reduce((most, start, i) => Math.max(most, bars.end[i] - start), 0);

    // Many frames around narrow bars would leave nothing to see but frames.
    const few = bars.off.filter(Boolean).length <= MOST_FRAMES;

    const resource = (i) => bars.entries.code[i] || `${bars.entries.server[i]} ${bars.entries.path[i]}`;

    function drawBars(plot) {
      const { ctx, bbox } = plot;
      const { min, max } = plot.scales.x;
      const height = bbox.height / bars.lanes;
      const gap = height > 4 * devicePixelRatio ? devicePixelRatio : 0;
      const x = (s) => bbox.left + ((s - min) / (max - min)) * bbox.width;
      const last = above(bars.start, max);
      const labelled = height >= 13 * devicePixelRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      for (let i = above(bars.start, min - longest - 1e-9); i < last; i++) {
        if (bars.end[i] < min) continue;
        const top = bbox.top + bars.lane[i] * height;
        const left = x(bars.start[i]), right = Math.max(x(bars.end[i]), left + THINNEST);
        const first = clip(x(bars.first[i]), left, right - THINNEST);
        ctx.fillStyle = fill(...looks[bars.fate[i]]);
        ctx.globalAlpha = 0.35;
        ctx.fillRect(left, top, first - left, height - gap);
        ctx.globalAlpha = 1;
        ctx.fillRect(first, top, right - first, height - gap);
        if (bars.off[i] && (few || right - left >= OFF_WIDTH)) {
          ctx.strokeStyle = paper("--bad");
          ctx.lineWidth = 2 * devicePixelRatio;
          // To the left, not over the name of the next bar.
          const width = Math.max(right - left, OFF_WIDTH);
          const from = clip(right - width, bbox.left + 1, bbox.left + bbox.width - width - 1);
          ctx.strokeRect(from, top + 1, width, Math.max(height - gap - 2, 2));
        }
        const name = bars.entries.code[i] || bars.entries.path[i].split("/").pop();
        const needed = 9 * devicePixelRatio * name.length;
        if (labelled && right - left > needed) {
          if (first - left <= needed) {
            ctx.fillStyle = paper("--paper"); // on a pattern, letters need a ground of their own
            ctx.fillRect(left + 2 * devicePixelRatio, top + 2, ctx.measureText(name).width + 2 * devicePixelRatio, height - gap - 4);
          }
          ctx.fillStyle = paper("--ink");
          ctx.fillText(name, left + 3 * devicePixelRatio, top + height / 2);
        }
        // The other attempts of the chosen resource have a dashed frame.
        if (chosen !== null && resource(i) === resource(chosen)) {
          ctx.strokeStyle = paper("--ink");
          ctx.lineWidth = 2 * devicePixelRatio;
          ctx.setLineDash(i === chosen ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
          ctx.strokeRect(left, top, right - left, height - gap);
          ctx.setLineDash([]);
        }
      }
      ctx.restore();
    }

    function drawLimit(plot) {
      if (!limit) return;
      const { ctx, bbox } = plot;
      const y = plot.valToPos(limit, "y", true);
      ctx.save();
      ctx.strokeStyle = paper("--bad");
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.restore();
    }

    function zoomTo(min, max) {
      const width = clip(max - min, 1e-6, whole.max);
      min = clip(min, 0, whole.max - width);
      for (const one of beside ? shown : [show]) one({ min, max: min + width });
    }

    function show(wanted) {
      zoom = wanted;
      place.dataset.from = zoom.min;
      place.dataset.to = zoom.max;
      for (const plot of plots) plot.setScale("x", zoom);
    }
    shown.push(show);

    function zoomBy(factor) {
      const middle = chosen === null ? (zoom.min + zoom.max) / 2 : (bars.start[chosen] + bars.end[chosen]) / 2;
      const width = (zoom.max - zoom.min) * factor;
      zoomTo(middle - width / 2, middle + width / 2);
    }

    function choose(i) {
      if (i === chosen) return;
      chosen = i;
      card.hidden = i === null;
      if (i !== null) tell(i);
      if (plots[0]) plots[0].redraw(false);
    }

    // A card beside the bar, in the order in which people ask; the journal entry is a click away.
    function tell(i) {
      const { entries } = bars;
      const of = (name) => entries[name]?.[i] ?? null;
      const [said, file, words, wrong] = data.rows?.[resource(i)] ?? ["", "", [], ""];
      const length = of("length"), sent = of("bytes_sent"), status = of("status");
      const bytes = length === null || length === sent ? `${sent} bytes` : `${sent} of ${length} bytes`;
      const lines = [
        ["planned", labels[bars.fate[i]]],
        ["sent", `${status === null ? "no status" : status}, ${bytes}`],
        ["version", of("version") > 1 ? of("version") : ""],
        ["when", `${+bars.start[i].toFixed(3)} s after the first request, for ${+(bars.end[i] - bars.start[i]).toFixed(3)} s`],
        ["said", said], ["file", [file, wrong].filter(Boolean).join(", ")], ["does not balance", words.join(", ")],
      ].filter(([, text]) => text);
      const title = document.createElement("strong");
      title.textContent = `${resource(i)}, request ${of("n")}` + (of("attempt") > 1 ? `, attempt ${of("attempt")}` : "");
      card.replaceChildren(title, ...lines.map(([name, text]) => {
        const line = document.createElement("span");
        line.textContent = `${name}: ${text}`;
        return line;
      }));
      raw.textContent = Object.keys(entries).filter((name) => name !== "type" && entries[name][i] !== null)
        .map((name) => `${name}: ${entries[name][i]}`).join("\n");
      placeCard(i);
    }

    function placeCard(i) {
      const plot = plots[0];
      if (!plot) return;
      const { offsetLeft, offsetTop, clientHeight } = plot.over;
      const left = offsetLeft + plot.valToPos(clip(bars.start[i], zoom.min, zoom.max), "x");
      const bottom = offsetTop + ((bars.lane[i] + 1) / bars.lanes) * clientHeight;
      card.style.left = `${clip(left, 0, Math.max(place.clientWidth - card.offsetWidth, 0))}px`;
      // Above the bar, where there is no room below it on the screen.
      const shownTop = place.getBoundingClientRect().top;
      const above = offsetTop + (bars.lane[i] / bars.lanes) * clientHeight - card.offsetHeight - 4;
      const fits = shownTop + bottom + 4 + card.offsetHeight <= innerHeight || shownTop + above < 0;
      card.style.top = `${fits ? bottom + 4 : above}px`;
    }

    // The bar under the pointer, or the nearest in its lane if that is near.
    function pointed(plot) {
      const { left, top } = plot.cursor;
      if (left === undefined || left < 0 || top < 0) return null;
      const lane = clip(Math.floor((top / plot.over.clientHeight) * bars.lanes), 0, bars.lanes - 1);
      const s = plot.posToVal(left, "x");
      const slack = NEAR * (zoom.max - zoom.min) / plot.over.clientWidth;
      const behind = above(startsInLane[lane], s);
      const found = [behind - 1, behind].map((at) => inLane[lane][at]).filter((i) =>
        i !== undefined && bars.start[i] - slack <= s && s <= bars.end[i] + slack);
      return found.length ? found[0] : null;
    }

    const options = (element, height, more) => ({
      width: Math.max(element.clientWidth, 200), height, legend: { show: false }, ...more,
      cursor: { drag: { setScale: false, x: true, y: false }, points: { show: false }, y: false,
                ...more.cursor },
    });

    function build() {
      for (const plot of plots) plot.destroy();
      const select = (plot) => {
        const { left, width } = plot.select;
        if (width > 2) zoomTo(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      };
      const scales = (y) => ({ x: { time: false, auto: false, ...zoom, range: () => [zoom.min, zoom.max] }, y });
      const double = { bind: { dblclick: () => () => { zoomTo(whole.min, whole.max); return null; } } };
      const lanesHeight = clip(bars.lanes * 18, 60, beside ? MOST_BESIDE : MOST_HEIGHT) + 50;
      const timeline = new uPlot(options(place, lanesHeight, {
        scales: scales({ auto: false, range: [bars.lanes, 0] }),
        axes: axes(lastsS, { values: (_, all) => all.map(() => ""), grid: { show: false }, ticks: { show: false } }),
        series: [{}, { paths: () => null, points: { show: false } }],
        cursor: double,
        hooks: { draw: [drawBars], setSelect: [select], setCursor: [(plot) => {
          const i = pointed(plot);
          if (i !== null || document.activeElement !== place) choose(i);
        }] },
      }), [[0, whole.max], [0, bars.lanes]], place);
      const under = section.querySelector(".flight");
      const most = beside ? mostAtOnce : atOnce(data);
      const curve = new uPlot(options(under, beside ? FLIGHT_BESIDE : FLIGHT_HEIGHT, {
        scales: scales({ auto: false, range: [0, most * 1.1 + 0.5] }),
        axes: axes(lastsS, { space: 20, values: (_, all) => all.map((n) => (Number.isInteger(n) ? n : "")) }),
        series: [{}, { stroke: paper("--c-silent"), fill: `${paper("--c-silent")}33`, width: 1.5,
                       paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }],
        cursor: double,
        hooks: { draw: [drawLimit], setSelect: [select] },
      }), [flight.s, flight.n], under);
      plots = [timeline, curve];
      show(zoom);
    }

    const keys = {
      "+": () => zoomBy(0.5), "=": () => zoomBy(0.5), "-": () => zoomBy(2),
      0: () => zoomTo(whole.min, whole.max), Escape: () => choose(null),
      ArrowRight: () => step(1), ArrowLeft: () => step(-1),
    };

    function step(by) {
      const from = chosen === null ? (by > 0 ? -1 : bars.start.length) : chosen;
      goTo(clip(from + by, 0, bars.start.length - 1));
    }

    // The next bar that does not balance, from the first again after the last.
    function stepOff() {
      const next = bars.off.findIndex((off, i) => off && i > (chosen ?? -1));
      goTo(next < 0 ? bars.off.findIndex(Boolean) : next);
    }

    function goTo(i) {
      choose(i);
      const width = zoom.max - zoom.min;
      if (bars.start[i] < zoom.min || bars.start[i] > zoom.max) zoomTo(bars.start[i] - width / 2, bars.start[i] + width / 2);
    }

    place.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    for (const button of section.querySelectorAll("[data-zoom]")) {
      const does = { in: keys["+"], out: keys["-"], all: keys[0], off: stepOff }[button.dataset.zoom];
      button.addEventListener("click", does);
    }
    // The card goes where one points elsewhere, but for what is about the chosen bar.
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".timeline, .entry, [data-zoom]")) choose(null);
    });
    return build;
  }

  // --- the table --------------------------------------------------------------------------

  const inOrder = new Intl.Collator("en", { numeric: true }).compare;

  function sortable(table) {
    const body = table.tBodies[0];
    const headers = [...table.tHead.rows[0].cells];
    for (const header of headers) {
      const button = header.querySelector("button");
      if (!button) continue;
      button.addEventListener("click", () => {
        const down = header.getAttribute("aria-sort") === "ascending";
        for (const other of headers) if (other.ariaSort) other.setAttribute("aria-sort", "none");
        header.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [row.cells[header.cellIndex]?.textContent.trim() ?? "", row]);
        rows.sort(([a], [b]) => (down ? inOrder(b, a) : inOrder(a, b)));
        body.append(...rows.map(([, row]) => row));
      });
    }
    const search = document.querySelector(`[data-filter=${table.id}]`);
    const only = document.querySelector(`[data-only=${table.id}]`);
    const count = document.querySelector(`[data-count=${table.id}]`);
    const apply = () => {
      const wanted = search.value.trim().toLowerCase();
      let shown = 0;
      for (const row of body.rows) {
        row.hidden = (only.checked && !row.classList.contains("off"))
          || !row.textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${body.rows.length}`;
    };
    search.addEventListener("input", apply);
    only.addEventListener("change", apply);
    apply();
  }

  // --- all of it --------------------------------------------------------------------------

  const builds = charts.flatMap((data, i) => {
    const section = document.getElementById(`run${i}`);
    return section?.querySelector(".timeline") ? [chartsOf(section, data, beside ? longestS : data.took_s)] : [];
  });
  const build = () => {
    fills = new Map();
    paintSwatches();
    for (const one of builds) one();
    for (const one of document.querySelectorAll(".scroll")) {
      one.classList.toggle("sideways", one.scrollWidth > one.clientWidth);
    }
  };
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; build(); } });
  // On paper: light, and as wide as a sheet.
  for (const when of ["beforeprint", "afterprint"]) {
    addEventListener(when, () => { document.documentElement.classList.toggle("printed", when === "beforeprint"); build(); });
  }
  reader.addEventListener("change", build);
  document.querySelectorAll("table.sortable").forEach(sortable);
  for (const button of document.querySelectorAll(".copy")) {
    const text = button.closest("figure").querySelector("pre");
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(text);
      try {
        await navigator.clipboard.writeText(text.textContent);
      } catch {
        document.execCommand("copy"); // the text is selected
      }
      button.textContent = "Copied";
    });
  }
  build();
})();
