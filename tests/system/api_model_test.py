#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 420
# nightly: 2400
# args: --memory
# args: --leaks
"""Random operations of several clients on the whole API against a model of it, while a relay delays
and refuses epochs; then nothing may be left: no record, no descriptor, no allocation, no memory.

usage: api_model_test.py --memory    what is held at rest, after 10^4 operations
       api_model_test.py --leaks     fewer operations; LeakSanitizer looks at what the end leaves

SLUICE_SEED is the seed; SLUICE_NIGHTLY makes it ten times as many operations, from a seed that is
printed; SLUICE_OPERATIONS says how many. No transport with ICE connects (the namespace is empty),
so each is announced, waited for and removed; plain ones are connected at once.
"""
import os
import random
import sys

import grpc
from api_model.client import Client
from api_model.lab import Api, OFFER, wait_for
from api_model.servers import PATIENCE_S, REAP_S, REQUEST_ID_TTL_S, Servers
from api_model.watcher import Seen, Watcher
from sluice.v1 import room_pb2, signalling_pb2

# The heap and the segment's pages are those of a running server after one more run before them.
CLIENTS, RUNS, WARM_UP_RUNS = 4, 3, 1
LEAKS = sys.argv[1:] == ["--leaks"]
NIGHTLY = bool(os.environ.get("SLUICE_NIGHTLY"))
OPERATIONS = int(os.environ.get("SLUICE_OPERATIONS", 0)) or \
    (1_000 if LEAKS else 10_000) * (10 if NIGHTLY else 1)
JOURNAL_EVENTS = 4096  # as controlplane/session/journal.h
ALLOCATIONS_SLACK, MEMORY_SLACK = 64, 1.02


def run(seed, number, watcher, totals):
    operations = OPERATIONS // RUNS // CLIENTS + 1
    clients = [Client(i, seed + number, operations, totals["seen"]) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
        if client.error:
            raise client.error
    for client in clients:
        client.finish()
        for what in ("refused", "late"):
            totals[what] += getattr(client, what)
    wait_for(lambda: not watcher.state or watcher.error, "events of the last removals")
    if watcher.error:
        raise watcher.error


def main():
    seed = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31) if NIGHTLY else 1))
    print(f"seed {seed}")
    servers = Servers(seed, LEAKS)
    warm = Api()
    wait_for(lambda: join_and_leave(warm), "the dataplane to be attached")
    fill_journal(warm)
    watcher = Watcher(seed)
    totals = {"seen": Seen(), "refused": 0, "late": 0}
    watcher.start()
    wait_for(lambda: watcher.token, "the first event")
    descriptors = servers.control.descriptors()
    at_rest = [] if LEAKS else [held(servers)]
    for number in range(WARM_UP_RUNS + RUNS):
        run(seed, number, watcher, totals)
        trims = 0 if LEAKS else servers.trims()
        servers.rest(descriptors)
        if LEAKS:
            continue
        # First what the run took goes back, so that the journal's events do not lie between.
        come_to_rest(servers, trims)
        trims = servers.trims()
        fill_journal(warm)
        come_to_rest(servers, trims)
        wait_for(lambda: servers.allocations() <= at_rest[0][0] + ALLOCATIONS_SLACK,
                 f"{servers.allocations()} allocations to become {at_rest[0][0]} again")
        at_rest.append(held(servers))
    print(f"measured: {OPERATIONS} operations of {CLIENTS} clients, {totals['refused']} refused, "
          f"{totals['late']} late, {watcher.resumed} streams resumed, "
          f"{watcher.summaries} summaries, {watcher.changes} late changes told, "
          f"{servers.records()}")
    if not LEAKS:
        print(f"measured: (allocations, kB resident) at rest {at_rest}")
        check_rest(at_rest)
        assert min(totals["refused"], totals["late"], watcher.resumed, watcher.changes) > 0, \
            "no test"
    watcher.over = True
    watcher.stream.cancel()
    warm.channel.close()
    servers.end()


def fill_journal(api):
    """The events kept for those who resume are these again, whatever came between."""
    for _ in range(JOURNAL_EVENTS // 2 + 1):
        api.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id="warm"), timeout=5)
        api.rooms.DeleteRoom(room_pb2.DeleteRoomRequest(name="rooms/warm"), timeout=5)


def held(servers):
    return servers.allocations(), servers.control.resident_kb()


def come_to_rest(servers, trims):
    """Until the last answer kept for request_id has expired, and what it took was given back."""
    wait_for(lambda: servers.trims() > trims, "freed memory to be given back",
             REQUEST_ID_TTL_S + 2 * REAP_S + PATIENCE_S)


def check_rest(at_rest):
    """Allocations are as at the start, memory as after the run before."""
    (start, _), *_, (_, size_before), (after, size_after) = at_rest
    assert abs(after - start) <= ALLOCATIONS_SLACK, f"{start} allocations became {after}"
    assert size_after <= size_before * MEMORY_SLACK, f"{size_before} kB grew to {size_after} kB"


def join_and_leave(api):
    try:
        joined = api.signalling.Join(signalling_pb2.JoinRequest(room="rooms/warm"), timeout=1)
        api.signalling.Publish(signalling_pb2.PublishRequest(session=joined.session, sdp=OFFER),
                               timeout=1)
        api.rooms.DeleteRoom(room_pb2.DeleteRoomRequest(name="rooms/warm"), timeout=5)
        return True
    except grpc.RpcError:
        return False


if __name__ == "__main__":
    main()
