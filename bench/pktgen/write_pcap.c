// SPDX-License-Identifier: Apache-2.0
//
// bench/pktgen/write_pcap.c - the packets of a plan's publishers as a pcap file, for generators
// that replay one. bench/pktgen/README.md says how.
//
// Format   classic pcap, microsecond timestamps (Pktgen-DPDK refuses nanoseconds), link type
//          Ethernet (libpcap's savefile format).
#include "bench/load/publish.h"
#include "dataplane/srtp/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKETS_MAX = 100000000, RATE_MAX = 100000000 };

struct pcap_file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snapshot_bytes, link_type;
};

struct pcap_packet_header {
	uint32_t seconds, microseconds, captured, original;
};

static struct plan plan;

static void usage(void)
{
	fprintf(stderr, "usage: bench_pcap PACKETS RATE FILE <plan\n"
			"PACKETS of all publishers together, RATE of them a second by their "
			"timestamps;\nbench/pktgen/room describe writes a plan\n");
	exit(2);
}

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end != 0 || v == 0 || v > max)
		usage();
	return v;
}

static bool packet_write(FILE *file, struct publishers *ps, uint64_t at_ns)
{
	uint8_t frame[PUBLISH_FRAME_BYTES_MAX];
	struct publish_id id;
	uint16_t size = publishers_next(ps, frame, &id);
	struct pcap_packet_header h = {
		.seconds = (uint32_t)(at_ns / 1000000000),
		.microseconds = (uint32_t)(at_ns % 1000000000 / 1000),
		.captured = size,
		.original = size,
	};

	return fwrite(&h, sizeof(h), 1, file) == 1 && fwrite(frame, size, 1, file) == 1;
}

int main(int argc, char **argv)
{
	const struct pcap_file_header head = {
		.magic = 0xa1b2c3d4,
		.major = 2,
		.minor = 4,
		.snapshot_bytes = 65535,
		.link_type = 1,
	};

	if (argc != 4)
		usage();
	unsigned long packets = number(argv[1], PACKETS_MAX), rate = number(argv[2], RATE_MAX);
	plan_read(&plan);
	if (!srtp_engine_ipsec_mb.start()) {
		fprintf(stderr, "bench_pcap: this CPU has no AES instructions\n");
		return 1;
	}
	struct publishers *ps = publishers_new(&plan);
	plan_forget_keys(&plan);
	FILE *file = fopen(argv[3], "wbe");
	bool ok = file != NULL && fwrite(&head, sizeof(head), 1, file) == 1;
	for (unsigned long i = 0; ok && i < packets; i++)
		ok = packet_write(file, ps, i * UINT64_C(1000000000) / rate);
	if (file == NULL || fclose(file) != 0 || !ok) {
		perror(argv[3]);
		return 1;
	}
	publishers_free(ps);
	return 0;
}
