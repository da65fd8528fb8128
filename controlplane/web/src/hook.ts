// SPDX-License-Identifier: Apache-2.0
//
// window.sluice: what browser tests (and a curious person at the console) read and do.
//
//   state            as SessionState in session.ts, or "lobby" before one joins
//   reason           in words, why the state is what it is
//   participant      own resource name, rooms/{room}/participants/{participant}; "" before joining
//   roster()         the others: [{ name, displayName, tracks: [{ name, kind, muted }] }]
//   watchOpenings    how often the stream of events has been ready (1 after joining)
//   stats()          Promise of a Snapshot (stats.ts): both transports with selected candidate pair
//                    and SRTP cipher, one entry per sent stream and per received track
//   setMuted(kind, muted)         as the buttons do; kind is "audio" or "video"
//   setSubscription(track, paused)
//   setLayers(track, { minimum, wanted, maximum })  each { spatial, temporal }; those given are set
//   stopSending()    sends no more RTP, leaves everything else as it is
//   leave(), rejoin()
//   node()           Promise of the server's Node (node.proto)
//   journal          what happened lately: [{ at, text }], times in milliseconds of Unix time
//   statistics(participant = "")  Promise of its Statistics: of one participant or all
import type { Api, LayerWishes } from "./api";
import { journal } from "./journal";
import type { Kind } from "./publish";
import type { Session } from "./session";
import { takeSnapshot } from "./stats";
import type { Snapshot } from "./stats";

export interface Actions {
  session(): Session | null;
  setMuted(kind: Kind, muted: boolean): Promise<void>;
  leave(): Promise<void>;
  rejoin(): Promise<void>;
}

const NOTHING: Snapshot = { time: 0, publish: null, subscribe: null, outbound: [], inbound: [] };

function rosterOf(session: Session | null) {
  return [...(session?.participants.values() ?? [])].map(({ name, displayName, tracks }) => ({
    name,
    displayName,
    tracks: [...tracks.values()].map(({ name, kind, muted }) => ({ name, kind, muted })),
  }));
}

export function installHook(api: Api, actions: Actions): void {
  const hook = {
    get state() {
      return actions.session()?.state ?? "lobby";
    },
    get reason() {
      return actions.session()?.reason ?? "";
    },
    get participant() {
      return actions.session()?.name ?? "";
    },
    get watchOpenings() {
      return actions.session()?.watchOpenings ?? 0;
    },
    journal,
    roster: () => rosterOf(actions.session()),
    stats: async () => {
      const session = actions.session();
      return session ? takeSnapshot(session) : NOTHING;
    },
    setMuted: actions.setMuted,
    setSubscription: async (track: string, paused: boolean) =>
      actions.session()?.setSubscription(track, paused),
    setLayers: async (track: string, layers: LayerWishes) =>
      actions.session()?.setLayers(track, layers),
    stopSending: async () => actions.session()?.publisher?.stopSending(),
    leave: actions.leave,
    rejoin: actions.rejoin,
    node: () => api.node(),
    statistics: (participant = "") => api.statistics(participant),
  };
  Object.defineProperty(window, "sluice", { value: Object.freeze(hook) });
}
