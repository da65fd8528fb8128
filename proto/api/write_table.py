# SPDX-License-Identifier: Apache-2.0
"""Reads protoc's descriptor set, writes the C table that proto/api/table.h declares.

usage: write_table.py api.descriptors table.c
"""
import re
import sys

from google.protobuf import descriptor_pb2


def c_name(full_name):
    """protoc-c's way to name a descriptor: a.b.GetRoom -> a__b__get_room__descriptor."""
    def lower(part):
        return re.sub(r'(?<=[^A-Z])([A-Z])', r'_\1', part).lower()
    return '__'.join(lower(part) for part in full_name.lstrip('.').split('.')) + '__descriptor'


def message_symbols(prefix, message):
    name = f'{prefix}.{message.name}'
    yield name
    for field in list(message.field) + list(message.oneof_decl) + list(message.extension):
        yield f'{name}.{field.name}'
    for enum in message.enum_type:
        yield from enum_symbols(name, enum)
    for nested in message.nested_type:
        yield from message_symbols(name, nested)


def enum_symbols(prefix, enum):
    yield f'{prefix}.{enum.name}'
    for value in enum.value:
        yield f'{prefix}.{value.name}'  # protobuf puts values beside their enum


def file_symbols(file):
    for message in file.message_type:
        yield from message_symbols(file.package, message)
    for enum in file.enum_type:
        yield from enum_symbols(file.package, enum)
    for service in file.service:
        yield f'{file.package}.{service.name}'
        for method in service.method:
            yield f'{file.package}.{service.name}.{method.name}'


def methods(files):
    for file in files:
        for service in file.service:
            full = f'{file.package}.{service.name}'
            for method in service.method:
                yield f'/{full}/{method.name}', full, method


def write_methods(out, files):
    rows = sorted(methods(files))
    names = {c_name(n) for _, _, m in rows for n in (m.input_type, m.output_type)}
    for name in sorted(names):
        out.write(f'extern const ProtobufCMessageDescriptor {name};\n')
    out.write('const struct api_method api_methods[] = {\n')
    for path, service, method in rows:
        out.write(f'\t{{"{path}", "{service}", "{method.name}", &{c_name(method.input_type)}, '
                  f'&{c_name(method.output_type)}, {int(method.client_streaming)}, '
                  f'{int(method.server_streaming)}}},\n')
    out.write(f'}};\nconst size_t api_method_count = {len(rows)};\n')


def write_files(out, files):
    index = {file.name: i for i, file in enumerate(files)}
    for i, file in enumerate(files):
        file.ClearField('source_code_info')
        data = file.SerializeToString(deterministic=True)
        out.write(f'static const uint8_t file_{i}[] = {{{",".join(map(str, data))}}};\n')
        imports = ', '.join(str(index[name]) for name in file.dependency)
        out.write(f'static const size_t imports_{i}[] = {{{imports or "0"}}};\n')
    out.write('const struct api_file api_files[] = {\n')
    for i, file in enumerate(files):
        out.write(f'\t{{"{file.name}", file_{i}, sizeof(file_{i}), imports_{i}, '
                  f'{len(file.dependency)}}},\n')
    out.write(f'}};\nconst size_t api_file_count = {len(files)};\n')


def write_symbols(out, files):
    rows = sorted((name, i) for i, file in enumerate(files) for name in file_symbols(file))
    out.write('const struct api_symbol api_symbols[] = {\n')
    for name, i in rows:
        out.write(f'\t{{"{name}", {i}}},\n')
    out.write(f'}};\nconst size_t api_symbol_count = {len(rows)};\n')


def main(source, target):
    files = descriptor_pb2.FileDescriptorSet.FromString(open(source, 'rb').read()).file
    with open(target, 'w', encoding='ascii') as out:
        out.write('// Written by proto/api/write_table.py; not for editing.\n'
                  '#include "proto/api/table.h"\n')
        write_methods(out, files)
        write_files(out, files)
        write_symbols(out, files)


if __name__ == '__main__':
    main(*sys.argv[1:])
