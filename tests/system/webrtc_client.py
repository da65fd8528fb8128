#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A WHIP publisher or WHEP player on GStreamer's webrtcbin: a WebRTC stack that is no browser.

usage: webrtc_client.py publish URL [WIDTHxHEIGHT]      a test picture in VP8, a tone in Opus
       webrtc_client.py play URL [VIDEO LINES]          counts what it decodes

Tells what happens as JSON lines on standard output. Ends, with a DELETE, when standard input does.
"""
import json
import re
import subprocess
import sys
import threading
from urllib.parse import urljoin

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
# pylint: disable=wrong-import-position
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

VIDEO_CAPS = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
AUDIO_CAPS = ("application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,"
              "encoding-params=(string)2")
PUBLISH = """
  webrtcbin name=peer bundle-policy=max-bundle
  videotestsrc is-live=true pattern=ball ! video/x-raw,width={0},height={1},framerate=15/1 !
    vp8enc deadline=1 cpu-used=8 keyframe-max-dist=150 target-bitrate=300000 ! rtpvp8pay !
    {video} ! peer.
  audiotestsrc is-live=true wave=sine volume=0.1 ! audioconvert ! opusenc ! rtpopuspay !
    {audio} ! peer.
"""


def say(**what):
    # In one piece: GStreamer's threads speak here, too, and print() writes the line's end apart.
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def http(method, url, body=None, kind="application/sdp"):
    """(status, fields, body) of one request, by curl."""
    done = subprocess.run(["curl", "-ksS", "-i", "--max-time", "20", "-X", method, "-H",
                           f"content-type: {kind}", "--data-binary", "@-", url],
                          input=(body or "").encode(), capture_output=True, check=True)
    head, _, rest = done.stdout.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), {k.lower(): v for k, v in fields.items()}, rest


class Client:
    def __init__(self, url, pipeline):
        self.url = url
        self.session = None
        self.loop = GLib.MainLoop()
        self.pipeline = pipeline
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("notify::ice-gathering-state", self.on_gathering)
        self.peer.connect("notify::connection-state", self.on_connection)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        self.decoded = {}
        self.offered = False

    def on_error(self, _bus, message):
        say(error=str(message.parse_error()))
        self.loop.quit()

    def on_connection(self, *_unused):
        say(connection=self.peer.get_property("connection-state").value_nick)

    def offer(self, *_unused):
        if not self.offered:
            self.offered = True
            promise = Gst.Promise.new_with_change_func(self.on_offer)
            self.peer.emit("create-offer", None, promise)

    def on_offer(self, promise):
        reply = promise.get_reply()
        text = reply.get_value("offer").sdp.as_text()
        # A description of our own: the reply's is freed under Python's feet.
        self.describe("set-local-description", GstWebRTC.WebRTCSDPType.OFFER, text)

    def describe(self, signal, kind, text):
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        self.description = GstWebRTC.WebRTCSessionDescription.new(kind, sdp)
        self.peer.emit(signal, self.description, Gst.Promise.new())

    def on_gathering(self, *_unused):
        state = self.peer.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and self.session is None:
            GLib.idle_add(self.post)

    def post(self):
        text = self.peer.get_property("local-description").sdp.as_text()
        status, fields, body = http("POST", self.url, text)
        if status != 201:
            say(status=status, text=body, offer=text)
            self.loop.quit()
            return
        self.session = urljoin(self.url, fields["location"])
        ssrcs = re.findall(r"a=ssrc:(\d+) cname", body)
        say(status=status, session=self.session, etag=fields["etag"], ssrcs=ssrcs, answer=body)
        self.describe("set-remote-description", GstWebRTC.WebRTCSDPType.ANSWER, body)

    def run(self):
        threading.Thread(target=self.wait_for_end, daemon=True).start()
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.session is not None:
            say(deleted=http("DELETE", self.session)[0])
        self.pipeline.set_state(Gst.State.NULL)

    def wait_for_end(self):
        sys.stdin.read()
        GLib.idle_add(self.loop.quit)


class Publisher(Client):
    def __init__(self, url, size="320x180"):
        super().__init__(url, Gst.parse_launch(
            PUBLISH.format(*size.split("x"), video=VIDEO_CAPS, audio=AUDIO_CAPS)))
        self.peer.connect("on-negotiation-needed", self.offer)


class Player(Client):
    def __init__(self, url, lines="1"):
        pipeline = Gst.Pipeline.new("player")
        pipeline.add(Gst.parse_launch("webrtcbin name=peer bundle-policy=max-bundle"))
        super().__init__(url, pipeline)
        recvonly = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self.peer.emit("add-transceiver", recvonly, Gst.Caps.from_string(AUDIO_CAPS))
        for _ in range(int(lines)):
            self.peer.emit("add-transceiver", recvonly, Gst.Caps.from_string(VIDEO_CAPS))
        self.peer.connect("on-negotiation-needed", self.offer)
        self.peer.connect("pad-added", self.on_pad)
        GLib.timeout_add(250, self.tell)

    def on_pad(self, _peer, pad):
        caps = pad.get_current_caps().get_structure(0)
        kind = caps.get_string("media")
        ssrc = caps.get_value("ssrc")
        decode = "rtpvp8depay ! vp8dec" if kind == "video" else "rtpopusdepay ! opusdec"
        part = Gst.parse_bin_from_description(
            f"queue ! {decode} ! fakesink name=sink signal-handoffs=true sync=false", True)
        self.pipeline.add(part)
        part.get_by_name("sink").connect("handoff", self.on_decoded, kind, ssrc)
        pad.link(part.get_static_pad("sink"))
        part.sync_state_with_parent()

    def on_decoded(self, _sink, _buffer, pad, kind, ssrc):
        caps = pad.get_current_caps().get_structure(0)
        what = f"{ssrc} {kind}"
        if kind == "video":
            what += f" {caps.get_value('width')}x{caps.get_value('height')}"
        self.decoded[what] = self.decoded.get(what, 0) + 1

    def tell(self):
        say(decoded=self.decoded)
        return True


if __name__ == "__main__":
    Gst.init(None)
    {"publish": Publisher, "play": Player}[sys.argv[1]](*sys.argv[2:]).run()
