// What a source page tells of its names: a card while one is hovered or focused, and a panel with all that leads to a
// definition and from it. Text from a tree goes into the page as text nodes alone.

const told = JSON.parse(document.getElementById("source-told").textContent);
const lang = document.documentElement.dataset.reads === "zh" ? "zh" : "en";
const words = told.words[lang];
const code = document.querySelector(".source");
const touch = matchMedia("(hover: none)");

const say = (key, values = {}) => Object.entries(values).reduce(
  (text, [name, value]) => text.replaceAll(`{${name}}`, String(value)), words[key] ?? key);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Data, by the address of a page's file of it.
const fetched = new Map();
function dataAt(address) {
  if (!fetched.has(address)) {
    const asked = fetch(address).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
    fetched.set(address, asked);
    asked.then((data) => { if (data === null) fetched.delete(address); });
  }
  return fetched.get(address);
}
const own = () => dataAt(new URL(`./${encodeURIComponent(told.data)}`, location.href).href);
const page = () => location.href.split("#")[0];

// Where every file of the tree can be read here (`tour serve`), links to the public repository stay here.
const PUBLIC = `https://github.com/pytorch/pytorch/blob/v${told.version}/`;
const everything = fetch(new URL(`${told.root}assets/tour/everything.json`, location.href))
  .then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));
let here = false;
everything.then((all) => { here = (all.versions ?? []).includes(told.version); });
function local(address) {
  if (!here || !address.startsWith(PUBLIC)) return address;
  const [path, hash] = address.slice(PUBLIC.length).split("#");
  return `${told.root}source/${told.version}/${path}.html${hash ? `#${hash}` : ""}`;
}
const isLocal = (address) => !/^[a-z]+:/.test(address);

function stay(link) {
  const address = link.getAttribute("href");
  if (address && !link.classList.contains("source-public")) {
    const better = local(address);
    if (better !== address) link.setAttribute("href", better);
  }
}
for (const event of ["pointerover", "focusin", "pointerdown", "click"]) {
  document.addEventListener(event, (it) => { const link = it.target.closest?.("a[href]"); if (link) stay(link); }, true);
}

// One place of a data file as a link: `file:line`.
function place(data, file, line, base, label) {
  if (file < 0) return null;
  const [path, address] = data.files[file];
  const shown = label ?? `${path}:${line}`;
  if (!address) return make("span", { class: "place" }, shown);
  const to = local(address);
  const href = isLocal(to) ? new URL(`${to}#L${line}`, base).href : `${to}#L${line}`;
  return make("a", { class: "place", href }, shown);
}
const nameOf = (id) => id.slice(id.indexOf(":") + 1);
const schemes = { py: "Python", cpp: "C++", c: "C" };
function sort(kind, id) {
  const scheme = schemes[id.slice(0, id.indexOf(":"))];
  const said = words[`kind_${kind}`] ?? kind;
  return scheme && kind !== "file" ? `${scheme} · ${said}` : said;
}
const grade = (guess, count) => guess && make("span", { class: "guess-mark" }, count > 1 ? say("guess_of", { count }) : say("guess"));

// The card.
const card = make("div", { class: "source-card", id: "source-card", role: "tooltip", hidden: true, translate: "no" });
document.body.append(card);
let shown = null;
let waiting = 0;

