// SPDX-License-Identifier: Apache-2.0
// proto/api/table.h - what protobuf-c does not tell: the methods and the file descriptors.
//
// Path     *.proto -> protoc's descriptor set -> write_table.py -> [table.c] -> controlplane/rpc
// Owns     constant data only.
#ifndef SLUICE_PROTO_API_TABLE_H
#define SLUICE_PROTO_API_TABLE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_method {
	const char *path; // "/sluice.v1.RoomService/CreateRoom"
	const char *service; // "sluice.v1.RoomService"
	const char *name; // "CreateRoom"
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *answer;
	bool client_streaming;
	bool server_streaming;
};

// A serialized google.protobuf.FileDescriptorProto, source info left out.
struct api_file {
	const char *name; // "sluice/v1/room.proto"
	const uint8_t *bytes;
	size_t byte_count;
	const size_t *imports; // indices into api_files
	size_t import_count;
};

// Every message, field, enum, enum value, service and method by its full name.
struct api_symbol {
	const char *name;
	size_t file; // index into api_files
};

// Sorted by path, by nothing, and by name.
extern const struct api_method api_methods[];
extern const size_t api_method_count;
extern const struct api_file api_files[];
extern const size_t api_file_count;
extern const struct api_symbol api_symbols[];
extern const size_t api_symbol_count;

#endif
