// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/neighbours.c - routes asked for, neighbours listened to.

#include "controlplane/session/transport/neighbours.h"

#include "controlplane/ops/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 32768, DISCARD_PORT = 9 };
enum { USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP };

struct watch {
	struct rtc_addr hop; // next hop; port 0
	neighbour_fn changed;
	void *user;
};

struct neighbours {
	int events; // RTNLGRP_NEIGH
	int requests; // answers are read at once
	unsigned source;
	GHashTable *macs; // "family ip" bytes -> 6 bytes
	GHashTable *watches; // user -> struct watch
};

static guint addr_hash(gconstpointer key)
{
	const uint8_t *at = key;
	guint hash = 5381;

	for (size_t i = 0; i < sizeof(struct rtc_addr); i++)
		hash = hash * 33 + at[i];
	return hash;
}

static gboolean addr_same(gconstpointer a, gconstpointer b)
{
	return rtc_addr_equal(a, b);
}

static size_t ip_size(const struct rtc_addr *a)
{
	return a->family == RTC_ADDR_V6 ? 16 : 4;
}

static struct rtc_addr hop_key(uint8_t family, const void *ip)
{
	struct rtc_addr a = {0};

	a.family = family == AF_INET6 ? RTC_ADDR_V6 : RTC_ADDR_V4;
	memcpy(a.ip, ip, ip_size(&a));
	return a;
}

static void tell(struct neighbours *n, const struct rtc_addr *hop, const uint8_t *mac)
{
	GList *all = g_hash_table_get_values(n->watches);

	for (GList *i = all; i != NULL; i = i->next) {
		const struct watch *w = i->data;
		if (rtc_addr_equal(&w->hop, hop))
			w->changed(w->user, mac);
	}
	g_list_free(all);
}

static void neighbour(struct neighbours *n, const struct nlmsghdr *h)
{
	const struct ndmsg *m = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
	const struct rtattr *a = (const void *)((const uint8_t *)m + NLMSG_ALIGN(sizeof(*m)));
	const void *ip = NULL;
	const uint8_t *mac = NULL;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) ||
	    (m->ndm_family != AF_INET && m->ndm_family != AF_INET6) || (m->ndm_state & USABLE) == 0)
		return;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == NDA_DST &&
		    RTA_PAYLOAD(a) == (m->ndm_family == AF_INET6 ? 16u : 4u))
			ip = RTA_DATA(a);
		if (a->rta_type == NDA_LLADDR && RTA_PAYLOAD(a) == 6)
			mac = RTA_DATA(a);
	}
	if (ip == NULL || mac == NULL)
		return;
	struct rtc_addr key = hop_key(m->ndm_family, ip);
	const uint8_t *known = g_hash_table_lookup(n->macs, &key);
	if (known != NULL && memcmp(known, mac, 6) == 0)
		return;
	g_hash_table_insert(n->macs, g_memdup2(&key, sizeof(key)), g_memdup2(mac, 6));
	tell(n, &key, mac);
}

static gboolean on_events(gint fd, GIOCondition condition, gpointer data)
{
	struct neighbours *n = data;
	union {
		struct nlmsghdr header;
		uint8_t bytes[READ_BYTES];
	} in;
	ssize_t size;

	(void)condition;
	while ((size = recv(fd, &in, sizeof(in), MSG_DONTWAIT)) > 0) {
		int left = (int)size;
		for (const struct nlmsghdr *h = &in.header; NLMSG_OK(h, (unsigned)left);
		     h = NLMSG_NEXT(h, left))
			if (h->nlmsg_type == RTM_NEWNEIGH)
				neighbour(n, h);
	}
	return G_SOURCE_CONTINUE;
}

static int netlink_socket(uint32_t groups)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

// What the kernel knows already comes in as events do.
static void ask_for_all(int fd)
{
	struct {
		struct nlmsghdr header;
		struct ndmsg body;
	} request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ndmsg)),
			   .nlmsg_type = RTM_GETNEIGH,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};

	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		log_warning("session", "the kernel's neighbours are not to be had: %s",
			    g_strerror(errno));
}

struct neighbours *neighbours_new(void)
{
	int events = netlink_socket(RTMGRP_NEIGH);
	int requests = netlink_socket(0);

	if (events < 0 || requests < 0) {
		if (events >= 0)
			close(events);
		if (requests >= 0)
			close(requests);
		return NULL;
	}
	struct neighbours *n = g_new0(struct neighbours, 1);
	n->events = events;
	n->requests = requests;
	n->macs = g_hash_table_new_full(addr_hash, addr_same, g_free, g_free);
	n->watches = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	n->source = g_unix_fd_add(events, G_IO_IN, on_events, n);
	ask_for_all(events);
	return n;
}

