// How MAIN changed: the reigns of the record, and the steps of those that were seen.
import { clock, html, redraw, span, svg } from "./element.js";

const opened = new Set(); // epochs whose steps are shown

export function draw(history) {
  redraw("history", history.reigns, () => {
    if (history.reigns.length === 0) return html("li", {}, "The record has no reign yet.");
    return history.reigns.map((r, i) => reign(r, i === 0));
  });
}

function reign(r, current) {
  const facts = [r.cause, r.tookSeconds && `clients waited ${span(r.tookSeconds)}`, r.lastedSeconds && `lasted ${span(r.lastedSeconds)}`, r.lost && "ended by the loss of its MAIN"];
  return html("li", { class: current ? "current" : r.lost ? "lost" : "" },
    html("div", {}, html("strong", {}, r.main), ` · epoch ${r.epoch}`, current ? " · now" : ""),
    html("div", {}, clock(r.began), facts.filter(Boolean).map((f) => ` · ${f}`).join("")),
    html("div", {}, r.reason),
    r.steps ? steps(r) : "");
}

function steps(r) {
  const total = Math.max(...r.steps.map((s) => s.afterSeconds + (s.tookSeconds ?? 0)), 0.001);
  const d = html("details", { open: opened.has(r.epoch) }, html("summary", {}, `Steps to epoch ${r.epoch} (${r.steps.length})`),
    html("ol", { class: "steps" }, ...r.steps.map((s) => step(s, total))));
  d.addEventListener("toggle", () => (d.open ? opened.add(r.epoch) : opened.delete(r.epoch)));
  return d;
}

function step(s, total) {
  const from = (100 * s.afterSeconds) / total;
  const width = Math.max((100 * (s.tookSeconds ?? 0)) / total, 0.8);
  const when = `+${span(s.afterSeconds)}` + (s.tookSeconds ? `, took ${span(s.tookSeconds)}` : "");
  return html("li", {}, html("span", {}, (s.kind === "stage" ? "recorded: " : "") + s.what + (s.failed ? " (failed)" : ""), s.why ? ` — ${s.why}` : ""), html("span", { class: "when" }, when),
    svg("svg", { "aria-hidden": "true", viewBox: "0 0 100 4", preserveAspectRatio: "none" },
      svg("rect", { class: `bar ${s.kind}${s.failed ? " failed" : ""}`, x: Math.min(from, 100 - width), y: 0, width, height: 4 })));
}
