# SPDX-License-Identifier: Apache-2.0
"""events: what happens, as it happens. A stream that is cut is resumed after the last event."""
import time

import grpc
from sluice.v1 import room_pb2

from sluice_ctl import endpoint, output
from sluice_ctl.rooms import room_name

RETRIES = 10
RETRY_S = 1
# The server's way to say: come back and go on where you were.
RESUMABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def subject(event):
    kind = event.WhichOneof("resource")
    if kind is None:
        return ""
    resource = getattr(event, kind)
    if kind == "subscription":
        return f"{resource.participant} -> {resource.track}"
    return getattr(resource, {"change": "resource", "summary": "participant"}.get(kind, "name"))


def line(event):
    words = [output.when(event.time_ms), output.enum_word(event, "kind").ljust(20), subject(event)]
    if event.reason:
        words.append(f"({event.reason})")
    if event.WhichOneof("resource") == "change" and event.change.refusal:
        words.append(f"({event.change.refusal})")
    if event.WhichOneof("resource") == "summary":
        words.append(f"after {event.summary.duration_ms / 1000:.0f} s")
    return "  ".join(words).rstrip()


def show(event, options):
    if event.kind == room_pb2.Event.KIND_HEARTBEAT:
        return False
    if options.json:
        output.print_json_line(output.as_dict(event))
    else:
        print(line(event), flush=True)
    return True


def run_events(api, options):
    request = room_pb2.WatchEventsRequest(parent=room_name(options.room) if options.room else "")
    left, shown = RETRIES, 0
    while True:
        try:
            for event in api.stream(api.rooms.WatchEvents, request):
                left = RETRIES
                request.resume_token = event.resume_token or request.resume_token
                shown += show(event, options)
                if options.count and shown >= options.count:
                    return
                if options.snapshot and event.kind == room_pb2.Event.KIND_SNAPSHOT_END:
                    return
            return
        except grpc.RpcError as error:
            left -= 1
            if error.code() not in RESUMABLE or left == 0 or not request.resume_token:
                raise
            endpoint.warn(f"{error.code().name}: {error.details()}; going on after the last event")
            time.sleep(RETRY_S)