function signature(id, text) {
  const full = nameOf(id);
  const cut = text.length > 260 ? `${text.slice(0, 260)}…` : text;
  return make("code", {}, make("b", {}, full), cut);
}
async function cardFor(link) {
  const data = await own();
  if (!data) return null;
  const parts = [];
  if (link.dataset.d !== undefined) {
    const [id, kind, text, line] = data.definitions[link.dataset.d];
    parts.push(make("p", { class: "sort" }, sort(kind, data.ids[id]), " · ", say("defined_here", { line })));
    parts.push(signature(data.ids[id], text));
    parts.push(make("p", { class: "hint" }, say(touch.matches ? "hint_definition_touch" : "hint_definition")));
    return parts;
  }
  const [ends, guess, count] = data.meanings[link.dataset.t];
  const [id, kind, text, file, line] = data.targets[ends[0]];
  parts.push(make("p", { class: "sort" }, sort(kind, data.ids[id]), guess ? " · " : "", grade(guess, count) || ""));
  parts.push(signature(data.ids[id], text));
  parts.push(make("p", {}, place(data, file, line, location.href)));
  if (ends.length > 1) parts.push(make("p", { class: "hint" }, say("more_candidates", { count: ends.length - 1 })));
  parts.push(make("p", { class: "hint" }, say("hint_name")));
  return parts;
}
function put(link) {
  const at = link.getClientRects()[0] ?? link.getBoundingClientRect();
  card.hidden = false;
  const width = card.offsetWidth, height = card.offsetHeight;
  const left = Math.max(8, Math.min(at.left, innerWidth - width - 8));
  const above = at.bottom + height + 12 > innerHeight && at.top > height + 12;
  card.style.left = `${left}px`;
  card.style.top = `${above ? at.top - height - 6 : at.bottom + 6}px`;
}
async function show(link) {
  shown = link;
  const parts = await cardFor(link);
  if (shown !== link || !parts) return;
  card.replaceChildren(...parts);
  link.setAttribute("aria-describedby", "source-card");
  put(link);
}
function hide() {
  clearTimeout(waiting);
  shown?.removeAttribute("aria-describedby");
  shown = null;
  card.hidden = true;
}
const nameAt = (target) => target.closest?.(".source a[data-t], .source a[data-d]");
code.addEventListener("pointerover", (event) => {
  const link = event.pointerType === "touch" ? null : nameAt(event.target);
  if (!link || link === shown) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => show(link), 120);
});
code.addEventListener("pointerout", (event) => { if (nameAt(event.target) && !card.contains(event.relatedTarget)) hide(); });
code.addEventListener("focusin", (event) => {
  const link = nameAt(event.target);
  if (link?.matches(":focus-visible")) show(link);
});
code.addEventListener("focusout", hide);
addEventListener("scroll", () => { if (!card.hidden) hide(); }, { passive: true, capture: true });

// The panel.
const list = make("div", { class: "panel-body" });
const title = make("h2", { id: "panel-title", translate: "no" });
const close = make("button", { type: "button", class: "panel-close", "aria-label": say("close") }, "×");
const panel = make("aside", { class: "source-panel", id: "source-panel", "aria-labelledby": "panel-title", hidden: true, tabindex: "-1" },
  make("div", { class: "panel-head" }, title, close), list);
document.body.append(panel);
let opener = null;

