// SPDX-License-Identifier: Apache-2.0
//
// Starts a headless Chromium with fake camera and microphone, in a network namespace if one is
// named. Playwright speaks to it over a pipe, which crosses namespaces.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Skip } from "./outcome.mjs";

const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--ignore-certificate-errors",
  "--autoplay-policy=no-user-gesture-required",
];

async function playwright() {
  if (!existsSync(CHROMIUM)) throw new Skip(`${CHROMIUM} is not installed`);
  try {
    return await import("playwright-core");
  } catch {
    throw new Skip("playwright-core is not installed: run `npm ci` in tests/browser");
  }
}

// The program Playwright starts: Chromium itself, or Chromium inside a namespace.
function launcher(namespace) {
  if (!namespace) return { program: CHROMIUM, remove: () => {} };
  const directory = mkdtempSync(join(tmpdir(), "sluice-chromium-"));
  const program = join(directory, "chromium");
  writeFileSync(program, `#!/bin/sh\nexec ip netns exec '${namespace}' '${CHROMIUM}' "$@"\n`);
  chmodSync(program, 0o755);
  return { program, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export async function launchChromium({ namespace = "", flags = [] } = {}) {
  const { chromium } = await playwright();
  const { program, remove } = launcher(namespace);
  try {
    const browser = await chromium.launch({
      executablePath: program,
      args: [...FLAGS, ...flags],
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
    browser.on("disconnected", remove);
    return browser;
  } catch (error) {
    remove();
    throw error;
  }
}
