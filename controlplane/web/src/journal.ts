// SPDX-License-Identifier: Apache-2.0
//
// The last things that happened in this page, for whoever has to find out why something did not.

export interface Entry {
  at: number; // Unix time, milliseconds
  text: string;
}

const KEPT = 300;

export const journal: Entry[] = [];

export function note(text: string): void {
  journal.push({ at: Date.now(), text });
  if (journal.length > KEPT) journal.shift();
}

// Notes each change of a connection's states.
export function noteConnection(label: string, pc: RTCPeerConnection): void {
  pc.addEventListener("connectionstatechange", () => note(`${label}: ${pc.connectionState}`));
  pc.addEventListener("iceconnectionstatechange", () =>
    note(`${label}: ICE ${pc.iceConnectionState}`),
  );
}
