// A tour inside somebody else's page: shows one step at a time, takes its tone from the page around it, and runs cells
// where `tour serve` shows the page. Without it every step shows. In a frame of its own it also tells the host its height
// and takes the host's theme: {type: "tour:height", height, tour, step} goes out, {type: "tour:theme", theme} comes in.
(() => {
  if (customElements.get("tour-embed")) return;
  const root = document.documentElement;
  const isPage = root.classList.contains("embed-page");

  class TourEmbed extends HTMLElement {
    /** @type {HTMLElement[]} */ steps = [];
    now = 0;

    connectedCallback() {
      this.tone();
      live(this);
      if (this.steps.length) return;
      this.steps = [...this.querySelectorAll(".embed-step")];
      const only = isPage ? this.steps.find((step) => step.dataset.step === new URLSearchParams(location.search).get("step")) : null;
      if (only) {
        for (const part of this.querySelectorAll(".embed-step, .embed-intro, .embed-nav, .embed-more")) if (part !== only && !only.contains(part)) part.remove();
        this.steps = [only];
      }
      if (this.steps.length > 1) this.walk();
      else centre(this.steps[0]);
    }

    walk() {
      this.dataset.walks = "";
      this.stops = [...this.querySelectorAll(".embed-stops a")];
      this.stops.forEach((stop, number) => stop.addEventListener("click", (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.go(number);
      }));
      const nav = this.querySelector(".embed-nav");
      [this.back, this.on] = nav.querySelectorAll("button");
      this.back.addEventListener("click", () => this.go(this.now - 1));
      this.on.addEventListener("click", () => this.go(this.now + 1));
      nav.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!by || event.ctrlKey || event.metaKey || event.altKey || !this.steps[this.now + by]) return;
        event.preventDefault();
        this.go(this.now + by);
        if (document.activeElement?.matches(".embed-stops a")) this.stops[this.now].focus();
      });
      addEventListener("hashchange", () => { if (this.isConnected) this.named(); });
      this.show(0);
      this.named();
    }

    /** The step that the address names. */
    named() {
      const number = this.steps.findIndex((step) => step.id === decodeURIComponent(location.hash.slice(1)));
      if (number < 0) return;
      this.show(number);
      this.scrollIntoView({ block: "start" });
    }

    /** @param {number} number */
    go(number) {
      if (!this.steps[number]) return;
      try { history.replaceState(history.state, "", `#${this.steps[number].id}`); } catch { /* a page without an address of its own */ }
      this.show(number);
      if (this.getBoundingClientRect().top < 0) this.scrollIntoView({ block: "start" });
    }

    /** @param {number} number */
    show(number) {
      this.now = number;
      this.steps.forEach((step, other) => step.classList.toggle("now", other === number));
      this.stops.forEach((stop, other) => (other === number ? stop.setAttribute("aria-current", "step") : stop.removeAttribute("aria-current")));
      this.back.disabled = number === 0;
      this.on.disabled = number === this.steps.length - 1;
      this.querySelector(".embed-at").textContent = `${number + 1} / ${this.steps.length}`;
      centre(this.steps[number]);
    }

    /** Letters lighter than the middle stand on a dark ground, whatever the host calls its themes. */
    tone() {
      const [red, green, blue] = rgb(getComputedStyle(this.parentElement ?? root).color);
      const scheme = .299 * red + .587 * green + .114 * blue > 128 ? "dark" : "light";
      if (this.style.colorScheme !== scheme) this.style.colorScheme = scheme;
    }
  }

  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  /** A colour in any notation. @param {string} colour */
  function rgb(colour) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return alpha ? [red, green, blue] : [0, 0, 0];
  }

  /** Bring the lit lines into sight, and what scrolls into the keyboard's reach. @param {Element | undefined} step */
  function centre(step) {
    for (const pre of step?.querySelectorAll(".embed-code pre") ?? []) {
      const lit = pre.querySelector(".lit");
      if (lit) pre.scrollTop += lit.getBoundingClientRect().top - pre.getBoundingClientRect().top - pre.clientHeight / 4;
    }
    for (const pre of step?.querySelectorAll(".outs pre") ?? []) {
      if (pre.scrollWidth > pre.clientWidth || pre.scrollHeight > pre.clientHeight) pre.tabIndex = 0;
    }
  }

  /** Cells run where the page is one of `tour serve` or of a JupyterHub, whose addresses say so; nobody else is asked. */
  const begun = new WeakSet();
  /** @param {HTMLElement} within */
  function live(within) {
    const [base] = location.pathname.match(/^.*?\/tour\//) ?? [];
    const here = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname) || base?.includes("/user/");
    const page = within.closest("article, main, body");
    if (isPage || !base || !here || !page || begun.has(page)) return;
    queueMicrotask(async () => {
      const bar = page.querySelector(".tour-kernel[data-live]");
      if (!bar || begun.has(page)) return;
      begun.add(page);
      const cells = await import(new URL(`${base}assets/tour/cells.js`, location.href).href).catch(() => null);
      cells?.begin(page, { ...JSON.parse(bar.dataset.live), root: base });
    });
  }

  customElements.define("tour-embed", TourEmbed);
  const all = () => document.querySelectorAll("tour-embed").forEach((embed) => embed.tone());
  const watch = new MutationObserver(all);
  for (const element of [root, document.body]) watch.observe(element, { attributes: true });
  addEventListener("transitionend", (event) => { if (event.target === document.body) all(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);

  if (!isPage) return;
  const told = document.querySelector("tour-embed");
  const themes = ["light", "dark"];
  /** @param {unknown} theme anything but these two is the system's */
  const follow = (theme) => {
    if (themes.includes(theme)) root.dataset.theme = theme;
    else delete root.dataset.theme;
    all();
  };
  follow(new URLSearchParams(location.search).get("theme"));
  if (parent === window) return;
  addEventListener("message", (event) => {
    if (event.source === parent && event.data?.type === "tour:theme") follow(event.data.theme);
  });
  new ResizeObserver(() => {
    const height = Math.ceil(told.getBoundingClientRect().height);
    parent.postMessage({ type: "tour:height", height, tour: told.dataset.tour, step: told.steps[told.now]?.dataset.step }, "*");
  }).observe(told);
})();
