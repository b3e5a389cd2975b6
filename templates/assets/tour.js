// Follows the reader: marks the step that is being read in the story and in the lane picture, and moves with j and k.
// Without it the page is the same text, code and links.

const tour = document.querySelector(".tour");

if (tour) {
  const steps = [...tour.querySelectorAll(".tour-step")];
  const stops = new Map([...tour.querySelectorAll("[data-stop]")].map((stop) => [stop.dataset.stop, stop]));
  const picture = tour.querySelector(".tour-lanes");
  let now = null;

  const mark = (step) => {
    if (step === now) return;
    now?.classList.remove("now");
    stops.get(now?.dataset.step)?.removeAttribute("aria-current");
    now = step;
    now.classList.add("now");
    const stop = stops.get(now.dataset.step);
    stop?.setAttribute("aria-current", "step");
    if (stop && picture.scrollWidth > picture.clientWidth) {
      const middle = stop.getBoundingClientRect().x - picture.getBoundingClientRect().x;
      picture.scrollBy({ left: middle - picture.clientWidth / 2 });
    }
  };

  // The step being read is the last one whose heading has passed the upper third of the window.
  const look = () => {
    const line = window.innerHeight / 3;
    const passed = steps.filter((step) => step.getBoundingClientRect().top <= line);
    mark(passed.at(-1) ?? steps[0]);
  };

  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; look(); });
  }, { passive: true });
  look();

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const by = { j: 1, k: -1 }[event.key];
    if (!by) return;
    const at = location.hash && steps.findIndex((step) => step.dataset.step === location.hash.slice(1));
    const from = at >= 0 && location.hash && steps[at] === now ? at : steps.indexOf(now);
    const start = scrollY < 10 && !location.hash ? -1 : from;
    const next = steps[Math.min(steps.length - 1, Math.max(0, start + by))];
    history.replaceState(null, "", `#${next.dataset.step}`);
    next.querySelector("h2").scrollIntoView();
    mark(next);
  });
}

// Source pages are one for both languages: they look here for the reader's.
try { localStorage.setItem("tour-lang", document.documentElement.lang); } catch { /* not allowed: both show there */ }

// The switch of language keeps the step. The theme's own handler, further up, would lead to the other language's home.
for (const link of document.querySelectorAll("[data-tour-language]")) {
  link.addEventListener("click", (event) => {
    event.stopPropagation();
    link.hash = location.hash;
  });
}
