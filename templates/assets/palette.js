// The symbol palette: `t` or Ctrl-K finds any symbol or file of the tree while one types, and goes to its page, or to its
// line in the public repository. The names are fetched when it first opens; no server takes part.

const script = new URL(import.meta.url);
const up = script.pathname.endsWith("/zh/assets/tour/palette.js") ? "../../../" : "../../";
const root = new URL(up, script);
const html = document.documentElement;
const lang = (html.dataset.reads ?? html.lang ?? "en").startsWith("zh") ? "zh" : "en";
const MOST = 24;
const KINDS = { c: "class", f: "function", m: "method", k: "kernel", v: "variable", e: "enum", a: "alias", d: "macro", o: "operator", p: "module", F: "file" };
const WEIGHT = { c: 6, o: 5, f: 4, k: 4, p: 3, m: 2, F: 2, e: 1, a: 1, d: 0, v: 0 };

const json = (path) => fetch(new URL(path, root)).then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(path))));
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children);
  return element;
}

// Names

function mask(text) {
  let bits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 97 && code <= 122) bits |= 1 << (code - 97);
    else if (code >= 48 && code <= 57) bits |= 1 << 26;
  }
  return bits;
}

export class Shard {
  constructor(data, number) {
    this.number = number;
    this.names = data.names.split("\n");
    this.plain = `\n${data.names.toLowerCase()}\n`;
    this.starts = new Uint32Array(this.names.length + 1);
    this.masks = new Int32Array(this.names.length);
    let at = 1;
    for (let row = 0; row < this.names.length; row++) {
      this.starts[row] = at;
      const end = this.plain.indexOf("\n", at);
      this.masks[row] = mask(this.plain.slice(at, end));
      at = end + 1;
    }
    this.starts[this.names.length] = at;
    this.kinds = data.kinds;
    this.scopes = data.scopes;
    this.low = data.scopes.map((scope) => scope.toLowerCase());
    this.scope = data.scope;
    this.line = data.line;
    this.files = data.files;
    this.file = new Uint32Array(this.names.length);
    let row = 0;
    data.file.forEach((count, file) => { for (; count; count--) this.file[row++] = file; });
  }
}

