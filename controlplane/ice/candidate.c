// SPDX-License-Identifier: Apache-2.0
// controlplane/ice/candidate.c - ICE candidates and credentials as text, see candidate.h.
//
// Place    session/ (SDP) and ice/agent.c use it.
// Thread   any; pure functions.
// Owns     nothing. A remote's line is at most read, never resolved.
// Spec     RFC 8839 5.1, 5.4; RFC 8445 5.1.2.
#include "controlplane/ice/candidate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum {
	LINE_MAX_SIZE = 512, // longer than any candidate with a bounded count of extensions
	FIELDS_MAX = 8, // foundation component transport priority address port "typ" type
	TYPE_PREFERENCE_HOST = 126,
	COMPONENT = 1,
};

static const char ice_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int random_ice_chars(char *out, size_t count)
{
	uint8_t bytes[ICE_LOCAL_PWD_LEN];

	assert(count <= sizeof(bytes));
	if (getrandom(bytes, count, 0) != (ssize_t)count)
		return -EIO;
	for (size_t i = 0; i < count; i++)
		out[i] = ice_chars[bytes[i] & 63];
	out[count] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

int ice_credentials_generate(struct ice_credentials *out)
{
	memset(out, 0, sizeof(*out));
	if (random_ice_chars(out->ufrag, ICE_LOCAL_UFRAG_LEN) != 0 ||
	    random_ice_chars(out->pwd, ICE_LOCAL_PWD_LEN) != 0)
		return -EIO;
	return 0;
}

static bool is_ice_text(const char *text, size_t min, size_t max)
{
	size_t length = strnlen(text, max + 1);

	return length >= min && length <= max && strspn(text, ice_chars) == length;
}

int ice_credentials_set(struct ice_credentials *out, const char *ufrag, const char *pwd)
{
	if (!is_ice_text(ufrag, ICE_UFRAG_LEN_MIN, ICE_CREDENTIAL_LEN_MAX) ||
	    !is_ice_text(pwd, ICE_PWD_LEN_MIN, ICE_CREDENTIAL_LEN_MAX))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	memcpy(out->ufrag, ufrag, strlen(ufrag));
	memcpy(out->pwd, pwd, strlen(pwd));
	return 0;
}

void ice_credentials_wipe(struct ice_credentials *c)
{
	explicit_bzero(c, sizeof(*c));
}

const char *ice_candidate_verdict_text(enum ice_candidate_verdict verdict)
{
	static const char *const text[] = {
#define X(name, words) [ICE_CANDIDATE_##name] = (words),
		ICE_CANDIDATE_VERDICTS(X)
#undef X
	};

	assert(verdict < ICE_CANDIDATE_VERDICT_COUNT);
	return text[verdict];
}

// Decimal digits only: strtoul would take signs and blanks.
static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	size_t length = strlen(text);

	if (length == 0 || length > 10 || strspn(text, "0123456789") != length)
		return false;
	for (size_t i = 0; i < length; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	*out = value;
	return value <= max;
}

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return true;
	}
	return false;
}

static bool parse_type(const char *text, enum ice_candidate_type *out)
{
	static const char *const names[] = {"host", "srflx", "prflx", "relay"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum ice_candidate_type)i;
			return true;
		}
	}
	return false;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return v6->sin6_addr.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

// Everything nobody can be reached at as a single host.
static bool is_not_unicast(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	uint32_t v4;

	if (a->ss_family == AF_INET) {
		v4 = ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr);
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(&v4, v6->sin6_addr.s6_addr + 12, sizeof(v4));
		v4 = ntohl(v4);
	} else {
		return IN6_IS_ADDR_MULTICAST(&v6->sin6_addr) ||
		       IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
	}
	return v4 >> 24 == 0 || v4 >> 28 >= 14; // 0/8, 224/4, 240/4 with the broadcast address
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static enum ice_candidate_verdict judge(const struct sockaddr_storage *addr,
					const struct ice_candidate_filter *filter)
{
	if (is_loopback(addr) && !filter->loopback_allowed)
		return ICE_CANDIDATE_LOOPBACK;
	if (is_not_unicast(addr))
		return ICE_CANDIDATE_MULTICAST;
	for (size_t i = 0; i < filter->own_count; i++)
		if (same_host(addr, &filter->own[i]))
			return ICE_CANDIDATE_OWN;
	return ICE_CANDIDATE_OK;
}

