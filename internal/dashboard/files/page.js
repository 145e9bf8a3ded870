// The page: what the stream tells, in its places.
import { at, clock, html, keep, redraw, say } from "./element.js";
import { caption, link, nodesOf, picture } from "./picture.js";
import * as changes from "./history.js";
import * as sparks from "./sparks.js";
import { follow } from "./stream.js";

const narrow = matchMedia("(max-width: 48rem)");
const { namespace, configmap } = document.body.dataset;

let status = null;
let explained = null;
let live = false;
let last = null; // when something was last heard

function topology() {
  redraw("picture", [status, narrow.matches], () => picture(status, narrow.matches));
  say("caption", caption(status));
  redraw("nodes", [status.nodes, status.record, status.pods], () => nodesOf(status).map((n) =>
    html("tr", {}, html("th", { scope: "row" }, n.name), html("td", {}, n.role + (n.proven ? ", proven" : "")), html("td", {}, n.says),
      html("td", {}, n.role === "MAIN" ? "–" : link(n)), html("td", { class: "number" }, n.role === "MAIN" || !n.row ? "–" : -n.row.behind),
      html("td", { class: "number" }, n.up ? n.node.vertices : "–"), html("td", {}, n.node?.memgraphVersion ?? "–"))));
}

function sessions() {
  const g = status.gateway;
  let text = g.held > 0 ? `${g.held} held: they wait for a MAIN.` : "Nobody is held.";
  text += ` ${g.clients - g.held} open, ${g.busy} of them busy; ${g.heldTotal} were ever held`;
  text += g.heldTotal > 0 ? `, the longest for ${g.longestHoldSeconds.toFixed(2)} s.` : ".";
  say("held", text);
  redraw("sessions", g.sessions, () => g.sessions.map((s) =>
    html("tr", {}, html("th", { scope: "row" }, s.node + (s.main ? " (MAIN)" : "")), html("td", { class: "number" }, s.readWrite), html("td", { class: "number" }, s.readOnly))));
}

const tones = { failover: "good", "seat-moves": "good", little: "good", unprotected: "warning", "writes-stop": "alarm", "stays-down": "alarm", down: "alarm" };

function explanation() {
  const e = explained;
  at("risk").className = e.risk.level;
  say("risk-text", e.risk.text);
  say("now", e.now.text);
  const m = e.main;
  redraw("why", m, () => (m ? [html("strong", {}, m.node), ` is MAIN in epoch ${m.epoch}`, ...(m.since ? [" since ", clock(m.since)] : []), `: ${m.why}.`] : ["Nobody is MAIN by the record."]));
  redraw("deaths", e.ifDied, () => e.ifDied.flatMap((d) => [
    html("dt", {}, `${d.node} (${d.role === "main" ? "MAIN" : d.role})`, html("span", { class: `outcome ${tones[d.outcome] ?? "plain"}` }, d.outcome.replace("-", " "))),
    html("dd", {}, d.text)]));
  asks();
}

function conditions() {
  const list = status.conditions ?? [];
  at("conditions").hidden = list.length === 0;
  redraw("conditions", list, () => list.map((c) => html("li", {}, html("strong", {}, `${c.severity}: ${c.name}`), ` — ${c.message}`)));
}

const typed = /^(switchover|adopt|promote)/; // what the sandbox's prompt takes as a request

/** The line that one types; the request is one of ours, and quoted all the same. */
function line(request) {
  if (!configmap) return request;
  return `kubectl -n ${namespace} annotate configmap ${configmap} memgraph-controller/request='${request.replaceAll("'", "'\\''")}'`;
}

function asks() {
  const list = explained.mayAsk.filter((a) => configmap || typed.test(a.request)).map((a) => ({ ...a, line: line(a.request) }));
  if (configmap && !status?.record && explained.mayAsk.length > 0) {
    list.unshift({ line: `kubectl -n ${namespace} create configmap ${configmap}`, does: "Makes the object that a request is written on, if it is not there.", dangerous: false });
  }
  if (configmap && status && !status.leading && status.leader) {
    list.push({ line: `kubectl -n ${namespace} port-forward pod/${status.leader} 8080`, does: "Shows this page as the leader tells it, with what it sees of the nodes.", dangerous: false });
  }
  const said = status?.answer ? ` The last answer: ${status.answer}` : "";
  say("ask-note", (configmap ? "In a shell that may write the record’s ConfigMap. The leader answers in its annotations." : "Typed at the sandbox.") + said);
  keep("asks", list, ask);
}

function ask(a) {
  const b = html("button", { type: "button", "aria-label": `Copy: ${a.line}` }, "Copy");
  b.addEventListener("click", () => copy(a.line));
  return html("li", {}, html("p", {}, a.dangerous ? html("span", { class: "danger" }, "May lose data. ") : "", a.does), html("div", { class: "command" }, html("code", {}, a.line), b));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("copied", `Copied: ${text}`);
  } catch {
    say("copied", "The browser does not let this page copy; select the command instead.");
  }
}

function replica() {
  const s = status;
  say("replica", `${s.identity} ${s.leading ? "leads" : s.leader ? `follows ${s.leader}` : "sees no leader"} · ${s.phase}`);
  say("version", `Controller ${s.version}.`);
  document.title = `${s.record ? `${s.record.main} is MAIN` : "no MAIN"} · Memgraph cluster`;
}

function linked() {
  document.body.classList.toggle("stale-page", !live && last !== null);
  at("link").className = live ? "live" : last ? "stale" : "connecting";
  say("risk-title", live || !last ? "At risk" : "At risk, when last heard");
  say("link", live ? "Live" : last ? `Stale since ${last.toLocaleTimeString()}: reconnecting` : "Connecting …");
}

const heard = {
  status(s) {
    status = { ...s, heardAt: Date.now() };
    replica();
    topology();
    sessions();
    conditions();
    if (explained) asks();
  },
  explain(e) {
    explained = e;
    explanation();
  },
  history: changes.draw,
};

narrow.addEventListener("change", () => status && topology());
setInterval(() => {
  sparks.note(live ? status : null);
  sparks.draw();
}, 1000);
follow("api/v1/events", (name, value) => heard[name]?.(value), (now) => {
  live = now;
  if (now) last = new Date();
  linked();
});
