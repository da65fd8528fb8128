// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/engines.h - the engine under test: one after another, ipsec-mb with every
// instruction set of this CPU.
#pragma once

#include "dataplane/srtp/ipsec_mb.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/seq.h"
#include "tests/unit/srtp/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HEADER = 12, ROOM = 2048, SSRC = 0x5a5a0001 };

static const struct srtp_engine *engine;
static struct srtp_lanes *lanes;
static const enum shm_suite suites[] = {SHM_SUITE_AES_CM_128_HMAC_SHA1_80,
					SHM_SUITE_AEAD_AES_128_GCM, SHM_SUITE_AEAD_AES_256_GCM};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static inline size_t rtp_make(uint8_t *out, uint64_t index, uint32_t ssrc, size_t payload)
{
	memset(out, 0, HEADER);
	out[0] = 0x80;
	out[1] = 96;
	bytes_store_be16(out + 2, (uint16_t)index);
	bytes_store_be32(out + 4, (uint32_t)index * 960);
	bytes_store_be32(out + 8, ssrc);
	for (size_t i = 0; i < payload; i++)
		out[HEADER + i] = (uint8_t)(index + i);
	return HEADER + payload;
}

static inline int engines_begin(void **state)
{
	(void)state;
	lanes = engine->lanes_new();
	return lanes != NULL ? 0 : -1;
}

static inline int engines_end(void **state)
{
	(void)state;
	engine->lanes_free(lanes);
	return 0;
}

static inline int engines_run_ipsec_mb(const char *set, int (*run)(const char *name))
{
	char name[32];

	if (!ipsec_mb_instruction_set(set)) {
		print_message("skipped: this CPU has no %s\n", set);
		return 0;
	}
	engine = &srtp_engine_ipsec_mb;
	if (!engine->start())
		return 1;
	snprintf(name, sizeof(name), "ipsec-mb %s", ipsec_mb_instruction_set_name());
	return run(name);
}

// Runs a group of tests once for each engine. Returns how many failed.
static inline int engines_run(int (*run)(const char *name))
{
	static const char *const sets[] = {"sse", "avx", "avx2", "avx512"};

	engine = &srtp_engine_libsrtp2;
	if (!engine->start())
		return 1;
	int failed = run(engine->name);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		failed += engines_run_ipsec_mb(sets[i], run);
	return failed;
}
