// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/header.h - completes the headers of a frame of our own. Inside egress/ only.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/transport.h"

#include <stddef.h>

// Cuts the frame to 'udp_bytes' of UDP payload, writes IP and UDP lengths and both checksums, or
// leaves those to the port.
// 'h' is the template in the frame.
void header_finish(const struct dataplane *dp, struct rte_mbuf *m, const struct header_template *h,
		   size_t udp_bytes);
