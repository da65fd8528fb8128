// SPDX-License-Identifier: Apache-2.0
//
// One interface over client stacks of several languages. A stack that is a process reads lines
//   {id, op: "call" | "watch", service, method, request (protobuf's JSON), timeoutMs}
//   {id, op: "cancel"}
// and answers, per id, with any number of {id, event} and one
//   {id, code: 0, answer} or {id, code, message, domain, reason, facts}.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

// A watch under way: its events one by one, and how it ended.
class Watch {
  #events = [];
  #wake = null;
  #cancel;

  constructor(cancel) {
    this.#cancel = cancel;
    this.outcome = null;
  }

  push(event) {
    this.#events.push(event);
    this.#wake?.();
  }

  finish(outcome) {
    this.outcome = outcome;
    this.#wake?.();
  }

  #changed() {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  // The events up to and with the first of a kind.
  async until(kind) {
    const seen = [];
    for (;;) {
      while (this.#events.length === 0) {
        if (this.outcome) throw new Error(`ended before ${kind}: ${JSON.stringify(this.outcome)}`);
        await this.#changed();
      }
      seen.push(this.#events.shift());
      if (seen.at(-1).kind === kind) return seen;
    }
  }

  async ended() {
    while (!this.outcome) await this.#changed();
    return this.outcome;
  }

  cancel() {
    this.#cancel();
  }
}

export class ProcessClient {
  #process;
  #next = 0;
  #pending = new Map();

  constructor(command, env = {}) {
    this.#process = spawn(command[0], command.slice(1), {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      const { id, event, ...outcome } = JSON.parse(line);
      const pending = this.#pending.get(id);
      if (event !== undefined) return pending.push(event);
      this.#pending.delete(id);
      return pending.finish(outcome);
    });
    this.#process.on("exit", (code) => {
      for (const pending of this.#pending.values())
        pending.finish({ code: "none", message: `the client ended with ${code}` });
    });
  }

  #say(line) {
    this.#process.stdin.write(`${JSON.stringify(line)}\n`);
  }

  call(service, method, request, timeoutMs) {
    const id = this.#next++;
    this.#say({ id, op: "call", service, method, request, timeoutMs });
    return new Promise((finish) => this.#pending.set(id, { finish }));
  }

  watch(service, method, request, timeoutMs) {
    const id = this.#next++;
    const watch = new Watch(() => this.#say({ id, op: "cancel" }));
    this.#pending.set(id, watch);
    this.#say({ id, op: "watch", service, method, request, timeoutMs });
    return watch;
  }

  async close() {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
  }
}

// `buf curl`, which knows the API by reflection alone: a process per call.
export class BufClient {
  #command;
  #decode; // the bytes of a google.rpc.ErrorInfo

  constructor(command, decode) {
    this.#command = command;
    this.#decode = decode;
  }

  #start(service, method, request) {
    const [program, ...args] = this.#command(`${service}/${method}`);
    const child = spawn(program, [...args, "-d", "@-"], { stdio: "pipe" });
    child.stdin.end(JSON.stringify(request));
    const said = { out: "", err: "" };
    child.stdout.on("data", (data) => (said.out += data));
    child.stderr.on("data", (data) => (said.err += data));
    return { child, said };
  }

  // Its exit status is eight times the code.
  #outcome(status, text) {
    const answer = { code: status / 8 };
    if (!text.includes("{")) return { ...answer, message: text };
    const { message, details = [] } = JSON.parse(text.slice(text.indexOf("{")));
    const info = details.find(({ type }) => type === "google.rpc.ErrorInfo");
    if (!info) return { ...answer, message };
    const { domain, reason, metadata } = this.#decode(Buffer.from(info.value, "base64"));
    return { ...answer, message, domain, reason, facts: metadata };
  }

  async call(service, method, request) {
    const { child, said } = this.#start(service, method, request);
    const [status] = await once(child, "close");
    if (status === 0) return { code: 0, answer: JSON.parse(said.out) };
    return this.#outcome(status, said.err || said.out);
  }

  watch(service, method, request) {
    const { child, said } = this.#start(service, method, request);
    const watch = new Watch(() => child.kill("SIGKILL"));
    let rest = "";
    child.stdout.on("data", (data) => {
      // Each event is an object over several lines, closed by a brace in the first column.
      const pieces = (rest + data).split(/(?<=^\}\n)/m);
      rest = pieces.at(-1).endsWith("}\n") ? "" : pieces.pop();
      for (const piece of pieces) watch.push(JSON.parse(piece));
    });
    void once(child, "close").then(([status, signal]) =>
      watch.finish(signal ? { code: 1 } : this.#outcome(status, said.err)),
    );
    return watch;
  }

  close() {}
}

// A bundle inside a page of another origin.
export class PageClient {
  #page;
  #next = 0;
  #watches = new Map();

  // `url` is the page's; nothing is fetched for it.
  static async open(browser, { url, bundle, api }) {
    const client = new PageClient();
    client.#page = await browser.newPage();
    await client.#page.route(`${url}**`, (route) =>
      route.request().url().endsWith(".mjs")
        ? route.fulfill({ path: bundle, contentType: "text/javascript" })
        : route.fulfill({ body: "<!doctype html>", contentType: "text/html" }),
    );
    await client.#page.goto(url);
    await client.#page.exposeFunction("onEvent", (id, event) => client.#watches.get(id).push(event));
    await client.#page.evaluate(async (base) => {
      const bundle = await import("./client.mjs");
      window.client = bundle.open(base);
      window.aborts = new Map();
    }, api);
    return client;
  }

  call(service, method, request, timeoutMs) {
    return this.#page.evaluate((question) => window.client.call(question), {
      service,
      method,
      request,
      timeoutMs,
    });
  }

  watch(service, method, request, timeoutMs) {
    const id = this.#next++;
    const page = this.#page;
    const watch = new Watch(() => void page.evaluate((i) => window.aborts.get(i).abort(), id));
    this.#watches.set(id, watch);
    void page
      .evaluate(
        ([i, question]) => {
          const abort = new AbortController();
          window.aborts.set(i, abort);
          return window.client.watch(question, (event) => window.onEvent(i, event), abort.signal);
        },
        [id, { service, method, request, timeoutMs }],
      )
      .then((outcome) => watch.finish(outcome));
    return watch;
  }

  async close() {
    await this.#page.close();
  }
}
