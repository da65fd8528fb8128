# SPDX-License-Identifier: Apache-2.0
"""stats: the dataplane's counters, of the node, a room or a participant."""
from sluice.v1 import statistics_pb2

from sluice_ctl import output


def request_of(name):
    """GetStatisticsRequest for rooms/R, rooms/R/participants/P, transports/T, or the whole node."""
    if not name:
        return statistics_pb2.GetStatisticsRequest()
    if name.startswith("transports/"):
        return statistics_pb2.GetStatisticsRequest(transport=name)
    if "/participants/" in name:
        return statistics_pb2.GetStatisticsRequest(participant=name)
    room = name if name.startswith("rooms/") else f"rooms/{name}"
    return statistics_pb2.GetStatisticsRequest(room=room)


def node_lines(stats):
    books = stats.books
    yield from output.fields([
        ("received", books.packets_received), ("forwarded", books.packets_forwarded),
        ("consumed", books.packets_consumed), ("dropped", books.packets_dropped),
        ("difference", books.difference)])
    drops = [(d.name, d.packets, d.text) for d in stats.drops if d.packets]
    if drops:
        yield ""
        yield from output.table(("DROP", "PACKETS", "WHY"), drops)


def stream_lines(stats):
    transports = [(t.participant or t.transport, "publish" if t.publish else "subscribe",
                   t.selected_remote or "-", t.packets_received, t.packets_sent, t.srtp_cipher)
                  for t in stats.transports]
    if transports:
        yield ""
        yield from output.table(("TRANSPORT", "FOR", "REMOTE", "RECEIVED", "SENT", "CIPHER"),
                                transports)
    inbound = [(s.track, s.ssrc, s.rid or "-", s.packets_received, s.packets_lost,
                f"{s.jitter * 1000:.1f} ms") for s in stats.inbound_rtp]
    if inbound:
        yield ""
        yield from output.table(("INBOUND", "SSRC", "RID", "PACKETS", "LOST", "JITTER"), inbound)
    reports = {(r.participant, r.ssrc): r for r in stats.remote_inbound_rtp}
    outbound = []
    for s in stats.outbound_rtp:
        report = reports.get((s.participant, s.ssrc))
        outbound.append((s.participant or s.consumer, s.track, s.ssrc, s.packets_sent,
                         report.packets_lost if report else "-",
                         f"{report.round_trip_time * 1000:.1f} ms" if report else "-"))
    if outbound:
        yield ""
        yield from output.table(("OUTBOUND TO", "TRACK", "SSRC", "PACKETS", "LOST*", "ROUND TRIP*"),
                                outbound)
        yield "* as the subscriber reports it"


def run_stats(api, options):
    stats = api.call(api.node.GetStatistics, request_of(options.name))
    if options.json:
        output.print_json(output.as_dict(stats))
        return
    print("\n".join([*node_lines(stats), *stream_lines(stats)]))
