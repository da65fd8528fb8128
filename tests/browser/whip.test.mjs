#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// WHIP and WHEP with nothing but fetch and RTCPeerConnection: one Chromium publishes, another plays,
// candidates trickle, ICE restarts by PATCH in mid-play, DELETE ends it.
//
// tries: 2
// timeout: 120
// lab: --clients 2
import { launchChromium } from "./lib/chromium.mjs";
import { Lab } from "./lib/lab.mjs";
import { run, until } from "./lib/outcome.mjs";

// In the page: everything a client has to do.
function client() {
  const FRAGMENT = "application/trickle-ice-sdpfrag";
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  let session, etag, gathered;

  async function patch(body, ifMatch) {
    return fetch(session, {
      method: "PATCH",
      headers: { "content-type": FRAGMENT, "if-match": ifMatch },
      body,
    });
  }
  // RFC 8840: the credentials and candidates of the one m-line that has a transport.
  function fragment() {
    const lines = pc.localDescription.sdp.split("\r\n");
    const wanted = /^a=(ice-ufrag|ice-pwd|candidate|mid):?|^m=/;
    const from = lines.findIndex((l) => l.startsWith("m="));
    const next = lines.findIndex((l, i) => i > from && l.startsWith("m="));
    const of = lines.slice(from, next < 0 ? undefined : next).filter((l) => wanted.test(l));
    return [...of, "a=end-of-candidates", ""].join("\r\n");
  }
  async function negotiate(url) {
    gathered = new Promise((done) => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
    });
    await pc.setLocalDescription();
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    session = new URL(answer.headers.get("location"), answer.url).href;
    etag = answer.headers.get("etag");
    await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    await gathered;
    return (await patch(fragment(), etag)).status;
  }
  window.whip = {
    async publish(url) {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 320, height: 180, frameRate: 15 },
      });
      for (const track of stream.getTracks()) {
        pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      }
      return negotiate(url);
    },
    async play(url) {
      if (pc.getTransceivers().length === 0) {
        pc.addTransceiver("audio", { direction: "recvonly" });
        pc.addTransceiver("video", { direction: "recvonly" });
      }
      pc.ontrack = ({ streams }) => {
        document.querySelector("video")?.remove();
        const video = document.body.appendChild(document.createElement("video"));
        Object.assign(video, { autoplay: true, muted: true, srcObject: streams[0] });
      };
      return negotiate(url);
    },
    async restart() {
      const before = pc.remoteDescription.sdp;
      pc.restartIce();
      gathered = new Promise((done) => {
        pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
      });
      await pc.setLocalDescription();
      await gathered;
      const answer = await patch(fragment(), "*");
      const text = await answer.text();
      const renewed = answer.headers.get("etag");
      const of = (key) => text.match(new RegExp(`a=${key}:(\\S+)`))?.[1];
      const sdp = before
        .replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${of("ice-ufrag")}`)
        .replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${of("ice-pwd")}`);
      await pc.setRemoteDescription({ type: "answer", sdp });
      const isNew = renewed !== etag;
      etag = renewed;
      return { status: answer.status, isNew };
    },
    async end() {
      return (await fetch(session, { method: "DELETE" })).status;
    },
    state: () => pc.connectionState,
    async decoded() {
      const all = [...(await pc.getStats()).values()].filter((s) => s.type === "inbound-rtp");
      const of = (kind) => all.find((s) => s.kind === kind) ?? {};
      return { frames: of("video").framesDecoded ?? 0, audio: of("audio").totalSamplesReceived ?? 0 };
    },
  };
}

async function openPage(trial, lab, index) {
  const browser = await launchChromium({ namespace: lab.clients(2)[index] });
  trial.defer(() => browser.close());
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  // An empty page of the SFU's own origin.
  await page.route(lab.url, (r) => r.fulfill({ contentType: "text/html", body: "<body></body>" }));
  await page.goto(lab.url);
  await page.evaluate(client);
  return page;
}

const decoded = (page) => page.evaluate(() => window.whip.decoded());

async function plays(page, seconds = 30) {
  const before = await decoded(page);
  await until("30 frames and a second of sound more", seconds, async () => {
    const now = await decoded(page);
    return now.frames >= before.frames + 30 && now.audio >= before.audio + 48000;
  });
}

await run("whip", async (trial) => {
  const lab = await Lab.up(trial, { clients: 2 });
  const publisher = await openPage(trial, lab, 0);
  const player = await openPage(trial, lab, 1);
  const trickled = await publisher.evaluate((url) => window.whip.publish(url), "/whip/pages");
  trial.check(trickled === 204, `the publisher's candidates: ${trickled}`);
  await until("the publisher to connect", 20, () =>
    publisher.evaluate(() => window.whip.state() === "connected"),
  );
  const status = await until("something to play", 20, () =>
    player.evaluate((url) => window.whip.play(url).catch(() => 0), "/whep/pages"),
  );
  trial.check(status === 204, `the player's candidates: ${status}`);
  await plays(player);
  for (const page of [player, publisher]) {
    const { status: restarted, isNew } = await page.evaluate(() => window.whip.restart());
    trial.check(restarted === 200 && isNew, `restart: ${restarted}, new entity-tag: ${isNew}`);
  }
  await plays(player);
  trial.check((await player.evaluate(() => window.whip.end())) === 200, "the player's DELETE");
  trial.check((await publisher.evaluate(() => window.whip.end())) === 200, "the publisher's");
});
