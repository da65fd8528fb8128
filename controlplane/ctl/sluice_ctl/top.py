# SPDX-License-Identifier: Apache-2.0
"""top: a live table of cores, ports, rooms and drops. Without a terminal it prints one after the
other."""
import dataclasses
import select
import shutil
import sys
import termios
import time
import tty

import grpc
from google.protobuf import message
from sluice.v1 import node_pb2, statistics_pb2

from sluice_ctl import output
from sluice_ctl.drain import drain_text
from sluice_ctl.rooms import last, list_rooms

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, LINE_END, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
BOLD, PLAIN = "\x1b[1m", "\x1b[m"
DROPS_SHOWN = 8
MAIN_WORKER = 16  # its number in WorkerStats


@dataclasses.dataclass
class Sample:
    time: float
    node: message.Message
    cores: list
    interfaces: list
    rooms: list
    stats: message.Message


def if_served(api, method, request):
    """The answer, or None of an older node that does not know the method."""
    try:
        return api.call(method, request)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNIMPLEMENTED:
            raise
        return None


def cores_of(stats):
    """Cores as far as the statistics tell of them."""
    return [node_pb2.Core(role=node_pb2.Core.ROLE_MAIN if w.worker == MAIN_WORKER
                          else node_pb2.Core.ROLE_WORKER, worker=w.worker, cpu=-1, stats=w)
            for w in stats.workers]


def sample(api):
    node = api.call(api.node.GetNode, node_pb2.GetNodeRequest())
    rooms = list_rooms(api)
    if not node.dataplane_attached:
        return Sample(time.monotonic(), node, [], [], rooms, statistics_pb2.Statistics())
    stats = api.call(api.node.GetStatistics, statistics_pb2.GetStatisticsRequest())
    cores = if_served(api, api.node.ListCores, node_pb2.ListCoresRequest())
    ports = if_served(api, api.node.ListInterfaces, node_pb2.ListInterfacesRequest())
    return Sample(time.monotonic(), node, cores.cores if cores else cores_of(stats),
                  ports.interfaces if ports else [], rooms, stats)


class Rates:
    """Differences between two samples, per second; 0 without one before."""

    def __init__(self, before, now):
        self.before = before
        self.seconds = now.time - before.time if before else 0

    def of(self, value, before):
        # A smaller one is that of a new dataplane.
        return (value - before) / self.seconds if self.seconds and value >= before else 0

    def field(self, item, name, items, key):
        """The rate of item.name, against the item with the same key among `items`."""
        for other in items if self.before else ():
            if key(other) == key(item):
                return self.of(getattr(item, name), getattr(other, name))
        return 0


def head_lines(now, rates):
    node = now.node
    state = drain_text(node.drain) if node.HasField("drain") else "in service"
    if not node.dataplane_attached:
        state += ", NO DATAPLANE"
    yield (f"sluice {node.version}   {state}   {len(now.rooms)} rooms   "
           f"{node.participant_count} participants   {node.orphan_count} orphans   "
           f"{time.strftime('%H:%M:%S')}")
    books, old = now.stats.books, rates.before.stats.books if rates.before else now.stats.books
    words = [f"{name} {output.amount(rates.of(getattr(books, field), getattr(old, field)))}/s"
             for name, field in (("received", "packets_received"), ("forwarded", "packets_forwarded"),
                                 ("consumed", "packets_consumed"), ("dropped", "packets_dropped"))]
    yield "   ".join(words) + f"   books differ by {books.difference}"


def core_rows(now, rates):
    rows = []
    before = rates.before.cores if rates.before else []
    for core in now.cores:
        is_main = core.role == node_pb2.Core.ROLE_MAIN
        old = next((c.stats for c in before if c.worker == core.worker), core.stats)
        busy = rates.of(core.stats.busy_us, old.busy_us) / 1e6 if rates.seconds else core.busy_share
        polls, empty = core.stats.polls - old.polls, core.stats.polls_empty - old.polls_empty
        rows.append(("main" if is_main else f"worker {core.worker}",
                     core.cpu if core.cpu >= 0 else "-", f"{busy:.1%}",
                     f"{empty / polls:.0%}" if polls > 0 else "-",
                     output.amount(rates.of(core.stats.packets_received, old.packets_received)),
                     output.amount(rates.of(core.stats.packets_sent, old.packets_sent)),
                     core.transports, f"{core.stats.drift_max_us / 1000:.1f} ms"))
    return rows


def interface_rows(now, rates):
    rows = []
    for port in now.interfaces:
        def rate(field, port=port):
            return output.amount(rates.field(port, field, rates.before.interfaces
                                             if rates.before else [], lambda p: p.role))
        rows.append((output.enum_word(port, "role"), port.name, "up" if port.link_up else "DOWN",
                     rate("packets_received"), rate("bytes_received"), rate("packets_sent"),
                     rate("bytes_sent"), port.missed, port.send_errors))
    return rows


