#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Client stacks that are not ours, unchanged, through the same life cycle with the same results:
// python3-grpcio, @grpc/grpc-js, @connectrpc/connect-node by gRPC and by gRPC-Web over HTTP/1.1,
// @protobuf-ts/grpcweb-transport by gRPC-Web text in Node and in a Chromium's page of another
// origin, and buf curl, which knows nothing but what reflection tells it. Then what goes wrong:
// deadline, cancellation, size, unknown method and field, compression.
//
// timeout: 240
// lab: --clients 1 --control --allowed-origins=https://clients.example
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { makeStubs, registryOf } from "./clients/stubs.mjs";
import { launchChromium } from "./lib/chromium.mjs";
import { Lab } from "./lib/lab.mjs";
import { run, Skip } from "./lib/outcome.mjs";
import { BufClient, PageClient, ProcessClient } from "./lib/rpc_client.mjs";

const ROOMS = "sluice.v1.RoomService";
const SIGNALLING = "sluice.v1.SignallingService";
const HERE = fileURLToPath(new URL(".", import.meta.url));
// The program itself: its wrapper, killed, would leave it running.
const BUF_ARCH = process.arch === "arm64" ? "aarch64" : process.arch;
const BUF = `${HERE}node_modules/@bufbuild/buf-linux-${BUF_ARCH}/bin/buf`;
const PAGE_ORIGIN = "https://clients.example";
const OK = 0;
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const REQUEST_BYTES = 5_000_000;

function fetchCertificate(namespace, host, port, path) {
  const code = `import ssl; print(ssl.get_server_certificate(("${host}", ${port})))`;
  const command = ["netns", "exec", namespace, "/usr/bin/python3", "-c", code];
  writeFileSync(path, execFileSync("ip", command));
  return path;
}

// What the life cycle gives that is not an accident of the run.
async function lifeCycle(client, id) {
  const name = `rooms/${id}`;
  const seen = [];
  const call = async (service, method, request) => {
    const { code, reason, domain, facts, answer } = await client.call(service, method, request);
    seen.push(code === OK ? [method, code] : [method, code, domain, reason, facts]);
    return answer ?? {};
  };
  const created = await call(ROOMS, "CreateRoom", { roomId: id, requestId: `${id}-1` });
  await call(ROOMS, "CreateRoom", { roomId: id });
  await call(ROOMS, "CreateRoom", { roomId: "not an id" });
  const got = await call(ROOMS, "GetRoom", { name });
  const { rooms = [] } = await call(ROOMS, "ListRooms", {});
  const watch = client.watch(ROOMS, "WatchEvents", { parent: name });
  const events = await watch.until("KIND_SNAPSHOT_END");
  const join = { room: name, participantId: "p", displayName: "Zoë" };
  const { session, participant } = await call(SIGNALLING, "Join", join);
  events.push(...(await watch.until("KIND_PARTICIPANT_ADDED")));
  await call(SIGNALLING, "Leave", { session: { ...session, secret: "wrong" } });
  await call(SIGNALLING, "Leave", { session });
  events.push(...(await watch.until("KIND_PARTICIPANT_REMOVED")));
  await call(ROOMS, "DeleteRoom", { name });
  events.push(...(await watch.until("KIND_ROOM_REMOVED")));
  watch.cancel();
  await watch.ended();
  await call(ROOMS, "GetRoom", { name });
  return JSON.parse(
    JSON.stringify({
      seen,
      same: created.uid === got.uid && rooms.some((room) => room.uid === created.uid),
      participant: participant && [participant.name, participant.displayName],
      events: events
        .filter((event) => !/HEARTBEAT|SUMMARY|ROOM_CHANGED|PARTICIPANT_CHANGED/.test(event.kind))
        .map((event) => [event.kind, event.reason || ""]),
    }).replaceAll(id, "ID"),
  );
}

// As the protos say it; every stack is held against this.
const EXPECTED = {
  seen: [
    ["CreateRoom", OK],
    ["CreateRoom", ALREADY_EXISTS, "sluice.v1", "ROOM_EXISTS", { resource: "rooms/ID" }],
    ["CreateRoom", 3, "sluice.v1", "ID_INVALID", { field: "room_id", value: "not an id" }],
    ["GetRoom", OK],
    ["ListRooms", OK],
    ["Join", OK],
    ["Leave", 7, "sluice.v1", "SESSION_SECRET_WRONG", {}],
    ["Leave", OK],
    ["DeleteRoom", OK],
    ["GetRoom", NOT_FOUND, "sluice.v1", "ROOM_NOT_FOUND", { resource: "rooms/ID" }],
  ],
  same: true,
  participant: ["rooms/ID/participants/p", "Zoë"],
  events: [
    ["KIND_ROOM_ADDED", ""],
    ["KIND_SNAPSHOT_END", ""],
    ["KIND_PARTICIPANT_ADDED", ""],
    ["KIND_PARTICIPANT_REMOVED", "left"],
    ["KIND_ROOM_REMOVED", ""],
  ],
};

// JSON of objects in any order of keys.
function text(value) {
  const sorted = (_, v) =>
    v && typeof v === "object" && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v;
  return JSON.stringify(value, sorted);
}

