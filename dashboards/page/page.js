// Draws the boards' own JSON without a Grafana. Prometheus serves this folder (--web.user-assets) and answers its queries.

import { html } from "page/elements.js";
import { lines } from "page/lines.js";
import { table, tiles } from "page/numbers.js";
import * as prometheus from "page/prometheus.js";
import { recording } from "page/recording.js";

const RANGES = { "15m": 900, "1h": 3600, "3h": 10800, "6h": 21600, "24h": 86400, "7d": 604800 };
const REFRESH_SECONDS = 30, POINTS = 240, LEAST_STEP_SECONDS = 15, ALL = "";
// Grafana looks for what happened as closely, however long the time that is shown.
const MARK_STEP_SECONDS = 60;
const address = new URLSearchParams(location.search);

const json = (path) => fetch(path).then((answer) => answer.json());
const link = (changes) => `?${new URLSearchParams([...Object.entries({ ...Object.fromEntries(address), ...changes }).filter(([, value]) => value !== ALL)])}`;

// A regular expression in a string of a query: escaped for the one, then for the other.
function filled(text, variables) {
  return text.replace(/\$(\w+)/g, (whole, name) => {
    if (!variables.some((variable) => variable.name === name)) return whole;
    const chosen = address.get(`var-${name}`) ?? ALL;
    return chosen === ALL ? ".*" : chosen.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/\\/g, "\\\\");
  });
}

function choice(name, options, chosen) {
  const select = html("select", { name }, ...options.map(([value, text]) => html("option", value === chosen ? { value, selected: "" } : { value }, text)));
  select.addEventListener("change", () => { location.search = link({ [name]: select.value }); });
  return select;
}

async function choices(made, variables) {
  const place = document.getElementById("choices");
  if (recording) return place.append(recording.told);
  for (const { name, label, query } of variables) {
    const [, metric, key] = query.match(/^label_values\((\w+), (\w+)\)$/);
    const found = await prometheus.values(key, metric);
    const options = [[ALL, "All"], ...found.map((value) => [value, value])];
    place.append(html("label", {}, `${label} `, choice(`var-${name}`, options, address.get(`var-${name}`) ?? ALL)));
  }
  const ranges = Object.keys(RANGES).map((each) => [each, `last ${each}`]);
  place.append(choice("range", ranges, chosenRange(made)));
}

const chosenRange = (made) => (address.get("range") in RANGES ? address.get("range") : made.time.from.replace("now-", ""));

function now(made) {
  if (recording) return recording.range;
  const to = Math.floor(Number(address.get("to") ?? Date.now() / 1000));
  const length = RANGES[chosenRange(made)];
  const step = Math.max(LEAST_STEP_SECONDS, Math.ceil(length / POINTS));
  // On whole steps, so that a picture does not flicker when it is drawn again.
  return { from: Math.floor((to - length) / step) * step, to, step };
}

const legend = (text, labels) => text.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? "");

async function marks(made, variables, range) {
  const step = recording ? range.step : MARK_STEP_SECONDS;
  const found = await Promise.all(made.annotations.list.filter(({ enable }) => enable).map(async ({ name, expr, iconColor }) => {
    const series = await prometheus.range(filled(expr, variables), { ...range, step });
    // It began where the step before had nothing.
    return series.flatMap(({ labels, points }) => points
      .filter(([at], position) => position === 0 || at - points[position - 1][0] > step * 1.5)
      .map(([at]) => ({ at, colour: iconColor, name: `${name}: ${Object.values(labels).join(" ")}` })));
  }));
  return found.flat();
}

async function draw(section, panel, variables, range, happened) {
  const over = panel.type === "timeseries" ? prometheus.range : prometheus.instant;
  const answers = await Promise.all(panel.targets.map(async ({ expr, legendFormat }) => {
    const series = await over(filled(expr, variables), range);
    return series.map((each) => ({ ...each, name: legend(legendFormat ?? "", each.labels) || "value" }));
  }));
  const series = answers.flat();
  section.querySelectorAll(".drawn, .legend, .message").forEach((old) => old.remove());
  section.classList.remove("broken");
  section.classList.toggle("empty", !series.length);
  if (!series.length) section.append(html("div", { class: "message" }, "nothing"));
  else if (panel.type === "timeseries") lines(section, panel, series, range, happened);
  else if (panel.type === "table") table(section, panel, series);
  else tiles(section, panel, series);
}

function placed(panel) {
  const { x, y, w, h } = panel.gridPos;
  const style = `grid-area: ${y + 1} / ${x + 1} / span ${h} / span ${w}`;
  if (panel.type === "row") return html("h2", { style }, panel.title);
  const links = (panel.links ?? []).map(({ url, title }) => html("a", { href: url, target: "_blank", title }, "runbook"));
  return html("section", { style, "data-panel": panel.title }, html("header", {}, html("h3", { title: `${panel.title}\n${panel.description}` }, panel.title), ...links));
}

async function main() {
  const made = recording?.boards ?? await Promise.all((await json("boards.json")).map((uid) => json(`../json/${uid}.json`)));
  const shown = made.find(({ uid }) => uid === address.get("board")) ?? made[0];
  const variables = shown.templating.list.filter(({ type }) => type === "query");
  document.title = `${shown.title} · Tillstream`;
  document.getElementById("told").textContent = shown.description;
  document.getElementById("boards").append(...made.map(({ uid, title }) =>
    html("a", { href: link({ board: uid }), ...(uid === shown.uid ? { "aria-current": "page" } : {}) }, title)));
  await choices(shown, variables);
  const sections = shown.panels.map((panel) => [panel, placed(panel)]);
  document.getElementById("grid").append(...sections.map(([, section]) => section));

  const round = async () => {
    const range = now(shown);
    const happened = await marks(shown, variables, range).catch(() => []);
    await Promise.all(sections.filter(([panel]) => panel.type !== "row").map(([panel, section]) =>
      draw(section, panel, variables, range, happened).catch(({ message }) => {
        section.classList.add("broken");
        section.querySelectorAll(".drawn, .legend, .message").forEach((old) => old.remove());
        section.append(html("div", { class: "message" }, message));
      })));
    document.body.dataset.drawn = shown.uid;
  };
  await round();
  // A moment that was asked for stands still.
  if (!recording && !address.has("to")) setInterval(round, REFRESH_SECONDS * 1000);
}

main();
