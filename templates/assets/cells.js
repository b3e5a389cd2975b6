// The cells of a tour's page. Without a kernel they show what was recorded, and the reader's choice among recordings
// holds for all of them. Where a kernel answers they run: when the reader says so, in one kernel a page.

import { Kernel, Lost } from "./kernel.js";
import { Outputs, element, filled, fit } from "./outputs.js";
import { place } from "./places.js";
import { watch } from "./watch.js";

/** @typedef {import("./kernel.js").Facts} Facts */
/** @typedef {{words: Record<string, string>, tree: string, root: string, editor: boolean}} Setting */
/** @typedef {{code: string, focus: () => void, close: () => void}} Editor */

const CHOICE = "tour-recording";
const YOURS = "yours"; // the name of the reader's own run among the recordings
const STUBBORN = 5000; // milliseconds after which an interrupt was of no use

/** Make the cells within an element live: of a tour's page, or of a page that shows cells by our fences. @param {HTMLElement} tour @param {Setting} setting */
export async function begin(tour, setting) {
  const figures = /** @type {HTMLElement[]} */ ([...tour.querySelectorAll(".tour-cell")]);
  const cells = figures.map((figure, index) => new Cell(figure, index, setting));
  recordings(tour, cells);
  for (const frame of /** @type {NodeListOf<HTMLIFrameElement>} */ (tour.querySelectorAll(".out-html"))) fit(frame);

  const address = new URL("live.json", import.meta.url);
  const live = await fetch(address, { cache: "no-store", headers: xsrf() }).then((answer) => answer.json(), () => null);
  if (live?.live) new Page(tour, cells, setting, live);
  else cells[0]?.remark(setting.words.no_kernel);
}

/** A JupyterHub asks for the token also of what is only read. */
function xsrf() {
  const token = document.cookie.match(/(?:^|; )_xsrf=([^;]+)/)?.[1];
  return token ? { "X-XSRFToken": decodeURIComponent(token) } : undefined;
}

/** @param {string | null} [value] a recording to prefer from now on; without it the one preferred */
function preferred(value) {
  try {
    if (value) localStorage.setItem(CHOICE, value);
    return localStorage.getItem(CHOICE);
  } catch {
    return value ?? null; // not allowed: it holds where it was chosen
  }
}

/** One choice for all cells, but for those that show the reader's own run. @param {HTMLElement} tour @param {Cell[]} cells */
function recordings(tour, cells) {
  tour.addEventListener("change", (event) => {
    const pick = /** @type {HTMLInputElement} */ (event.target);
    if (!pick.classList?.contains("cell-pick") || pick.value === YOURS) return;
    preferred(pick.value);
    for (const cell of cells) if (cell.shows !== YOURS) cell.show(pick.value);
  });
  for (const cell of cells) cell.show(preferred());
}

class Cell {
  /** @type {Editor | null} */ editor = null;
  /** The kernel in which it ran last. */
  generation = 0;
  /** @type {HTMLElement | null} */ #yours = null;

  /** @param {HTMLElement} figure @param {number} index @param {Setting} setting */
  constructor(figure, index, setting) {
    this.figure = figure;
    this.index = index;
    this.setting = setting;
    this.box = /** @type {HTMLElement} */ (figure.querySelector(".cell-code"));
    this.written = /** @type {HTMLElement} */ (this.box.querySelector("pre"));
    this.shown = /** @type {HTMLElement} */ (figure.querySelector(".cell-shown"));
    this.original = (this.written.querySelector("code")?.textContent ?? "").replace(/\n$/, "");
    this.raises = figure.dataset.raises;
    this.title = this.shown.getAttribute("aria-label") ?? "";
  }

  get code() {
    return this.editor?.code ?? this.original;
  }

  /** The recording that shows now. */
  get shows() {
    return /** @type {HTMLInputElement | null} */ (this.shown.querySelector(".cell-pick:checked"))?.value;
  }

  /** @param {string | null | undefined} name */
  show(name) {
    for (const pick of /** @type {NodeListOf<HTMLInputElement>} */ (this.shown.querySelectorAll(".cell-pick"))) {
      if (pick.value === name) pick.checked = true;
    }
  }

  /** Show a recording, where there is one. */
  fallBack() {
    const first = /** @type {HTMLInputElement | null} */ (this.shown.querySelector(".cell-pick"));
    if (first && first.value !== YOURS) this.show(first.value);
    this.show(preferred());
  }

