# SPDX-License-Identifier: Apache-2.0
"""Reads protoc's descriptor set, writes the API's reference in Markdown: docs/api.md.

usage: write_reference.py api.descriptors api.md
       write_reference.py --check api.descriptors api.md     1 if the file is not what would be written
       write_reference.py --missing api.descriptors          1 if something has no comment; lists it
"""
import pathlib
import re
import sys

from google.protobuf import descriptor_pb2

PACKAGE = "sluice.v1"
ORDER = ("room", "signalling", "transport", "statistics", "node", "errors")
Field = descriptor_pb2.FieldDescriptorProto
# Numbers of fields in descriptor.proto, of which the paths of source info are made.
MESSAGE, ENUM, SERVICE = 4, 5, 6
FIELD, NESTED_MESSAGE, NESTED_ENUM = 2, 3, 4
VALUE, METHOD, SYNTAX = 2, 2, 12
HEAD = """# API reference

Written from the comments of `proto/api/sluice/v1` by `ninja -C build api-reference`; not for editing.
Wire: gRPC over HTTP/2, gRPC-Web over HTTP/2 and HTTP/1.1, all on one port, with server reflection
and `grpc.health.v1`. In JSON, names are in camelCase. WHIP, WHEP and `/metrics` are plain HTTP on the
same port.
"""


class Commented:
    """A file's descriptor with the comments of each of its elements."""

    def __init__(self, file):
        self.file = file
        self._locations = {tuple(l.path): l for l in file.source_code_info.location}

    def text(self, *path):
        """What is written above and beside an element, in one line."""
        location = self._locations.get(path)
        if location is None:
            return ""
        return " ".join(f"{location.leading_comments} {location.trailing_comments}".split())

    def head(self):
        """The comment at the file's head, as it stands, without the licence line."""
        detached = self._locations[(SYNTAX,)].leading_detached_comments
        above = [*detached, self._locations[(SYNTAX,)].leading_comments]
        lines = "\n".join(above).split("\n")
        kept = [line.removeprefix(" ").rstrip() for line in lines if "SPDX-License" not in line]
        return "\n".join(kept).strip("\n")


def role(commented, message):
    """"Request of RoomService.GetRoom." for what is named after one method: its comment is that
    method's. Else empty."""
    for service in commented.file.service:
        for method in service.method:
            if message == f"{method.name}Request":
                return f"Request of {service.name}.{method.name}."
            if message == f"{method.name}Response":
                return f"Answer of {service.name}.{method.name}."
    return ""


def written(message):
    """Numbered nested messages, but for the entries of maps: those nobody has written."""
    return [(i, nested) for i, nested in enumerate(message.nested_type)
            if not nested.options.map_entry]


def elements(commented):
    """(full name, kind, comment) of all that must have a comment: everything but requests and
    answers named after their method, and the zero values of enums (not said)."""
    file = commented.file

    def messages(message, path, name):
        yield name, "message", commented.text(*path) or role(commented, name)
        for i, field in enumerate(message.field):
            yield f"{name}.{field.name}", "field", commented.text(*path, FIELD, i)
        for i, enum in enumerate(message.enum_type):
            yield from enums(enum, (*path, NESTED_ENUM, i), f"{name}.{enum.name}")
        for i, nested in written(message):
            yield from messages(nested, (*path, NESTED_MESSAGE, i), f"{name}.{nested.name}")

    def enums(enum, path, name):
        yield name, "enum", commented.text(*path)
        for i, value in enumerate(enum.value):
            if value.number != 0:
                yield f"{name}.{value.name}", "value", commented.text(*path, VALUE, i)

    for s, service in enumerate(file.service):
        yield service.name, "service", commented.text(SERVICE, s)
        for m, method in enumerate(service.method):
            yield f"{service.name}.{method.name}", "method", commented.text(SERVICE, s, METHOD, m)
    for i, message in enumerate(file.message_type):
        yield from messages(message, (MESSAGE, i), message.name)
    for i, enum in enumerate(file.enum_type):
        yield from enums(enum, (ENUM, i), enum.name)


def cell(text):
    return re.sub(r"([|<>*_])", r"\\\1", text)


def link(type_name):
    """[Room](#room) for .sluice.v1.Room; what is not ours by its full name."""
    name = type_name.removeprefix(f".{PACKAGE}.")
    if name == type_name:
        return f"`{name.removeprefix('.')}`"
    return f"[{name}](#{name.lower().replace('.', '')})"