function checkSame(trial, what, got, expected) {
  const same = text(got) === text(expected);
  return trial.check(same, same ? what : `${what}: got ${text(got)}, not ${text(expected)}`);
}

async function mishaps(client) {
  const outcome = async (answer) => {
    const { code, reason } = await answer;
    return [code, reason ?? ""];
  };
  const watch = client.watch(ROOMS, "WatchEvents", {});
  await watch.until("KIND_SNAPSHOT_END");
  watch.cancel();
  const late = client.watch(ROOMS, "WatchEvents", {}, 1);
  return {
    cancelled: (await watch.ended()).code,
    late: (await late.ended()).code,
    large: await outcome(client.call(ROOMS, "CreateRoom", { roomId: "x".repeat(REQUEST_BYTES) })),
    method: await outcome(client.call(ROOMS, "GetRoomTomorrow", { name: "rooms/none" })),
    field: await outcome(client.call(ROOMS, "GetRoom", { name: "rooms/none", fromTomorrow: "x" })),
  };
}

const MISHAPS = {
  cancelled: CANCELLED,
  late: DEADLINE_EXCEEDED,
  large: [RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"],
  method: [UNIMPLEMENTED, "METHOD_UNKNOWN"],
  field: [NOT_FOUND, "ROOM_NOT_FOUND"],
};

async function stacks(trial, lab) {
  const scratch = mkdtempSync(join(tmpdir(), "sluice-clients-"));
  trial.defer(() => rmSync(scratch, { recursive: true, force: true }));
  const stubs = makeStubs(scratch);
  const namespace = lab.client(1);
  const { host, hostname, port } = new URL(lab.url);
  const certificate = fetchCertificate(namespace, hostname, port, join(scratch, "server.pem"));
  const settings = {
    target: host,
    url: `https://${host}`,
    certificate,
    descriptors: stubs.descriptors,
    python: stubs.python,
    bundle: stubs.node,
  };
  const inside = (...command) => ["ip", "netns", "exec", namespace, ...command];
  const node = (stack, more = {}) =>
    new ProcessClient(
      inside(process.execPath, `${HERE}clients/driver.mjs`, stack, JSON.stringify({ ...settings, ...more })),
      { NODE_EXTRA_CA_CERTS: certificate },
    );
  const python = (more = {}) => {
    const words = [`${HERE}clients/python_driver.py`, JSON.stringify({ ...settings, ...more })];
    return new ProcessClient(inside("/usr/bin/python3", ...words));
  };
  const buf = (method) =>
    inside(BUF, "curl", "--protocol", "grpc", "--cacert", certificate, `${settings.url}/${method}`);
  const registry = registryOf(stubs.descriptors);
  const errorInfo = (bytes) => fromBinary(registry.getMessage("google.rpc.ErrorInfo"), bytes);
  const browser = await launchChromium({ namespace });
  trial.defer(() => browser.close());
  const page = { url: `${PAGE_ORIGIN}/`, bundle: stubs.page, api: settings.url };
  return {
    settings,
    inside,
    whole: {
      "python3-grpcio": python(),
      "grpc-js": node("grpc-js"),
      "connect-node, gRPC": node("connect"),
      "connect-node, gRPC-Web": node("connect", { web: true }),
      "protobuf-ts, gRPC-Web text": node("protobuf-ts"),
      "protobuf-ts in a page of another origin": await PageClient.open(browser, page),
    },
    gzip: {
      "python3-grpcio with gzip": python({ gzip: true }),
      "grpc-js with gzip": node("grpc-js", { gzip: true }),
      "connect-node with gzip": node("connect", { gzip: true }),
      "connect-node, gRPC-Web with gzip": node("connect", { web: true, gzip: true }),
    },
    reflection: { "buf curl by reflection": new BufClient(buf, errorInfo) },
  };
}

// Heads no client library sends: the raw driver asks from inside the namespace.
function checkHeads(trial, { settings, inside }) {
  const command = inside(process.execPath, `${HERE}clients/heads.mjs`, JSON.stringify(settings));
  const answers = JSON.parse(execFileSync(command[0], command.slice(1)));
  checkSame(trial, "heads: wrong content-type, missing te", answers, {
    "content-type text/plain": [415, null],
    "content-type application/grpc+json": [415, null],
    "no content-type": [415, null],
    "te: trailers": [200, "5"],
    "no te": [200, "5"],
  });
}

await run("clients", async (trial) => {
  if (!existsSync(BUF)) throw new Skip("run `npm ci` in tests/browser");
  const lab = await Lab.up(trial, { clients: 1 });
  const made = await stacks(trial, lab);
  const all = { ...made.whole, ...made.gzip, ...made.reflection };
  let number = 0;
  for (const [name, client] of Object.entries(all)) {
    trial.defer(() => client.close());
    number += 1;
    checkSame(trial, `${name}: life cycle`, await lifeCycle(client, `clients-${number}`), EXPECTED);
    if (name in made.whole) checkSame(trial, `${name}: mishaps`, await mishaps(client), MISHAPS);
  }
  checkHeads(trial, made);
});
