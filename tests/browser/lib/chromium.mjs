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

// Profiles, artifacts and launchers of this run; also a killed browser's go when the run ends.
const SCRATCH = mkdtempSync(join(tmpdir(), "sluice-browser-"));
process.env.TMPDIR = SCRATCH;
process.on("exit", () => rmSync(SCRATCH, { recursive: true, force: true, maxRetries: 3 }));

// The program Playwright starts: Chromium itself, or a script that starts it inside a namespace.
function programIn(namespace) {
  if (!namespace) return CHROMIUM;
  const program = join(SCRATCH, `chromium-in-${namespace}`);
  writeFileSync(program, `#!/bin/sh\nexec ip netns exec '${namespace}' '${CHROMIUM}' "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

export async function launchChromium({ namespace = "" } = {}) {
  const { chromium } = await playwright();
  return chromium.launch({
    executablePath: programIn(namespace),
    args: FLAGS,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}
