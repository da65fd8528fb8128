// SPDX-License-Identifier: Apache-2.0
//
// @connectrpc/connect-node, by gRPC over HTTP/2 and by gRPC-Web (binary) over HTTP/1.1; the services
// from a descriptor set, without generated code.
import { readFileSync } from "node:fs";
import { fromJson, toJson } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import {
  compressionGzip,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { registryOf } from "./stubs.mjs";

export function open({ url, certificate, descriptors, web, gzip }) {
  const registry = registryOf(descriptors);
  const options = {
    baseUrl: url,
    httpVersion: web ? "1.1" : "2",
    nodeOptions: { ca: readFileSync(certificate) },
    ...(gzip ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
  };
  const transport = web ? createGrpcWebTransport(options) : createGrpcTransport(options);
  const failure = (thrown) => {
    const error = ConnectError.from(thrown);
    const answer = { code: error.code, message: error.rawMessage };
    const [info] = error.findDetails(registry.getMessage("google.rpc.ErrorInfo"));
    if (!info) return answer;
    return { ...answer, domain: info.domain, reason: info.reason, facts: info.metadata };
  };
  const start = ({ service, method, request, timeoutMs }, signal) => {
    const description = registry.getService(service);
    const rpc = description.methods.find((m) => m.name === method);
    const message = fromJson(rpc.input, request);
    const client = createClient(description, transport);
    return { rpc, answer: client[rpc.localName](message, { timeoutMs, signal }) };
  };
  return {
    async call(question) {
      try {
        const { rpc, answer } = start(question);
        return { code: 0, answer: toJson(rpc.output, await answer) };
      } catch (error) {
        return failure(error);
      }
    },
    async watch(question, onEvent, abort) {
      try {
        const { rpc, answer } = start(question, abort);
        for await (const event of answer) onEvent(toJson(rpc.output, event));
        return { code: 0 };
      } catch (error) {
        return failure(error);
      }
    },
  };
}