const isLetter = (code) => (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code > 127;
const isCapital = (code) => code >= 65 && code <= 90;
function isWordStart(name, at) {
  if (at === 0) return true;
  const before = name.charCodeAt(at - 1);
  return !isLetter(before) || (isCapital(name.charCodeAt(at)) && !isCapital(before));
}

// How well letters in their order fit a name: runs and the beginnings of words count; -1 where they do not fit.
function scattered(name, plain, asked) {
  let at = 0, score = 0, run = 0, first = -1;
  for (let number = 0; number < asked.length; number++) {
    let found = plain.indexOf(asked[number], at);
    if (found < 0) return -1;
    if (found !== at || !number) {  // the beginning of a word soon after is worth more than a letter in its middle
      for (let later = found; later >= 0 && later < found + 12; later = plain.indexOf(asked[number], later + 1)) {
        if (isWordStart(name, later)) { found = later; break; }
      }
    }
    if (first < 0) first = found;
    run = found === at && number ? run + 1 : 0;
    score += (isWordStart(name, found) ? 6 : 0) + run * 3 - Math.min(4, found - at);
    at = found + 1;
  }
  return first > 24 ? -1 : score;
}

// What was typed, as the end of a name and what must stand before it; a dot may belong to the name of a file or operator.
export function parse(text) {
  const parts = text.trim().toLowerCase().split(text.includes("/") ? "/" : /::|\s+/).filter(Boolean);
  const ways = [{ last: parts.at(-1) ?? "", before: parts.slice(0, -1) }];
  if (ways[0].last.includes(".")) {
    const inner = ways[0].last.split(".").filter(Boolean);
    if (inner.length) ways.push({ last: inner.at(-1), before: [...ways[0].before, ...inner.slice(0, -1)] });
  }
  return ways;
}

function within(scope, before) {
  let at = 0;
  for (const part of before) {
    const found = scope.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

// The best of all shards for what was typed.
export function search(shards, text) {
  const best = new Best();
  const ways = parse(text).filter((way) => way.last);
  ways.forEach((way, number) => look(shards, way, best, number === ways.length - 1));
  return best.all();
}

class Best {
  rows = [];
  floor = -Infinity;
  taken = new Set();
  keep(shard, row, fit) {
    const score = fit + WEIGHT[shard.kinds[row]] - shard.names[row].length / 8 - Math.min(shard.number, 8) - shard.scopes[shard.scope[row]].length / 40;
    if (score <= this.floor) return;
    const id = shard.number * 1e6 + row;
    if (this.taken.has(id)) return;
    this.taken.add(id);
    this.rows.push({ shard, row, score });
    if (this.rows.length >= MOST * 4) this.cut();
  }
  cut() {
    this.rows.sort((one, other) => other.score - one.score);
    this.rows.length = Math.min(MOST, this.rows.length);
    this.floor = this.rows.length === MOST ? this.rows.at(-1).score : -Infinity;
  }
  all() {
    this.cut();
    return this.rows;
  }
}

function look(shards, { last, before }, best, scatter) {
  const needle = last.length < 2 ? `\n${last}` : last;
  const skip = needle === last ? 0 : 1;
  let hits = 0;
  for (const shard of shards) {
    const fits = scopes(shard, before);
    const { plain, starts, names, kinds } = shard;
    let row = 0;
    for (let place = plain.indexOf(needle); place >= 0;) {
      const at = place + skip;
      while (starts[row + 1] <= at) row++;
      if (fits(row)) {
        hits++;
        const name = names[row];
        const offset = at - starts[row];
        const whole = name.length === last.length || (kinds[row] === "o" && offset === 0 && name[last.length] === ".");
        best.keep(shard, row, whole ? 100 : offset === 0 ? 70 : isWordStart(name, offset) ? 52 : 38);
      }
      place = plain.indexOf(needle, Math.max(place + 1, starts[row + 1] - 1));
    }
  }
  if (!scatter || hits >= MOST || last.length < 2) return;
  const wanted = mask(last), asked = [...last];
  for (const shard of shards) {
    const fits = scopes(shard, before);
    const { masks, names, plain, starts } = shard;
    for (let row = 0; row < names.length; row++) {
      if ((masks[row] & wanted) !== wanted || !fits(row)) continue;
      const score = scattered(names[row], plain.slice(starts[row], starts[row + 1] - 1), asked);
      if (score >= 0) best.keep(shard, row, Math.min(30, score));
    }
  }
}

// Whether a row's scope holds what must stand before the name; each scope is looked at once.
function scopes(shard, before) {
  if (!before.length) return () => true;
  const known = new Int8Array(shard.low.length);
  return (row) => {
    const scope = shard.scope[row];
    known[scope] ||= within(shard.low[scope], before) ? 1 : -1;
    return known[scope] > 0;
  };
}

// What is at hand

const told = document.getElementById("source-told");
function version(versions) {
  const own = told ? JSON.parse(told.textContent).version : html.querySelector("[data-tree-version]")?.dataset.treeVersion;
  if (versions.includes(own)) return own;
  try {
    const chosen = JSON.parse(localStorage.getItem("tour-version"))?.version;
    if (versions.includes(chosen)) return chosen;
  } catch { /* not allowed, or not ours */ }
  return versions[0];
}

let state = null;
const shards = [];
async function load() {
  const index = await json("symbols/index.json");
  const words = index.words[lang];
  const chosen = version(index.versions);
  const about = await json(`symbols/${chosen}/about.json`);
  const everything = await json("assets/tour/everything.json").catch(() => ({}));
  state = { words, about, version: chosen, here: (everything.versions ?? []).includes(chosen), operators: new Set(about.operators) };
  return state;
}
async function fill(changed) {
  let next = 0;
  const worker = async () => {
    while (next < state.about.shards) {
      const number = next++;
      const data = await json(`symbols/${state.version}/${number}.json`).catch(() => null);
      if (data) shards.push(new Shard(data, number));
      shards.sort((one, other) => one.number - other.number);
      changed();
    }
  };
  await Promise.all([worker(), worker(), worker()]);
}
function address({ shard, row }) {
  const [path, page] = shard.files[shard.file[row]];
  const name = shard.names[row];
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  if (shard.kinds[row] === "o") {
    const space = shard.scopes[shard.scope[row]].replace(/::$/, "");
    const base = name.split(".")[0];
    if (state.here || state.operators.has(`${space}::${base}`)) {
      return new URL(`operators/${state.version}/${space}/${encodeURIComponent(base)}.html#${encodeURIComponent(name)}`, root).href;
    }
  }
  if (page || state.here) return new URL(`source/${state.version}/${encoded}.html#L${shard.line[row]}`, root).href;
  return state.about.public ? `${state.about.public}${encoded}#L${shard.line[row]}` : null;
}

// The dialog

const say = (key, values = {}) => Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, String(value)), state.words[key] ?? key);
let dialog, input, list, status, found = [], chosen = 0;

function build() {
  input = make("input", {
    type: "text", role: "combobox", "aria-expanded": "false", "aria-controls": "palette-list", "aria-autocomplete": "list",
    "aria-label": say("label"), placeholder: say("placeholder"), autocomplete: "off", autocapitalize: "off", spellcheck: "false",
  });
  list = make("ul", { id: "palette-list", role: "listbox", "aria-label": say("results"), translate: "no" });
  status = make("p", { class: "palette-status", role: "status" });
  const close = make("button", { type: "button", class: "palette-close", "aria-label": say("close") }, "×");
  dialog = make("dialog", { class: "palette", "aria-label": say("label") },
    make("div", { class: "palette-top" }, input, close), list, status);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => input.setAttribute("aria-expanded", "false"));
  input.addEventListener("input", ask);
  input.addEventListener("keydown", move);
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(Number(option.dataset.at), event.ctrlKey || event.metaKey);
  });
}

