# SPDX-License-Identifier: Apache-2.0
"""rooms, room, participants: who is where."""
import grpc
from sluice.v1 import room_pb2

from sluice_ctl import output

PAGE = 1000


def room_name(text):
    return text if text.startswith("rooms/") else f"rooms/{text}"


def list_rooms(api):
    return list(api.pages(api.rooms.ListRooms, room_pb2.ListRoomsRequest(page_size=PAGE), "rooms"))


def list_participants(api, room):
    return list(api.pages(api.rooms.ListParticipants,
                          room_pb2.ListParticipantsRequest(parent=room, page_size=PAGE),
                          "participants"))


def list_everybody(api):
    """Participants of all rooms, without those of a room that ends meanwhile."""
    everybody = []
    for room in list_rooms(api):
        try:
            everybody += list_participants(api, room.name)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
    return everybody


def last(name):
    return name.rsplit("/", 1)[-1]


def run_rooms(api, options):
    rooms = list_rooms(api)
    if options.json:
        output.print_json([output.as_dict(room) for room in rooms])
        return
    rows = [(last(r.name), r.participant_count, output.when(r.create_time_ms),
             "yes" if r.generation == r.applied_generation else "pending", r.display_name)
            for r in rooms]
    print("\n".join(output.table(("ROOM", "PARTICIPANTS", "CREATED", "APPLIED", "NAME"), rows)))


def participant_rows(participants, with_room):
    rows = []
    for p in participants:
        tracks = ", ".join(f"{output.enum_word(t, 'kind')}{' (muted)' * (t.muted or t.server_muted)}"
                           for t in p.tracks)
        row = [last(p.name), output.enum_word(p, "publish_transport"),
               output.enum_word(p, "subscribe_transport"), output.when(p.join_time_ms),
               tracks or "-", p.display_name + " (orphan)" * p.orphan]
        rows.append([p.name.split("/")[1], *row] if with_room else row)
    return rows


def print_participants(participants, with_room):
    head = ["PARTICIPANT", "PUBLISHES", "SUBSCRIBES", "JOINED", "TRACKS", "NAME"]
    rows = participant_rows(participants, with_room)
    print("\n".join(output.table(["ROOM", *head] if with_room else head, rows)))


def run_room(api, options):
    name = room_name(options.name)
    room = api.call(api.rooms.GetRoom, room_pb2.GetRoomRequest(name=name))
    participants = list_participants(api, name)
    if options.json:
        output.print_json({"room": output.as_dict(room),
                           "participants": [output.as_dict(p) for p in participants]})
        return
    pairs = [("name", room.name), ("uid", room.uid), ("created", output.when(room.create_time_ms)),
             ("generation", f"{room.generation} (applied {room.applied_generation})"),
             ("participants", f"{room.participant_count} of at most {room.max_participants}")]
    pairs += [(key, value) for key, value in (("display name", room.display_name),
                                              ("tenant", room.tenant),
                                              ("metadata", room.metadata)) if value]
    print("\n".join(output.fields(pairs)))
    if participants:
        print()
        print_participants(participants, with_room=False)


def run_participants(api, options):
    participants = list_participants(api, room_name(options.room)) if options.room \
        else list_everybody(api)
    if options.json:
        output.print_json([output.as_dict(p) for p in participants])
        return
    print_participants(participants, with_room=True)
