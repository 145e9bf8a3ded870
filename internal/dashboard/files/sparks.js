// Lag over time, as this page saw it: the server keeps none.
import { at, html, svg } from "./element.js";

const seconds = 180;
const series = new Map(); // title -> numbers, undefined where nothing was known

/** Notes what is known now; null for a page that is stale. */
export function note(status) {
  const now = new Map();
  if (status) {
    now.set("clients held", status.gateway.held);
    const main = (status.nodes ?? []).find((n) => n.name === status.record?.main);
    for (const r of main?.replicas ?? []) now.set(`${r.name} behind`, -r.behind);
  }
  for (const title of new Set([...series.keys(), ...now.keys()])) {
    const list = series.get(title) ?? [];
    list.push(now.get(title));
    series.set(title, list.slice(-seconds));
  }
  for (const [title, list] of series) if (list.every((v) => v === undefined)) series.delete(title);
}

export function draw() {
  at("sparks").replaceChildren(...[...series.entries()].sort().map(([title, list]) => {
    const known = list.filter((v) => v !== undefined);
    const last = list.at(-1);
    const most = Math.max(...known, 0);
    const value = last === undefined ? "not known" : String(last);
    const label = `${title}: ${value} now, at most ${most} in the last ${list.length} seconds`;
    return html("div", { class: "sparkline" }, html("span", {}, title),
      svg("svg", { role: "img", "aria-label": label, viewBox: `0 0 ${seconds} 24`, preserveAspectRatio: "none" },
        svg("path", { class: "axis", d: `M0 23.5H${seconds}` }), svg("path", { class: "spark", d: path(list, Math.max(most, 1)), "vector-effect": "non-scaling-stroke" })),
      html("span", { class: "value" }, value));
  }));
}

function path(list, most) {
  let d = "";
  let up = true;
  list.forEach((v, i) => {
    if (v === undefined) {
      up = true;
      return;
    }
    const x = seconds - list.length + i;
    const y = 22 - (Math.max(v, 0) / most) * 20;
    d += `${up ? "M" : "L"}${x} ${y.toFixed(1)}`;
    if (up) d += `h0.5`;
    up = false;
  });
  return d;
}