function marked(name, text) {
  const low = name.toLowerCase();
  const ways = parse(text);
  const { last } = ways.find((way) => low.includes(way.last)) ?? ways.at(-1);
  const at = low.indexOf(last);
  const parts = document.createDocumentFragment();
  if (at >= 0) {
    parts.append(name.slice(0, at), make("mark", {}, name.slice(at, at + last.length)), name.slice(at + last.length));
    return parts;
  }
  let next = 0;
  for (const letter of name) {
    const hit = letter.toLowerCase() === last[next];
    if (hit) next++;
    parts.append(hit ? make("mark", {}, letter) : letter);
  }
  return parts;
}

function ask() {
  const began = performance.now();
  found = search(shards, input.value);
  chosen = 0;
  list.replaceChildren(...found.map((one, at) => {
    const { shard, row } = one;
    const [path] = shard.files[shard.file[row]];
    const kind = KINDS[shard.kinds[row]];
    const scope = shard.scopes[shard.scope[row]];
    const where = kind === "file" ? "" : `${path}:${shard.line[row]}`;
    const local = address(one)?.startsWith(root.href);
    return make("li", { role: "option", id: `palette-${at}`, "data-at": at, "aria-selected": at === 0 ? "true" : "false" },
      make("span", { class: "palette-name" }, make("span", { class: "palette-scope" }, scope), marked(shard.names[row], input.value)),
      make("span", { class: "palette-kind" }, state.words[`kind_${kind}`] ?? kind),
      make("span", { class: "palette-where" }, where, local ? "" : " ↗"));
  }));
  list.scrollTop = 0;
  input.setAttribute("aria-expanded", String(found.length > 0));
  if (found.length) input.setAttribute("aria-activedescendant", "palette-0"); else input.removeAttribute("aria-activedescendant");
  const asked = input.value.trim();
  const loading = shards.length < state.about.shards;
  status.textContent = !asked ? say(loading ? "loading" : "hint", { count: state.about.symbols.toLocaleString(lang), version: state.version })
    : found.length ? say(found.length < MOST ? "count" : "many", { count: found.length }) : say(loading ? "loading" : "none");
  dialog.dataset.took = (performance.now() - began).toFixed(1);
}
function select(at) {
  list.children[chosen]?.setAttribute("aria-selected", "false");
  chosen = at;
  const option = list.children[chosen];
  if (!option) { input.removeAttribute("aria-activedescendant"); return; }
  option.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}
function move(event) {
  const last = found.length - 1;
  const to = { ArrowDown: chosen < last ? chosen + 1 : 0, ArrowUp: chosen > 0 ? chosen - 1 : last,
    PageDown: Math.min(last, chosen + 8), PageUp: Math.max(0, chosen - 8) }[event.key];
  if (to !== undefined && found.length) { event.preventDefault(); select(to); }
  if (event.key === "Enter") { event.preventDefault(); go(chosen, event.ctrlKey || event.metaKey); }
}
function go(at, beside) {
  const to = found[at] && address(found[at]);
  if (!to) return;
  if (beside) { window.open(to, "_blank", "noopener"); return; }
  dialog.close();
  location.assign(to);
}

let opening = null;
export async function open() {
  opening ??= load().then(() => {
    build();
    fill(() => { if (dialog.open) ask(); });
  }).catch(() => { opening = null; });
  await opening;
  if (!dialog || dialog.open) return;
  dialog.showModal();
  input.select();
  ask();
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable], .cm-editor, dialog");
  const plain = event.key === "t" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing;
  const control = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey
    && !event.target.closest?.(".cm-editor, textarea");
  if (!plain && !control) return;
  event.preventDefault();
  open();
});

// A button where the page's head is: no key is there on a phone.
const head = document.querySelector(".source-head, .md-header__inner");
if (head) {
  const label = lang === "zh" ? "查找符号" : "Find a symbol";
  const button = make("button", { type: "button", class: "palette-button", title: `${label} (t)`, "aria-label": label, "aria-keyshortcuts": "t Control+K" },
    make("span", { "aria-hidden": "true" }, "ƒ"), make("kbd", { "aria-hidden": "true" }, "t"));
  button.addEventListener("click", open);
  const before = head.querySelector(".source-tree, .md-header__option, .md-search");
  if (before && before.parentElement === head) before.before(button); else head.append(button);
}
