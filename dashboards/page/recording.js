// Of a snapshot: what Prometheus answered, and over which time it was asked. Null where Prometheus serves this page.

const element = document.getElementById("recording");

export const recording = element && JSON.parse(element.textContent);
