// What is wrong with the page for people who do not see it, or not well. It returns
// one sentence for each thing.
(() => {
  const wrong = [];
  const show = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (typeof e.className === "string" && e.className ? "." + e.className : "");
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const by = (e) => (e.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  const name = (e) => (e.getAttribute("aria-label") ?? "").trim() || by(e) || (e.getAttribute("alt") ?? "").trim() || e.textContent.trim();

  for (const e of document.querySelectorAll("a, button, input, select, textarea, summary, [role=button], [tabindex='0']")) {
    if (!name(e)) wrong.push(`${show(e)} has no name`);
  }
  for (const e of document.querySelectorAll("img, [role=img], body svg")) {
    if (e.closest("[aria-hidden=true]")) continue;
    if (e.tagName !== "IMG" && e.getAttribute("role") !== "img") wrong.push(`${show(e)} is a picture and does not say so`);
    if (!(e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "").trim()) wrong.push(`${show(e)} has no words in its place`);
  }

  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")];
  if (headings.filter((h) => h.tagName === "H1").length !== 1) wrong.push("there must be one h1");
  let level = 0;
  for (const h of headings) {
    const now = Number(h.tagName[1]);
    if (now > level + 1) wrong.push(`heading ${h.textContent} is an h${now} after an h${level}`);
    if (!h.textContent.trim()) wrong.push(`${show(h)} is empty`);
    level = now;
  }
  for (const landmark of ["header", "main", "footer"]) {
    if (document.querySelectorAll(`body > ${landmark}`).length !== 1) wrong.push(`there must be one ${landmark}`);
  }
  for (const e of document.querySelectorAll("section, [role=region]")) if (!(e.getAttribute("aria-label") || by(e))) wrong.push(`${show(e)} has no label`);
  for (const e of document.querySelectorAll("body > *")) {
    if (!e.matches("header, main, footer, .skip, script")) wrong.push(`${show(e)} is outside of every landmark`);
  }
  for (const e of document.querySelectorAll("th")) if (!e.getAttribute("scope")) wrong.push(`${show(e)} has no scope`);
  for (const e of document.querySelectorAll("table")) if (!e.caption) wrong.push("a table has no caption");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`id ${id} is there twice`);
  if (!document.documentElement.lang) wrong.push("the page does not say its language");
  if (!document.title) wrong.push("the page has no title");
  if (document.querySelectorAll("[role=status]").length === 0) wrong.push("nothing is read out when it changes");

  const rgb = (c) => (c.match(/[\d.]+/g) ?? []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const box = at instanceof SVGElement ? at.querySelector(":scope > .box") : null;
      const c = rgb(box ? getComputedStyle(box).fill : getComputedStyle(at).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  let texts = 0;
  for (const e of document.querySelectorAll("body, body *")) {
    if (!seen(e) || ![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim())) continue;
    texts++;
    const style = getComputedStyle(e);
    const c = rgb(e instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const [a, b] = [light(c), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) wrong.push(`${show(e)} has a contrast of ${ratio.toFixed(2)}: ${e.textContent.trim().slice(0, 40)}`);
  }
  if (texts < 30) wrong.push(`only ${texts} texts were looked at`);
  for (const box of document.querySelectorAll("#picture g > .box")) {
    const right = box.getBBox().x + box.getBBox().width;
    for (const e of box.parentElement.querySelectorAll(":scope > text")) {
      if (e.getBBox().x + e.getBBox().width > right) wrong.push(`${e.textContent} leaves its box`);
    }
  }
  if (document.scrollingElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.scrollingElement.scrollWidth} wide, its window ${innerWidth}`);
  return wrong;
})()