const FIRST = 12, PLACES = 6;
function relations(data, rows, heading, base) {
  // The same thing named in several places is told once, with all of them.
  const things = new Map();
  for (const row of rows) {
    if (data.headings[row[0]] !== heading) continue;
    const key = `${row[1]} ${row[4]} ${row[5]} ${row[8]}`;
    if (!things.has(key)) things.set(key, []);
    things.get(key).push(row);
  }
  if (!things.size) return null;
  const items = [...things.values()].map((same) => {
    const [, id, file, line, toFile, toLine, guess, count, key] = same[0];
    const name = nameOf(data.ids[id]);
    const operator = data.operators[data.ids[id]];
    const seen = make("small", {}, say("seen_at"), " ", place(data, file, line, base));
    for (const [, , at, number] of same.slice(1, PLACES)) {
      seen.append(", ", place(data, at, number, base, at === file ? String(number) : undefined));
    }
    if (same.length > PLACES) seen.append(` … +${same.length - PLACES}`);
    return make("li", { class: guess ? "guess" : null },
      place(data, toFile >= 0 ? toFile : file, toFile >= 0 ? toLine : line, base, name),
      key ? make("span", { class: "key" }, key) : "",
      operator ? make("a", { class: "more", href: new URL(operator, base).href }, say("operator_page")) : "",
      seen, grade(guess, count) || "");
  });
  const rest = items.slice(FIRST);
  const shownItems = make("ul", {}, ...items.slice(0, FIRST));
  const section = make("section", {}, make("h3", {}, say(heading), " ", make("span", { class: "count" }, String(items.length))), shownItems);
  if (rest.length) {
    const more = make("button", { type: "button", class: "panel-more" }, say("show_more", { count: rest.length }));
    more.addEventListener("click", () => { shownItems.append(...rest); rest[0].querySelector("a")?.focus(); more.remove(); });
    section.append(more);
  }
  return section;
}
async function about(data, number, base) {
  const [id, kind, text, line, endLine] = data.definitions[number];
  const name = data.ids[id];
  const operator = data.operators[name];
  const parts = [
    make("p", { class: "sort" }, sort(kind, name)),
    signature(name, text),
    make("p", {}, make("a", { class: "place", href: new URL(`#L${line}`, base).href }, say("definition_at", { line, end: endLine }))),
    operator ? make("p", {}, make("a", { href: new URL(operator, base).href }, say("operator_page"))) : null,
  ];
  const far = await dataAt(base.replace(/\.html$/, ".relations.json"));
  if (far) {
    const [common, rows] = far.relations[number];
    parts.push(...far.headings.map((heading) => relations(far, rows, heading, base)));
    if (!rows.length) parts.push(make("p", { class: "hint" }, say("nothing_known")));
    if (common) parts.push(make("p", { class: "hint" }, say("common_name")));
  }
  return parts.filter(Boolean);
}
// What is known of a target: of another page its own data says it.
async function far(data, target) {
  const [id, kind, text, file, line] = data.targets[target];
  const name = data.ids[id];
  const at = place(data, file, line, location.href);
  const address = file >= 0 && data.files[file][1] ? local(data.files[file][1]) : "";
  if (address && isLocal(address)) {
    const base = new URL(address, location.href).href;
    const other = base === page() ? data : await dataAt(base.replace(/\.html$/, ".json"));
    const found = other?.definitions.findIndex((one) => one[3] === line && other.ids[one[0]] === name) ?? -1;
    if (found >= 0) return [make("p", {}, at), ...await about(other, found, base)];
  }
  const operator = data.operators[name];
  return [make("p", { class: "sort" }, sort(kind, name)), signature(name, text), make("p", {}, at),
    operator ? make("p", {}, make("a", { href: new URL(operator, location.href).href }, say("operator_page"))) : null].filter(Boolean);
}
let asked = 0;
async function open(link) {
  const ask = ++asked;
  hide();
  const data = await own();
  if (!data) return false;
  opener = link;
  title.textContent = link.textContent;
  list.replaceChildren(make("p", { class: "hint" }, say("looking")));
  unfold();
  const parts = await contents(link, data);
  if (ask === asked) list.replaceChildren(...parts);
  return true;
}
async function contents(link, data) {
  if (link.dataset.d !== undefined) return about(data, Number(link.dataset.d), page());
  const [ends, guess, count] = data.meanings[link.dataset.t];
  const notes = guess ? [make("p", { class: "guess-note" }, count > 1 ? say("guess_note_of", { count }) : say("guess_note"))] : [];
  const first = await far(data, ends[0]);
  const others = ends.slice(1).map((end) => {
    const [id, , , file, line] = data.targets[end];
    return make("li", { class: "guess" }, place(data, file, line, location.href, nameOf(data.ids[id])),
      make("small", {}, place(data, file, line, location.href)));
  });
  const more = others.length ? [make("section", {}, make("h3", {}, say("other_candidates")), make("ul", {}, ...others))] : [];
  return [...notes, ...first, ...more];
}
function unfold() {
  panel.hidden = false;
  document.body.classList.add("has-panel");
  list.scrollTop = 0;
  panel.focus({ preventScroll: true });
}
function shut() {
  if (panel.hidden) return;
  panel.hidden = true;
  document.body.classList.remove("has-panel");
  opener?.focus({ preventScroll: true });
}
close.addEventListener("click", shut);

code.addEventListener("click", (event) => {
  const link = nameAt(event.target);
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  const bare = event.pointerType === "touch" || link.dataset.d !== undefined || !link.hasAttribute("href");
  if (!bare) return;
  event.preventDefault();
  open(link).then((opened) => { if (!opened && link.href) location.href = link.href; });
  if (link.dataset.d !== undefined) history.replaceState(null, "", link.getAttribute("href"));
});
code.addEventListener("keydown", (event) => {
  const link = nameAt(event.target);
  if (link && event.key === "Enter" && !link.hasAttribute("href")) { event.preventDefault(); open(link); }
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
  if (event.key === "Escape") { if (card.hidden) shut(); else hide(); }
  if (event.key === "r") {
    const link = nameAt(document.activeElement ?? document.body) ?? shown;
    if (link) { event.preventDefault(); open(link); }
  }
});

// Which definition the reader is in, when its head is out of sight.
const scope = document.querySelector(".source-scope");
let spans = null;
function around() {
  if (!spans) return;
  const head = document.querySelector(".source-head").getBoundingClientRect().bottom;
  const left = code.getBoundingClientRect().left + 30;
  const line = document.elementFromPoint(Math.max(1, left), head + 14)?.closest(".line");
  const number = line ? Number(line.id.slice(1)) : 0;
  const inside = spans.filter(([, first, last]) => first < number && number <= last).map(([name]) => name);
  scope.textContent = inside.at(-1) ?? "";
}
let framed = 0;
addEventListener("scroll", () => { framed ||= requestAnimationFrame(() => { framed = 0; around(); }); }, { passive: true });
function outline() {
  own().then((data) => {
    if (!data) return;
    spans = data.definitions.filter((one) => one[4] > one[3] + 2).map((one) => [nameOf(data.ids[one[0]]), one[3], one[4]]);
    around();
  });
}
addEventListener("scroll", outline, { once: true, passive: true });
