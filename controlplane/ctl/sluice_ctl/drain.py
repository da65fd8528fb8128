# SPDX-License-Identifier: Apache-2.0
"""node, drain, undrain: what the node is, and taking it out of service and back."""
import uuid

from sluice.v1 import node_pb2

from sluice_ctl import output


def drain_text(drain):
    end = f"until {output.when(drain.deadline_time_ms)}" if drain.deadline_time_ms else \
        "without a deadline"
    what = "drained" if drain.drained else f"draining {end}"
    return what + (", then removes who is left" if drain.remove_at_deadline else "")


def show(node, options):
    if options.json:
        output.print_json(output.as_dict(node))
        return
    state = drain_text(node.drain) if node.HasField("drain") else "in service"
    print("\n".join(output.fields([
        ("state", state if node.dataplane_attached else f"{state}; no dataplane attached"),
        ("version", node.version), ("workers", node.worker_count),
        ("media", ", ".join(node.media_addresses)), ("rooms", node.room_count),
        ("participants", node.participant_count), ("orphans", node.orphan_count)])))


def run_node(api, options):
    show(api.call(api.node.GetNode, node_pb2.GetNodeRequest()), options)


def run_drain(api, options):
    request = node_pb2.DrainNodeRequest(deadline_seconds=options.deadline,
                                        remove_at_deadline=options.remove,
                                        request_id=str(uuid.uuid4()))
    show(api.call(api.node.DrainNode, request), options)


def run_undrain(api, options):
    request = node_pb2.UndrainNodeRequest(request_id=str(uuid.uuid4()))
    show(api.call(api.node.UndrainNode, request), options)
