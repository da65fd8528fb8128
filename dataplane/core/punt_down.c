// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/punt_down.c - from the kernel to the workers: what may leave, and from which port.
//
// Thread   main lcore.
// Rule     from an internal port goes STUN of a living transport, and everything else to checked
//          tuples alone, which the transport's owner knows. Nothing shows that internal ports
//          exist.
#include "dataplane/core/packet.h"
#include "dataplane/core/punt.h"
#include "dataplane/core/translate.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/demux.h"

static void drop(struct punt *p, struct rte_mbuf *m, enum shm_egress_drop why)
{
	p->stats->egress_drops[why]++;
	rte_pktmbuf_free(m);
}

static bool is_internal(const struct dataplane *dp, uint16_t port)
{
	return port >= dp->internal_port_first && port <= dp->internal_port_last;
}

// 'ref' of generation 0: goes out as it is.
static void to_worker(struct punt *p, struct rte_mbuf *m, unsigned worker, struct shm_ref ref)
{
	struct xmsg msg = {.kind = XMSG_KERNEL_TX, .ref = ref, .mbuf = m};

	if (xmsg_from_main(&p->dp->workers[worker], &msg))
		p->stats->packets_forwarded++;
	else
		drop(p, m, SHM_EGRESS_DROP_TX_FULL);
}

// A request is remembered: the response carries no name.
static bool is_stun(struct punt *p, struct rte_mbuf *m, struct shm_ref ref)
{
	const uint8_t *payload = packet_payload(m);
	uint16_t size = packet_of(m)->payload_size;
	struct stun_view v;

	if (demux_classify(payload, size) != DEMUX_STUN || !stun_parse(&v, payload, size))
		return false;
	if (v.msg_class == STUN_REQUEST)
		transactions_add(p->transactions, v.transaction, ref, p->now_us);
	return true;
}

// A datagram of one of the control plane's agents.
static void from_agent(struct punt *p, struct rte_mbuf *m)
{
	const struct shm_ref none = {0};
	struct packet *k = packet_of(m);
	struct shm_ref ref;

	if (!p->transport_by_port(p->context, k->local.port, &ref) ||
	    transport_config_of(p->dp, ref) == NULL) {
		drop(p, m, SHM_EGRESS_DROP_KERNEL_UNMAPPED);
		return;
	}
	k->transport = ref;
	k->local.port = p->dp->public_port;
	translate_port(m, TRANSLATE_SOURCE, p->dp->public_port);
	uint32_t owner =
		atomic_load_explicit(&p->dp->transports[ref.index].owner, memory_order_acquire);
	if (is_stun(p, m, ref))
		to_worker(p, m, owner < p->dp->worker_count ? owner : 0, none);
	else if (owner < p->dp->worker_count)
		to_worker(p, m, owner, ref);
	else
		drop(p, m, SHM_EGRESS_DROP_KERNEL_UNMAPPED); // no tuple is checked yet
}

void punt_down(struct punt *p, struct rte_mbuf *m)
{
	const struct dataplane *dp = p->dp;
	const struct packet *k = packet_of(m);
	struct translate_view v;

	p->stats->packets_received++;
	m->ol_flags = 0;
	translate_read(m, &v);
	switch (v.kind) {
	case TRANSLATE_MALFORMED:
		drop(p, m, SHM_EGRESS_DROP_KERNEL_MALFORMED);
		return;
	case TRANSLATE_ICMP_ERROR:
		if (is_internal(dp, v.quoted_from) || is_internal(dp, v.quoted_to)) {
			drop(p, m, SHM_EGRESS_DROP_KERNEL_ICMP);
			return;
		}
		break;
	case TRANSLATE_UDP_FRAGMENT:
		if (is_internal(dp, k->local.port)) {
			drop(p, m, SHM_EGRESS_DROP_KERNEL_UNMAPPED);
			return;
		}
		break;
	case TRANSLATE_UDP:
		if (is_internal(dp, k->local.port)) {
			from_agent(p, m);
			return;
		}
		break;
	case TRANSLATE_OTHER:
		break;
	}
	to_worker(p, m, 0, (struct shm_ref){0});
}
