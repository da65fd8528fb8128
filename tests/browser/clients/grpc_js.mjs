// SPDX-License-Identifier: Apache-2.0
//
// @grpc/grpc-js, protos loaded at run time.
import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const LOADER = { longs: String, enums: String, defaults: false };
const GZIP = 2;

// A descriptor set gives fields their own names, where protobuf's JSON has them in camel case.
function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((v) => renamed(v, rename));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([k, v]) => [rename(k), renamed(v, rename)]));
}
const toSnake = (name) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const toCamel = (name) => name.replace(/_([a-z])/g, (_, c) => c.toUpperCase());

export function open({ target, certificate, descriptors, gzip }) {
  const api = grpc.loadPackageDefinition(
    loader.loadFileDescriptorSetFromBuffer(readFileSync(descriptors), LOADER),
  );
  const credentials = grpc.credentials.createSsl(readFileSync(certificate));
  const options = {
    "grpc.max_send_message_length": -1,
    ...(gzip ? { "grpc.default_compression_algorithm": GZIP } : {}),
  };
  const clients = new Map();
  const clientOf = (service) => {
    if (!clients.has(service)) {
      const Client = service.split(".").reduce((at, part) => at[part], api);
      clients.set(service, new Client(target, credentials, options));
    }
    return clients.get(service);
  };
  const failure = (error) => {
    const answer = { code: error.code, message: error.details };
    const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
    if (!bytes) return answer;
    const status = api.google.rpc.Status.deserialize(bytes);
    const info = api.google.rpc.ErrorInfo.deserialize(status.details[0].value);
    const { domain, reason, metadata = [] } = info;
    const facts = Object.fromEntries(metadata.map(({ key, value }) => [key, value]));
    return { ...answer, domain, reason, facts };
  };
  const start = ({ service, method, request, timeoutMs }, done) => {
    const deadline = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    return clientOf(service)[method](renamed(request, toSnake), deadline, done);
  };
  return {
    call: (question) =>
      new Promise((resolve) => {
        start(question, (error, answer) => resolve(error ? failure(error) : { code: 0, answer: renamed(answer, toCamel) }));
      }),
    watch: (question, onEvent, abort) =>
      new Promise((resolve) => {
        const stream = start(question);
        abort.addEventListener("abort", () => stream.cancel());
        stream.on("data", (event) => onEvent(renamed(event, toCamel)));
        stream.on("error", (error) => resolve(failure(error)));
        stream.on("end", () => resolve({ code: 0 }));
      }),
  };
}
