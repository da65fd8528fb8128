// SPDX-License-Identifier: Apache-2.0
//
// Calls GetRoom under heads that no client library sends, by Node's own HTTP/2, and prints for each
// the HTTP status and grpc-status.
//
// usage: heads.mjs SETTINGS (JSON)
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const { url, certificate } = JSON.parse(process.argv[2]);
const GRPC = { "content-type": "application/grpc" };
const HEADS = {
  "content-type text/plain": { "content-type": "text/plain", te: "trailers" },
  "content-type application/grpc+json": { "content-type": "application/grpc+json", te: "trailers" },
  "no content-type": { te: "trailers" },
  "te: trailers": { ...GRPC, te: "trailers" },
  "no te": GRPC,
};
const name = "rooms/none";
const BODY = Buffer.from([0, 0, 0, 0, name.length + 2, 0x0a, name.length, ...Buffer.from(name)]);

const session = connect(url, { ca: readFileSync(certificate) });
const answers = {};
for (const [what, fields] of Object.entries(HEADS)) {
  const path = "/sluice.v1.RoomService/GetRoom";
  const stream = session.request({ ":method": "POST", ":path": path, ...fields });
  stream.end(BODY);
  const [head] = await once(stream, "response");
  stream.resume();
  await once(stream, "close");
  answers[what] = [head[":status"], head["grpc-status"] ?? null];
}
session.close();
console.log(JSON.stringify(answers));
