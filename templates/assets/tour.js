// Follows the reader: marks the step that is being read in the story and in the lane picture, brings its code into the
// pane, and remembers where the reader was and which version was chosen. Without it the page is the same text, code and links.

/** @param {string} key @returns {any} */
function kept(key) {
  try { return JSON.parse(localStorage.getItem(key) ?? "null"); } catch { return null; }
}

/** @param {string} key @param {unknown} value */
function keep(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* not allowed: it holds for this page */ }
}

const PROGRESS = "tour-progress";
const root = document.documentElement;
const tour = document.querySelector(".tour");

/** What a page says of itself for a moment, to everybody. */
const said = tour?.querySelector(".tour-said");
let quiet = 0;
/** @param {string} text */
function say(text) {
  if (!said) return;
  said.textContent = text;
  clearTimeout(quiet);
  quiet = setTimeout(() => { said.textContent = ""; }, 1600);
}

/** Which version's code shows, and whether what changed. */
class Versions {
  constructor() {
    this.names = document.querySelector('meta[name="tour-versions"]')?.content.split(" ") ?? [];
    for (const button of tour.querySelectorAll("[data-show]")) {
      button.addEventListener("click", () => this.choose(button.dataset.show, button));
    }
    this.press();
  }

  get at() { return Number(root.dataset.at); }
  get changed() { return root.dataset.shows?.startsWith("c") ?? false; }

  /** @param {string} show a version's number, `cN` for what changed from or to the Nth, `c` for the nearest @param {Element} [by] */
  choose(show, by) {
    const top = by?.getBoundingClientRect().top;
    if (show.startsWith("c")) {
      root.dataset.shows = this.changed && show === "c" ? String(this.at) : show === "c" ? `c${this.at || 1}` : show;
    } else root.dataset.at = root.dataset.shows = show;
    keep("tour-version", { version: this.names[this.at], changed: this.changed });
    this.press();
    if (by?.checkVisibility()) scrollBy({ top: by.getBoundingClientRect().top - top, behavior: "instant" }); // on a phone codes of unlike lengths stand above
    centre(now);
    const change = this.changed && now?.querySelector(`.tour-change[data-on="${root.dataset.shows}"]`);
    say(change ? change.ariaLabel : tour.dataset.showsWords.replace("{}", this.names[this.at]));
  }

  next() { if (this.names.length > 1) this.choose(String((this.at + 1) % this.names.length), now?.querySelector("h2")); }
  change() { if (this.names.length > 1) this.choose("c", now?.querySelector("h2")); }

  press() {
    for (const button of tour.querySelectorAll(".tour-versions [data-show]")) {
      const on = this.changed ? button.dataset.show === "c" : button.dataset.show === root.dataset.shows;
      button.setAttribute("aria-pressed", String(on));
    }
  }
}

/** @type {HTMLElement | null} */ let now = null;

/** Bring the lit lines of a step into the upper part of its code. @param {Element | null} step */
function centre(step) {
  for (const pre of step?.querySelectorAll(".tour-code pre") ?? []) {
    const lit = pre.querySelector(".lit, .went, .came, .mixed");
    if (!lit || !pre.clientHeight) continue;
    const gap = lit.getBoundingClientRect().top - pre.getBoundingClientRect().top + pre.scrollTop;
    pre.scrollTop = Math.max(0, gap - pre.clientHeight / 4);
  }
}

if (tour) {
  const steps = [...tour.querySelectorAll(".tour-step")];
  const stories = new Map(steps.map((step) => [step, step.querySelector(".tour-story")]));
  const stops = new Map([...tour.querySelectorAll("[data-stop]")].map((stop) => [stop.dataset.stop, stop]));
  const picture = tour.querySelector(".tour-lanes");
  const versions = new Versions();
  /** The step that the reader asked for, until it is left. @type {HTMLElement | null} */ let asked = null;

  const mark = (step) => {
    if (step === now) return;
    now?.classList.remove("now");
    stops.get(now?.dataset.step)?.removeAttribute("aria-current");
    now = step;
    now.classList.add("now");
    centre(now);
    const stop = stops.get(now.dataset.step);
    stop?.setAttribute("aria-current", "step");
    if (stop && picture.scrollWidth > picture.clientWidth) {
      const middle = stop.getBoundingClientRect().x - picture.getBoundingClientRect().x;
      picture.scrollBy({ left: middle - picture.clientWidth / 2 });
    }
    remember();
  };

  // The step being read is the one that was asked for while it is in sight, else the last one whose heading has passed
  // the upper third of the window.
  const look = () => {
    if (asked) {
      const { top, bottom } = stories.get(asked).getBoundingClientRect();
      if (top < innerHeight * .8 && bottom > picture.getBoundingClientRect().bottom) return mark(asked);
      asked = null;
    }
    const line = innerHeight * .42;
    const passed = steps.filter((step) => stories.get(step).getBoundingClientRect().top <= line);
    const end = scrollY > 0 && scrollY + innerHeight >= root.scrollHeight - 4;
    mark((end ? steps : passed).at(-1) ?? steps[0]);
  };

  let saving = 0;
  let opened = false; // that a page was opened is no progress
  const remember = () => {
    if (!opened) return;
    clearTimeout(saving);
    saving = setTimeout(() => {
      const where = { step: now.dataset.step, number: steps.indexOf(now) + 1, of: steps.length, when: Date.now() };
      keep(PROGRESS, { ...kept(PROGRESS), [tour.dataset.tour]: where });
    }, 300);
  };

  /** @param {HTMLElement} step */
  const go = (step) => {
    asked = step;
    history.replaceState(null, "", `#${step.dataset.step}`);
    const heading = step.querySelector("h2");
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
    mark(step);
  };
  const named = () => steps.find((step) => step.dataset.step === decodeURIComponent(location.hash.slice(1))) ?? null;

  const last = kept(PROGRESS)?.[tour.dataset.tour];
  const onward = tour.querySelector(".tour-continue");
  const kin = last && steps.find((step) => step.dataset.step === last.step);
  if (kin && kin !== steps[0] && !location.hash) {
    onward.href = `#${last.step}`;
    onward.textContent = onward.dataset.words.replace("{number}", String(steps.indexOf(kin) + 1)).replace("{title}", kin.querySelector("h2").textContent.trim());
    onward.hidden = false;
    tour.querySelector(".keys").hidden = true;
  }

  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; look(); });
  }, { passive: true });
  for (const moved of ["wheel", "touchmove"]) addEventListener(moved, () => { asked = null; }, { passive: true });
  addEventListener("hashchange", () => { asked = named(); look(); });
  addEventListener("resize", () => centre(now));
  asked = named();
  look();
  opened = true;

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "Escape") for (const open of tour.querySelectorAll(".tour-marks details[open]")) open.open = false;
    if (event.key === "v") versions.next();
    if (event.key === "d") versions.change();
    const by = { j: 1, k: -1 }[event.key];
    if (!by) { if (["PageDown", "PageUp", "ArrowDown", "ArrowUp", "Home", "End", " "].includes(event.key)) asked = null; return; }
    const start = scrollY < 10 && !location.hash && !asked ? -1 : steps.indexOf(now);
    go(steps[Math.min(steps.length - 1, Math.max(0, start + by))]);
  });

  // A mark opens for who points at it, too, and one at a time.
  for (const details of tour.querySelectorAll(".tour-marks details")) {
    details.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") details.open = true; });
    details.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && !details.contains(document.activeElement)) details.open = false; });
    details.querySelector("summary").addEventListener("click", (event) => { if (event.detail && matchMedia("(hover: hover)").matches) event.preventDefault(); });
    details.addEventListener("toggle", () => {
      if (details.open) for (const other of tour.querySelectorAll(".tour-marks details[open]")) if (other !== details) other.open = false;
    });
    details.addEventListener("focusout", (event) => { if (!details.contains(event.relatedTarget)) details.open = false; });
  }
}

