// SPDX-License-Identifier: Apache-2.0
// controlplane/ice/candidate.h - ICE candidates and credentials as text: SDP attribute <-> address.
//
// Place    session/ (SDP) and ice/agent.c use it; no libnice, no socket, no heap in here.
// Thread   any; pure functions.
// Owns     nothing.
// Spec     RFC 8839 5.1 (candidate-attribute), 5.4 (ice-ufrag, ice-pwd); RFC 8445 5.1.2 (priority).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum ice_limits {
	ICE_UFRAG_LEN_MIN = 4,
	ICE_PWD_LEN_MIN = 22,
	ICE_CREDENTIAL_LEN_MAX = 256, // RFC 8839 5.4, for the remote's; ours are far shorter
	ICE_LOCAL_UFRAG_LEN = 12, // 72 random bits: the dataplane routes checks by it
	ICE_LOCAL_UFRAG_LEN_MIN = 8,
	ICE_LOCAL_PWD_LEN = 24,
	ICE_FOUNDATION_LEN_MAX = 32,
	ICE_ADDRESSES_MAX = 8, // local addresses of one agent
	ICE_REMOTE_CANDIDATES_MAX = 64, // of one generation; libnice would take any number
	ICE_CANDIDATE_LINE_MAX = 160, // bytes of a line of ours, terminator included
};

struct ice_credentials {
	char ufrag[ICE_CREDENTIAL_LEN_MAX + 1];
	char pwd[ICE_CREDENTIAL_LEN_MAX + 1];
};

// Fills in fresh random local credentials. Returns 0, -EIO without a random source. Whether the
// ufrag is unique among those alive or at rest is for the caller to check.
int ice_credentials_generate(struct ice_credentials *out);

// Takes the values of ice-ufrag and ice-pwd. Returns 0, -EINVAL on a bad length or character.
int ice_credentials_set(struct ice_credentials *out, const char *ufrag, const char *pwd);

void ice_credentials_wipe(struct ice_credentials *c);

// What became of a remote candidate. Only OK is handed to libnice; nothing is ever resolved.
#define ICE_CANDIDATE_VERDICTS(X)                                                                  \
	X(OK, "usable")                                                                            \
	X(MALFORMED, "not a candidate attribute")                                                  \
	X(NAME, "host name (.local or other), never resolved")                                     \
	X(TCP, "transport is not UDP")                                                             \
	X(COMPONENT, "component is not 1 (rtcp-mux)")                                              \
	X(LOOPBACK, "loopback address")                                                            \
	X(MULTICAST, "multicast, broadcast or unspecified address")                                \
	X(OWN, "one of our own addresses")                                                         \
	X(TOO_MANY, "more than 64 in one generation")
enum ice_candidate_verdict {
#define X(name, text) ICE_CANDIDATE_##name,
	ICE_CANDIDATE_VERDICTS(X)
#undef X
		ICE_CANDIDATE_VERDICT_COUNT
};
const char *ice_candidate_verdict_text(enum ice_candidate_verdict verdict);

enum ice_candidate_type {
	ICE_TYPE_HOST,
	ICE_TYPE_SRFLX,
	ICE_TYPE_PRFLX,
	ICE_TYPE_RELAY,
};

struct ice_candidate {
	char foundation[ICE_FOUNDATION_LEN_MAX + 1];
	uint32_t priority;
	enum ice_candidate_type type;
	struct sockaddr_storage addr;
};

struct ice_candidate_filter {
	const struct sockaddr_storage *own; // addresses that cannot be a remote's; ports ignored
	size_t own_count;
	bool loopback_allowed; // for tests within one host
};

// Parses one candidate attribute, with or without "a=" in front. Fills in '*out' only if OK.
enum ice_candidate_verdict ice_candidate_parse(const char *line,
					       const struct ice_candidate_filter *filter,
					       struct ice_candidate *out);

// Writes "candidate:..." of a host candidate of ours for SDP: 'addr' is the address clients reach
// (the announced one behind a 1:1 NAT; its port is ignored), 'public_port' the one UDP port, 'rank'
// its place in the list, 0 the most preferred. Returns 0, -EINVAL for an address that is neither
// IPv4 nor IPv6, -ENOSPC.
int ice_candidate_format_host(const struct sockaddr_storage *addr, uint16_t public_port,
			      unsigned rank, char *out, size_t out_size);

// RFC 8445 5.1.2.1 for a host candidate of component 1.
uint32_t ice_candidate_host_priority(unsigned rank);
