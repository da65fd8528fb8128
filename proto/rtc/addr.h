// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/addr.h - a transport address (IP and UDP port) as a plain value.
//
// Place   keys of the dataplane's tables, records of the shared segment, STUN's mapped addresses.
// Owns    nothing; compare with rtc_addr_equal(), never by text.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RTC_ADDR_NONE = 0, RTC_ADDR_V4 = 4, RTC_ADDR_V6 = 6 };

// All 20 bytes count: unused bytes of 'ip' and 'reserved_zero' are 0, so that memcmp compares.
struct rtc_addr {
	uint8_t ip[16]; // network order; IPv4 in the first 4 bytes
	uint16_t port; // host order
	uint8_t family; // RTC_ADDR_*
	uint8_t reserved_zero;
};
static_assert(sizeof(struct rtc_addr) == 20, "shared with proto/shm: no padding");

static inline bool rtc_addr_equal(const struct rtc_addr *a, const struct rtc_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
