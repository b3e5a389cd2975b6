// From a line of torch's that a traceback passes to the source page of that line in the tree that the page is of: by
// its number where kernel and tree are of one version, else by its code, as tour/recordings.py does it.

/** @typedef {import("./outputs.js").Frame} Frame */

/** @type {Map<string, Promise<string[] | null>>} */
const pages = new Map();

/** The lines of a source page, or `null` where there is none. @param {string} address */
function lines(address) {
  let found = pages.get(address);
  if (!found) {
    found = fetch(address).then(async (answer) => (answer.ok ? read(await answer.text()) : null)).catch(() => null);
    pages.set(address, found);
  }
  return found;
}

/** @param {string} html */
function read(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return [...page.querySelectorAll("[id^='L']")].filter((line) => /^L\d+$/.test(line.id)).map((line) => {
    for (const aside of line.querySelectorAll(".no, .pass")) aside.remove();
    return line.textContent?.replace(/\n$/, "") ?? "";
  });
}

/**
 * Make an element a link to its line.
 * @param {HTMLElement} element @param {Frame} frame
 * @param {{root: string, tree: string, torch: string | null, said: (line: number) => string}} where
 */
export async function place(element, frame, { root, tree, torch, said }) {
  if (!tree) return; // a page of programs alone is of no tree
  const address = `${root}source/${tree}/${frame.file.split("/").map(encodeURIComponent).join("/")}.html`;
  const source = await lines(address);
  if (!source) return;
  let line = frame.line;
  if (torch?.split("+")[0] !== tree) {
    const alike = source.flatMap((text, index) => (frame.code && text.trim() === frame.code ? [index + 1] : []));
    if (!alike.length) return;
    line = alike.reduce((best, each) => (Math.abs(each - frame.line) < Math.abs(best - frame.line) ? each : best));
  } else if (line > source.length) return;
  const link = document.createElement("a");
  link.href = `${address}#L${line}`;
  if (line !== frame.line) link.title = said(line);
  link.append(...element.childNodes);
  element.replaceChildren(link);
}
