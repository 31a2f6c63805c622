// Numbers of now: as tiles, or as a table.

import { html } from "page/elements.js";
import { written } from "page/units.js";

// The colour of the highest step that the value has reached.
function colourOf(value, { steps }) {
  return `var(--${steps.findLast((step) => step.value === null || value >= step.value).color})`;
}

export function tiles(place, panel, series) {
  const { unit, thresholds } = panel.fieldConfig.defaults;
  const named = panel.options.textMode === "value_and_name";
  const sizes = series.length > 12 ? ["72px", "13px"] : series.length > 1 ? ["110px", "20px"] : ["100%", "34px"];
  const made = series.map(({ name, value }) => html(
    "div", { class: "tile", style: `background: ${colourOf(value, thresholds)}`, title: `${name}: ${written(value, unit)}` },
    ...(named ? [html("span", {}, name)] : []), html("b", {}, written(value, unit))));
  place.append(html("div", { class: "drawn" }, html("div", { class: "tiles", style: `--tile: ${sizes[0]}; --size: ${sizes[1]}` }, ...made)));
}

export function table(place, panel, series) {
  const { unit } = panel.fieldConfig.defaults;
  const labels = [...new Set(series.flatMap(({ labels: each }) => Object.keys(each)))].filter((label) => label !== "__name__");
  const head = html("tr", {}, ...labels.map((label) => html("th", {}, label)), html("th", { class: "value" }, "value"));
  const rows = [...series].sort((one, other) => other.value - one.value).map(({ labels: each, value }) => html(
    "tr", {}, ...labels.map((label) => html("td", {}, each[label] ?? "")), html("td", { class: "value" }, written(value, unit))));
  place.append(html("div", { class: "drawn" }, html("div", { class: "scroll" }, html("table", {}, head, ...rows))));
}
