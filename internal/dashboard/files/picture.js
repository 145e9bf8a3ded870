// The topology as a picture: gateway, MAIN, replicas, and how they hang together.
import { svg } from "./element.js";

/** What the picture and the table show of each node. */
export function nodesOf(status) {
  const seen = new Map((status.nodes ?? []).map((n) => [n.name, n]));
  const record = status.record;
  const main = record && seen.get(record.main);
  const rows = new Map((main?.replicas ?? []).map((r) => [r.name, r]));
  return status.pods.map((p) => {
    const node = seen.get(p.name);
    const n = { name: p.name, node, up: p.healthy, row: rows.get(p.name) };
    n.role = record?.main === p.name ? "MAIN" : record?.standby === p.name ? "standby" : "replica";
    n.proven = record?.promotable.includes(p.name) ?? false;
    n.says = p.healthy === null ? "not asked by this replica" : p.healthy ? `answers as ${node.role}` : node.gone ? "no process" : node.contact;
    n.brief = node?.leaving ? "told to stop" : n.says; // where there is little room
    if (node?.leaving) n.says += ", told to stop";
    if (node && record && status.nodesAsOf < record.lastUpdated) n.says += ", before this change";
    return n;
  });
}

export function link(n) {
  if (!n.row) return n.up === null ? "not known here" : "not registered";
  return `${n.row.mode} · ${n.row.status}`;
}

export function behind(row) {
  if (!row) return "";
  return row.behind > 0 ? `${row.behind} ahead` : `${-row.behind} behind`;
}

function box(x, y, w, h, kind, name, badge, ...lines) {
  return svg("g", { class: kind },
    svg("rect", { class: "box", x, y, width: w, height: h, rx: 8 }),
    svg("text", { class: "name", x: x + 12, y: y + 22 }, name),
    svg("text", { class: "badge", x: x + 12, y: y + 40 }, badge),
    ...lines.map((l, i) => svg("text", { x: x + 12, y: y + 58 + 17 * i }, l)));
}

function kind(n) {
  if (n.up === false) return "is-down";
  return (n.role === "MAIN" ? "is-main" : "is-follow") + (n.up === null ? " is-unasked" : "");
}

function badge(n, record) {
  if (n.role === "MAIN") return `MAIN · epoch ${record.epoch}` + (record.stage === "serving" ? "" : ` · ${record.stage}`);
  if (n.role === "standby") return "standby" + (n.proven ? " · proven ✓" : " · not proven");
  return n.proven ? "replica · proven ✓" : "replica";
}

function arrow(n) {
  const r = n.row;
  if (!r || ["invalid", "diverged", "ghost", "unknown"].includes(r.status) || n.up === false) return "arrow broken";
  return r.mode === "async" ? "arrow async" : "arrow seat";
}

const head = () => svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" },
  svg("path", { class: "head", d: "M0 0 8 4 0 8z" })));

function line(c, d) {
  return svg("path", { class: c, d, "marker-end": "url(#tip)" });
}

const one = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

function gatewayLines(g) {
  return [one(g.clients - g.held, "session"), g.held > 0 ? `${one(g.held, "client")} held` : "nobody held"];
}

/** Says the picture in words. */
export function caption(status) {
  const list = nodesOf(status);
  const main = list.find((n) => n.role === "MAIN");
  const words = [main ? `${main.name} is MAIN by the record and ${main.says}.` : "Nobody is recorded as MAIN."];
  for (const n of list.filter((n) => n !== main)) {
    words.push(`${n.name}, ${n.role}${n.proven ? ", proven" : ""}: ${n.says}${n.row ? `; ${link(n)}, ${behind(n.row)}` : ""}.`);
  }
  const g = status.gateway;
  words.push(`The gateway of ${status.identity} is ${g.state}: ${gatewayLines(g).join(", ")}.`);
  words.push(status.leading ? `${status.identity} leads.` : status.leader ? `${status.leader} leads.` : "Nobody leads.");
  return words.join(" ");
}

/** Draws status, for a narrow or a wide place. */
export function picture(status, narrow) {
  const list = nodesOf(status);
  const main = list.find((n) => n.role === "MAIN");
  const others = list.filter((n) => n !== main);
  const draw = narrow ? tall : wide;
  return svg("svg", { role: "img", "aria-label": "Topology: " + caption(status), viewBox: `0 0 ${draw.width} ${draw.height(others.length)}` }, head(), ...draw(status, main, others));
}

function doors(status, x, y, w) {
  const g = status.gateway;
  const lead = status.leading ? "leads" : status.leader ? "follows" : "nobody leads";
  const own = box(x, y, w, 88, g.held > 0 ? "is-main" : "", status.identity, `gateway ${g.state} · ${lead}`, ...gatewayLines(g));
  return own;
}

function leader(status, x, y, w) {
  return status.leading || !status.leader ? [] : [box(x, y, w, 50, "", status.leader, "leads")];
}

const reads = (status, n) => status.gateway.sessions.find((s) => !s.main && s.node === n.name)?.readOnly ?? 0;

function wide(status, main, others) {
  const rows = Math.max(others.length, 1);
  const middle = wide.height(others.length) / 2;
  const parts = [doors(status, 10, middle - 44, 190), ...leader(status, 10, middle + 60, 190)];
  if (main) {
    parts.push(line("arrow" + (status.gateway.confirmed ? "" : " broken"), `M200 ${middle} H268`), box(272, middle - 44, 180, 88, kind(main), main.name, badge(main, status.record), main.brief, version(main)));
  }
  others.forEach((n, i) => {
    const y = (i + 0.5) * (wide.height(others.length) / rows);
    if (main) {
      parts.push(line(arrow(n), `M452 ${middle} C520 ${middle} 500 ${y} 568 ${y} H656`));
      parts.push(svg("text", { class: "label", x: 650, y: label(y, middle), "text-anchor": "end" }, link(n)));
      parts.push(svg("text", { class: "label", x: 650, y: label(y, middle) + 16, "text-anchor": "end" }, behind(n.row)));
    }
    parts.push(box(660, y - 44, 190, 88, kind(n), n.name, badge(n, status.record), n.brief, readers(status, n)));
  });
  return parts;
}
// The words of an arrow are on the side from which it does not come.
const label = (y, middle) => (y > middle ? y + 18 : y - 26);

wide.width = 860;
wide.height = (others) => Math.max(others * 112, 240);

function tall(status, main, others) {
  const parts = [doors(status, 10, 6, 340), ...leader(status, 190, 40, 150)];
  if (main) parts.push(line("arrow" + (status.gateway.confirmed ? "" : " broken"), "M100 94 V128"), box(10, 132, 340, 88, kind(main), main.name, badge(main, status.record), main.brief, version(main)));
  others.forEach((n, i) => {
    const y = 250 + i * 124;
    if (main) {
      parts.push(line(arrow(n), `M30 220 V${y + 46} H66`));
      parts.push(svg("text", { class: "label", x: 72, y: y - 6 }, [link(n), behind(n.row)].filter(Boolean).join(" · ")));
    }
    parts.push(box(70, y, 280, 88, kind(n), n.name, badge(n, status.record), n.brief, readers(status, n)));
  });
  return parts;
}
tall.width = 360;
tall.height = (others) => 236 + others * 124;

const version = (n) => (n.node?.memgraphVersion ? `Memgraph ${n.node.memgraphVersion}` : "");

function readers(status, n) {
  const count = reads(status, n);
  return count > 0 ? `${one(count, "session")} read here` : status.record?.readers.includes(n.name) ? "may be read from" : "is not read from";
}
