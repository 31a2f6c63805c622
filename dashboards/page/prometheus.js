// Prometheus' HTTP API, at the address that this page comes from; a snapshot has its answers with it.

import { recording } from "page/recording.js";

async function ask(path, parameters) {
  if (recording) return recording.answers[path][parameters.query];
  const answer = await fetch(`/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const content = await answer.json();
  if (content.status !== "success") throw new Error(content.error);
  return content.data;
}

export async function values(label, metric) {
  return ask(`label/${label}/values`, { "match[]": metric });
}

// A line for each series: its labels, and [seconds, value] pairs.
export async function range(query, { from, to, step }) {
  const { result } = await ask("query_range", { query, start: from, end: to, step });
  return result.map(({ metric, values: points }) => ({ labels: metric, points: points.map(([at, text]) => [at, Number(text)]) }));
}

export async function instant(query, { to }) {
  const { result } = await ask("query", { query, time: to });
  return result.map(({ metric, value: [, text] }) => ({ labels: metric, value: Number(text) }));
}
