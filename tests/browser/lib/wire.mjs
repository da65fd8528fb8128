// SPDX-License-Identifier: Apache-2.0
//
// wire_watch.py from here: what crosses the wire, seen from outside the SFU, so also while there is
// no control plane to ask.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("wire_watch.py", import.meta.url));

export class WireWatch {
  #process;
  #lines;

  static async start({ namespace, device, port, addresses }) {
    const watch = new WireWatch();
    const command = ["netns", "exec", namespace, "python3", SCRIPT, device, port, ...addresses];
    watch.#process = spawn("ip", command.map(String), { stdio: ["pipe", "pipe", "inherit"] });
    watch.#lines = createInterface({ input: watch.#process.stdout })[Symbol.asyncIterator]();
    await watch.#next();
    return watch;
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("wire_watch.py ended by itself");
    return JSON.parse(value);
  }

  // { streams: [{ direction, ssrc, packets, longest, pauses }], peers, icmp_errors }
  read() {
    this.#process.stdin.write("read\n");
    return this.#next();
  }

  stop() {
    this.#process.stdin.end();
  }
}
