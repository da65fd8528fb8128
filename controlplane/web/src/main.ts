// SPDX-License-Identifier: Apache-2.0
//
// The page: lobby, room, and back. It renders from the session's state whenever that changes, and
// the figures once a second.
import { Api, failureText } from "./api";
import { closeDevices } from "./devices";
import { byId, setText, setToggle } from "./dom";
import { installHook } from "./hook";
import { Lobby } from "./lobby";
import type { Entry } from "./lobby";
import { MediaKind } from "./gen/sluice/v1/room";
import { readParams, takeToken } from "./params";
import type { Kind } from "./publish";
import { Session } from "./session";
import type { RemoteParticipant } from "./session";
import { Rates, takeSnapshot } from "./stats";
import { Stage } from "./tiles";
import type { TileView } from "./tiles";

const FIGURES_EVERY_MS = 1_000;
const SELF = ""; // the key of the own tile

const params = readParams(location.search);
const api = new Api(takeToken());
const rates = new Rates();
const stage = new Stage(byId("stage"), () => offerSound());
const lobby = new Lobby(params, enter);

let session: Session | null = null;
let entry: Entry | null = null;
let soundBlocked = false;
let notice = ""; // something to tell that is not about the session's state

const PILLS: Record<string, string> = {
  joining: "Joining",
  joined: "Live",
  "signalling-lost": "Reconnecting",
  "session-unknown": "Detached",
  "media-lost": "No media",
};

const ENDINGS: Record<string, string> = {
  left: "",
  removed: "You are no longer in the room",
  failed: "Could not join",
};

function announce(text: string): void {
  setText(byId("announce"), text);
}

function newSession(): Session {
  const made: Session = new Session(api, params, () => session === made && render(), announce);
  return made;
}

async function enter(wanted: Entry): Promise<void> {
  const joining = newSession();
  session = joining;
  entry = wanted;
  notice = wanted.devices.problem;
  try {
    await joining.join(wanted.room, wanted.name, wanted.devices, wanted.muted);
  } catch (error) {
    lobby.fail(`Could not join: ${failureText(error)}`);
    return;
  }
  const url = new URL(location.href);
  url.searchParams.set("room", wanted.room);
  history.replaceState(null, "", url);
  render();
}

// Enters the room again under a new session. The old media plays on until the new session stands.
async function rejoin(): Promise<void> {
  const old = session;
  if (!old || !entry) return;
  const devices = old.publisher?.devices ?? entry.devices;
  const muted = old.publisher?.muted ?? entry.muted;
  const joining = newSession();
  try {
    await joining.join(entry.room, entry.name, devices, muted);
  } catch (error) {
    notice = `Could not rejoin: ${failureText(error)}`;
    return render();
  }
  session = joining;
  notice = "";
  rates.forget();
  render();
  await old.leave();
}

async function leave(): Promise<void> {
  await session?.leave();
}

async function setMuted(kind: Kind, muted: boolean): Promise<void> {
  try {
    await session?.publisher?.setMuted(kind, muted);
  } catch (error) {
    notice = `The camera could not be opened: ${failureText(error)}`;
  }
  render();
}

function offerSound(): void {
  soundBlocked = true;
  render();
}

function viewOf(participant: RemoteParticipant): TileView {
  const media = (kind: MediaKind) => {
    const track = [...participant.tracks.values()].find((t) => t.kind === kind);
    const received = track && session?.subscriber?.tracks.get(track.name);
    return { media: received?.media ?? null, muted: track?.muted ?? true };
  };
  const audio = media(MediaKind.AUDIO);
  const video = media(MediaKind.VIDEO);
  return {
    name: participant.displayName || participant.name.split("/").pop() || "?",
    self: false,
    video: video.media,
    audio: audio.media,
    videoMuted: video.muted,
    audioMuted: audio.muted,
  };
}

function ownView(current: Session): TileView {
  const publisher = current.publisher;
  return {
    name: entry?.name ?? "",
    self: true,
    video: publisher?.devices.video ?? null,
    audio: null,
    videoMuted: publisher?.muted.video ?? false,
    audioMuted: (publisher?.muted.audio ?? false) || !publisher?.has("audio"),
  };
}

function renderBanner(current: Session): void {
  const texts: Record<string, [string, string]> = {
    "signalling-lost": ["Signalling is lost; media continues. Reconnecting…", ""],
    "session-unknown": [`${current.reason} Media goes on.`, "Rejoin"],
    "media-lost": [current.reason, "Rejoin"],
  };
  const [text, action] = texts[current.state] ?? [notice, ""];
  const sound = soundBlocked && !action;
  byId("banner").hidden = !text && !sound;
  byId("banner").dataset["state"] = current.state;
  setText(byId("banner-text"), text || (sound ? "The browser holds back the sound." : ""));
  byId("banner-action").hidden = !action && !sound;
  setText(byId("banner-action"), sound ? "Play sound" : action);
}