def room_of(name):
    words = name.split("/")
    return words[1] if len(words) > 1 and words[0] == "rooms" else None


def room_rates(now, rates):
    """Bytes in and out of each room, a second."""
    flows = {}
    before = rates.before.stats if rates.before else statistics_pb2.Statistics()
    inbound = {(s.track, s.ssrc): s.bytes_received for s in before.inbound_rtp}
    outbound = {(s.participant, s.ssrc): s.bytes_sent for s in before.outbound_rtp}
    for s in now.stats.inbound_rtp:
        old = inbound.get((s.track, s.ssrc), s.bytes_received)
        flow = flows.setdefault(room_of(s.track), [0, 0])
        flow[0] += rates.of(s.bytes_received, old)
    for s in now.stats.outbound_rtp:
        old = outbound.get((s.participant, s.ssrc), s.bytes_sent)
        flow = flows.setdefault(room_of(s.participant), [0, 0])
        flow[1] += rates.of(s.bytes_sent, old)
    return flows


def room_rows(now, rates):
    flows = room_rates(now, rates)
    rows = [(last(r.name), r.participant_count, *flows.get(last(r.name), (0, 0)))
            for r in now.rooms]
    rows.sort(key=lambda row: (-row[3], -row[1], row[0]))
    return [(name, count, output.amount(received * 8), output.amount(sent * 8))
            for name, count, received, sent in rows]


def drop_rows(now, rates):
    before = rates.before.stats.drops if rates.before else []
    rows = [(d.name, rates.field(d, "packets", before, lambda x: (x.egress, x.name)), d.packets,
             d.text) for d in now.stats.drops if d.packets]
    rows.sort(key=lambda row: (-row[1], -row[2]))
    return [(name, output.amount(rate), total, text)
            for name, rate, total, text in rows[:DROPS_SHOWN]]


def frame(now, before):
    """The lines of one table. Empty parts are left out."""
    rates = Rates(before, now)
    parts = (
        (("CORE", "CPU", "BUSY", "EMPTY", "IN/s", "OUT/s", "TRANSPORTS", "LONGEST GAP"),
         core_rows(now, rates)),
        (("PORT", "DEVICE", "LINK", "IN/s", "B/s", "OUT/s", "B/s", "MISSED", "ERRORS"),
         interface_rows(now, rates)),
        (("ROOM", "PARTICIPANTS", "IN bit/s", "OUT bit/s"), room_rows(now, rates)),
        (("DROP", "/s", "PACKETS", "WHY"), drop_rows(now, rates)),
    )
    lines = list(head_lines(now, rates))
    for head, rows in parts:
        if rows:
            lines += ["", *output.table(head, rows)]
    return lines


def as_dict(now, before):
    rates = Rates(before, now)
    flows = room_rates(now, rates)
    return {"node": output.as_dict(now.node), "cores": [output.as_dict(c) for c in now.cores],
            "interfaces": [output.as_dict(i) for i in now.interfaces],
            "rooms": [{**output.as_dict(r),
                       "receiveBitrate": flows.get(last(r.name), (0, 0))[0] * 8,
                       "sendBitrate": flows.get(last(r.name), (0, 0))[1] * 8} for r in now.rooms]}


def paint(lines):
    size = shutil.get_terminal_size()
    shown = [line[:size.columns] for line in lines[:size.lines - 1]]
    text = [f"{BOLD}{line}{PLAIN}" if i == 0 or not lines[i - 1] else line
            for i, line in enumerate(shown)]
    sys.stdout.write(HOME + "".join(line + LINE_END + "\r\n" for line in text) + BELOW)
    sys.stdout.flush()


def key_pressed(wait_s):
    """True if q was pressed within that time."""
    end = time.monotonic() + wait_s
    while (left := end - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0] and sys.stdin.read(1) in ("q", "Q", ""):
            return True
    return False


def frames(api, options, show, wait):
    before, shown = None, 0
    while True:
        now = sample(api)
        show(now, before)
        before, shown = now, shown + 1
        if (options.count and shown >= options.count) or wait(options.interval):
            return


def run_top(api, options):
    if options.json:
        frames(api, options, lambda now, before: output.print_json_line(as_dict(now, before)),
               time.sleep)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        frames(api, options, lambda now, before: print("\n".join([*frame(now, before), ""]),
                                                       flush=True), time.sleep)
        return
    kept = termios.tcgetattr(sys.stdin)
    sys.stdout.write(ENTER)
    try:
        tty.setcbreak(sys.stdin)
        frames(api, options, lambda now, before: paint(frame(now, before)), key_pressed)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
