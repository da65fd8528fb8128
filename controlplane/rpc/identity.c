// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/identity.c - see identity.h.
#include "controlplane/rpc/identity.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/rpc/listener.h"

static void identity_add(GPtrArray *out, const char *name)
{
	if (!g_ptr_array_find_with_equal_func(out, name, g_str_equal, NULL))
		g_ptr_array_add(out, g_strdup(name));
}

static bool identity_is_wildcard(const char *host)
{
	return g_str_equal(host, "0.0.0.0") || g_str_equal(host, "::");
}

static void identity_add_address(GPtrArray *out, const struct sockaddr *address)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes;

	if (address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	else
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (address->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes))
		return; // of no use without an interface's name
	if (inet_ntop(address->sa_family, bytes, text, sizeof(text)) != NULL)
		identity_add(out, text);
}

static void identity_add_interfaces(GPtrArray *out, int family)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) != 0)
		return;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == family &&
		    (i->ifa_flags & IFF_UP) != 0)
			identity_add_address(out, i->ifa_addr);
	freeifaddrs(list);
}

static void identity_add_listen(GPtrArray *out, const char *listen)
{
	uint16_t port;
	char *host;

	if (!listener_parse(listen, &host, &port))
		return; // listener_open_tcp will say so
	if (identity_is_wildcard(host))
		identity_add_interfaces(out, strchr(host, ':') != NULL ? AF_INET6 : AF_INET);
	else
		identity_add(out, host);
	g_free(host);
}

char **identity_names(const char *const *listen, const char *const *names)
{
	GPtrArray *out = g_ptr_array_new();
	char host[256];

	for (size_t i = 0; listen != NULL && listen[i] != NULL; i++)
		identity_add_listen(out, listen[i]);
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		identity_add(out, names[i]);
	identity_add(out, "localhost");
	if (gethostname(host, sizeof(host)) == 0 && host[0] != '\0' && strchr(host, '_') == NULL) {
		host[sizeof(host) - 1] = '\0';
		identity_add(out, host);
	}
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}

char *identity_url(const char *listen, unsigned port, const char *const *names)
{
	const char *name;
	uint16_t asked;
	char *host, *url;

	if (!listener_parse(listen, &host, &asked))
		return NULL;
	name = host;
	if (identity_is_wildcard(host))
		name = names != NULL && names[0] != NULL ? names[0] : "localhost";
	url = g_strdup_printf(strchr(name, ':') != NULL ? "https://[%s]:%u/" : "https://%s:%u/",
			      name, port);
	g_free(host);
	return url;
}
