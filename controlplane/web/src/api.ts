// SPDX-License-Identifier: Apache-2.0
//
// The server's services over gRPC-Web on the page's own origin. Every call has a deadline; failures
// are RpcError with a canonical code.
import { GrpcWebFetchTransport } from "@protobuf-ts/grpcweb-transport";
import { RpcError, type RpcMetadata } from "@protobuf-ts/runtime-rpc";
import { note } from "./journal";
import { NodeServiceClient } from "./gen/sluice/v1/node.client";
import type { Node } from "./gen/sluice/v1/node";
import { SignallingServiceClient } from "./gen/sluice/v1/signalling.client";
import type {
  JoinResponse,
  PublishedTrack,
  PublishResponse,
  Session,
  SessionEvent,
} from "./gen/sluice/v1/signalling";
import { TransportDirection } from "./gen/sluice/v1/signalling";
import type { Layer } from "./gen/sluice/v1/room";
import type { Statistics } from "./gen/sluice/v1/statistics";

export { TransportDirection };
export type { PublishedTrack, Session, SessionEvent };

export type LayerWishes = Partial<Record<"minimum" | "wanted" | "maximum", Layer>>;

const DEADLINE_MS = 10_000;
const REPEAT_MS = [100, 400, 1_600]; // how long to wait before each repeat
export const CANDIDATES_PER_CALL = 32;

// Codes that say the server does not know this session (any more).
const UNKNOWN_SESSION = new Set(["NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED"]);

export function isCode(error: unknown, code: string): boolean {
  return error instanceof RpcError && error.code === code;
}

export function isUnknownSession(error: unknown): boolean {
  return error instanceof RpcError && UNKNOWN_SESSION.has(error.code);
}

// grpc-message is percent-encoded on the wire and the client library hands it on as it came.
export function failureText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function transport(fetchInit: RequestInit, token: string): GrpcWebFetchTransport {
  const meta: RpcMetadata = token ? { authorization: `Bearer ${token}` } : {};
  return new GrpcWebFetchTransport({ baseUrl: location.origin, format: "binary", fetchInit, meta });
}

// A fetch that brought no answer: a change of network cuts whatever is under way. The library makes
// it INTERNAL, without the fields that an answer of the server has.
function isNetwork(error: unknown): boolean {
  return isCode(error, "INTERNAL") && Object.keys((error as RpcError).meta).length === 0;
}

// Asks again where the network broke. By the request id in it the server knows a repeat, and gives
// the first answer if it was that which got lost.
async function persistent<T>(ask: () => Promise<T>): Promise<T> {
  for (const wait of REPEAT_MS) {
    try {
      return await ask();
    } catch (error) {
      if (!isNetwork(error)) throw error;
      note(`asking again in ${wait} ms: ${failureText(error)}`);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return ask();
}

// The abort signal frees the page from a server that never answers; the deadline tells the server.
function deadline() {
  return { timeout: DEADLINE_MS, abort: AbortSignal.timeout(DEADLINE_MS) };
}

// By which the server knows a repeat of the same mutation.
const requestId = () => crypto.randomUUID();

export class Api {
  #client: SignallingServiceClient;
  #node: NodeServiceClient;
  // A request with keepalive outlives the page that sends it.
  #farewell: SignallingServiceClient;

  // `token`: a bearer token, empty where the server asks for none.
  constructor(token: string) {
    const plain = transport({ credentials: "omit" }, token);
    this.#client = new SignallingServiceClient(plain);
    this.#node = new NodeServiceClient(plain);
    this.#farewell = new SignallingServiceClient(
      transport({ credentials: "omit", keepalive: true }, token),
    );
  }

  join(room: string, displayName: string): Promise<JoinResponse> {
    const request = {
      room: `rooms/${room}`,
      participantId: "",
      displayName,
      requestId: requestId(),
    };
    return persistent(() => this.#client.join(request, deadline()).response);
  }

  publish(session: Session, sdp: string, tracks: PublishedTrack[]): Promise<PublishResponse> {
    const request = { session, sdp, tracks, requestId: requestId() };
    return persistent(() => this.#client.publish(request, deadline()).response);
  }

  watch(session: Session, abort: AbortSignal): AsyncIterable<SessionEvent> {
    return this.#client.watchSession({ session }, { abort }).responses;
  }

  async answer(session: Session, revision: number, sdp: string): Promise<void> {
    const request = { session, revision, sdp, requestId: requestId() };
    await persistent(() => this.#client.answerSubscribe(request, deadline()).response);
  }

  async restartSubscribe(session: Session): Promise<void> {
    const request = { session, requestId: requestId() };
    await persistent(() => this.#client.restartSubscribeIce(request, deadline()).response);
  }

  async addCandidates(
    session: Session,
    direction: TransportDirection,
    candidates: string[],
  ): Promise<void> {
    const request = { session, direction, candidates, requestId: requestId() };
    await this.#client.addIceCandidates(request, deadline()).response;
  }

  async setMuted(session: Session, track: string, muted: boolean): Promise<void> {
    const request = { session, track, muted, requestId: requestId() };
    await this.#client.setTrackMuted(request, deadline()).response;
  }

  async setSubscription(session: Session, track: string, paused: boolean): Promise<void> {
    // Without a mask `paused` alone is set.
    const request = { session, track, paused, priority: 0, tilePixels: 0, requestId: requestId() };
    await this.#client.setSubscription(request, deadline()).response;
  }

  // Sets those of minimum, wanted and maximum that are given.
  async setLayers(session: Session, track: string, layers: LayerWishes): Promise<void> {
    const request = {
      session,
      track,
      paused: false,
      priority: 0,
      tilePixels: 0,
      ...layers,
      updateMask: { paths: Object.keys(layers) },
      requestId: requestId(),
    };
    await this.#client.setSubscription(request, deadline()).response;
  }

  async leave(session: Session): Promise<void> {
    await this.#farewell.leave({ session, requestId: requestId() }, deadline()).response;
  }

  node(): Promise<Node> {
    return this.#node.getNode({}, deadline()).response;
  }

  statistics(participant: string): Promise<Statistics> {
    return this.#node.getStatistics({ participant, room: "", transport: "" }, deadline()).response;
  }
}