// Source pages are one for both languages: they look here for the reader's.
try { localStorage.setItem("tour-lang", root.lang); } catch { /* not allowed: both show there */ }

// The switch of language keeps the step. The theme's own handler, further up, would lead to the other language's home.
for (const link of document.querySelectorAll("[data-tour-language]")) {
  link.addEventListener("click", (event) => {
    event.stopPropagation();
    link.hash = now && (location.hash || scrollY > 10) ? now.dataset.step : location.hash;
  });
}

// The theme's search is a dialog without a name.
const search = document.querySelector(".md-search[role=dialog]");
search?.setAttribute("aria-label", search.querySelector("input")?.placeholder ?? "");

// What a cell showed can be wider than a phone: then it scrolls, and the keyboard has to get there.
const reachable = () => {
  for (const pre of document.querySelectorAll(".outs pre")) {
    if (pre.scrollWidth > pre.clientWidth || pre.scrollHeight > pre.clientHeight) pre.tabIndex = 0;
  }
};
reachable();
addEventListener("resize", reachable);
addEventListener("change", reachable);

// Where the reader was in each tour: on the cards of the tours, and on the first page.
const progress = kept(PROGRESS) ?? {};
for (const card of document.querySelectorAll(".tour-card[data-tour]")) {
  const where = progress[card.dataset.tour];
  if (!where) continue;
  const bar = card.querySelector("progress");
  bar.max = where.of;
  bar.value = where.number;
  bar.hidden = false;
}
const names = [...document.querySelectorAll(".home-reader a[data-tour], .tour-path a[data-tour], .map-name[data-tour]")];
for (const name of names) {
  const where = progress[name.dataset.tour];
  if (where && name.classList.length === 0) Object.assign(name.dataset, { read: `${where.number}/${where.of}` }), name.classList.add("read");
}
for (const bar of document.querySelectorAll(".home-reader > progress")) {
  const links = [...bar.parentElement.querySelectorAll("a[data-tour]")];
  const read = links.map((link) => [progress[link.dataset.tour], Number(link.dataset.steps)]);
  bar.max = read.reduce((sum, [, of]) => sum + of, 0);
  bar.value = read.reduce((sum, [where, of]) => sum + (where ? of * where.number / where.of : 0), 0);
  bar.hidden = !bar.value;
}
const home = document.querySelector(".home-continue a");
const latest = Object.entries(progress).filter(([name]) => names.some((link) => link.dataset.tour === name)).sort(([, a], [, b]) => b.when - a.when)[0];
if (home && latest) {
  const [tourName, { step, number, of }] = latest;
  const link = names.find((one) => one.dataset.tour === tourName);
  home.href = `${link.getAttribute("href")}#${step}`;
  home.textContent = home.dataset.words.replace("{title}", link.ariaLabel ?? link.textContent).replace("{number}", number).replace("{of}", of);
  home.hidden = false;
}

// A site on this machine is perhaps being written: its pages show themselves anew when they were built anew.
if (["127.0.0.1", "localhost", "[::1]"].includes(location.hostname)) {
  const address = new URL("built.json", import.meta.url);
  let built = null;
  setInterval(async () => {
    if (document.hidden) return;
    const found = await fetch(address, { cache: "no-store" }).then((answer) => answer.json(), () => null);
    if (built && found && found.built !== built) {
      if (now && scrollY > 10) history.replaceState(null, "", `#${now.dataset.step}`);
      location.reload();
    }
    built = found?.built ?? built;
  }, 1000);
}
