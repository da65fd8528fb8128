// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/config.h - everything the dataplane is told: file, then flags, which override it.
//
// Place   read once by main before anything is started, constant afterwards.
// Errors  one sentence that names the key, the value and what would be right.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_TEXT_BYTES = 256, CONFIG_WHY_BYTES = 768 };

enum config_idle { CONFIG_IDLE_BUSY, CONFIG_IDLE_ADAPTIVE };
enum config_checksum { CONFIG_CHECKSUM_NONE, CONFIG_CHECKSUM_SOFTWARE };

struct config {
	char wire[CONFIG_TEXT_BYTES]; // devargs of the wire port: PCI address or vdev
	char kernel_port[CONFIG_TEXT_BYTES]; // "none", "tap:NAME" or devargs
	char socket[CONFIG_TEXT_BYTES]; // Unix socket the control plane connects to
	char worker_cores[CONFIG_TEXT_BYTES]; // CPUs, one a worker: "2-5,8"; empty: shared ones
	char srtp_engine[CONFIG_TEXT_BYTES]; // "auto", "ipsec-mb" or "libsrtp2"
	uint32_t workers;
	uint32_t idle; // enum config_idle
	uint32_t udp_checksum_ipv4; // enum config_checksum
	uint32_t public_port;
	uint32_t internal_port_first;
	uint32_t internal_port_last;
	uint32_t plain_port_first;
	uint32_t plain_port_last;
	uint32_t transports;
	uint32_t tracks;
	uint32_t subscriptions;
	uint32_t packets; // mbufs in the pool
	// Punts to the kernel, packets per second.
	uint32_t punt_total;
	uint32_t punt_stun;
	uint32_t punt_dtls;
	uint32_t punt_neighbour; // ARP and ND
	uint32_t punt_icmp;
	uint32_t punt_other; // TCP for the API among them
	uint32_t punt_source; // of each source address
	char **eal; // the user's EAL arguments: what followed "--"
	int eal_count;
};

enum config_outcome {
	CONFIG_OK,
	CONFIG_WRONG, // 'why' says what
	CONFIG_SAID, // --help or --version was answered: end well
};

// Reads the defaults, the file of --config, then the flags. 'argv' must stay.
enum config_outcome config_read(struct config *c, int argc, char **argv, char *why,
				size_t why_size);

// Sets one key as file and flags do. False with a sentence.
bool config_set(struct config *c, const char *key, const char *value, char *why, size_t why_size);

// Checks what concerns several keys at once. False with a sentence.
bool config_check(const struct config *c, char *why, size_t why_size);

void config_defaults(struct config *c);

// Parses a CPU list such as "2-5,8" into 'cpus'. Returns how many, or -1 if it is none or too long.
int config_cpus(const char *list, unsigned *cpus, unsigned max);