def type_of(field, message):
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            key, value = (type_of(f, nested) for f in nested.field)
            return f"map\\<{key}, {value}\\>"
    if field.type in (Field.TYPE_MESSAGE, Field.TYPE_ENUM):
        name = link(field.type_name)
    else:
        name = Field.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"repeated {name}" if field.label == Field.LABEL_REPEATED else name


def write_service(out, commented, index):
    service = commented.file.service[index]
    out.append(f"### {service.name}\n")
    if comment := commented.text(SERVICE, index):
        out.append(f"{cell(comment)}\n")
    for m, method in enumerate(service.method):
        asked = "stream " * method.client_streaming + link(method.input_type)
        answered = "stream " * method.server_streaming + link(method.output_type)
        out.append(f"**{method.name}** ({asked}) → {answered}\n")
        if comment := commented.text(SERVICE, index, METHOD, m):
            out.append(f"{cell(comment)}\n")


def write_enum(out, commented, enum, path, name):
    out.append(f"### {name}\n")
    if comment := commented.text(*path):
        out.append(f"{cell(comment)}\n")
    out.append("| value | number | |\n|---|---|---|")
    for i, value in enumerate(enum.value):
        comment = cell(commented.text(*path, VALUE, i))
        out.append(f"| `{value.name}` | {value.number} | {comment} |")
    out.append("")


def write_message(out, commented, message, path, name):
    out.append(f"### {name}\n")
    if comment := f"{role(commented, name)} {commented.text(*path)}".strip():
        out.append(f"{cell(comment)}\n")
    if message.field:
        out.append("| field | type | |\n|---|---|---|")
    else:
        out.append("No fields.")
    for i, field in enumerate(message.field):
        words = cell(commented.text(*path, FIELD, i))
        if field.HasField("oneof_index"):
            words = f"One of `{message.oneof_decl[field.oneof_index].name}`. {words}".rstrip()
        out.append(f"| `{field.name}` | {type_of(field, message)} | {words} |")
    out.append("")
    for i, enum in enumerate(message.enum_type):
        write_enum(out, commented, enum, (*path, NESTED_ENUM, i), f"{name}.{enum.name}")
    for i, nested in written(message):
        write_message(out, commented, nested, (*path, NESTED_MESSAGE, i), f"{name}.{nested.name}")


def write_file(out, commented):
    file = commented.file
    out.append(f"## {file.name}\n")
    out.append(f"```text\n{commented.head()}\n```\n")
    for i in range(len(file.service)):
        write_service(out, commented, i)
    for i, message in enumerate(file.message_type):
        write_message(out, commented, message, (MESSAGE, i), message.name)
    for i, enum in enumerate(file.enum_type):
        write_enum(out, commented, enum, (ENUM, i), enum.name)


def ours(source):
    """The files of our package, in the order a reader wants them."""
    files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(source).read_bytes()).file
    found = {pathlib.Path(f.name).stem: Commented(f) for f in files if f.package == PACKAGE}
    names = [n for n in ORDER if n in found] + sorted(n for n in found if n not in ORDER)
    return [found[name] for name in names]


def reference(source):
    out = [HEAD]
    for commented in ours(source):
        names = ", ".join(link(f".{PACKAGE}.{s.name}") for s in commented.file.service)
        out.append(f"* [{commented.file.name}]"
                   f"(#{re.sub(r'[^a-z0-9-]', '', commented.file.name.lower())})"
                   f"{': ' + names if names else ''}")
    out.append("")
    for commented in ours(source):
        write_file(out, commented)
    return "\n".join(out).rstrip("\n") + "\n"


def missing(source):
    for commented in ours(source):
        for name, kind, comment in elements(commented):
            if not comment:
                yield f"{commented.file.name}: {kind} {name} has no comment"


def main(*arguments):
    if arguments[0] == "--missing":
        lines = list(missing(arguments[1]))
        print("\n".join(lines) or "every element of the API has a comment")
        return 1 if lines else 0
    if arguments[0] == "--check":
        source, target = arguments[1:]
        if pathlib.Path(target).read_text(encoding="utf-8") == reference(source):
            return 0
        print(f"{target} is not what the comments in proto/api say now; "
              "fix: ninja -C build api-reference")
        return 1
    pathlib.Path(arguments[1]).write_text(reference(arguments[0]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
