// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/tap_watch.c - netlink messages about one interface, kept as they came and sent
// back.
#include "dataplane/core/tap_watch.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEPT_MAX = 64, KEPT_BYTES = 512, READ_BYTES = 16384 };

// An address or a route: the kernel's own message, which made anew it takes back.
struct kept {
	union {
		struct nlmsghdr header; // nlmsg_len 0: free
		uint8_t bytes[KEPT_BYTES];
	};
};
struct tap_watch {
	int fd;
	unsigned ifindex;
	bool gone;
	struct kept kept[KEPT_MAX];
};

static bool ask_for_all(int fd, uint16_t type)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			   .nlmsg_type = type,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.rtgen_family = AF_UNSPEC},
	};

	return send(fd, &request, request.header.nlmsg_len, 0) > 0;
}

static uint32_t route_interface(const struct nlmsghdr *n)
{
	const struct rtmsg *r = NLMSG_DATA(n);
	int left = (int)RTM_PAYLOAD(n);
	uint32_t index = 0;

	for (const struct rtattr *a = RTM_RTA(r); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) == sizeof(index))
			memcpy(&index, RTA_DATA(a), sizeof(index));
	return index;
}

// Is it one that the kernel does not make by itself with the address?
static bool worth_keeping(const struct tap_watch *w, const struct nlmsghdr *n)
{
	if (n->nlmsg_len > KEPT_BYTES)
		return false;
	if (n->nlmsg_type == RTM_NEWADDR || n->nlmsg_type == RTM_DELADDR) {
		const struct ifaddrmsg *a = NLMSG_DATA(n);
		return n->nlmsg_len >= NLMSG_LENGTH(sizeof(*a)) && a->ifa_index == w->ifindex &&
		       a->ifa_scope != RT_SCOPE_LINK;
	}
	const struct rtmsg *r = NLMSG_DATA(n);
	return n->nlmsg_len >= NLMSG_LENGTH(sizeof(*r)) && r->rtm_protocol != RTPROT_KERNEL &&
	       (r->rtm_flags & RTM_F_CLONED) == 0 && r->rtm_table != RT_TABLE_LOCAL &&
	       route_interface(n) == w->ifindex;
}

static void keep(struct tap_watch *w, const struct nlmsghdr *n)
{
	if (!worth_keeping(w, n))
		return;
	for (int i = 0; i < KEPT_MAX; i++) {
		if (w->kept[i].header.nlmsg_len != 0)
			continue;
		memcpy(w->kept[i].bytes, n, n->nlmsg_len);
		return;
	}
}

static void message(struct tap_watch *w, const struct nlmsghdr *n)
{
	const struct ifinfomsg *link = NLMSG_DATA(n);

	switch (n->nlmsg_type) {
	case RTM_DELLINK:
		if (n->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) &&
		    (unsigned)link->ifi_index == w->ifindex)
			w->gone = true;
		break;
	case RTM_NEWADDR:
	case RTM_NEWROUTE:
		keep(w, n);
		break;
	default:
		break;
	}
}

static void read_all(struct tap_watch *w)
{
	union {
		struct nlmsghdr header;
		uint8_t bytes[READ_BYTES];
	} from;
	ssize_t size;

	while ((size = recv(w->fd, from.bytes, sizeof(from.bytes), MSG_DONTWAIT)) > 0) {
		int left = (int)size;
		for (const struct nlmsghdr *n = &from.header; NLMSG_OK(n, left);
		     n = NLMSG_NEXT(n, left))
			message(w, n);
	}
}

struct tap_watch *tap_watch_new(unsigned ifindex)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct tap_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->ifindex = ifindex;
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		tap_watch_free(w);
		return NULL;
	}
	// One dump at a time is all a netlink socket does; its answer is there when send() returns.
	if (ask_for_all(w->fd, RTM_GETADDR))
		read_all(w);
	if (ask_for_all(w->fd, RTM_GETROUTE))
		read_all(w);
	return w;
}

void tap_watch_free(struct tap_watch *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

bool tap_watch_poll(struct tap_watch *w)
{
	if (w == NULL)
		return false;
	read_all(w);
	return w->gone;
}

static void retarget_route(struct nlmsghdr *n, uint32_t ifindex)
{
	struct rtmsg *r = NLMSG_DATA(n);
	int left = (int)RTM_PAYLOAD(n);

	r->rtm_flags = 0; // "link down" is a finding, no order
	for (struct rtattr *a = RTM_RTA(r); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_OIF)
			memcpy(RTA_DATA(a), &ifindex, sizeof(ifindex));
}

static void send_back(struct tap_watch *w, uint16_t type, unsigned ifindex)
{
	for (int i = 0; i < KEPT_MAX; i++) {
		struct nlmsghdr *n = &w->kept[i].header;
		if (n->nlmsg_len == 0 || n->nlmsg_type != type)
			continue;
		n->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
		n->nlmsg_pid = 0;
		if (type == RTM_NEWADDR)
			((struct ifaddrmsg *)NLMSG_DATA(n))->ifa_index = ifindex;
		else
			retarget_route(n, ifindex);
		(void)!send(w->fd, n, n->nlmsg_len, 0);
	}
}

void tap_watch_restore(struct tap_watch *w, unsigned ifindex)
{
	send_back(w, RTM_NEWADDR, ifindex);
	send_back(w, RTM_NEWROUTE, ifindex);
	w->ifindex = ifindex;
	w->gone = false;
}
