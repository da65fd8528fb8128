#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// The page by itself, without a server behind it: it runs under a strict content security policy,
// asks nothing of anybody else, fits a phone, names its controls, and says in words why it could
// not join.
import { launchChromium } from "./lib/chromium.mjs";
import { run, Skip } from "./lib/outcome.mjs";
import { pageIsBuilt, servePage } from "./lib/static_server.mjs";

const REASON = "limit: the room “küche” is full";
const RESOURCE_EXHAUSTED = 8;

async function openPage(trial, browser, url) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) complaints.push(`asks for ${request.url()}`);
  });
  await page.goto(`${url}?video=320x180@10`);
  await page.waitForFunction(() => document.getElementById("preview").videoWidth > 0);
  return { page, complaints };
}

async function checkPhone(trial, page) {
  await page.setViewportSize({ width: 360, height: 740 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  trial.check(width <= 360, `on a phone of 360 pixels the page is ${width} wide`);
}

async function checkNames(trial, page) {
  const nameless = await page.evaluate(() => {
    const controls = [...document.querySelectorAll("button, input")];
    const name = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.[0];
    return controls.filter((e) => e.checkVisibility() && !name(e)).map((e) => e.id);
  });
  trial.check(nameless.length === 0, `controls without a name: ${nameless.join(", ") || "none"}`);
}

async function checkRefusals(trial, page) {
  const problem = () => page.textContent("#problem");
  await page.fill("#name", "Ada");
  await page.fill("#room", "two words");
  await page.click("#join");
  const valid = await page.evaluate(() => document.getElementById("room").validity.valid);
  trial.check(!valid, "a room's name with a space in it is refused");
  await page.fill("#room", "kitchen");
  await page.click("#join");
  await page.waitForFunction(() => document.getElementById("problem").textContent !== "");
  const text = await problem();
  trial.check(text.includes(REASON), `the server's reason is shown: ${text}`);
  trial.check(await page.isEnabled("#join"), "one may try again");
}

await run("page", async (trial) => {
  if (!pageIsBuilt()) throw new Skip("controlplane/web/dist is not built");
  const server = await servePage({ code: RESOURCE_EXHAUSTED, message: REASON });
  trial.defer(() => server.close());
  const browser = await launchChromium();
  trial.defer(() => browser.close());
  const { page, complaints } = await openPage(trial, browser, server.url);
  await checkPhone(trial, page);
  await checkNames(trial, page);
  await checkRefusals(trial, page);
  trial.check(complaints.length === 0, `complaints: ${complaints.join("; ") || "none"}`);
});
