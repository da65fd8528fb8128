// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/record_filter_test.c - records in, verdict out, one line each.
// Place    tests dtls/record_filter.c; layouts from RFC 6347 4.1 and 4.2.2.
#include "controlplane/dtls/record_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PASS = DTLS_DROP_COUNT };
enum state { FRESH, ANSWERED, CONNECTED };

struct row {
	const char *what;
	bool active;
	enum state state;
	uint8_t type, epoch;
	uint8_t body[40];
	uint8_t size;
	int want;
};

// A handshake header: type, length, message_seq, fragment_offset, fragment_length; then the body.
#define HM(type, len, seq, off, frag) type, 0, (len) >> 8, (len)&0xff, 0, seq, 0, 0, off, 0, 0, frag

static const struct row rows[] = {
	{"hello", false, FRESH, 22, 0, {HM(1, 4, 0, 0, 4)}, 16, PASS},
	{"hello, middle part", false, FRESH, 22, 0, {HM(1, 900, 0, 200, 4)}, 16, PASS},
	{"hello twice", false, ANSWERED, 22, 0, {HM(1, 4, 0, 0, 4)}, 16, DTLS_DROP_OUT_OF_PLACE},
	{"hello as second", false, FRESH, 22, 0, {HM(1, 4, 1, 0, 4)}, 16, DTLS_DROP_OUT_OF_PLACE},
	{"certificate", false, ANSWERED, 22, 0, {HM(11, 4, 1, 0, 4)}, 16, PASS},
	{"early certificate",
	 false,
	 FRESH,
	 22,
	 0,
	 {HM(11, 4, 1, 0, 4)},
	 16,
	 DTLS_DROP_OUT_OF_PLACE},
	{"client key exchange", false, ANSWERED, 22, 0, {HM(16, 4, 2, 0, 4)}, 16, PASS},
	{"certificate verify", false, ANSWERED, 22, 0, {HM(15, 4, 3, 0, 4)}, 16, PASS},
	{"clear finished",
	 false,
	 ANSWERED,
	 22,
	 0,
	 {HM(20, 4, 4, 0, 4)},
	 16,
	 DTLS_DROP_OUT_OF_PLACE},
	{"server hello to a server",
	 false,
	 FRESH,
	 22,
	 0,
	 {HM(2, 4, 0, 0, 4)},
	 16,
	 DTLS_DROP_OUT_OF_PLACE},
	{"server hello", true, ANSWERED, 22, 0, {HM(2, 4, 0, 0, 4)}, 16, PASS},
	{"server hello after a cookie", true, ANSWERED, 22, 0, {HM(2, 4, 1, 0, 4)}, 16, PASS},
	{"hello verify request", true, ANSWERED, 22, 0, {HM(3, 4, 0, 0, 4)}, 16, PASS},
	{"hello verify request late",
	 true,
	 ANSWERED,
	 22,
	 0,
	 {HM(3, 4, 1, 0, 4)},
	 16,
	 DTLS_DROP_OUT_OF_PLACE},
	{"server hello done", true, ANSWERED, 22, 0, {HM(14, 0, 4, 0, 0)}, 12, PASS},
	{"hello request", true, ANSWERED, 22, 0, {HM(0, 0, 0, 0, 0)}, 12, DTLS_DROP_OUT_OF_PLACE},
	{"session ticket", true, ANSWERED, 22, 0, {HM(4, 4, 5, 0, 4)}, 16, DTLS_DROP_OUT_OF_PLACE},
	{"two messages", true, ANSWERED, 22, 0, {HM(13, 0, 3, 0, 0), HM(14, 0, 4, 0, 0)}, 24, PASS},
	{"two, second out of place",
	 true,
	 ANSWERED,
	 22,
	 0,
	 {HM(13, 0, 3, 0, 0), HM(14, 0, 0, 0, 0)},
	 24,
	 DTLS_DROP_OUT_OF_PLACE},
	{"past its message", false, FRESH, 22, 0, {HM(1, 4, 0, 1, 4)}, 16, DTLS_DROP_BAD_FRAGMENT},
	{"past its record", false, FRESH, 22, 0, {HM(1, 9, 0, 0, 9)}, 16, DTLS_DROP_BAD_FRAGMENT},
	{"part of nothing", false, FRESH, 22, 0, {HM(1, 4, 0, 0, 0)}, 12, DTLS_DROP_BAD_FRAGMENT},
	{"half a header", false, FRESH, 22, 0, {HM(1, 4, 0, 0, 4)}, 11, DTLS_DROP_BAD_FRAGMENT},
	{"trailing octet", false, FRESH, 22, 0, {HM(1, 4, 0, 0, 4)}, 17, DTLS_DROP_BAD_FRAGMENT},
	{"32 KB message",
	 false,
	 FRESH,
	 22,
	 0,
	 {HM(1, 0x8000, 0, 0, 4)},
	 16,
	 DTLS_DROP_BAD_FRAGMENT},
	{"ccs", false, ANSWERED, 20, 0, {1}, 1, PASS},
	{"ccs of value 2", false, ANSWERED, 20, 0, {2}, 1, DTLS_DROP_BAD_CCS},
	{"ccs of two octets", false, ANSWERED, 20, 0, {1, 1}, 2, DTLS_DROP_BAD_CCS},
	{"clear alert", false, ANSWERED, 21, 0, {2, 40}, 2, DTLS_DROP_CLEAR_ALERT},
	{"clear data", false, ANSWERED, 23, 0, {1}, 1, DTLS_DROP_CLEAR_DATA},
	{"protected handshake", false, ANSWERED, 22, 1, {1}, 30, PASS},
	{"protected alert", false, CONNECTED, 21, 1, {1}, 26, PASS},
	{"protected finished again", false, CONNECTED, 22, 1, {1}, 40, PASS},
	{"protected, nonce and tag alone",
	 false,
	 CONNECTED,
	 21,
	 1,
	 {1},
	 24,
	 DTLS_DROP_SHORT_PROTECTED},
	{"protected finished, cut", false, ANSWERED, 22, 1, {1}, 1, DTLS_DROP_SHORT_PROTECTED},
	{"protected data", false, CONNECTED, 23, 1, {1}, 30, DTLS_DROP_DATA},
	{"protected ccs", false, CONNECTED, 20, 1, {1}, 1, DTLS_DROP_OUT_OF_PLACE},
	{"epoch 2", false, CONNECTED, 21, 2, {1}, 26, DTLS_DROP_OUT_OF_PLACE},
	{"late clear alert", false, CONNECTED, 21, 0, {1, 0}, 2, DTLS_DROP_LATE_CLEAR},
	{"late hello", false, CONNECTED, 22, 0, {HM(1, 4, 0, 0, 4)}, 16, DTLS_DROP_LATE_CLEAR},
	{"type 24", false, FRESH, 24, 0, {1}, 1, DTLS_DROP_NOT_DTLS},
	{"empty", false, FRESH, 22, 0, {0}, 0, DTLS_DROP_NOT_DTLS},
};

