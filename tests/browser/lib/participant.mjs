// SPDX-License-Identifier: Apache-2.0
//
// One participant: a Chromium of its own on Sluice's page, driven and read through window.sluice
// (controlplane/web/src/hook.ts).
import { launchChromium } from "./chromium.mjs";
import { pause } from "./outcome.mjs";

const POLL_MS = 200;

export class Participant {
  constructor(name, browser, page) {
    this.name = name;
    this.browser = browser;
    this.page = page;
    this.log = [];
    page.on("console", (message) => this.log.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => this.log.push(`error: ${error.message}`));
  }

  // Opens the page in a new browser. With `join: false` it stays in the lobby, devices open.
  // `params`: further ones of its URL (controlplane/web/src/params.ts); `script`: what runs in front
  // of the page's own.
  static async open({
    url,
    room,
    name,
    namespace,
    video = "640x480@30",
    params = {},
    join = true,
    script,
  }) {
    const browser = await launchChromium({ namespace });
    try {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      if (script) await context.addInitScript(script);
      const participant = new Participant(name, browser, await context.newPage());
      const target = new URL(url);
      const query = { room, name, video, ...params, ...(join && { autojoin: "1" }) };
      target.search = new URLSearchParams(query).toString();
      await participant.page.goto(target.href, { waitUntil: "load" });
      return participant;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  // Presses Join in the lobby.
  join() {
    return this.page.click("#join");
  }

  state() {
    return this.page.evaluate(() => window.sluice.state);
  }

  ownName() {
    return this.page.evaluate(() => window.sluice.participant);
  }

  roster() {
    return this.page.evaluate(() => window.sluice.roster());
  }

  stats() {
    return this.page.evaluate(() => window.sluice.stats());
  }

  // The dataplane's counters, asked for through this participant's page.
  statistics(participant = "") {
    return this.page.evaluate((name) => window.sluice.statistics(name), participant);
  }

  stopSending() {
    return this.page.evaluate(() => window.sluice.stopSending());
  }

  async waitState(state, seconds = 15) {
    await this.#wait(`state ${state}`, seconds, (wanted) => window.sluice.state === wanted, state);
  }

  async waitRoster(count, seconds) {
    const matches = (wanted) => window.sluice.roster().length === wanted;
    await this.#wait(`${count} others in the roster`, seconds, matches, count);
  }

  // Until video of `count` others has been decoded here and their audio has energy.
  async waitMedia(count, seconds = 20) {
    const flows = async (wanted) => {
      const { inbound } = await window.sluice.stats();
      const seen = inbound.filter((t) => t.kind === "video" && t.framesDecoded > 0);
      const heard = inbound.filter((t) => t.kind === "audio" && t.totalAudioEnergy > 0);
      return seen.length >= wanted && heard.length >= wanted;
    };
    await this.#wait(`media of ${count} others`, seconds, flows, count);
  }

  async #wait(what, seconds, predicate, argument) {
    const deadline = Date.now() + seconds * 1000;
    // Not page.waitForFunction: to that an async predicate's promise is true already.
    while (!(await this.page.evaluate(predicate, argument))) {
      if (Date.now() > deadline) {
        throw new Error(`${this.name}: ${what}: not within ${seconds} s\n${await this.describe()}`);
      }
      await pause(POLL_MS);
    }
  }

  // What happened in the page, one line each, seconds since midnight UTC in front.
  async journal() {
    const entries = await this.page.evaluate(() => window.sluice.journal);
    return entries.map(({ at, text }) => `${((at % 86_400_000) / 1000).toFixed(3)} ${text}`);
  }

  // For a failing test's message: where this participant stands.
  async describe() {
    try {
      const seen = await this.page.evaluate(async () => {
        const { state, reason } = window.sluice;
        const problem = document.getElementById("problem")?.textContent ?? "";
        const { publish, subscribe, inbound } = await window.sluice.stats();
        const tracks = inbound.map((t) => ({
          track: t.track,
          packets: t.packetsReceived,
          frames: t.framesDecoded,
          energy: t.totalAudioEnergy,
        }));
        return { state, reason, problem, publish, subscribe, tracks };
      });
      const lines = [JSON.stringify(seen, null, 1), ...(await this.journal()), ...this.log];
      return lines.join("\n");
    } catch (error) {
      return `the page does not answer: ${error.message}`;
    }
  }

  // Closes the tab, as a person would; the browser goes on.
  closeTab() {
    return this.page.close();
  }

  close() {
    return this.browser.close();
  }
}

// Puts `names` into one room, each in the namespace of the same place in `namespaces`.
export async function meet(trial, { url, room, names, namespaces = [], ...rest }) {
  const open = async (name, i) => {
    const participant = await Participant.open({
      ...rest,
      url,
      room,
      name,
      namespace: namespaces[i],
    });
    trial.defer(() => participant.close());
    return participant;
  };
  const opened = await Promise.allSettled(names.map(open));
  const failed = opened.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return opened.map((result) => result.value);
}

export async function allHaveMedia(participants, seconds = 30) {
  await Promise.all(participants.map((p) => p.waitMedia(participants.length - 1, seconds)));
}