function renderControls(current: Session): void {
  const publisher = current.publisher;
  for (const [kind, id, what] of [
    ["audio", "mic", "microphone"],
    ["video", "cam", "camera"],
  ] as [Kind, string, string][]) {
    const there = publisher?.has(kind) ?? false;
    const muted = !there || (publisher?.muted[kind] ?? false);
    byId<HTMLButtonElement>(id).disabled = !there;
    const label = there ? `Turn ${what} ${muted ? "on" : "off"}` : `No ${what}`;
    setToggle(byId(id), muted, muted ? `${id}-off` : id, label);
  }
  const shown = !document.body.classList.contains("no-figures");
  setToggle(byId("figures"), shown, "stats", shown ? "Hide figures" : "Show figures");
}

function renderRoom(current: Session): void {
  const count = current.participants.size + 1;
  setText(byId("room-name"), entry?.room ?? "");
  setText(byId("head-count"), count === 1 ? "Only you" : `${count} people`);
  setText(byId("pill-text"), PILLS[current.state] ?? "");
  byId("pill").dataset["state"] = current.state;
  document.title = `${entry?.room ?? ""} · Sluice`;
  renderBanner(current);
  renderControls(current);
  const views = new Map<string, TileView>([[SELF, ownView(current)]]);
  for (const [name, participant] of current.participants) views.set(name, viewOf(participant));
  stage.show(views);
}

function backToLobby(current: Session): void {
  if (current.publisher) closeDevices(current.publisher.devices);
  stage.show(new Map());
  rates.forget();
  lobby.forget();
  document.title = "Sluice";
  const ending = ENDINGS[current.state] ?? "";
  if (ending) lobby.fail(current.reason ? `${ending}: ${current.reason}.` : `${ending}.`);
  void lobby.open();
}

function render(): void {
  const current = session;
  const inRoom = current !== null && !current.over;
  const wasInRoom = document.body.dataset["view"] === "room";
  const show = inRoom && (wasInRoom || current.state !== "joining");
  document.body.dataset["view"] = show ? "room" : "lobby";
  byId("lobby").hidden = show;
  byId("room-view").hidden = !show;
  if (show !== wasInRoom) byId(show ? "mic" : "name").focus();
  if (show) renderRoom(current);
  else if (current?.over && wasInRoom) backToLobby(current);
}

async function renderFigures(): Promise<void> {
  const current = session;
  if (!current || current.over) return;
  const snapshot = await takeSnapshot(current);
  if (session !== current) return;
  stage.showFigures(SELF, rates.local(snapshot));
  for (const name of current.participants.keys()) {
    stage.showFigures(name, rates.remote(name, snapshot));
  }
}

async function copyLink(): Promise<void> {
  const link = `${location.origin}/?room=${encodeURIComponent(entry?.room ?? "")}`;
  try {
    await navigator.clipboard.writeText(link);
    announce("Link copied");
    setText(byId("copy-text"), "Copied");
  } catch {
    setText(byId("copy-text"), link);
  }
  setTimeout(() => setText(byId("copy-text"), "Copy link"), 2_000);
}

function bannerAction(): void {
  if (soundBlocked) {
    soundBlocked = false;
    stage.play();
    render();
  } else {
    void rejoin();
  }
}

function listen(): void {
  const toggle = (kind: Kind) => void setMuted(kind, !session?.publisher?.muted[kind]);
  byId("mic").addEventListener("click", () => toggle("audio"));
  byId("cam").addEventListener("click", () => toggle("video"));
  byId("figures").addEventListener("click", () => {
    document.body.classList.toggle("no-figures");
    render();
  });
  byId("leave").addEventListener("click", () => void leave());
  byId("copy").addEventListener("click", () => void copyLink());
  byId("banner-action").addEventListener("click", bannerAction);
  // The page goes away: say so while there is still someone to say it.
  window.addEventListener("pagehide", () => void leave());
  // Taken out of the back-forward cache it would show a room it has left.
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

setToggle(byId("leave"), false, "leave", "Leave the room");
listen();
installHook(api, { session: () => session, setMuted, leave, rejoin });
setInterval(() => void renderFigures().catch(() => {}), FIGURES_EVERY_MS);
if (params.autojoin) void lobby.submit();
else void lobby.open();
