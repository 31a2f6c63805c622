// Numbers as Grafana writes them, for the units that our boards use. A unit that is not here is an error.

const TIMES = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const DECIMAL = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
const BINARY = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];

const digits = (number) => number.toLocaleString("en", { maximumSignificantDigits: 3 });

function scaled(number, scale) {
  const [factor, name] = scale.find(([least]) => (number ? Math.abs(number) >= least : least === 1)) ?? scale.at(-1);
  return `${digits(number / factor)} ${name}`;
}

// Small counts are told as they are.
const count = (number) => (Math.abs(number) < 1000 ? digits(number) : scaled(number, DECIMAL));

const UNITS = {
  s: (number) => scaled(number, TIMES),
  ms: (number) => scaled(number / 1e3, TIMES),
  bytes: (number) => scaled(number, BINARY),
  Bps: (number) => `${scaled(number, DECIMAL)}B/s`,
  cps: (number) => `${count(number)} /s`,
  reqps: (number) => `${count(number)} req/s`,
  percentunit: (number) => `${digits(number * 100)} %`,
  currencyUSD: (number) => `$${digits(number)}`,
  bool_yes_no: (number) => (number ? "Yes" : "No"),
  short: count,
};

// What the unit that a number is written in stands for: 3600 for a number of hours.
export function largest(number, unit) {
  const scale = { s: TIMES, ms: TIMES.map(([seconds]) => [seconds * 1e3]), bytes: BINARY }[unit] ?? [];
  return scale.find(([least]) => number >= least)?.[0] ?? 1;
}

export function written(number, unit) {
  if (!(unit in UNITS)) throw new Error(`This page does not know the unit ${unit}: add it to units.js.`);
  return Number.isFinite(number) ? UNITS[unit](number) : "–";
}