// A character of a host name; ':' would make it a broken IPv6 address instead.
static bool is_host_name(const char *text)
{
	size_t length = strlen(text);

	return length <= 255 && strspn(text, "0123456789.") != length &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		       length;
}

// Splits a copy of the line at blanks; extensions behind the type are of no interest.
static bool split_fields(const char *line, char copy[LINE_MAX_SIZE], char *field[FIELDS_MAX])
{
	char *rest = copy, *save = NULL;
	size_t length;

	if (strncmp(line, "a=", 2) == 0)
		line += 2;
	if (strncmp(line, "candidate:", 10) != 0)
		return false;
	line += 10;
	length = strcspn(line, "\r\n");
	if (length >= LINE_MAX_SIZE || line[length + strspn(line + length, "\r\n")] != '\0')
		return false;
	memcpy(copy, line, length);
	copy[length] = '\0';
	for (unsigned i = 0; i < FIELDS_MAX; i++, rest = NULL) {
		field[i] = strtok_r(rest, " ", &save);
		if (field[i] == NULL)
			return false;
	}
	return true;
}

enum ice_candidate_verdict ice_candidate_parse(const char *line,
					       const struct ice_candidate_filter *filter,
					       struct ice_candidate *out)
{
	struct ice_candidate c = {0};
	enum ice_candidate_verdict verdict;
	char copy[LINE_MAX_SIZE], *field[FIELDS_MAX];
	uint64_t component, priority, port;

	if (!split_fields(line, copy, field))
		return ICE_CANDIDATE_MALFORMED;
	if (!is_ice_text(field[0], 1, ICE_FOUNDATION_LEN_MAX) ||
	    !parse_number(field[1], 256, &component) || component == 0 ||
	    !parse_number(field[3], UINT32_MAX, &priority) ||
	    !parse_number(field[5], UINT16_MAX, &port) || strcmp(field[6], "typ") != 0 ||
	    !parse_type(field[7], &c.type))
		return ICE_CANDIDATE_MALFORMED;
	if (strcasecmp(field[2], "udp") != 0)
		return strncasecmp(field[2], "tcp", 3) == 0 ? ICE_CANDIDATE_TCP
							    : ICE_CANDIDATE_MALFORMED;
	if (component != COMPONENT)
		return ICE_CANDIDATE_COMPONENT;
	if (!parse_address(field[4], (uint16_t)port, &c.addr))
		return is_host_name(field[4]) ? ICE_CANDIDATE_NAME : ICE_CANDIDATE_MALFORMED;
	if (port == 0)
		return ICE_CANDIDATE_MALFORMED;
	verdict = judge(&c.addr, filter);
	if (verdict != ICE_CANDIDATE_OK)
		return verdict;
	memcpy(c.foundation, field[0], strlen(field[0]));
	c.priority = (uint32_t)priority;
	*out = c;
	return ICE_CANDIDATE_OK;
}

uint32_t ice_candidate_host_priority(unsigned rank)
{
	uint32_t local_preference = rank > 65535 ? 0 : 65535 - rank;

	return ((uint32_t)TYPE_PREFERENCE_HOST << 24) + (local_preference << 8) + (256 - COMPONENT);
}

int ice_candidate_format_host(const struct sockaddr_storage *addr, uint16_t public_port,
			      unsigned rank, char *out, size_t out_size)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes;
	int written;

	if (addr->ss_family == AF_INET)
		bytes = &((const struct sockaddr_in *)addr)->sin_addr;
	else if (addr->ss_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)addr)->sin6_addr;
	else
		return -EINVAL;
	inet_ntop(addr->ss_family, bytes, text, sizeof(text));
	// One foundation per base address: RFC 8445 5.1.1.3.
	written = snprintf(out, out_size, "candidate:%u %d UDP %u %s %u typ host", rank + 1,
			   COMPONENT, ice_candidate_host_priority(rank), text, public_port);
	return written < 0 || (size_t)written >= out_size ? -ENOSPC : 0;
}
