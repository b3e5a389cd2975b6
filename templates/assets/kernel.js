// A page's own kernel, over Jupyter's REST and WebSocket interface. It is started by the first run and held across
// reloads; the page hears of its state and tells the reader.

/** @typedef {"none" | "starting" | "idle" | "busy" | "dead" | "ended" | "away" | "login"} State */
/** @typedef {{id: string, kind: string, name: string}} Device */
/** @typedef {{torch: string | null, python: string, device: Device, devices: Device[]}} Facts */
/** @typedef {(type: string, content: any) => void} Sink */
/** @typedef {{sink: Sink | null, reply: any, idle: boolean, silent: boolean, done: (reply: any) => void, fail: (error: Lost) => void}} Waiting */

const UNHEARD = 30_000; // milliseconds after which a kernel may have been ended: nobody tells an open page
const AGAIN = [500, 1000, 2000, 4000]; // milliseconds between attempts to reach a server that went away
const BEGIN = (/** @type {string} */ source) =>
  `(lambda module: (exec(${JSON.stringify(source)}, module.__dict__), __import__('sys').modules.__setitem__('_tour', module)))`
  + "(__import__('types').ModuleType('_tour'))"; // tour/notebooks.py begins a kernel with the same line

/** Why a run has no result: `died`, `gone` with its server, `restarted`, `failed` to start, or `away`. */
export class Lost extends Error {
  /** @param {string} why @param {string} [detail] */
  constructor(why, detail = "") {
    super(detail || why);
    this.why = why;
  }
}

const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

export class Kernel {
  /** @type {State} */ state = "none";
  /** @type {Facts | null} */ facts = null;
  /** How many kernels there were: what earlier ones made is gone. */
  generation = 0;
  /** Why the last one ended, where the reader did not ask for it. */
  lost = "";

  #session = random();
  /** @type {string | null} */ #id = null;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Map<string, Waiting>} */ #waiting = new Map();
  /** @type {Promise<void> | null} */ #starting = null;
  #heard = 0;
  #returning = false;

  /**
   * @param {string} base the server's address, with its stroke at the end
   * @param {string} key under which this page keeps its kernel's id in the session's storage
   * @param {() => void} changed called after each change of state or facts
   */
  constructor(base, key, changed) {
    this.base = base;
    this.key = key;
    this.changed = changed;
    this.device = sessionStorage.getItem(`${key} device`) ?? "auto";
  }

  /** @param {State} state */
  #be(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }

