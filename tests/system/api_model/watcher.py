# SPDX-License-Identifier: Apache-2.0
"""What all clients see together: the events, and the uids that never come twice."""
import random
import threading

from api_model.lab import Api
from sluice.v1 import room_pb2

Event = room_pb2.Event


class Seen:
    """What all clients have seen: a uid never comes twice."""

    def __init__(self):
        self.lock = threading.Lock()
        self.uids = set()

    def uid(self, uid):
        with self.lock:
            assert uid not in self.uids, f"uid {uid} came again"
            self.uids.add(uid)


class Watcher(threading.Thread):
    """Follows the events, is cut off now and then, resumes, and keeps the state they tell."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.api = Api()
        self.state = {}  # name -> uid
        self.token = ""
        self.changes = self.resumed = self.summaries = 0
        self.error = self.stream = None
        self.over = False

    def run(self):
        try:
            while not self.over:
                self.follow(self.random.randrange(50, 500))
        except BaseException as error:  # pylint: disable=broad-except
            if not self.over:
                self.error = error

    def follow(self, events):
        self.stream = self.api.rooms.WatchEvents(room_pb2.WatchEventsRequest(
            resume_token=self.token, heartbeat_seconds=1))
        for sequence, event in enumerate(self.stream, 1):
            assert event.sequence == sequence, event
            self.take(event)
            if sequence >= events and event.resume_token:
                break
        self.stream.cancel()

    def take(self, event):
        if event.kind == Event.KIND_RESUMED:
            self.resumed += not event.snapshot_follows
            if event.snapshot_follows:
                self.state.clear()
        elif event.kind in (Event.KIND_CHANGE_APPLIED, Event.KIND_CHANGE_ROLLED_BACK):
            self.changes += 1
        elif event.kind == Event.KIND_SESSION_SUMMARY:
            self.summaries += 1
        elif event.kind in (Event.KIND_ROOM_ADDED, Event.KIND_PARTICIPANT_ADDED):
            resource = event.room if event.HasField("room") else event.participant
            assert resource.name not in self.state, event
            self.state[resource.name] = resource.uid
        elif event.kind in (Event.KIND_ROOM_REMOVED, Event.KIND_PARTICIPANT_REMOVED):
            resource = event.room if event.HasField("room") else event.participant
            assert self.state.pop(resource.name) == resource.uid, event
        if event.resume_token:
            self.token = event.resume_token
