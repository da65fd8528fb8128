// SPDX-License-Identifier: Apache-2.0
//
// One client stack as a process: questions come as lines of JSON on standard input, answers go out
// as lines of JSON. What a line holds is said in ../lib/rpc_client.mjs.
//
// usage: driver.mjs STACK SETTINGS (JSON)
import { createInterface } from "node:readline";

const [stack, settings] = [process.argv[2], JSON.parse(process.argv[3])];

async function openStack() {
  if (stack === "protobuf-ts") return (await import(settings.bundle)).open(settings.url);
  const module = stack === "grpc-js" ? "./grpc_js.mjs" : "./connect.mjs";
  return (await import(module)).open(settings);
}

const client = await openStack();
const running = new Map();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...question } = JSON.parse(line);
  if (op === "cancel") {
    running.get(id)?.abort();
  } else if (op === "call") {
    void client.call(question).then((answer) => say({ id, ...answer }));
  } else {
    const abort = new AbortController();
    running.set(id, abort);
    const onEvent = (event) => say({ id, event });
    void client.watch(question, onEvent, abort.signal).then((answer) => say({ id, ...answer }));
  }
}
process.exit(0);