  /** @param {string} method @param {string} path @param {any} [body] */
  async #ask(method, path, body) {
    const token = document.cookie.match(/(?:^|; )_xsrf=([^;]+)/)?.[1] ?? "";
    const answer = await fetch(`${this.base}${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { "X-XSRFToken": decodeURIComponent(token), "Content-Type": "application/json" },
      credentials: "same-origin",
      cache: "no-store",
    }).catch(() => { throw new Lost("away"); });
    if (answer.status === 401 || answer.status === 403) throw new Lost("login");
    if (!answer.ok) {
      const said = await answer.json().catch(() => null);
      throw Object.assign(new Lost("failed", said?.message || `${answer.status} ${answer.statusText}`), { status: answer.status });
    }
    return answer.status === 204 ? null : answer.json();
  }

  /** What the server says of a kernel; asked of the list, for a kernel that is gone is no error. @param {string} id */
  async #model(id) {
    const found = (await this.#ask("GET", "api/kernels")).find((/** @type {{id: string}} */ each) => each.id === id);
    if (!found) throw new Lost("failed", "it is gone");
    return found;
  }

  /** Take up the kernel that this page had before it was loaded anew, if it still is. */
  async resume() {
    const [id, facts] = [sessionStorage.getItem(this.key), sessionStorage.getItem(`${this.key} facts`)];
    if (!id || !facts || !(await this.#alone(id))) return;
    try {
      const model = await this.#model(id);
      this.#id = id;
      await this.#connect();
      this.facts = JSON.parse(facts);
      this.generation = Number(sessionStorage.getItem(`${this.key} generation`)) || 1;
      this.#be(model.execution_state === "busy" ? "busy" : "idle");
      this.changed();
    } catch {
      this.#forget();
    }
  }

  /** Whether no other tab, made by doubling this one, holds that kernel. @param {string} id @returns {Promise<boolean>} */
  #alone(id) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((done) => {
      navigator.locks.request(`tour-kernel ${id}`, { ifAvailable: true }, (lock) => {
        done(lock !== null);
        return lock ? new Promise(() => {}) : undefined; // held as long as the page
      });
    });
  }

  #forget() {
    this.#id = null;
    this.#socket?.close();
    this.#socket = null;
    sessionStorage.removeItem(this.key);
  }

  /** A kernel that is ready, a new one if need be. */
  async start() {
    if (this.#id && this.#socket?.readyState === WebSocket.OPEN && Date.now() - this.#heard > UNHEARD && !this.#waiting.size) {
      try {
        await this.#model(this.#id);
        this.#heard = Date.now();
      } catch (error) {
        if (!(error instanceof Lost) || error.why !== "failed") throw this.#away(error);
        this.#forget();
        this.lost = "ended";
        this.#be("ended");
      }
    }
    if (this.#id && this.#socket?.readyState === WebSocket.OPEN && this.state !== "dead") return;
    this.#starting ??= this.#new().finally(() => { this.#starting = null; });
    await this.#starting;
  }

  async #new() {
    const old = this.state === "dead" ? this.#id : null;
    this.#forget();
    this.#be("starting");
    try {
      if (old) await this.#ask("DELETE", `api/kernels/${old}`).catch(() => null);
      const model = await this.#ask("POST", "api/kernels", { name: "python3" });
      this.#id = model.id;
      await this.#alone(model.id);
      await this.#connect();
      await this.#begin();
    } catch (error) {
      throw this.#away(error);
    }
  }

  /** What an error of the server means for the state. @param {unknown} error */
  #away(error) {
    const lost = error instanceof Lost ? error : new Lost("failed", String(error));
    if (lost.why === "away") this.#return();
    else if (lost.why === "login") this.#be("login");
    else this.#be("none");
    return lost;
  }

  async #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.base}api/kernels/${this.#id}/channels?session_id=${this.#session}`);
    this.#socket = socket;
    await new Promise((done, fail) => {
      socket.onopen = () => done(undefined);
      socket.onclose = socket.onerror = () => fail(new Lost("away"));
    });
    socket.onerror = null;
    socket.onmessage = (event) => { if (typeof event.data === "string") this.#hear(JSON.parse(event.data)); };
    socket.onclose = () => { if (this.#socket === socket) this.#return(); };
    await this.#answers();
  }

  /** Wait until the kernel answers, also while it runs something: by then its outputs reach the page. */
  async #answers() {
    for (let tries = 0; tries < 60; tries++) {
      const answered = this.#request("kernel_info_request", {}, "control", null, true);
      const reply = await Promise.race([answered, pause(1000)]);
      if (reply) return;
    }
    throw new Lost("failed", "it does not answer");
  }

  async #begin() {
    const source = await (await fetch(new URL("kernel.py", import.meta.url))).text();
    const device = JSON.stringify(this.device);
    const told = { told: `__import__('_tour').begin(${device})` };
    const reply = await this.#request("execute_request", {
      code: BEGIN(source), silent: true, store_history: false, user_expressions: told, allow_stdin: false, stop_on_error: true,
    });
    const answer = reply.user_expressions?.told ?? reply;
    if (answer.status !== "ok") throw new Lost("failed", `${answer.ename}: ${answer.evalue}`);
    this.facts = answer.data["application/json"];
    this.generation += 1;
    sessionStorage.setItem(this.key, String(this.#id));
    sessionStorage.setItem(`${this.key} facts`, JSON.stringify(this.facts));
    sessionStorage.setItem(`${this.key} generation`, String(this.generation));
    this.#be("idle");
    this.changed();
  }

  /** @param {string} type @param {any} content @param {string} [channel] @param {Sink | null} [sink] @param {boolean} [silent] @returns {Promise<any>} */
  #request(type, content, channel = "shell", sink = null, silent = true) {
    const id = random();
    return new Promise((done, fail) => {
      this.#waiting.set(id, { sink, reply: null, idle: type !== "execute_request", silent, done, fail });
      this.#socket?.send(JSON.stringify({
        header: { msg_id: id, msg_type: type, username: "", session: this.#session, date: new Date().toISOString(), version: "5.3" },
        parent_header: {}, metadata: {}, content, channel, buffers: [],
      }));
    });
  }

  /** @param {any} message */
  #hear(message) {
    this.#heard = Date.now();
    const { msg_type: type } = message.header;
    const waiting = this.#waiting.get(message.parent_header?.msg_id);
    if (type === "status") {
      const now = message.content.execution_state;
      if ((now === "restarting" || now === "dead") && this.state !== "starting") this.#died();
      else if (waiting) waiting.idle ||= now === "idle";
      else if (now === "idle" && this.state === "busy" && message.parent_header?.msg_type === "execute_request" && ![...this.#waiting.values()].some((each) => !each.silent)) this.#be("idle");
    } else if (waiting && type.endsWith("_reply")) waiting.reply = message.content;
    else waiting?.sink?.(type, message.content);
    if (waiting?.reply && waiting.idle) {
      this.#waiting.delete(message.parent_header.msg_id);
      waiting.done(waiting.reply);
    }
  }

  /** @param {string} why */
  #lose(why) {
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of lost) each.fail(new Lost(why));
  }

  #died() {
    this.#be("dead");
    this.#lose("died");
  }

  /** The server does not answer: keep asking; its kernel may still be there, with what runs in it. */
  async #return() {
    if (this.#returning) return;
    this.#returning = true;
    this.#be("away");
    for (let tries = 0; ; tries++) {
      await pause(AGAIN[Math.min(tries, AGAIN.length - 1)]);
      const live = await fetch(new URL("live.json", import.meta.url), { cache: "no-store" }).then((answer) => answer.json(), () => null);
      if (!live?.live) continue;
      try {
        if (!this.#id) {
          await this.#ask("GET", "api/kernels");
          this.#be("none");
        } else {
          await this.#model(this.#id);
          await this.#connect();
          this.#be([...this.#waiting.values()].some((each) => !each.silent) ? "busy" : "idle");
        }
        break;
      } catch (error) {
        const why = error instanceof Lost ? error.why : "away";
        if (why === "login") this.#be("login");
        if (why !== "failed") continue;
        this.#forget();
        this.lost = "gone";
        this.#lose("gone");
        this.#be("none");
        break;
      }
    }
    this.#returning = false;
    this.changed();
  }

  /**
   * Run a program; what it shows goes to the sink as it comes.
   * @param {string} code @param {Sink} sink
   * @returns {Promise<any>} the reply, with `report` of what a GPU did
   */
  async run(code, sink) {
    await this.start();
    this.#be("busy");
    const asked = this.facts?.device.kind === "cuda" ? { report: "__import__('_tour').report()" } : {};
    try {
      const reply = await this.#request("execute_request", {
        code, silent: false, store_history: true, user_expressions: asked, allow_stdin: false, stop_on_error: true,
      }, "shell", sink, false);
      if (this.state === "busy" && ![...this.#waiting.values()].some((each) => !each.silent)) this.#be("idle");
      return { ...reply, report: reply.user_expressions?.report?.data?.["application/json"] };
    } finally {
      this.lost = "";
    }
  }

  async interrupt() {
    if (this.#id) await this.#ask("POST", `api/kernels/${this.#id}/interrupt`).catch((error) => this.#away(error));
  }

  /** A new start, on another device if one is named. @param {string} [device] */
  async restart(device) {
    if (device) {
      this.device = device;
      sessionStorage.setItem(`${this.key} device`, device);
    }
    if (!this.#id || this.state === "dead" || this.#socket?.readyState !== WebSocket.OPEN) {
      await this.start();
      return;
    }
    this.#be("starting");
    this.#lose("restarted");
    this.#starting = (async () => {
      try {
        await this.#ask("POST", `api/kernels/${this.#id}/restart`);
        await this.#answers();
        await this.#begin();
      } catch (error) {
        throw this.#away(error);
      }
    })().finally(() => { this.#starting = null; });
    await this.#starting;
  }
}
