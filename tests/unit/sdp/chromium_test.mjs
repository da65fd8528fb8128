// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/chromium_test.mjs SDP_TOOL - Chromium has to take our answers and our offers.
// Skipped (77) without Chromium or playwright-core (npm ci in tests/browser).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

let chromium;
try {
  const require = createRequire(new URL("../../browser/package.json", import.meta.url));
  ({ chromium } = require("playwright-core"));
  if (!existsSync("/usr/bin/chromium")) throw new Error("no /usr/bin/chromium");
} catch (error) {
  console.log(`skipped: ${error.message.split("\n")[0]}`);
  process.exit(77);
}

const tool = spawn(process.argv[2], { stdio: ["pipe", "pipe", "inherit"] });
let bytes = Buffer.alloc(0);
let waiting = null;
function pump() {
  const end = bytes.indexOf(10);
  if (!waiting || end < 0) return;
  const [status, size] = bytes.subarray(0, end).toString().split(" ").map(Number);
  if (bytes.length < end + 1 + size) return;
  const text = bytes.subarray(end + 1, end + 1 + size).toString();
  bytes = bytes.subarray(end + 1 + size);
  const resolve = waiting;
  waiting = null;
  resolve([status, text]);
}
tool.stdout.on("data", (data) => {
  bytes = Buffer.concat([bytes, data]);
  pump();
});
const ask = (command, number, data = "") =>
  new Promise((resolve) => {
    waiting = resolve;
    tool.stdin.write(`${command} ${number} ${Buffer.byteLength(data)}\n${data}`);
  });

// Runs in the page.
async function negotiate() {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const [audio] = media.getAudioTracks();
  const [video] = media.getVideoTracks();
  const bad = [];
  const expect = (what, got, wanted) => {
    const text = JSON.stringify(got);
    if (text !== JSON.stringify(wanted)) bad.push(`${what}: ${text}, not ${JSON.stringify(wanted)}`);
  };
  const directions = (pc) => pc.getTransceivers().map((t) => t.currentDirection);
  const publish = async (setUp) => {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    setUp(pc);
    await pc.setLocalDescription(await pc.createOffer());
    const [status, sdp] = await window.ask("publish", 0, pc.localDescription.sdp);
    if (status !== 0) throw new Error(sdp);
    await pc.setRemoteDescription({ type: "answer", sdp });
    return pc;
  };
  const rids = ["q", "h", "f"];
  let pc = await publish((p) => {
    p.createDataChannel("x");
    p.addTransceiver(audio, { direction: "sendonly", streams: [media] });
    p.addTransceiver(video, { direction: "sendonly", sendEncodings: rids.map((rid) => ({ rid })) });
  });
  expect("simulcast", directions(pc), ["sendonly", "sendonly"]);
  expect("rids", pc.getSenders()[1].getParameters().encodings.map((e) => e.rid), rids);
  pc = await publish((p) => {
    p.addTransceiver(audio, { direction: "sendonly" });
    p.addTransceiver(video, { direction: "sendonly" });
  });
  expect("plain", directions(pc), ["sendonly", "sendonly"]);

  const receiver = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  let version = 0;
  const round = async (what, wanted) => {
    const [, sdp] = await window.ask("offer", ++version);
    await receiver.setRemoteDescription({ type: "offer", sdp });
    await receiver.setLocalDescription(await receiver.createAnswer());
    const [status, lines] = await window.ask("take", 0, receiver.localDescription.sdp);
    expect(`${what}: taken`, [status, status === 0 ? "" : lines], [0, ""]);
    expect(what, directions(receiver), wanted);
  };
  const add = async (track, who) => window.ask("add", track, who);
  const on = "recvonly";
  await add(0, "alice");
  await add(1, "alice");
  await round("first", [on, on]);
  await add(0, "bob");
  await add(1, "bob");
  await round("second", [on, on, on, on]);
  await window.ask("remove", 1);
  await round("removed", [on, "inactive", on, on]);
  await add(1, "carol");
  await round("used again", [on, on, on, on]);
  await window.ask("restart", 0);
  await round("ICE restart", [on, on, on, on]);
  return bad;
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});
let bad;
try {
  const page = await browser.newPage();
  await page.route("**/*", (r) => r.fulfill({ contentType: "text/html", body: "<html></html>" }));
  await page.goto("https://localhost/");
  await page.exposeFunction("ask", ask);
  bad = await page.evaluate(negotiate);
} catch (error) {
  bad = [error.message];
} finally {
  await browser.close();
  tool.stdin.end();
}
for (const line of bad) console.log(line);
process.exit(bad.length === 0 ? 0 : 1);
