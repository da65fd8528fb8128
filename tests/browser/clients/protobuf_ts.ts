// SPDX-License-Identifier: Apache-2.0
//
// The protobuf-ts client over gRPC-Web text: the same bundle in Node and in a page.
import { GrpcWebFetchTransport } from "@protobuf-ts/grpcweb-transport";
import type { RpcTransport } from "@protobuf-ts/runtime-rpc";
import { RoomServiceClient } from "stubs/sluice/v1/room.client";
import { SignallingServiceClient } from "stubs/sluice/v1/signalling.client";
import { Status } from "stubs/google/rpc/status";
import { ErrorInfo } from "stubs/google/rpc/error_details";
import { GrpcStatusCode } from "@protobuf-ts/grpcweb-transport";

interface Question {
  service: string;
  method: string;
  request: unknown;
  timeoutMs?: number;
}

function failure(error: any) {
  const answer: any = { code: GrpcStatusCode[error.code as never], message: error.message };
  const details = error.meta?.["grpc-status-details-bin"];
  if (!details) return answer;
  const bytes = Uint8Array.from(atob(details), (c) => c.charCodeAt(0));
  const info = ErrorInfo.fromBinary(Status.fromBinary(bytes).details[0].value);
  return { ...answer, domain: info.domain, reason: info.reason, facts: info.metadata };
}

export function open(baseUrl: string) {
  const transport: RpcTransport = new GrpcWebFetchTransport({ baseUrl, format: "text" });
  const clients: Record<string, any> = {
    "sluice.v1.RoomService": new RoomServiceClient(transport),
    "sluice.v1.SignallingService": new SignallingServiceClient(transport),
  };
  const start = ({ service, method, request, timeoutMs }: Question, abort?: AbortSignal) => {
    const client = clients[service];
    const info = client.methods.find((m: any) => m.name === method);
    const message = info.I.fromJson(request);
    return { info, call: client[info.localName](message, { timeout: timeoutMs, abort }) };
  };
  return {
    async call(question: Question) {
      try {
        const { info, call } = start(question);
        return { code: 0, answer: info.O.toJson((await call).response) };
      } catch (error) {
        return failure(error);
      }
    },
    async watch(question: Question, onEvent: (event: unknown) => void, abort: AbortSignal) {
      try {
        const { info, call } = start(question, abort);
        for await (const event of call.responses) onEvent(info.O.toJson(event));
        await call.status;
        return { code: 0 };
      } catch (error) {
        return failure(error);
      }
    },
  };
}
