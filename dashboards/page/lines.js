// Lines over time.

import { html, svg } from "page/elements.js";
import { largest, written } from "page/units.js";

const PALETTE = ["#56a64b", "#e0b400", "#3274d9", "#ff780a", "#e02f44", "#8ab8ff", "#a352cc", "#96d98d", "#b877d9", "#c15c17"];
const LEFT = 64, RIGHT = 8, TOP = 8, BOTTOM = 18;

// Round numbers from low to high, about four of them: round in the unit in which they are written.
function ticks(low, high, unit) {
  const size = largest(Math.max(Math.abs(low), Math.abs(high)), unit);
  const rough = (high - low) / size / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) found.push(Math.abs(tick) < step / 2 ? 0 : tick);
  return found;
}

// Each line on the sum of those before it.
function stacked(series) {
  const below = new Map();
  return series.map((line) => ({
    ...line,
    points: line.points.map(([at, value]) => {
      const base = below.get(at) ?? 0;
      below.set(at, base + value);
      return [at, base + value, base];
    }),
  }));
}

const hour = (at) => new Date(at * 1000).toISOString().slice(11, 16);

function timeTicks({ from, to }) {
  const step = [60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800].find((each) => (to - from) / each <= 6) ?? 604800;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}

export function lines(place, panel, series, range, marks) {
  const { defaults, overrides } = panel.fieldConfig;
  const coloured = series.map((line, position) => ({ ...line, colour: PALETTE[position % PALETTE.length] }));
  const drawn = defaults.custom?.stacking?.mode === "normal" ? stacked(coloured) : coloured;
  const legend = html("div", { class: "legend" }, ...coloured.map(({ name, colour }) =>
    html("span", {}, html("i", { style: `background: ${colour}` }), name)));
  const chart = html("div", { class: "drawn" });
  place.append(chart, legend);

  const { clientWidth: width, clientHeight: height } = chart;
  const limits = thresholdLines(defaults, overrides, coloured);
  const found = drawn.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  const peak = Math.max(...found);
  // A threshold far above what there is would flatten every line.
  const visible = limits.filter(({ value }) => value <= peak * 4 || peak <= 0);
  let low = Math.min(defaults.min ?? Infinity, ...found);
  let high = Math.max(peak, ...visible.map(({ value }) => value));
  // A line that never moves lies in the middle.
  if (high <= low) [low, high] = [defaults.min ?? low - Math.abs(low) / 10, high + (Math.abs(high) / 10 || 1)];
  high += (high - low) * 0.06;
  const x = (at) => LEFT + ((at - range.from) / (range.to - range.from)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);

  const picture = svg("svg", { width, height });
  for (const tick of ticks(low, high, defaults.unit)) {
    picture.append(svg("line", { class: "gridline", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }));
    picture.append(svg("text", { x: LEFT - 6, y: y(tick) + 3.5, "text-anchor": "end" }, written(tick, defaults.unit)));
  }
  for (const at of timeTicks(range)) {
    const text = range.to - range.from > 172800 ? new Date(at * 1000).toISOString().slice(5, 10) : hour(at);
    picture.append(svg("text", { x: x(at), y: height - 4, "text-anchor": "middle" }, text));
  }
  for (const { at, name, colour } of marks) {
    const mark = svg("line", { x1: x(at), x2: x(at), y1: TOP, y2: height - BOTTOM, stroke: `var(--${colour})`, "stroke-dasharray": "3 3" });
    mark.append(svg("title", {}, name));
    picture.append(mark);
  }
  for (const { value, colour, name } of visible) {
    const line = svg("line", { class: "threshold", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), stroke: colour });
    line.append(svg("title", {}, `${name} ${written(value, defaults.unit)}`));
    picture.append(line);
  }
  for (const { points, colour } of drawn) picture.append(...shapes(points, colour, x, y, range.step, defaults));
  chart.append(picture);
  hover(chart, picture, coloured, x, { width, height }, defaults.unit);
}

function thresholdLines(defaults, overrides, series) {
  if (defaults.custom?.thresholdsStyle?.mode !== "dashed") return [];
  const common = defaults.thresholds.steps.filter(({ value }) => value !== null);
  const found = common.map(({ value, color }) => ({ value, colour: `var(--${color})`, name: "threshold" }));
  for (const { matcher, properties } of overrides) {
    const line = series.find(({ name }) => name === matcher.options);
    const steps = properties.find(({ id }) => id === "thresholds")?.value.steps ?? [];
    if (line) found.push(...steps.filter(({ value }) => value !== null).map(({ value }) => ({ value, colour: line.colour, name: line.name })));
  }
  return found;
}

// A gap is where Prometheus had nothing.
function shapes(points, colour, x, y, step, defaults) {
  const pieces = [];
  for (const point of points.filter(([, value]) => Number.isFinite(value))) {
    const last = pieces.at(-1)?.at(-1);
    if (last && point[0] - last[0] <= step * 1.5) pieces.at(-1).push(point);
    else pieces.push([point]);
  }
  const opacity = (defaults.custom?.fillOpacity ?? 0) / 100;
  return pieces.flatMap((piece) => {
    const top = piece.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    if (piece.length === 1) return [svg("circle", { cx: x(piece[0][0]), cy: y(piece[0][1]), r: 1.5, fill: colour })];
    const floor = piece.map(([at, , base]) => `${x(at).toFixed(1)},${y(base ?? Math.max(0, defaults.min ?? 0)).toFixed(1)}`).reverse();
    const area = svg("polygon", { points: [...top, ...floor].join(" "), fill: colour, opacity });
    return [...(defaults.min === undefined ? [] : [area]), svg("polyline", { class: "series", points: top.join(" "), stroke: colour })];
  });
}

function hover(chart, picture, series, x, { width, height }, unit) {
  const tooltip = document.getElementById("tooltip");
  const hair = svg("line", { class: "crosshair", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  picture.append(hair);
  chart.addEventListener("mouseleave", () => {
    tooltip.hidden = true;
    hair.setAttribute("visibility", "hidden");
  });
  chart.addEventListener("mousemove", ({ offsetX, clientX, clientY }) => {
    const nearest = (points) => points.reduce((best, point) => (Math.abs(x(point[0]) - offsetX) < Math.abs(x(best[0]) - offsetX) ? point : best));
    const found = series.map(({ name, points }) => ({ name, point: nearest(points) }));
    if (!found.length) return;
    const at = found[0].point[0];
    hair.setAttribute("x1", x(at));
    hair.setAttribute("x2", x(at));
    hair.setAttribute("visibility", "visible");
    const rows = found.sort((one, other) => other.point[1] - one.point[1]).slice(0, 20);
    tooltip.textContent = [`${new Date(at * 1000).toISOString().slice(0, 19)}Z`, ...rows.map(({ name, point }) => `${name}  ${written(point[1], unit)}`)].join("\n");
    tooltip.style.left = `${clientX > innerWidth / 2 ? clientX - 260 : clientX + 14}px`;
    tooltip.style.top = `${clientY + 14}px`;
    tooltip.hidden = false;
  });
}
