# SPDX-License-Identifier: Apache-2.0
"""The command line: what there is, and what comes of a failure.

Exit status: 0 done; 1 the node said no, or does not answer; 2 the command line is wrong.
`doctor` ends with 1 if a check failed.
"""
import argparse
import os
import sys

import grpc

from sluice_ctl import doctor, drain, endpoint, events, rooms, stats, tokens, top

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


def add_token_command(add):
    token = add("token", "make a token or a key, without asking the node", tokens.run_token)
    token.add_argument("--keys", metavar="FILE", help="sluice-controlplane's token_keys")
    token.add_argument("--kid", help="the key's id; default the first one")
    token.add_argument("--private-key", metavar="FILE", help="PEM, of an ES256 key")
    token.add_argument("--room", help="an id, an id and *, or *; default none")
    for grant, text in (("publish", "join and send"), ("subscribe", "join and receive"),
                        ("observe", "read everything"), ("administer", "change everything")):
        token.add_argument(f"--{grant}", action="store_true", help=text)
    token.add_argument("--subject", default="sluicectl", help="whose it is, default sluicectl")
    token.add_argument("--tenant", help="whose quotas; default: it speaks for every tenant")
    token.add_argument("--audience", default="sluice", help="token_audience, default sluice")
    token.add_argument("--lifetime", type=seconds, default=3600, metavar="S",
                       help="seconds, default 3600")
    token.add_argument("--link", metavar="URL", help="print the page's URL with the token in it")
    token.add_argument("--new-key", metavar="KID", help="print a new line for token_keys")


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
    add_token_command(add)
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
