// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/reflection.c - see reflection.h. Both versions have the same fields under the
// same numbers, so the structs protobuf-c writes are the same too: one handler reads and fills v1's
// and only says in the outermost descriptor which of the two it sends.
#include "controlplane/rpc/reflection.h"

#include <assert.h>
#include <string.h>

#include "proto/api/grpc/reflection/v1/reflection.pb-c.h"
#include "proto/api/grpc/reflection/v1alpha/reflection.pb-c.h"
#include "proto/api/table.h"

static_assert(sizeof(Grpc__Reflection__V1__ServerReflectionRequest) ==
		      sizeof(Grpc__Reflection__V1alpha__ServerReflectionRequest),
	      "both versions read the same");
static_assert(sizeof(Grpc__Reflection__V1__ServerReflectionResponse) ==
		      sizeof(Grpc__Reflection__V1alpha__ServerReflectionResponse),
	      "both versions write the same");

struct reflection_answer {
	Grpc__Reflection__V1__ServerReflectionResponse top;
	Grpc__Reflection__V1__FileDescriptorResponse files;
	Grpc__Reflection__V1__ListServiceResponse list;
	Grpc__Reflection__V1__ExtensionNumberResponse numbers;
	Grpc__Reflection__V1__ErrorResponse error;
	GPtrArray *services; // owned messages of `list`
	ProtobufCBinaryData *bytes;
	char *text;
};

static void reflection_not_found(struct reflection_answer *a, const char *what, const char *name)
{
	a->text = g_strdup_printf("there is no %s \"%s\"", what, name);
	a->error = (Grpc__Reflection__V1__ErrorResponse)GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
	a->error.error_code = RPC_NOT_FOUND;
	a->error.error_message = a->text;
	a->top.error_response = &a->error;
	a->top.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
}

// The file and all it imports, each once: a client can use them without asking again.
static void reflection_add_file(struct reflection_answer *a, size_t file)
{
	const struct api_file *f = &api_files[file];
	uint8_t *bytes = (uint8_t *)(uintptr_t)f->bytes; // only read, but protobuf-c has no const

	for (size_t i = 0; i < a->files.n_file_descriptor_proto; i++)
		if (a->bytes[i].data == bytes)
			return;
	a->bytes[a->files.n_file_descriptor_proto++] = (ProtobufCBinaryData){f->byte_count, bytes};
	for (size_t i = 0; i < f->import_count; i++)
		reflection_add_file(a, f->imports[i]);
}

static void reflection_file(struct reflection_answer *a, size_t file)
{
	a->files = (Grpc__Reflection__V1__FileDescriptorResponse)
		GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	a->bytes = g_new0(ProtobufCBinaryData, api_file_count);
	reflection_add_file(a, file);
	a->files.file_descriptor_proto = a->bytes;
	a->top.file_descriptor_response = &a->files;
	a->top.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
}

static const struct api_symbol *reflection_symbol(const char *name)
{
	size_t low = 0, high = api_symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, api_symbols[middle].name);

		if (order == 0)
			return &api_symbols[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void reflection_by_name(struct reflection_answer *a, const char *name)
{
	for (size_t i = 0; i < api_file_count; i++) {
		if (strcmp(api_files[i].name, name) == 0) {
			reflection_file(a, i);
			return;
		}
	}
	reflection_not_found(a, "file", name);
}

static void reflection_by_symbol(struct reflection_answer *a, const char *name)
{
	const struct api_symbol *symbol = reflection_symbol(name);

	if (symbol != NULL)
		reflection_file(a, symbol->file);
	else
		reflection_not_found(a, "symbol", name);
}

// Our protos extend nothing and let nobody extend them.
static void reflection_extensions(struct reflection_answer *a, char *type)
{
	if (reflection_symbol(type) == NULL) {
		reflection_not_found(a, "type", type);
		return;
	}
	a->numbers = (Grpc__Reflection__V1__ExtensionNumberResponse)
		GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
	a->numbers.base_type_name = type;
	a->top.all_extension_numbers_response = &a->numbers;
	a->top.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
}

static void reflection_add_service(gpointer name, gpointer data)
{
	Grpc__Reflection__V1__ServiceResponse *service =
		g_new(Grpc__Reflection__V1__ServiceResponse, 1);

	*service =
		(Grpc__Reflection__V1__ServiceResponse)GRPC__REFLECTION__V1__SERVICE_RESPONSE__INIT;
	service->name = name;
	g_ptr_array_add(data, service);
}

static void reflection_list(struct reflection_answer *a, struct rpc_dispatch *dispatch)
{
	GList *names = rpc_dispatch_services(dispatch);

	a->services = g_ptr_array_new_with_free_func(g_free);
	g_list_foreach(names, reflection_add_service, a->services);
	g_list_free(names);
	a->list = (Grpc__Reflection__V1__ListServiceResponse)
		GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	a->list.n_service = a->services->len;
	a->list.service = (Grpc__Reflection__V1__ServiceResponse **)a->services->pdata;
	a->top.list_services_response = &a->list;
	a->top.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
}

// False if the request asks for nothing.
static bool reflection_fill(struct reflection_answer *a, struct rpc_dispatch *dispatch,
			    const Grpc__Reflection__V1__ServerReflectionRequest *request)
{
	switch ((int)request->message_request_case) {
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
		reflection_by_name(a, request->file_by_filename);
		return true;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
		reflection_by_symbol(a, request->file_containing_symbol);
		return true;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
		reflection_not_found(a, "extension of",
				     request->file_containing_extension->containing_type);
		return true;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
		reflection_extensions(a, request->all_extension_numbers_of_type);
		return true;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
		reflection_list(a, dispatch);
		return true;
	default:
		return false;
	}
}

static void reflection_clear(struct reflection_answer *a)
{
	if (a->services != NULL)
		g_ptr_array_unref(a->services);
	g_free(a->bytes);
	g_free(a->text);
}

static void reflection_request(struct rpc_call *call, const ProtobufCMessage *message, void *data)
{
	// The structs lack const as everything of protobuf-c does; the request is only packed
	// again.
	Grpc__Reflection__V1__ServerReflectionRequest *request = (void *)(uintptr_t)message;
	struct reflection_answer a = {
		.top = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT};

	if (message == NULL) {
		rpc_call_finish(call);
		return;
	}
	if (!reflection_fill(&a, data, request)) {
		rpc_call_fact(call, "field", "message_request");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "message_request is not set: say what to look up");
		return;
	}
	if (message->descriptor != &grpc__reflection__v1__server_reflection_request__descriptor)
		a.top.base.descriptor =
			&grpc__reflection__v1alpha__server_reflection_response__descriptor;
	a.top.valid_host = request->host;
	a.top.original_request = request;
	(void)rpc_call_send(call, &a.top.base); // on_cancel follows if it fails
	reflection_clear(&a);
}

static void reflection_cancel(struct rpc_call *call, void *data)
{
	(void)data;
	rpc_call_finish(call);
}

static void reflection_start(struct rpc_call *call, void *data)
{
	rpc_call_on_request(call, reflection_request, data);
	rpc_call_on_cancel(call, reflection_cancel, NULL);
}

static const struct rpc_method reflection_methods[] = {{"ServerReflectionInfo", reflection_start}};

void reflection_register(struct rpc_dispatch *dispatch)
{
	static const char *const names[] = {"grpc.reflection.v1.ServerReflection",
					    "grpc.reflection.v1alpha.ServerReflection"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const struct rpc_service service = {names[i], reflection_methods,
						    G_N_ELEMENTS(reflection_methods), dispatch};

		rpc_dispatch_register(dispatch, &service);
	}
}
