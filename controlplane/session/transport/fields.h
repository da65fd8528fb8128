// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/fields.h - parts of requests, checked: each function fails the
// call with field, value and cure, and returns false or NULL, where something is wrong.
//
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/call.h"
#include "controlplane/session/transport/transport.h"

#include <stdbool.h>

// transports/{t}, and what hangs on it.
struct transport *field_transport(struct node *n, struct rpc_call *call, const char *field,
				  const char *name);
struct producer *field_producer(struct node *n, struct rpc_call *call, const char *field,
				const char *name);
struct consumer *field_consumer(struct node *n, struct rpc_call *call, const char *field,
				const char *name);

// An id the client chose, or a random one in its place. Gives it; NULL: failed.
char *field_id(struct rpc_call *call, const char *field, const char *id);

// "192.0.2.7:50000": unicast, a port.
bool field_address(struct rpc_call *call, const char *field, const char *text,
		   struct rtc_addr *out);

// Suite and keys into the record. NULL: plain RTP.
bool field_srtp(struct rpc_call *call, const Sluice__V1__SrtpParameters *m,
		struct shm_transport_config *out);

bool field_extensions(struct rpc_call *call, Sluice__V1__HeaderExtension *const *list, size_t count,
		      struct rtp_ext_map *out);
bool field_mid(struct rpc_call *call, const char *mid);
bool field_media(struct rpc_call *call, const Sluice__V1__ProduceRequest *q, struct transport *on,
		 struct sdp_track *out);
bool field_payload_types(struct rpc_call *call, const Sluice__V1__ConsumerSpec *spec,
			 const struct track *track, struct shm_subscription_config *out);
// After the payload types and the SSRC.
bool field_rtx(struct rpc_call *call, const Sluice__V1__ConsumerSpec *spec,
	       const struct track *track, struct shm_subscription_config *out);

bool field_ice(struct rpc_call *call, const Sluice__V1__IceParameters *m,
	       struct ice_credentials *out);
bool field_fingerprint(struct rpc_call *call, const Sluice__V1__DtlsParameters *m,
		       struct dtls_fingerprint *out);

// A wrong field in general.
void field_wrong(struct rpc_call *call, const char *field, const char *value, const char *cure);

// How an epoch that did not apply ends its call.
void field_not_applied(struct rpc_call *call, const struct link_result *result);
