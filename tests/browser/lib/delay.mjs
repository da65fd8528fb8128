// SPDX-License-Identifier: Apache-2.0
//
// delay_relay.py between a lab's bridge and one client: what either sends the other comes later.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("delay_relay.py", import.meta.url));

// Takes the bridge's port `port` out of the bridge, puts a veth in its place and carries between
// the two. Resolves to the process; at the end of its input it stops, and nothing is carried.
export async function delayPort({ namespace, port, milliseconds }) {
  const [inner, outer] = [`${port}-far`, `${port}-near`];
  const ip = (...words) => execFileSync("ip", ["-n", namespace, ...words]);
  const inside = ["netns", "exec", namespace];

  ip("link", "add", "name", inner, "type", "veth", "peer", "name", outer);
  for (const end of [inner, outer]) {
    const off = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"];
    execFileSync("ip", [...inside, "ethtool", "-K", end, ...off]);
    ip("link", "set", end, "up");
  }
  ip("link", "set", port, "nomaster");
  ip("link", "set", outer, "master", "br0");
  const command = [...inside, "python3", SCRIPT, String(milliseconds), port, inner];
  const relay = spawn("ip", command, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(relay, "exit").then(([code]) => {
    throw new Error(`delay_relay.py ended by itself: ${code}`);
  });
  await Promise.race([once(relay.stdout, "data"), ended]);
  ended.catch(() => {}); // what it carried is missed soon enough
  return relay;
}
