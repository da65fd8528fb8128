// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/datagram_bio.c - a BIO that keeps datagram boundaries, see datagram_bio.h.
//
// Place    between dtls/session.c and its SSL.
// Thread   the session's; the method table is made once for all.
// Owns     its output queue.
#include "controlplane/dtls/datagram_bio.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct datagram_queue {
	const uint8_t *input;
	size_t input_size;
	unsigned first, count;
	struct {
		uint8_t *bytes;
		size_t size;
	} output[DTLS_BIO_QUEUE_MAX];
};

static BIO_METHOD *method;

static int bio_create(BIO *bio)
{
	struct datagram_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return 0;
	BIO_set_data(bio, q);
	BIO_set_init(bio, 1);
	return 1;
}

static int bio_destroy(BIO *bio)
{
	struct datagram_queue *q = BIO_get_data(bio);
	uint8_t *bytes;
	size_t size;

	if (q == NULL)
		return 1;
	while ((bytes = dtls_datagram_bio_take_output(bio, &size)) != NULL)
		free(bytes);
	free(q);
	BIO_set_data(bio, NULL);
	return 1;
}

static int bio_read(BIO *bio, char *out, int size)
{
	struct datagram_queue *q = BIO_get_data(bio);
	size_t taken;

	BIO_clear_retry_flags(bio);
	if (q->input_size == 0 || size <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	// Like recv: what does not fit is cut off.
	taken = q->input_size < (size_t)size ? q->input_size : (size_t)size;
	memcpy(out, q->input, taken);
	q->input = NULL;
	q->input_size = 0;
	return (int)taken;
}

static int bio_write(BIO *bio, const char *data, int size)
{
	struct datagram_queue *q = BIO_get_data(bio);
	unsigned at = (q->first + q->count) % DTLS_BIO_QUEUE_MAX;
	uint8_t *copy;

	BIO_clear_retry_flags(bio);
	if (size <= 0)
		return 0;
	copy = q->count < DTLS_BIO_QUEUE_MAX ? malloc((size_t)size) : NULL;
	if (copy == NULL)
		return size; // lost, as on a network; the flight's timer sends it again
	memcpy(copy, data, (size_t)size);
	q->output[at].bytes = copy;
	q->output[at].size = (size_t)size;
	q->count++;
	return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	// Flushing has nothing to do; every question about MTU or timeouts gets "don't know".
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram queue");
	if (method == NULL)
		return;
	BIO_meth_set_create(method, bio_create);
	BIO_meth_set_destroy(method, bio_destroy);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
}

BIO *dtls_datagram_bio_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_method);
	return method == NULL ? NULL : BIO_new(method);
}

void dtls_datagram_bio_set_input(BIO *bio, const uint8_t *datagram, size_t size)
{
	struct datagram_queue *q = BIO_get_data(bio);

	assert(size <= INT_MAX);
	q->input = datagram;
	q->input_size = size;
}

uint8_t *dtls_datagram_bio_take_output(BIO *bio, size_t *size)
{
	struct datagram_queue *q = BIO_get_data(bio);
	uint8_t *bytes;

	if (q->count == 0)
		return NULL;
	bytes = q->output[q->first].bytes;
	*size = q->output[q->first].size;
	q->first = (q->first + 1) % DTLS_BIO_QUEUE_MAX;
	q->count--;
	return bytes;
}
