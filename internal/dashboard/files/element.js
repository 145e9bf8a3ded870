// Elements are made here and nowhere else. Children that are text become text nodes,
// so nothing that comes from the cluster is ever read as markup.

const space = "http://www.w3.org/2000/svg";

function fill(e, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) e.setAttribute(name, value === true ? "" : String(value));
  }
  e.append(...children.filter((c) => c !== undefined && c !== null && c !== "").map((c) => (c instanceof Node ? c : String(c))));
  return e;
}

export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(space, tag), attributes, children);
export const at = (id) => document.getElementById(id);

/** Writes text only if it differs: screen readers read what is written. */
export function say(id, text) {
  const e = at(id);
  if (e.textContent !== text) e.textContent = text;
}

const drawn = new Map();

/** Draws a part again only if what it is made of has changed: focus and selection stay. */
export function redraw(id, made, draw) {
  const key = JSON.stringify(made);
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  at(id).replaceChildren(...[draw()].flat());
}

/** Brings a list up to date and leaves alone what stays, so that focus does too. */
export function keep(id, items, make) {
  const list = at(id);
  const keys = items.map((i) => JSON.stringify(i));
  for (const e of [...list.children]) if (!keys.includes(e.dataset.key)) e.remove();
  items.forEach((item, i) => {
    if (list.children[i]?.dataset.key === keys[i]) return;
    const e = make(item);
    e.dataset.key = keys[i];
    list.insertBefore(e, list.children[i] ?? null);
  });
  while (list.children.length > items.length) list.lastChild.remove();
}

export function clock(time) {
  const d = new Date(time);
  return html("time", { datetime: d.toISOString() }, d.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" }));
}

export function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}
