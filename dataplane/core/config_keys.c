// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/config_keys.c - the table of keys. deploy/sluice-dataplane.conf explains them.
#include "dataplane/core/config_keys.h"
#include "proto/shm/abi.h"

#include <string.h>

#define TEXT(key, standard, means)                                                                 \
	{                                                                                          \
#key, CONFIG_TEXT, offsetof(struct config, key), 0, 0, standard, means             \
	}
#define NUMBER(key, min, max, standard, means)                                                     \
	{                                                                                          \
#key, CONFIG_NUMBER, offsetof(struct config, key), min, max, standard, means       \
	}

const struct config_key config_keys[] = {
	TEXT(wire, "", "DEVARGS of the network's port: a PCI address, or a vdev"),
	TEXT(kernel_port, "none", "none, tap:NAME, or DEVARGS of the port to the host's kernel"),
	TEXT(socket, "/run/sluice/dataplane.sock", "Unix socket the control plane connects to"),
	NUMBER(workers, 1, SHM_WORKERS_MAX, "1", "packet threads, each with its own queue pair"),
	TEXT(worker_cores, "", "CPUs of the workers, such as 2-5,8; empty: any"),
	TEXT(srtp_engine, "auto", "auto, ipsec-mb or libsrtp2: what seals and opens SRTP"),
	{"idle", CONFIG_IDLE, offsetof(struct config, idle), 0, 0, "busy",
	 "busy (dedicated cores) or adaptive (shared ones)"},
	{"udp_checksum_ipv4", CONFIG_CHECKSUM, offsetof(struct config, udp_checksum_ipv4), 0, 0,
	 "software", "software or none: of IPv4 where the port cannot"},
	NUMBER(public_port, 1, UINT16_MAX, "3478", "the one UDP port clients see"),
	{"internal_ports", CONFIG_PORT_RANGE, offsetof(struct config, internal_port_first), 0, 0,
	 "40000-48191", "UDP ports of the control plane's ICE agents"},
	{"plain_ports", CONFIG_PORT_RANGE, offsetof(struct config, plain_port_first), 0, 0,
	 "30000-30999", "UDP ports of plain transports that learn their peer's address"},
	NUMBER(transports, 1, SHM_TRANSPORTS_MAX, "1024", "peer connections at once"),
	NUMBER(tracks, 1, SHM_TRACKS_MAX, "2048", "published tracks at once"),
	NUMBER(subscriptions, 1, SHM_SUBSCRIPTIONS_MAX, "16384", "tracks sent to anyone at once"),
	NUMBER(packets, 2048, 1 << 24, "32767", "packet buffers of 2 KiB"),
	NUMBER(punt_total, 1, 10000000, "20000", "packets a second to the kernel, in total"),
	NUMBER(punt_stun, 1, 10000000, "5000", "the same for STUN"),
	NUMBER(punt_dtls, 1, 10000000, "5000", "the same for DTLS"),
	NUMBER(punt_neighbour, 1, 10000000, "1000", "the same for ARP and ND"),
	NUMBER(punt_icmp, 1, 10000000, "1000", "the same for ICMP"),
	NUMBER(punt_other, 1, 10000000, "20000", "the same for TCP and the rest"),
	NUMBER(punt_source, 1, 10000000, "5000", "the same from one source address"),
};
const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}
