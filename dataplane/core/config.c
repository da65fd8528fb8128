// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/config.c - values: their defaults, how each kind is read, and what must fit
// together. File and flags are read in config_read.c.
#include "dataplane/core/config.h"
#include "dataplane/core/config_keys.h"
#include "proto/shm/abi.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Digits alone, no sign, no space, nothing behind. False if it is not, or over 'max'.
static bool number(const char *text, size_t size, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (size == 0 || size > 10)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*out = (uint32_t)v;
	return v <= max;
}

static bool wrong(const char *key, const char *value, const char *right, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s = \"%s\" is wrong: it wants %s", key, value, right);
	return false;
}

static bool set_text(const struct config_key *k, void *field, const char *value, char *why,
		     size_t why_size)
{
	if (strlen(value) >= CONFIG_TEXT_BYTES)
		return wrong(k->name, value, "fewer than 256 characters", why, why_size);
	snprintf(field, CONFIG_TEXT_BYTES, "%s", value);
	return true;
}

static bool set_number(const struct config_key *k, uint32_t *field, const char *value, char *why,
		       size_t why_size)
{
	char right[64];
	uint32_t v;

	if (number(value, strlen(value), k->max, &v) && v >= k->min) {
		*field = v;
		return true;
	}
	snprintf(right, sizeof(right), "a number from %u to %u", k->min, k->max);
	return wrong(k->name, value, right, why, why_size);
}

// One of two words, which stand for 0 and 1.
static bool set_word(const struct config_key *k, uint32_t *field, const char *const words[2],
		     const char *value, char *why, size_t why_size)
{
	char right[64];

	for (uint32_t i = 0; i < 2; i++) {
		if (strcmp(value, words[i]) == 0) {
			*field = i;
			return true;
		}
	}
	snprintf(right, sizeof(right), "%s or %s", words[0], words[1]);
	return wrong(k->name, value, right, why, why_size);
}
static const char *const idle_words[] = {"busy", "adaptive"}; // enum config_idle
static const char *const checksum_words[] = {"none", "software"}; // enum config_checksum

static bool set_port_range(const struct config_key *k, uint32_t *first_and_last, const char *value,
			   char *why, size_t why_size)
{
	const char *dash = strchr(value, '-');
	uint32_t first, last;

	if (dash == NULL || !number(value, (size_t)(dash - value), UINT16_MAX, &first) ||
	    !number(dash + 1, strlen(dash + 1), UINT16_MAX, &last) || first < 1024 || last < first)
		return wrong(k->name, value, "FIRST-LAST with ports from 1024 to 65535", why,
			     why_size);
	first_and_last[0] = first;
	first_and_last[1] = last;
	return true;
}
static_assert(offsetof(struct config, internal_port_last) ==
		      offsetof(struct config, internal_port_first) + sizeof(uint32_t),
	      "set_port_range() writes both");
static_assert(offsetof(struct config, plain_port_last) ==
		      offsetof(struct config, plain_port_first) + sizeof(uint32_t),
	      "set_port_range() writes both");

bool config_set(struct config *c, const char *key, const char *value, char *why, size_t why_size)
{
	const struct config_key *k = config_key_find(key);

	if (k == NULL) {
		snprintf(why, why_size,
			 "%s = \"%s\" is wrong: there is no such key; --help lists them", key,
			 value);
		return false;
	}
	void *field = (uint8_t *)c + k->offset;
	switch (k->kind) {
	case CONFIG_TEXT:
		return set_text(k, field, value, why, why_size);
	case CONFIG_NUMBER:
		return set_number(k, field, value, why, why_size);
	case CONFIG_IDLE:
		return set_word(k, field, idle_words, value, why, why_size);
	case CONFIG_CHECKSUM:
		return set_word(k, field, checksum_words, value, why, why_size);
	case CONFIG_PORT_RANGE:
		return set_port_range(k, field, value, why, why_size);
	}
	return false;
}

void config_defaults(struct config *c)
{
	char why[CONFIG_WHY_BYTES];

	*c = (struct config){0};
	for (size_t i = 0; i < config_key_count; i++) {
		bool ok = config_set(c, config_keys[i].name, config_keys[i].standard, why,
				     sizeof(why));
		assert(ok);
		(void)ok;
	}
}

