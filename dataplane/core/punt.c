// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/punt.c - from the workers to the kernel: budgets, then the internal port.
//
// Thread   main lcore.
// Trust    a worker has verified the integrity of STUN and the tuple of DTLS; what is left to do
//          here is to keep floods of the rest away from the kernel.
#include "dataplane/core/punt.h"
#include "dataplane/core/packet.h"
#include "dataplane/core/translate.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/bytes.h"

#include <string.h>

enum { PROTOCOL_ICMP = 1, PROTOCOL_ICMP6 = 58, ND_FIRST = 133, ND_LAST = 137 };

bool punt_new(struct punt *p, const struct config *c)
{
	p->budget = budget_new(c);
	p->transactions = transactions_new();
	p->hmac = hmac_new();
	if (p->budget != NULL && p->transactions != NULL && p->hmac != NULL)
		return true;
	punt_free(p);
	return false;
}

void punt_free(struct punt *p)
{
	rte_pktmbuf_free_bulk(p->queue, p->queued);
	p->queued = 0;
	budget_free(p->budget);
	transactions_free(p->transactions);
	hmac_free(p->hmac);
	p->budget = NULL;
	p->transactions = NULL;
	p->hmac = NULL;
}

static void drop(struct punt *p, struct rte_mbuf *m, enum shm_ingress_drop why)
{
	p->stats->ingress_drops[why]++;
	rte_pktmbuf_free(m);
}

// The transport protocol of a packet the workers have parsed, and its first byte (an ICMP type).
static uint8_t protocol_of(const struct rte_mbuf *m, uint8_t *first)
{
	const struct packet *k = packet_of((struct rte_mbuf *)(uintptr_t)m);
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, k->l3_offset);
	bool v4 = k->remote.family == RTC_ADDR_V4;
	size_t header = v4 ? (size_t)(ip[0] & 0x0f) * 4 : 40;

	*first = k->l3_offset + header < m->data_len ? ip[header] : 0;
	return ip[v4 ? 9 : 6];
}

static enum budget_class class_of(const struct rte_mbuf *m, const struct packet *k)
{
	uint8_t first;

	if (k->class == PACKET_STUN)
		return BUDGET_STUN;
	if (k->class == PACKET_DTLS)
		return BUDGET_DTLS;
	if (k->remote.family == RTC_ADDR_NONE)
		return BUDGET_NEIGHBOUR; // not IP: ARP
	uint8_t protocol = protocol_of(m, &first);
	if (protocol == PROTOCOL_ICMP6 && first >= ND_FIRST && first <= ND_LAST)
		return BUDGET_NEIGHBOUR;
	if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6)
		return BUDGET_ICMP;
	return BUDGET_OTHER;
}

// True if the budgets allow it; else the packet has been dropped.
static bool within_budget(struct punt *p, struct rte_mbuf *m)
{
	const struct packet *k = packet_of(m);
	uint8_t source[BUDGET_SOURCE_BYTES] = {0};

	if (k->remote.family != RTC_ADDR_NONE)
		memcpy(source, k->remote.ip, sizeof(source));
	else
		memcpy(source, &k->remote_mac, sizeof(k->remote_mac));
	switch (budget_take(p->budget, class_of(m, k), source, p->now_us)) {
	case BUDGET_OK:
		return true;
	case BUDGET_OVER_TOTAL:
		drop(p, m, SHM_INGRESS_DROP_PUNT_RATE);
		break;
	case BUDGET_OVER_CLASS:
		drop(p, m, SHM_INGRESS_DROP_PUNT_RATE_CLASS);
		break;
	case BUDGET_OVER_SOURCE:
		drop(p, m, SHM_INGRESS_DROP_PUNT_RATE_SOURCE);
		break;
	}
	return false;
}

// Towards the socket of a transport's agent. False: dropped.
static bool to_internal_port(struct punt *p, struct rte_mbuf *m, struct shm_ref ref)
{
	const struct transport_config *c = transport_config_of(p->dp, ref);

	if (c == NULL) {
		drop(p, m, SHM_INGRESS_DROP_HANDOVER_STALE);
		return false;
	}
	// Nobody would read it, and the kernel would tell a live client that its port is closed.
	if (!atomic_load_explicit(&p->dp->control_attached, memory_order_relaxed)) {
		drop(p, m, SHM_INGRESS_DROP_NO_CONTROL);
		return false;
	}
	translate_port(m, TRANSLATE_DESTINATION, c->shm.internal_port);
	return true;
}

void punt_up(struct punt *p, const struct xmsg *msg)
{
	struct rte_mbuf *m = msg->mbuf;

	if (!within_budget(p, m))
		return;
	if (packet_of(m)->udp_offset != 0) {
		// UDP reaches the kernel at internal ports alone.
		if (msg->ref.generation == 0) {
			drop(p, m, SHM_INGRESS_DROP_UNCHECKED_TUPLE);
			return;
		}
		if (!to_internal_port(p, m, msg->ref))
			return;
	}
	p->queue[p->queued++] = m;
	if (p->queued == BURST_PKTS_MAX)
		punt_flush(p);
}

void punt_flush(struct punt *p)
{
	unsigned sent = 0;

	if (p->queued == 0)
		return;
	for (unsigned i = 0; i < p->queued; i++)
		p->queue[i]->ol_flags = 0; // the wire port's findings are no orders to this one
	sent = kernel_port_send(p->kernel, p->queue, p->queued);
	p->stats->packets_consumed += sent;
	p->stats->packets_sent += sent;
	for (unsigned i = sent; i < p->queued; i++)
		drop(p, p->queue[i], SHM_INGRESS_DROP_KERNEL_TX);
	p->queued = 0;
}

// Is the response under a password of the transport's peer, of either generation?
static bool integrity_ok(struct punt *p, const struct transport_config *c,
			 const struct stun_view *v)
{
	for (int i = 0; i < 2; i++) {
		const struct shm_credentials *cr = &c->shm.credentials[i];
		if (cr->local_ufrag_size == 0 || cr->remote_pwd_size == 0)
			continue;
		struct stun_hmac hmac = hmac_keyed(p->hmac, cr->remote_pwd, cr->remote_pwd_size);
		if (stun_integrity_ok(v, &hmac))
			return true;
	}
	return false;
}

void punt_stun_response(struct punt *p, unsigned worker, const struct xmsg *msg)
{
	struct rte_mbuf *m = msg->mbuf;
	const struct transport_config *c = NULL;
	struct xmsg add = {.kind = XMSG_ADD_TUPLE, .mbuf = m};
	struct stun_view v;

	if (!stun_parse(&v, packet_payload(m), packet_of(m)->payload_size)) {
		drop(p, m, SHM_INGRESS_DROP_STUN_MALFORMED);
		return;
	}
	if (transactions_find(p->transactions, v.transaction, p->now_us, &add.ref))
		c = transport_config_of(p->dp, add.ref);
	if (c == NULL)
		drop(p, m, SHM_INGRESS_DROP_STUN_UNMATCHED);
	else if (!integrity_ok(p, c, &v))
		drop(p, m, SHM_INGRESS_DROP_STUN_INTEGRITY);
	else if (!xmsg_from_main(&p->dp->workers[worker], &add))
		drop(p, m, SHM_INGRESS_DROP_HANDOVER_FULL);
}
