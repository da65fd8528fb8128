# SPDX-License-Identifier: Apache-2.0
"""The table of `top` from two samples: rates, order, what is left out."""
import unittest

from sluice.v1 import node_pb2, room_pb2, statistics_pb2

from sluice_ctl import top

TRACK = "rooms/a/participants/p/tracks/t"


def sample(seconds, packets, attached=True):
    stats = statistics_pb2.Statistics(
        books=statistics_pb2.Books(packets_received=packets, difference=3),
        inbound_rtp=[statistics_pb2.InboundRtpStats(track=TRACK, ssrc=1, bytes_received=packets)],
        outbound_rtp=[statistics_pb2.OutboundRtpStats(participant="rooms/b/participants/q",
                                                      track=TRACK, ssrc=1, bytes_sent=2 * packets)],
        drops=[statistics_pb2.DropCounter(name="MUTED", packets=packets, text="track muted"),
               statistics_pb2.DropCounter(name="QUIET", packets=0, text="never seen")])
    worker = statistics_pb2.WorkerStats(worker=0, packets_received=packets, packets_sent=2 * packets,
                                        polls=10 * packets, polls_empty=5 * packets,
                                        drift_max_us=1500, busy_us=500 * packets)
    cores = [node_pb2.Core(role=1, worker=0, cpu=2, busy_share=0.25, transports=4, stats=worker),
             node_pb2.Core(role=2, worker=16, cpu=-1)]
    ports = [node_pb2.Interface(role=1, name="net0", link_up=True, packets_received=packets),
             node_pb2.Interface(role=2, name="tap0")]
    rooms = [room_pb2.Room(name=f"rooms/{name}", participant_count=n) for name, n in (("a", 3),
                                                                                   ("b", 1))]
    node = node_pb2.Node(version="1.2.3", dataplane_attached=attached, participant_count=4)
    if not attached:
        return top.Sample(seconds, node, [], [], rooms, statistics_pb2.Statistics())
    return top.Sample(seconds, node, cores, ports, rooms, stats)


class Frame(unittest.TestCase):
    def row(self, lines, first):
        return next(line.split() for line in lines if line.startswith(first))

    def test_rates(self):
        lines = top.frame(sample(12, 3000), sample(10, 1000))
        self.assertIn("2 rooms", lines[0])
        self.assertIn("received 1k/s", lines[1])
        self.assertIn("differ by 3", lines[1])
        self.assertEqual(self.row(lines, "worker 0"),
                         ["worker", "0", "2", "50.0%", "50%", "1k", "2k", "4", "1.5", "ms"])
        self.assertEqual(self.row(lines, "main")[:4], ["main", "-", "0.0%", "-"])
        self.assertEqual(self.row(lines, "wire")[:4], ["wire", "net0", "up", "1k"])
        self.assertEqual(self.row(lines, "kernel")[2], "DOWN")
        self.assertEqual(self.row(lines, "MUTED")[:3], ["MUTED", "1k", "3000"])
        self.assertFalse([line for line in lines if "QUIET" in line])

    def test_rooms_by_what_they_send(self):
        lines = top.frame(sample(12, 3000), sample(10, 1000))
        rows = [line.split() for line in lines[lines.index(next(
            line for line in lines if line.startswith("ROOM"))) + 1:][:2]]
        self.assertEqual(rows, [["b", "1", "0", "16k"], ["a", "3", "8k", "0"]])

    def test_first_table_has_no_rates(self):
        lines = top.frame(sample(10, 1000), None)
        self.assertIn("received 0/s", lines[1])
        self.assertEqual(self.row(lines, "worker 0")[4:7], ["-", "0", "0"])

    def test_counters_of_a_new_dataplane(self):
        """They begin at 0: no negative rates."""
        lines = top.frame(sample(12, 10), sample(10, 1000))
        self.assertIn("received 0/s", lines[1])
        self.assertEqual(self.row(lines, "worker 0")[4:7], ["-", "0", "0"])

    def test_without_a_dataplane(self):
        lines = top.frame(sample(12, 0, attached=False), sample(10, 1000))
        self.assertIn("NO DATAPLANE", lines[0])
        self.assertEqual([line for line in lines if line.startswith(("CORE", "PORT", "DROP"))], [])

    def test_json(self):
        shown = top.as_dict(sample(12, 3000), sample(10, 1000))
        self.assertEqual([r["sendBitrate"] for r in shown["rooms"]], [0, 16000])
        self.assertEqual(shown["cores"][0]["stats"]["packetsReceived"], "3000")


if __name__ == "__main__":
    unittest.main()