  /** @param {string} name of a button @returns {HTMLButtonElement} */
  button(name) {
    return /** @type {HTMLButtonElement} */ (this.figure.querySelector(`[data-do="${name}"]`));
  }

  /** The place of the reader's own run, made when it is needed. */
  get yours() {
    if (!this.#yours) {
      const id = `shown-${this.figure.dataset.cell}-${YOURS}`;
      const pick = Object.assign(document.createElement("input"), {
        type: "radio", className: "cell-pick", name: `shown-${this.figure.dataset.cell}`, id, value: YOURS,
      });
      const label = Object.assign(document.createElement("label"), { htmlFor: id, textContent: this.setting.words.yours });
      const run = element("div", "cell-run", "");
      run.append(element("div", "outs", ""), element("p", "cell-when", ""));
      /** @type {HTMLElement} */ (run.firstElementChild).translate = false;
      this.shown.append(pick, label, run);
      this.figure.classList.toggle("single", this.shown.querySelectorAll(".cell-pick").length < 2);
      this.#yours = run;
    }
    return this.#yours;
  }

  /** @param {string} text */
  when(text) {
    const line = this.yours.querySelector(".cell-when");
    if (line) line.textContent = text;
  }

  /** A word below what it shows. @param {string} text */
  remark(text) {
    const note = element("p", "cell-remark", "");
    text.split("`").forEach((part, odd) => note.append(odd % 2 ? element("code", "", part) : part));
    this.figure.append(note);
  }

  /** @param {"" | "queued" | "running"} how */
  mark(how) {
    this.yours.classList.toggle("running", how === "running");
    this.figure.setAttribute("aria-busy", String(how !== ""));
    this.button("run").hidden = how !== "";
    this.button("interrupt").hidden = how === "";
    this.button("above").disabled = how !== "";
  }

  /** @param {() => void} run */
  async edit(run) {
    if (this.editor) {
      this.editor.focus();
      return;
    }
    const label = filled(this.setting.words.editor, { number: this.figure.dataset.number ?? "" });
    const changed = () => this.figure.classList.toggle("edited", this.code !== this.original);
    const setting = { code: this.original, label, run, changed, leave: () => this.button("reset").focus() };
    const made = this.setting.editor ? await import(new URL("editor.js", import.meta.url).href).then((built) => built.open, () => null) : null;
    if (this.editor) return;
    this.written.hidden = true;
    this.editor = (made ?? plain)(this.box, setting);
    this.button("edit").hidden = true;
    this.button("reset").hidden = false;
    this.editor?.focus();
  }

  reset() {
    this.editor?.close();
    this.editor = null;
    this.written.hidden = false;
    this.figure.classList.remove("edited");
    this.button("reset").hidden = true;
    this.button("edit").hidden = false;
    this.button("edit").focus();
  }
}

/** The editor where none was built. @param {HTMLElement} box @param {{code: string, label: string, run: () => void, changed: () => void, leave: () => void}} setting */
function plain(box, { code, label, run, changed, leave }) {
  const area = document.createElement("textarea");
  area.value = code;
  area.spellcheck = false;
  area.setAttribute("aria-label", label);
  const fitRows = () => { area.rows = area.value.split("\n").length; };
  area.addEventListener("input", () => { fitRows(); changed(); });
  area.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own keys are letters here
    if (event.key === "Enter" && event.shiftKey) run();
    else if (event.key === "Tab" && !event.shiftKey) document.execCommand("insertText", false, "    ");
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  });
  fitRows();
  box.append(area);
  return { get code() { return area.value; }, focus: () => area.focus(), close: () => area.remove() };
}

/** What runs the cells of a page, and tells of its kernel. */
class Page {
  /** @type {Cell[]} */ #queue = [];
  #working = false;
  #stubborn = 0;
  /** @type {Cell | null} */ #running = null;

  /** @param {HTMLElement} tour @param {Cell[]} cells @param {Setting} setting @param {{base: string, login: boolean, watch?: boolean}} live */
  constructor(tour, cells, setting, live) {
    this.tour = tour;
    this.cells = cells;
    this.setting = setting;
    this.live = live;
    this.bar = /** @type {HTMLElement} */ (tour.querySelector(".tour-kernel"));
    this.kernel = new Kernel(live.base, `tour-kernel ${live.base} ${tour.dataset.tour ?? location.pathname}`, () => this.#tell());
    if (live.login) this.kernel.state = "login";
    else this.kernel.resume();
    this.bar.hidden = false;
    for (const cell of cells) this.#listen(cell);
    this.#on(this.bar, "interrupt", () => this.interrupt());
    this.#on(this.bar, "restart", () => this.restart());
    this.bar.querySelector("select")?.addEventListener("change", (event) => {
      this.restart(/** @type {HTMLSelectElement} */ (event.target).value);
    });
    this.#tell();
  }

  /** @param {HTMLElement} within @param {string} name @param {() => void} act */
  #on(within, name, act) {
    within.querySelector(`[data-do="${name}"]`)?.addEventListener("click", act);
  }