int config_cpus(const char *list, unsigned *cpus, unsigned max)
{
	unsigned count = 0;

	for (const char *at = list; *at != 0;) {
		size_t size = strcspn(at, ",");
		const char *dash = memchr(at, '-', size);
		size_t head = dash != NULL ? (size_t)(dash - at) : size;
		uint32_t first, last;
		if (!number(at, head, 1023, &first))
			return -1;
		last = first;
		if (dash != NULL && !number(dash + 1, size - head - 1, 1023, &last))
			return -1;
		for (uint32_t cpu = first; cpu <= last; cpu++) {
			if (count == max)
				return -1;
			cpus[count++] = cpu;
		}
		if (last < first)
			return -1;
		at += size;
		if (*at == ',' && *++at == 0)
			return -1;
	}
	return (int)count;
}

static bool check_cores(const struct config *c, char *why, size_t why_size)
{
	unsigned cpus[SHM_WORKERS_MAX];
	char right[96];

	if (c->worker_cores[0] == 0)
		return true;
	if (config_cpus(c->worker_cores, cpus, SHM_WORKERS_MAX) == (int)c->workers)
		return true;
	snprintf(right, sizeof(right), "a list such as 2-5,8 of as many CPUs as workers (%u)",
		 c->workers);
	return wrong("worker_cores", c->worker_cores, right, why, why_size);
}

// An af_packet queue nobody polls silently swallows its share of the flows.
static bool check_wire(const struct config *c, char *why, size_t why_size)
{
	const char *pairs = strstr(c->wire, ",qpairs=");
	char right[128];

	if (c->wire[0] == 0)
		return wrong("wire", c->wire,
			     "a PCI address such as 0000:03:00.0, or a vdev such as "
			     "net_af_packet0,iface=eth1",
			     why, why_size);
	if (strncmp(c->wire, "net_af_packet", 13) != 0 || pairs == NULL)
		return true;
	if (strtoul(pairs + 8, NULL, 10) == c->workers)
		return true;
	snprintf(right, sizeof(right), "exactly as many queue pairs as workers: qpairs=%u",
		 c->workers);
	return wrong("wire", c->wire, right, why, why_size);
}

static bool check_kernel_port(const struct config *c, char *why, size_t why_size)
{
	const char *name = NULL;

	if (strncmp(c->kernel_port, "tap:", 4) == 0 || strncmp(c->kernel_port, "tap=", 4) == 0)
		name = c->kernel_port + 4;
	if (name != NULL ? name[0] != 0 && strlen(name) < 16 && strpbrk(name, "/, \t") == NULL
			 : c->kernel_port[0] != 0)
		return true;
	return wrong("kernel_port", c->kernel_port,
		     "none, tap:NAME with an interface name of 1 to 15 characters, or devargs", why,
		     why_size);
}

static bool check_engine(const struct config *c, char *why, size_t why_size)
{
	if (strcmp(c->srtp_engine, "auto") == 0 || strcmp(c->srtp_engine, "ipsec-mb") == 0 ||
	    strcmp(c->srtp_engine, "libsrtp2") == 0)
		return true;
	return wrong("srtp_engine", c->srtp_engine, "auto, ipsec-mb or libsrtp2", why, why_size);
}

bool config_check(const struct config *c, char *why, size_t why_size)
{
	char value[16];

	if (c->public_port >= c->internal_port_first && c->public_port <= c->internal_port_last) {
		snprintf(value, sizeof(value), "%u", c->public_port);
		return wrong("public_port", value, "a port outside internal_ports", why, why_size);
	}
	if (c->public_port >= c->plain_port_first && c->public_port <= c->plain_port_last) {
		snprintf(value, sizeof(value), "%u", c->public_port);
		return wrong("public_port", value, "a port outside plain_ports", why, why_size);
	}
	if (c->plain_port_first <= c->internal_port_last &&
	    c->internal_port_first <= c->plain_port_last) {
		snprintf(value, sizeof(value), "%u-%u", c->plain_port_first, c->plain_port_last);
		return wrong("plain_ports", value, "ports outside internal_ports", why, why_size);
	}
	if (c->socket[0] == 0 || strlen(c->socket) > 107)
		return wrong("socket", c->socket, "a path of 1 to 107 characters", why, why_size);
	return check_wire(c, why, why_size) && check_kernel_port(c, why, why_size) &&
	       check_cores(c, why, why_size) && check_engine(c, why, why_size);
}