void neighbours_free(struct neighbours **neighbours)
{
	struct neighbours *n = *neighbours;

	*neighbours = NULL;
	if (n == NULL)
		return;
	g_source_remove(n->source);
	close(n->events);
	close(n->requests);
	g_hash_table_unref(n->macs);
	g_hash_table_unref(n->watches);
	g_free(n);
}

static size_t put_attribute(uint8_t *at, uint16_t type, const void *data, size_t size)
{
	struct rtattr a = {.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};

	memcpy(at, &a, sizeof(a));
	memcpy(at + RTA_LENGTH(0), data, size);
	return RTA_SPACE(size);
}

static bool route_request(struct neighbours *n, const struct rtc_addr *local,
			  const struct rtc_addr *remote)
{
	union {
		struct nlmsghdr header;
		uint8_t bytes[256];
	} out = {0};
	size_t bytes = ip_size(remote);
	struct rtmsg body = {
		.rtm_family = remote->family == RTC_ADDR_V6 ? AF_INET6 : AF_INET,
		.rtm_dst_len = (uint8_t)(8 * bytes),
		.rtm_src_len = (uint8_t)(8 * bytes),
	};
	size_t size = NLMSG_SPACE(sizeof(body));

	memcpy(NLMSG_DATA(&out.header), &body, sizeof(body));
	size += put_attribute(out.bytes + size, RTA_DST, remote->ip, bytes);
	size += put_attribute(out.bytes + size, RTA_SRC, local->ip, bytes);
	out.header.nlmsg_len = (uint32_t)size;
	out.header.nlmsg_type = RTM_GETROUTE;
	out.header.nlmsg_flags = NLM_F_REQUEST;
	return send(n->requests, &out, size, 0) == (ssize_t)size;
}

// The gateway towards 'remote', or itself on the link. The kernel answers at once.
static struct rtc_addr next_hop(struct neighbours *n, const struct rtc_addr *local,
				const struct rtc_addr *remote)
{
	union {
		struct nlmsghdr header;
		uint8_t bytes[2048];
	} in;
	uint8_t family = remote->family == RTC_ADDR_V6 ? AF_INET6 : AF_INET;
	struct rtc_addr hop = hop_key(family, remote->ip);

	if (!route_request(n, local, remote))
		return hop;
	ssize_t size = recv(n->requests, &in, sizeof(in), 0);
	if (size < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) ||
	    in.header.nlmsg_type != RTM_NEWROUTE)
		return hop;
	const struct rtmsg *m = NLMSG_DATA(&in.header);
	int left = (int)RTM_PAYLOAD(&in.header);
	for (const struct rtattr *a = RTM_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_GATEWAY && RTA_PAYLOAD(a) == ip_size(remote))
			hop = hop_key(family, RTA_DATA(a));
	return hop;
}

static socklen_t native(const struct rtc_addr *a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == RTC_ADDR_V6) {
		struct sockaddr_in6 *s = (void *)out;
		s->sin6_family = AF_INET6;
		s->sin6_port = htons(port);
		memcpy(&s->sin6_addr, a->ip, 16);
		return sizeof(*s);
	}
	struct sockaddr_in *s = (void *)out;
	s->sin_family = AF_INET;
	s->sin_port = htons(port);
	memcpy(&s->sin_addr, a->ip, 4);
	return sizeof(*s);
}

static void provoke(const struct rtc_addr *local, const struct rtc_addr *remote)
{
	struct sockaddr_storage from, to;
	socklen_t from_size = native(local, 0, &from);
	socklen_t to_size = native(remote, DISCARD_PORT, &to);
	int fd = socket(from.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&from, from_size) != 0 ||
	    sendto(fd, "", 0, 0, (struct sockaddr *)&to, to_size) < 0)
		log_info("session", "no way to a plain transport's peer yet: %s",
			 g_strerror(errno));
	close(fd);
}

void neighbours_watch(struct neighbours *n, const struct rtc_addr *local,
		      const struct rtc_addr *remote, uint8_t mac[6], neighbour_fn changed,
		      void *user)
{
	if (n == NULL)
		return;
	struct watch *w = g_new0(struct watch, 1);
	*w = (struct watch){.hop = next_hop(n, local, remote), .changed = changed, .user = user};
	g_hash_table_insert(n->watches, user, w);
	const uint8_t *known = g_hash_table_lookup(n->macs, &w->hop);
	if (known != NULL)
		memcpy(mac, known, 6);
	else
		provoke(local, remote);
}

void neighbours_unwatch(struct neighbours *n, const void *user)
{
	if (n != NULL)
		g_hash_table_remove(n->watches, user);
}
