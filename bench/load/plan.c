// SPDX-License-Identifier: Apache-2.0
//
// bench/load/plan.c - reads a plan. The format is in plan.h.
#include "bench/load/plan.h"

#include "dataplane/srtp/engine.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 512 };

// What is left of a line is never shown: it may be a key.
static void wrong(const char *word, const char *right)
{
	fprintf(stderr, "bench: the plan's line \"%s\" is wrong: it wants %s\n", word, right);
	exit(2);
}

static uint32_t number(const char *word, const char *text, uint32_t min, uint32_t max)
{
	char *end = NULL;
	unsigned long v = text == NULL ? 0 : strtoul(text, &end, 10);

	if (text == NULL || *end != 0 || v < min || v > max)
		wrong(word, "a number in range");
	return (uint32_t)v;
}

static uint32_t address(const char *word, const char *text)
{
	struct in_addr a;

	if (text == NULL || inet_pton(AF_INET, text, &a) != 1)
		wrong(word, "an IPv4 address");
	return ntohl(a.s_addr);
}

static void key_read(uint8_t *key, const char *word, const char *text, enum shm_suite suite)
{
	size_t size = srtp_suite_key_bytes(suite) + srtp_suite_salt_bytes(suite);

	if (size == 0)
		wrong(word, "a line \"suite\" before it");
	if (text == NULL || strlen(text) != 2 * size)
		wrong(word, "a key and salt of the suite's length");
	for (size_t i = 0; i < size; i++)
		if (sscanf(text + 2 * i, "%2hhx", &key[i]) != 1)
			wrong(word, "a hexadecimal key");
}

static enum shm_suite suite_read(const char *text)
{
	for (int i = 1; text != NULL && i < 16; i++)
		if (strcmp(text, srtp_suite_name((enum shm_suite)i)) == 0)
			return (enum shm_suite)i;
	wrong("suite", "an SRTP suite's IANA name");
	return 0;
}

static void publisher_read(struct plan *p, char **words)
{
	if (p->publisher_count == PLAN_PUBLISHERS_MAX)
		wrong("publisher", "at most 64 of them");
	struct plan_stream *s = &p->publishers[p->publisher_count++];
	s->port = (uint16_t)number("publisher", words[1], 1, UINT16_MAX);
	s->ssrc = number("publisher", words[2], 1, UINT32_MAX);
	s->number = number("publisher", words[3], 0, 127);
	key_read(s->key, "publisher", words[4], p->suite);
	p->publisher_suite = p->suite;
}

static void sink_read(struct plan *p, char **words)
{
	if (p->sink_count == PLAN_SINKS_MAX)
		wrong("sink", "at most 8192 of them");
	struct plan_stream *s = &p->sinks[p->sink_count];
	s->port = (uint16_t)number("sink", words[1], 1, UINT16_MAX);
	if (s->port != p->sinks[0].port + p->sink_count)
		wrong("sink", "the port after the one before");
	s->ssrc = number("sink", words[2], 1, UINT32_MAX);
	s->number = number("sink", words[3], 0, PLAN_PUBLISHERS_MAX - 1);
	key_read(s->key, "sink", words[4], p->suite);
	p->sink_suite = p->suite;
	p->sink_count++;
}

static void line_read(struct plan *p, char **words)
{
	const char *word = words[0];

	if (strcmp(word, "suite") == 0) {
		p->suite = suite_read(words[1]);
	} else if (strcmp(word, "bytes") == 0) {
		p->bytes = number(word, words[1], 64, 1400);
	} else if (strcmp(word, "sfu") == 0) {
		if (words[1] == NULL || rte_ether_unformat_addr(words[1], &p->sfu_mac) != 0)
			wrong(word, "a MAC address");
		p->sfu_address = address(word, words[2]);
		p->sfu_port = (uint16_t)number(word, words[3], 1, UINT16_MAX);
	} else if (strcmp(word, "self") == 0) {
		if (words[1] == NULL || rte_ether_unformat_addr(words[1], &p->self_mac) != 0)
			wrong(word, "a MAC address");
		p->self_address = address(word, words[2]);
	} else if (strcmp(word, "publisher") == 0) {
		publisher_read(p, words);
	} else if (strcmp(word, "sink") == 0) {
		sink_read(p, words);
	} else {
		wrong(word, "a word that plan.h lists");
	}
}

void plan_read(struct plan *p)
{
	char line[LINE_BYTES];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *words[8] = {NULL}, *rest = line;
		line[strcspn(line, "\n")] = 0;
		for (unsigned i = 0; i < 7 && rest != NULL; i++)
			words[i] = strsep(&rest, " ");
		if (strcmp(words[0], "go") != 0) {
			line_read(p, words);
			continue;
		}
		explicit_bzero(line, sizeof(line));
		if (p->publisher_count == 0 || p->bytes == 0)
			wrong("go", "bytes and a publisher before it");
		for (uint32_t i = 0; i < p->sink_count; i++)
			if (p->sinks[i].number >= p->publisher_count)
				wrong("sink", "the index of a publisher");
		return;
	}
	wrong("", "a line \"go\" at its end");
}

void plan_forget_keys(struct plan *p)
{
	for (uint32_t i = 0; i < p->publisher_count; i++)
		explicit_bzero(p->publishers[i].key, sizeof(p->publishers[i].key));
	for (uint32_t i = 0; i < p->sink_count; i++)
		explicit_bzero(p->sinks[i].key, sizeof(p->sinks[i].key));
}