  /** @param {Cell} cell */
  #listen(cell) {
    const run = () => this.run([cell]);
    this.#on(cell.figure, "run", run);
    this.#on(cell.figure, "interrupt", () => this.interrupt());
    this.#on(cell.figure, "above", () => this.above(cell));
    this.#on(cell.figure, "edit", () => cell.edit(run));
    if (this.live.watch && this.tour.dataset.tour) {
      cell.button("watch").hidden = false;
      this.#on(cell.figure, "watch", () => watch(this.tour, this.cells.slice(0, cell.index + 1), this.live.base, this.setting.words));
    }
    this.#on(cell.figure, "reset", () => cell.reset());
    cell.written.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      run();
    });
    /** @type {HTMLElement} */ (cell.figure.querySelector(".cell-tools")).hidden = false;
  }

  /** The cells above in their order, then this one. @param {Cell} cell */
  above(cell) {
    this.run(this.cells.slice(0, cell.index + 1));
  }

  /** @param {Cell[]} cells */
  async run(cells) {
    if (this.kernel.state === "login" || this.kernel.state === "away") return;
    for (const cell of cells) {
      if (this.#queue.includes(cell)) continue;
      this.#queue.push(cell);
      cell.mark("queued");
      if (this.#queue.length > 1) {
        cell.when(this.setting.words.queued);
        cell.show(YOURS);
      }
    }
    if (this.#working) return;
    this.#working = true;
    while (this.#queue.length) {
      this.#running = this.#queue[0];
      const well = await this.#execute(this.#running);
      this.#running.mark("");
      this.#queue.shift();
      if (!well) this.#drop();
    }
    this.#running = null;
    this.#working = false;
  }

  /** Those that wait do not run. */
  #drop() {
    for (const cell of this.#queue.splice(0)) {
      cell.mark("");
      cell.when("");
      if (!cell.generation) cell.fallBack();
    }
  }

  /** @param {Cell} cell @returns {Promise<boolean>} whether the next may run */
  async #execute(cell) {
    const { words } = this.setting;
    const into = /** @type {HTMLElement} */ (cell.yours.querySelector(".outs"));
    const outputs = new Outputs(into, {
      title: cell.title,
      sheet: `${this.setting.root}assets/tour/cells.css`,
      words,
      place: (here, frame) => {
        const said = (/** @type {number} */ line) => filled(words.at_line, { version: this.setting.tree, line });
        place(here, frame, { ...this.setting, torch: this.kernel.facts?.torch ?? null, said });
      },
    });
    cell.mark("running");
    cell.when("");
    cell.show(YOURS);
    /** @type {string | null} */ let error = null;
    try {
      await this.kernel.start();
      if (this.kernel.lost) outputs.note(this.kernel.lost === "gone" ? words.gone_note : words.ended_note);
      const device = this.kernel.facts?.device.name ?? "";
      cell.when(filled(words.running, { device }));
      const start = performance.now();
      const reply = await this.kernel.run(cell.code, (type, content) => {
        if (type === "error") error = content.ename;
        outputs.take(type, content);
      });
      const seconds = ((performance.now() - start) / 1000).toFixed(2);
      cell.generation = this.kernel.generation;
      outputs.gpu(reply.report);
      outputs.finish();
      if (reply.status === "error" && !error) outputs.take("error", reply);
      if (!into.childNodes.length) outputs.note(words.shows_nothing);
      if (error === "NameError") this.#hint(cell, outputs);
      cell.when(filled(words.ran, { device, torch: this.kernel.facts?.torch ?? "–", seconds }));
      return reply.status === "ok" || (error !== null && error === cell.raises);
    } catch (lost) {
      outputs.finish();
      this.#lost(cell, outputs, lost);
      return false;
    }
  }

  /** @param {Cell} cell @param {Outputs} outputs @param {unknown} lost */
  #lost(cell, outputs, lost) {
    const { words } = this.setting;
    if (!(lost instanceof Lost)) throw lost;
    cell.when("");
    if (lost.why === "died") {
      const restart = /** @type {HTMLButtonElement} */ (element("button", "", this.bar.querySelector('[data-do="restart"]')?.textContent ?? ""));
      restart.type = "button";
      restart.addEventListener("click", () => this.restart());
      outputs.note(words.died_note, restart);
    } else if (lost.why === "failed") outputs.note(filled(words.start_failed, { why: lost.message }));
    else if (lost.why === "restarted") cell.when("");
    else {
      outputs.note(words.away_note);
      cell.fallBack();
    }
  }

  /** A name is missing: what should have made it may not have run. @param {Cell} cell @param {Outputs} outputs */
  #hint(cell, outputs) {
    const ran = (/** @type {Cell} */ other) => other.generation === this.kernel.generation;
    if (this.cells.slice(0, cell.index).every(ran)) return;
    const above = /** @type {HTMLButtonElement} */ (element("button", "", cell.button("above").textContent ?? ""));
    above.type = "button";
    above.addEventListener("click", () => this.above(cell));
    outputs.note(this.setting.words.above_first, above);
  }

  async interrupt() {
    const waiting = this.#queue.slice(1);
    this.#queue.splice(1);
    for (const cell of waiting) {
      cell.mark("");
      cell.when("");
      if (!cell.generation) cell.fallBack();
    }
    window.clearTimeout(this.#stubborn);
    this.#stubborn = window.setTimeout(() => this.#running?.when(this.setting.words.stubborn), STUBBORN);
    await this.kernel.interrupt();
  }

  /** @param {string} [device] */
  async restart(device) {
    window.clearTimeout(this.#stubborn);
    await this.kernel.restart(device).catch(() => this.#tell());
  }

  #tell() {
    const { state, facts } = this.kernel;
    const { words } = this.setting;
    if (this.bar.dataset.state !== "away" && state === "away") for (const cell of this.cells) cell.fallBack();
    if (this.bar.dataset.state === "away" && state === "busy") this.#running?.show(YOURS);
    if (state !== "busy") window.clearTimeout(this.#stubborn);
    this.bar.dataset.state = state;
    const name = /** @type {HTMLElement} */ (this.bar.querySelector(".kernel-state"));
    if (state === "login") {
      const here = location.pathname.split(`${this.live.base}tour/`).pop() ?? "";
      const link = Object.assign(document.createElement("a"), {
        href: `${this.live.base}tour/start?next=${encodeURIComponent(here)}`, textContent: words.login_link,
      });
      name.replaceChildren(link);
    } else if (name.textContent !== words[state]) name.textContent = words[state];
    const up = ["idle", "busy", "dead"].includes(state);
    this.#button("interrupt").disabled = state !== "busy";
    this.#button("restart").disabled = !up;
    for (const cell of this.cells) {
      for (const name of ["run", "above", "watch"]) cell.button(name).disabled = state === "login" || state === "away";
    }
    this.#devices(up || state === "starting" ? facts : null);
  }

  /** @param {string} name @returns {HTMLButtonElement} */
  #button(name) {
    return /** @type {HTMLButtonElement} */ (this.bar.querySelector(`[data-do="${name}"]`));
  }

  /** @param {Facts | null} facts */
  #devices(facts) {
    const one = /** @type {HTMLElement} */ (this.bar.querySelector(".kernel-device"));
    const several = /** @type {HTMLElement} */ (this.bar.querySelector(".kernel-devices"));
    const devices = facts?.devices ?? [];
    const torch = facts?.torch ? `torch ${facts.torch.split("+")[0]}` : "";
    several.hidden = devices.length < 2;
    const label = (/** @type {import("./kernel.js").Device} */ device) => (device.kind === "cpu" ? "CPU" : device.name);
    one.textContent = [devices.length < 2 && facts ? label(facts.device) : "", torch].filter(Boolean).join(" · ");
    one.title = facts && devices.length < 2 ? `${facts.device.name}. ${this.setting.words.cpu_only}` : "";
    const select = several.querySelector("select");
    if (!select || several.hidden) return;
    select.replaceChildren(...devices.map((device) => new Option(label(device), device.id, false, device.id === facts?.device.id)));
  }
}

const page = /** @type {HTMLElement | null} */ (document.querySelector(".tour"));
const told = page?.querySelector(".tour-live");
if (page && told) begin(page, JSON.parse(told.textContent ?? "")).catch((error) => console.error(error));
