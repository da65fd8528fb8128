// SPDX-License-Identifier: Apache-2.0
//
// bench/options.c - reads the command line of a bench.
#include "bench/options.h"

#include "bench/timing.h"
#include "dataplane/srtp/engine.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct srtp_engine *const engines[] = {&srtp_engine_ipsec_mb, &srtp_engine_libsrtp2};
static const char *const checksum_names[] = {"offload", "software", "none"};
static const struct {
	const char *name;
	uint32_t bits;
} features[] = {
	{"numbers", BENCH_NUMBERS}, // the first: if none is named
	{"plain", 0},
	{"history", BENCH_NUMBERS | BENCH_HISTORY},
	{"layers", BENCH_NUMBERS | BENCH_LAYERS},
	{"pacing", BENCH_NUMBERS | BENCH_HISTORY | BENCH_PACING},
	{"all", BENCH_NUMBERS | BENCH_HISTORY | BENCH_LAYERS | BENCH_PACING},
};
enum { FEATURES = sizeof(features) / sizeof(features[0]) };

static void help(const char *name)
{
	printf("usage: %s [--engine ipsec-mb,libsrtp2] [--suite NAME,...] [--bytes N,...]\n"
	       "       [--consumers N,...] [--tracks N,...] [--checksum offload,software,none]\n"
	       "       [--features numbers,plain,history,layers,pacing,all]\n"
	       "       [--instruction-set sse|avx|avx2|avx512] [--blocks N] [--json]\n"
	       "Suites: AES_CM_128_HMAC_SHA1_80, AEAD_AES_128_GCM, AEAD_AES_256_GCM.\n",
	       name);
	exit(0);
}

static void wrong(const char *option, const char *value, const char *right)
{
	fprintf(stderr, "--%s %s is wrong: it wants %s\n", option, value, right);
	exit(2);
}

const struct srtp_engine *option_engine(uint32_t value)
{
	return engines[value];
}

uint32_t option_features(uint32_t value)
{
	return features[value].bits;
}

const char *option_features_name(uint32_t value)
{
	return features[value].name;
}

const char *option_checksum_name(uint32_t value)
{
	return checksum_names[value];
}

// The meaning of one word of a list; negative if it has none.
static int64_t meaning(const char *option, const char *word)
{
	if (strcmp(option, "engine") == 0) {
		for (unsigned i = 0; i < 2; i++)
			if (strcmp(word, engines[i]->name) == 0)
				return i;
		return -1;
	}
	if (strcmp(option, "checksum") == 0) {
		for (unsigned i = 0; i < 3; i++)
			if (strcmp(word, checksum_names[i]) == 0)
				return i;
		return -1;
	}
	if (strcmp(option, "features") == 0) {
		for (unsigned i = 0; i < FEATURES; i++)
			if (strcmp(word, features[i].name) == 0)
				return i;
		return -1;
	}
	if (strcmp(option, "suite") == 0) {
		for (int i = 1; i < 16; i++)
			if (strcmp(word, srtp_suite_name((enum shm_suite)i)) == 0)
				return i;
		return -1;
	}
	char *end;
	long v = strtol(word, &end, 10);
	return *end == 0 && v > 0 && v <= 100000 ? v : -1;
}

static void list_read(struct number_list *l, const char *option, const char *text,
		      const char *right)
{
	char *copy = strdup(text);
	char *rest = copy;

	*l = (struct number_list){0};
	for (char *word; (word = strsep(&rest, ",")) != NULL;) {
		int64_t v = meaning(option, word);
		if (v < 0 || l->count == OPTION_VALUES_MAX)
			wrong(option, text, right);
		l->value[l->count++] = (uint32_t)v;
	}
	free(copy);
}

void options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"engine", 1, NULL, 'e'},
		{"suite", 1, NULL, 's'},
		{"bytes", 1, NULL, 'b'},
		{"consumers", 1, NULL, 'c'},
		{"tracks", 1, NULL, 't'},
		{"checksum", 1, NULL, 'k'},
		{"features", 1, NULL, 'f'},
		{"blocks", 1, NULL, 'n'},
		{"instruction-set", 1, NULL, 'i'},
		{"json", 0, NULL, 'j'},
		{"help", 0, NULL, 'h'},
		{0},
	};
	struct number_list blocks;

	*o = (struct options){
		.engines = {1, {0}},
		.suites = {1, {SHM_SUITE_AEAD_AES_128_GCM}},
		.bytes = {1, {1200}},
		.consumers = {1, {50}},
		.tracks = {1, {1}},
		.checksums = {1, {BENCH_OFFLOAD}},
		.features = {1, {0}},
		.blocks = 1000,
	};
	for (int got; (got = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (got == 'e')
			list_read(&o->engines, "engine", optarg, "ipsec-mb or libsrtp2");
		else if (got == 's')
			list_read(&o->suites, "suite", optarg, "names that --help lists");
		else if (got == 'b')
			list_read(&o->bytes, "bytes", optarg, "numbers of payload bytes");
		else if (got == 'c')
			list_read(&o->consumers, "consumers", optarg, "numbers from 1");
		else if (got == 't')
			list_read(&o->tracks, "tracks", optarg, "numbers from 1");
		else if (got == 'k')
			list_read(&o->checksums, "checksum", optarg, "offload, software or none");
		else if (got == 'f')
			list_read(&o->features, "features", optarg, "names that --help lists");
		else if (got == 'n')
			list_read(&blocks, "blocks", optarg, "a number from 1"),
				o->blocks = blocks.value[0];
		else if (got == 'i')
			o->instruction_set = optarg;
		else if (got == 'j')
			o->json = true;
		else if (got == 'h')
			help(argv[0]);
		else
			exit(2);
	}
	if (optind != argc)
		wrong("", argv[optind], "options only");
	if (o->blocks > BLOCKS_MAX)
		wrong("blocks", "", "at most 16384");
}
