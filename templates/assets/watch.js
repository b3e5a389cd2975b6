// The cells of a page run under watch on the server: which steps they passed lights up beside the code and in the lane
// picture, with a count and, on demand, the stack that led there. Steps are known by data-step, stops by data-stop.

import { element, filled } from "./outputs.js";

/** @typedef {{name: string, at: string | null}} Frame */
/** @typedef {{id: string, state: string, count: number, text: string, stack: Frame[]}} Passed */
/** @typedef {{steps: Passed[], summary: string, provenance: string, notes: string[], wrong: string[]}} Told */
/** @typedef {{figure: HTMLElement, code: string, button: (name: string) => HTMLButtonElement}} Watched */

/**
 * Run some cells in their order under watch, the last being the one whose button was pressed.
 * @param {HTMLElement} tour @param {Watched[]} cells @param {string} base @param {Record<string, string>} words
 */
export async function watch(tour, cells, base, words) {
  const cell = cells[cells.length - 1];
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (tour.querySelectorAll('[data-do="watch"]'));
  for (const button of buttons) button.disabled = true;
  clear(tour);
  const note = say(cell.figure, words.watching);
  try {
    const told = await ask(base, {
      tour: tour.dataset.tour,
      lang: document.documentElement.lang.slice(0, 2),
      cells: Object.fromEntries(cells.map((one) => [one.figure.dataset.cell, one.code])),
    });
    for (const step of told.steps) light(tour, step, words);
    note.textContent = [told.summary, told.provenance, ...told.wrong].join(" · ");
    note.title = told.notes.join("\n");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    note.textContent = why === "busy" ? words.watch_busy : filled(words.watch_failed, { why });
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** @param {string} base @param {object} body @returns {Promise<Told>} */
async function ask(base, body) {
  const token = document.cookie.match(/(?:^|; )_xsrf=([^;]+)/)?.[1] ?? "";
  const answer = await fetch(`${base}tour/watch`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "X-XSRFToken": decodeURIComponent(token), "Content-Type": "application/json" },
    credentials: "same-origin",
    cache: "no-store",
  });
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(said?.message || `${answer.status} ${answer.statusText}`);
  return said;
}

/** Take away what an earlier run lit up. @param {HTMLElement} tour */
function clear(tour) {
  for (const one of tour.querySelectorAll(".step-passed, .cell-watched")) one.remove();
  for (const one of tour.querySelectorAll(".passed, .not-passed")) one.classList.remove("passed", "not-passed");
}

/** @param {HTMLElement} figure @param {string} text */
function say(figure, text) {
  const line = element("p", "cell-watched", text);
  line.setAttribute("role", "status");
  figure.append(line);
  return line;
}

/** @param {HTMLElement} tour @param {Passed} step @param {Record<string, string>} words */
function light(tour, step, words) {
  const article = tour.querySelector(`[data-step="${CSS.escape(step.id)}"]`);
  if (!article) return;
  const how = step.state === "seen" ? "passed" : step.state === "not-seen" ? "not-passed" : "";
  if (how) {
    article.classList.add(how);
    tour.querySelector(`[data-stop="${CSS.escape(step.id)}"]`)?.classList.add(how);
  }
  const told = element(step.stack.length ? "details" : "p", `step-passed ${how}`, "");
  if (step.stack.length) {
    const list = element("ol", "", "");
    for (const frame of step.stack) {
      const line = element("li", "", "");
      line.append(element("code", "", frame.name), frame.at ? ` ${frame.at}` : "");
      list.append(line);
    }
    told.append(element("summary", "", step.text), element("p", "", words.watch_stack), list);
  } else told.textContent = step.text;
  (article.querySelector(".tour-where") ?? article.firstElementChild)?.after(told);
}
