// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bytes.h - big-endian loads and stores, and a writer that cannot leave its buffer.
//
// Place   below every parser and builder of proto/rtc; wire structs are never cast over packets.
// Owns    nothing; a writer borrows the caller's memory.
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_be16(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t bytes_be24(const uint8_t *p)
{
	return ((uint32_t)p[0] << 16) | ((uint32_t)p[1] << 8) | p[2];
}

static inline uint32_t bytes_be32(const uint8_t *p)
{
	return ((uint32_t)bytes_be16(p) << 16) | bytes_be16(p + 2);
}

static inline uint64_t bytes_be64(const uint8_t *p)
{
	return ((uint64_t)bytes_be32(p) << 32) | bytes_be32(p + 4);
}

static inline void bytes_store_be16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void bytes_store_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	bytes_store_be16(p + 1, (uint16_t)v);
}

static inline void bytes_store_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void bytes_store_be64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

// Writes front to back. What does not fit is not written at all, and 'overflow' stays set from then
// on, so that a builder checks once, at its end.
struct bytes_writer {
	uint8_t *start;
	size_t size; // bytes written
	size_t room; // bytes 'start' has room for
	bool overflow;
};

static inline void bytes_writer_init(struct bytes_writer *w, uint8_t *start, size_t room)
{
	*w = (struct bytes_writer){.start = start, .room = room};
}

// Reserves 'size' bytes and returns them for the caller to fill, or NULL if they do not fit.
static inline uint8_t *bytes_writer_reserve(struct bytes_writer *w, size_t size)
{
	if (w->overflow || size > w->room - w->size) {
		w->overflow = true;
		return NULL;
	}
	uint8_t *at = w->start + w->size;
	w->size += size;
	return at;
}

static inline void bytes_put_u8(struct bytes_writer *w, uint8_t v)
{
	uint8_t *at = bytes_writer_reserve(w, 1);
	if (at != NULL)
		*at = v;
}

static inline void bytes_put_be16(struct bytes_writer *w, uint16_t v)
{
	uint8_t *at = bytes_writer_reserve(w, 2);
	if (at != NULL)
		bytes_store_be16(at, v);
}

static inline void bytes_put_be24(struct bytes_writer *w, uint32_t v)
{
	uint8_t *at = bytes_writer_reserve(w, 3);
	if (at != NULL)
		bytes_store_be24(at, v);
}

static inline void bytes_put_be32(struct bytes_writer *w, uint32_t v)
{
	uint8_t *at = bytes_writer_reserve(w, 4);
	if (at != NULL)
		bytes_store_be32(at, v);
}

static inline void bytes_put_be64(struct bytes_writer *w, uint64_t v)
{
	uint8_t *at = bytes_writer_reserve(w, 8);
	if (at != NULL)
		bytes_store_be64(at, v);
}

static inline void bytes_put(struct bytes_writer *w, const void *from, size_t size)
{
	uint8_t *at = bytes_writer_reserve(w, size);
	if (at != NULL && size != 0)
		memcpy(at, from, size);
}

static inline void bytes_put_zero(struct bytes_writer *w, size_t size)
{
	uint8_t *at = bytes_writer_reserve(w, size);
	if (at != NULL && size != 0)
		memset(at, 0, size);
}
