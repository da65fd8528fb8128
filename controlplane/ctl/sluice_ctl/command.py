# SPDX-License-Identifier: Apache-2.0
"""The command line: what there is, and what comes of a failure.

Exit status: 0 done; 1 the node said no, or does not answer; 2 the command line is wrong.
`doctor` ends with 1 if a check failed.
"""
import argparse
import os
import sys

import grpc

from sluice_ctl import doctor, drain, endpoint, events, rooms, stats, top

EXIT_FAILED = 1


def seconds(text):
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f'"{text}" is less than 0')
    return value


def add_room_commands(add):
    add("rooms", "list the rooms", rooms.run_rooms)
    one = add("room", "show a room and who is in it", rooms.run_room)
    one.add_argument("name", metavar="NAME", help="the room's id, or rooms/ID")
    listed = add("participants", "list participants", rooms.run_participants)
    listed.add_argument("room", metavar="ROOM", nargs="?", help="of this room alone")
    follow = add("events", "follow what happens, the present state first", events.run_events)
    follow.add_argument("room", metavar="ROOM", nargs="?", help="in this room alone")
    follow.add_argument("--count", type=seconds, default=0, metavar="N", help="end after N events")
    follow.add_argument("--snapshot", action="store_true", help="end after the present state")


def add_node_commands(add):
    add("node", "show what the node is and does", drain.run_node)
    shown = add("stats", "show the dataplane's counters", stats.run_stats)
    shown.add_argument("name", metavar="NAME", nargs="?",
                       help="of a room, rooms/R/participants/P or transports/T alone")
    live = add("top", "watch cores, rooms and rates; q ends it", top.run_top)
    live.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds, default 1")
    live.add_argument("--count", type=seconds, default=0, metavar="N", help="end after N tables")
    out = add("drain", "take nobody new", drain.run_drain)
    out.add_argument("--deadline", type=seconds, default=0, metavar="S",
                     help="seconds until the drain is over (default: when nobody is left)")
    out.add_argument("--remove", action="store_true", help="remove who is left at the deadline")
    add("undrain", "take newcomers again", drain.run_undrain)


def add_host_commands(add):
    check = add("doctor", "check this host, each finding with what to do", doctor.run_doctor)
    check.add_argument("--dataplane-config", metavar="FILE", default=doctor.DATAPLANE_CONFIG,
                       help=f"sluice-dataplane's, default {doctor.DATAPLANE_CONFIG}")
    check.add_argument("--certificate", metavar="FILE",
                       help="PEM certificate of the API, instead of asking the endpoint")
    check.add_argument("--root", metavar="DIR", default="/",
                       help="look at /proc and /sys below DIR")


def parser():
    top_level = argparse.ArgumentParser(
        prog="sluicectl", description="Looks into a Sluice node and acts on it.",
        epilog="Each command has --json and --help. See sluicectl(1).")
    commands = top_level.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name, text, run):
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.add_argument("--json", action="store_true", help="JSON instead of a table")
        endpoint.add_arguments(one)
        one.set_defaults(run=run)
        return one

    add_room_commands(add)
    add_node_commands(add)
    add_host_commands(add)
    return top_level


def main(arguments):
    options = parser().parse_args(arguments)
    try:
        return options.run(endpoint.Api(options), options) or 0
    except endpoint.Failure as failure:
        endpoint.warn(failure)
    except grpc.RpcError as error:
        endpoint.warn(endpoint.explain(error, options.endpoint))
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return EXIT_FAILED
