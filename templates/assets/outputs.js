// What a cell shows, as elements: the same as tour/render/outputs.py makes of recorded outputs. None of it is trusted:
// text is text, pictures are images, HTML stands in a frame that runs and loads nothing.

/** @typedef {{file: string, line: number, code: string | null}} Frame */
/** @typedef {{title: string, sheet: string, words: Record<string, string>, place: (element: HTMLElement, frame: Frame) => void}} Setting */

const MOST_TEXT = 200_000; // characters of text that a cell may show
const MOST_DATA = 6_000_000; // characters of pictures and HTML
const FAR = 2000; // columns that a program may skip
const OFTEN = 50; // milliseconds between two drawings of a stream
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const TOKEN = /\x1b\[([\d;?]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^]?|[\r\n\b]|[^\x1b\r\n\b]+/g;
const FRAME = /^\s*File "?(?:.*-packages\/|.*?\/|)(torch\/[^\s":]+\.py)(?:", line )?:?(\d+)/d;
const ARROW = /^-+> *(\d+) (.*)$/;

/** @type {Record<number, [string, string]>} */
const MARKS = { 1: ["1", "a-bold"], 3: ["3", "a-italic"], 4: ["4", "a-underline"] };

/** Rows of letters with their look, and where the next one goes. */
export class Screen {
  /** @type {[string, string][][]} */ rows = [[]];
  #row = 0;
  #column = 0;
  /** @type {Map<string, string>} */ #marks = new Map();
  #left = "";

  /** @param {string} raw */
  write(raw) {
    const text = this.#left + raw;
    const cut = text.match(/\x1b(?:\[[\d;?]*|\][^\x07\x1b]*\x1b?)?$/); // its rest may come with the next piece
    this.#left = cut && cut[0].length < FAR ? cut[0] : "";
    for (const [said, numbers, command] of text.slice(0, text.length - this.#left.length).matchAll(TOKEN)) {
      if (said === "\n") {
        this.#row += 1;
        this.#column = 0;
        if (this.#row === this.rows.length) this.rows.push([]);
      } else if (said === "\r") this.#column = 0;
      else if (said === "\b") this.#column = Math.max(0, this.#column - 1);
      else if (command) this.#command(command, numbers);
      else if (!said.startsWith("\x1b")) this.#put(said);
    }
  }

  /** @param {string} said */
  #put(said) {
    const row = this.rows[this.#row];
    const look = [...this.#marks.values()].join(" ");
    while (row.length < this.#column) row.push([" ", ""]);
    for (const letter of said) row[this.#column++] = [letter, look];
  }

  /** @param {string} command @param {string} numbers */
  #command(command, numbers) {
    const given = numbers.split(";").map((number) => (/^\d+$/.test(number) ? Number(number) : 0));
    const row = this.rows[this.#row];
    if (command === "m") this.#look(given);
    else if (command === "A") this.#row = Math.max(0, this.#row - Math.max(1, given[0]));
    else if (command === "K") row.splice(given[0] === 2 ? 0 : this.#column);
    else if (command === "G") this.#column = Math.min(Math.max(1, given[0]), FAR) - 1;
    else if (command === "C") this.#column = Math.min(this.#column + Math.max(1, given[0]), FAR);
  }

  /** Select Graphic Rendition; colours beyond the first sixteen become the nearest of those. @param {number[]} given */
  #look(given) {
    const marks = this.#marks;
    for (let at = 0; at < given.length; at++) {
      const number = given[at];
      if (number === 0) marks.clear();
      else if (MARKS[number]) marks.set(...MARKS[number]);
      else if (number === 22) marks.delete("1");
      else if (number === 23 || number === 24) marks.delete(String(number - 20));
      else if (number === 39 || number === 49) marks.delete(number === 39 ? "fg" : "bg");
      else if (number === 38 || number === 48) {
        const [colour, end] = named(given, at);
        const key = number === 38 ? "fg" : "bg";
        marks.set(key, `a-${key}${colour}`);
        at = end;
      } else {
        for (const [first, key, bright] of /** @type {[number, string, number][]} */ ([[30, "fg", 0], [40, "bg", 0], [90, "fg", 8], [100, "bg", 8]])) {
          if (first <= number && number < first + 8) marks.set(key, `a-${key}${number - first + bright}`);
        }
      }
    }
  }
}

/** One of the sixteen colours, and where what named it ends. @param {number[]} given @param {number} at @returns {[number, number]} */
function named(given, at) {
  const rest = given.slice(at + 1);
  if (rest[0] === 5 && rest.length > 1) {
    const number = Math.min(rest[1], 255);
    if (number < 16) return [number, at + 2];
    if (number >= 232) return [8, at + 2];
    const cube = number - 16;
    return [nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51), at + 2];
  }
  if (rest[0] === 2 && rest.length > 3) {
    const [red, green, blue] = rest.slice(1, 4).map((part) => Math.min(part, 255));
    return [nearest(red, green, blue), at + 4];
  }
  return [8, given.length];
}

/** @param {number} red @param {number} green @param {number} blue */
function nearest(red, green, blue) {
  const most = Math.max(red, green, blue);
  const span = most - Math.min(red, green, blue);
  if (!most || span / most < 0.3) return 8;
  const turn = most === red ? ((green - blue) / span + 6) % 6 : most === green ? (blue - red) / span + 2 : (red - green) / span + 4;
  return [1, 3, 2, 6, 4, 5][even(turn) % 6];
}

/** Round as Python does, halves to even. @param {number} number */
const even = (number) => (number % 1 === 0.5 ? 2 * Math.round(number / 2) : Math.round(number));

/** @param {[string, string][]} row @param {ParentNode} into */
function runs(row, into) {
  for (let start = 0, end = 0; start < row.length; start = end) {
    const look = row[start][1];
    while (end < row.length && row[end][1] === look) end++;
    const text = row.slice(start, end).map(([letter]) => letter).join("");
    if (look) into.append(element("span", look, text));
    else into.append(text);
  }
}

/**
 * What a terminal shows, put into `into`; `placed` gets each line of a torch file that a traceback passes.
 * @param {Screen} screen @param {Element} into @param {((element: HTMLElement, frame: Frame) => void) | null} [placed]
 */
export function draw(screen, into, placed = null) {
  const lines = screen.rows.map((row) => row.map(([letter]) => letter).join(""));
  while (lines.length && !lines.at(-1)) lines.pop();
  const drawn = document.createDocumentFragment();
  lines.forEach((line, number) => {
    if (number) drawn.append("\n");
    const row = screen.rows[number];
    const found = placed ? FRAME.exec(line) : null;
    if (!placed || !found?.indices) {
      runs(row, drawn);
      return;
    }
    const [start, end] = [found.indices[1]?.[0], found.indices[2]?.[1]].map((at) => [...line.slice(0, at)].length);
    const here = element("span", "", "");
    runs(row.slice(0, start), drawn);
    runs(row.slice(start, end), here);
    drawn.append(here);
    runs(row.slice(end), drawn);
    placed(here, { file: found[1], line: Number(found[2]), code: quoted(lines, number, found[2]) });
  });
  into.replaceChildren(drawn);
}

/** The code that a traceback quotes for a frame. @param {string[]} lines @param {number} at @param {string} line */
function quoted(lines, at, line) {
  if (lines[at].includes('", line ')) return lines[at + 1]?.trim() ?? null;
  for (let number = at + 1; number < lines.length && !FRAME.test(lines[number]); number++) {
    const arrow = lines[number].match(ARROW);
    if (arrow?.[1] === line) return arrow[2].trim();
  }
  return null;
}

/** @param {string} tag @param {string} look @param {string} text @returns {HTMLElement} */
export function element(tag, look, text) {
  const made = document.createElement(tag);
  if (look) made.className = look;
  if (text) made.textContent = text;
  return made;
}

/** A phrase with its gaps filled. @param {string} phrase @param {Record<string, string | number>} values */
export const filled = (phrase, values) => phrase.replace(/\{(\w+)\}/g, (gap, name) => String(values[name] ?? gap));

/** Give a frame of HTML the height of what it holds. @param {HTMLIFrameElement} frame */
export function fit(frame) {
  const measure = () => {
    const body = frame.contentDocument?.body;
    if (body?.childNodes.length) frame.style.height = `${Math.min(body.scrollHeight + 4, 600)}px`;
  };
  if (frame.contentDocument?.readyState === "complete") measure();
  frame.addEventListener("load", measure);
}

/** @param {string} html @param {Setting} setting */
function framed(html, { title, sheet }) {
  const frame = document.createElement("iframe");
  frame.className = "out-html";
  frame.setAttribute("sandbox", "allow-same-origin");
  frame.title = title;
  const policy = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:";
  frame.srcdoc = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="color-scheme" content="light dark">`
    + `<link rel="stylesheet" href="${sheet}"><body class="out-page">${html}`;
  fit(frame);
  return frame;
}

/** @param {string} text */
const coded = (text) => btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));

/** Everything that one run of a cell shows. */
export class Outputs {
  /** @type {{name: string, pre: HTMLElement, screen: Screen} | null} */ #stream = null;
  /** @type {Map<string, HTMLElement[]>} */ #displays = new Map();
  #text = 0;
  #data = 0;
  #clear = false;
  #drawn = 0;
  #later = 0;

  /** @param {HTMLElement} into @param {Setting} setting */
  constructor(into, setting) {
    this.into = into;
    this.setting = setting;
    into.replaceChildren();
  }

  /** A message of the kernel's. @param {string} type @param {any} content */
  take(type, content) {
    if (type === "clear_output") {
      if (content.wait) this.#clear = true;
      else this.#empty();
      return;
    }
    if (!["stream", "display_data", "execute_result", "update_display_data", "error"].includes(type)) return;
    if (this.#clear) this.#empty();
    if (type === "stream") this.#print(content.name, content.text);
    else if (type === "error") this.#error(content);
    else if (type === "update_display_data") this.#update(content);
    else this.#display(content);
  }

  #empty() {
    this.finish();
    this.#clear = false;
    this.#stream = null;
    this.into.replaceChildren();
  }

  /** @param {HTMLElement} made */
  #add(made) {
    this.finish();
    this.#stream = null;
    this.into.append(made);
    return made;
  }

  /** What of a text there is room for; the first that is too long leaves a note. @param {string} text */
  #room(text) {
    const left = MOST_TEXT - this.#text;
    this.#text += text.length;
    if (text.length > left && left >= 0) {
      queueMicrotask(() => this.note(filled(this.setting.words.cut, { most: MOST_TEXT.toLocaleString() })));
    }
    return text.slice(0, Math.max(0, left));
  }

  /** @param {string} name @param {string} said */
  #print(name, said) {
    const text = this.#room(said);
    if (!text) return;
    if (this.#stream?.name !== name) {
      const pre = element("pre", name === "stderr" ? "out-err" : "out-text", "");
      pre.tabIndex = 0;
      this.#add(pre);
      this.#stream = { name, pre, screen: new Screen() };
      this.#drawn = 0;
    }
    this.#stream?.screen.write(text);
    const since = performance.now() - this.#drawn;
    if (since > OFTEN) this.finish();
    else if (!this.#later) this.#later = window.setTimeout(() => this.finish(), OFTEN - since);
  }

  /** Draw what was not drawn yet. */
  finish() {
    window.clearTimeout(this.#later);
    this.#later = 0;
    if (!this.#stream) return;
    const { pre, screen } = this.#stream;
    const follows = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4;
    draw(screen, pre);
    if (follows) pre.scrollTop = pre.scrollHeight;
    this.#drawn = performance.now();
  }

  /** @param {any} content */
  #error({ ename, evalue, traceback }) {
    const text = this.#room(traceback?.length ? traceback.join("\n") : `${ename}: ${evalue}`);
    if (!text) return;
    const screen = new Screen();
    screen.write(text);
    const pre = this.#add(element("pre", "out-error", ""));
    pre.tabIndex = 0;
    draw(screen, pre, this.setting.place);
  }

  /** @param {any} content */
  #display({ data, transient }) {
    const made = this.#add(this.#shown(data));
    const id = transient?.display_id;
    if (id) this.#displays.set(id, [...(this.#displays.get(id) ?? []), made]);
  }

  /** @param {any} content */
  #update({ data, transient }) {
    const id = transient?.display_id;
    const old = this.#displays.get(id) ?? [];
    this.#displays.set(id, old.map((each) => {
      const made = this.#shown(data);
      each.replaceWith(made);
      return made;
    }));
  }

  /** @param {Record<string, any>} data @returns {HTMLElement} */
  #shown(data) {
    const mime = ["text/html", "image/svg+xml", ...PICTURES].find((each) => each in data);
    const whole = (/** @type {any} */ value) => (Array.isArray(value) ? value.join("") : String(value));
    if (!mime) {
      const screen = new Screen();
      screen.write(this.#room(whole(data["text/plain"] ?? "")));
      const pre = element("pre", "out-text", "");
      pre.tabIndex = 0;
      draw(screen, pre);
      return pre;
    }
    const value = whole(data[mime]);
    this.#data += value.length;
    if (this.#data > MOST_DATA) {
      return element("p", "cell-note", filled(this.setting.words.left_out, { size: bytes(value.length) }));
    }
    if (mime === "text/html") return framed(value, this.setting);
    const image = document.createElement("img");
    image.className = "out-image";
    image.alt = this.setting.title;
    image.src = `data:${mime};base64,${mime === "image/svg+xml" ? coded(value) : value.replace(/[^A-Za-z0-9+/=]/g, "")}`;
    return image;
  }

  /** A word of the page's own among the outputs. @param {string} text @param {HTMLElement} [then] */
  note(text, then) {
    const made = this.#add(element("p", "cell-note", text));
    if (then) made.append(" ", then);
  }

  /** What a run did on the GPU. @param {any} report */
  gpu(report) {
    if (!report?.total) return;
    const { words } = this.setting;
    const told = element("details", "cell-gpu", "");
    const amounts = Object.fromEntries(["allocated", "peak", "free", "total"].map((key) => [key, bytes(report[key])]));
    const kernels = report.kernels ?? [];
    const count = kernels.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.count, 0);
    const memory = filled(words.gpu_memory, { allocated: amounts.allocated, peak: amounts.peak, free: amounts.free, total: amounts.total });
    told.append(element("summary", "", report.kernels ? `${memory} ${filled(words.gpu_kernels, { count })}` : memory));
    const table = document.createElement("table");
    for (const { name, count: times, us } of kernels) {
      const row = table.insertRow();
      row.insertCell().append(element("code", "", name));
      row.insertCell().textContent = `${times} ×`;
      row.insertCell().textContent = `${us} µs`;
    }
    if (kernels.length) told.append(table);
    this.#add(told);
  }
}

/** @param {number} count */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  const number = count / 1000 ** power;
  return `${number < 10 && power ? number.toFixed(1) : Math.round(number)} ${units[power]}`;
}