static size_t write_record(uint8_t *p, const struct row *r)
{
	uint8_t header[13] = {r->type, 0xfe, 0xfd, 0,	 r->epoch, 0xff,   0xff,
			      0xff,    0xff, 0xff, 0xff, 0,	   r->size};

	memcpy(p, header, 13);
	memcpy(p + 13, r->body, r->size);
	return 13u + r->size;
}

static void verdicts_test(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct dtls_record_filter f;
		uint8_t in[64], out[64];
		size_t size = write_record(in, r), kept;

		dtls_record_filter_init(&f, r->active);
		f.answered = r->state != FRESH;
		f.connected = r->state == CONNECTED;
		kept = dtls_record_filter_run(&f, in, size, out);
		if (kept != (r->want == PASS ? size : 0))
			fail_msg("%s: kept %zu", r->what, kept);
		for (int d = 0; d < DTLS_DROP_COUNT; d++)
			if (f.drops[d] != (d == r->want ? 1 : 0))
				fail_msg("%s: %s is %llu", r->what,
					 dtls_drop_text((enum dtls_drop)d),
					 (unsigned long long)f.drops[d]);
	}
}

// Good records stay, bad ones between them go, clear ones are numbered anew, protected ones not.
static void mixed_datagram_test(void **state)
{
	static const struct row parts[] = {
		{"", false, ANSWERED, 22, 0, {HM(11, 4, 1, 0, 4)}, 16, PASS},
		{"", false, ANSWERED, 21, 0, {2, 40}, 2, DTLS_DROP_CLEAR_ALERT},
		{"", false, ANSWERED, 20, 0, {1}, 1, PASS},
		{"", false, ANSWERED, 22, 1, {7}, 40, PASS},
	};
	static const uint8_t zero[6] = {0}, one[6] = {0, 0, 0, 0, 0, 1},
			     top[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct dtls_record_filter f;
	uint8_t in[256], out[256];
	size_t size = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		size += write_record(in + size, &parts[i]);
	in[size++] = 22; // and a record that is cut off
	dtls_record_filter_init(&f, false);
	f.answered = true;
	assert_int_equal(dtls_record_filter_run(&f, in, size, out), 29 + 14 + 53);
	assert_memory_equal(out + 5, zero, 6);
	assert_memory_equal(out + 29 + 5, one, 6);
	assert_memory_equal(out + 29 + 14 + 5, top, 6);
	assert_int_equal(out[29], 20);
	assert_int_equal(f.last_clear_alert, 40);
	assert_int_equal(f.drops[DTLS_DROP_CLEAR_ALERT], 1);
	assert_int_equal(f.drops[DTLS_DROP_NOT_DTLS], 1);
}

static void changed_length_test(void **state)
{
	static const struct row first = {"", true, ANSWERED, 22, 0, {HM(11, 90, 1, 0, 4)},
					 16, PASS};
	static const struct row other = {"", true, ANSWERED, 22, 0, {HM(11, 91, 1, 4, 4)}, 16, 0};
	static const struct row hello = {"", false, FRESH, 22, 0, {HM(1, 90, 0, 0, 4)}, 16, PASS};
	static const struct row newer = {"", false, FRESH, 22, 0, {HM(1, 91, 0, 4, 4)}, 16, PASS};
	struct dtls_record_filter f;
	uint8_t in[64], out[64];

	(void)state;
	dtls_record_filter_init(&f, true);
	assert_int_equal(dtls_record_filter_run(&f, in, write_record(in, &first), out), 29);
	assert_int_equal(dtls_record_filter_run(&f, in, write_record(in, &other), out), 0);
	assert_int_equal(f.drops[DTLS_DROP_LENGTH_CHANGED], 1);
	assert_false(f.restart);
	dtls_record_filter_init(&f, false);
	assert_int_equal(dtls_record_filter_run(&f, in, write_record(in, &hello), out), 29);
	assert_false(f.restart);
	assert_int_equal(dtls_record_filter_run(&f, in, write_record(in, &newer), out), 29);
	assert_true(f.restart); // nothing answered yet: the newest wins
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_test),
		cmocka_unit_test(mixed_datagram_test),
		cmocka_unit_test(changed_length_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
