// Lag, answers and waiting clients over time, as this page saw them: the server keeps none.
import { at, html, svg } from "./element.js";

const seconds = 180; // that are kept
const least = 60; // that are drawn, so that a page that was just opened shows something
const series = new Map(); // title -> numbers, undefined where nothing was known
const answers = "answers, mean";
const longest = "answers, longest";
const since = " behind for"; // these three in milliseconds

/** Notes what is known now; null for a page that is stale. */
export function note(status) {
  const now = new Map();
  if (status) {
    now.set("clients held", status.gateway.held);
    const g = status.gateway;
    if (g.answersLately > 0) {
      now.set(answers, g.answerMeanSeconds * 1000);
      now.set(longest, g.answerLongestSeconds * 1000);
    }
    const main = (status.nodes ?? []).find((n) => n.name === status.record?.main);
    for (const r of main?.replicas ?? []) {
      now.set(`${r.name} behind`, -r.behind);
      now.set(`${r.name}${since}`, r.lagSeconds ? r.lagSeconds * 1000 + Date.now() - status.heardAt : 0); // it grows unheard
    }
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
    const value = written(title, last);
    const width = Math.max(list.length, least);
    const label = `${title}: ${value} now, at most ${written(title, most)} in the last ${list.length} seconds`;
    return html("div", { class: "sparkline" }, html("span", {}, title),
      svg("svg", { role: "img", "aria-label": label, viewBox: `0 0 ${width} 24`, preserveAspectRatio: "none" },
        svg("path", { class: "axis", d: `M0 23.5H${width}` }), svg("path", { class: "spark", d: path(list, Math.max(most, 1), width), "vector-effect": "non-scaling-stroke" })),
      html("span", { class: "value" }, value));
  }));
}

function written(title, v) {
  const asked = title === answers || title === longest;
  if (v === undefined) return asked ? "none" : "not known";
  if (!asked && !title.endsWith(since)) return String(v);
  return v < 1000 ? `${v < 10 ? v.toFixed(1) : Math.round(v)} ms` : `${(v / 1000).toFixed(1)} s`;
}

function path(list, most, width) {
  let d = "";
  let up = true;
  list.forEach((v, i) => {
    if (v === undefined) {
      up = true;
      return;
    }
    const x = width - list.length + i;
    const y = 22 - (Math.max(v, 0) / most) * 20;
    d += `${up ? "M" : "L"}${x} ${y.toFixed(1)}`;
    if (up) d += `h0.5`;
    up = false;
  });
  return d;
}
