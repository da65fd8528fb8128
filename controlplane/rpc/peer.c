// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/peer.c - see peer.h.
#include "controlplane/rpc/peer.h"

#include <arpa/inet.h>
#include <glib.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 // Linux 4.13; not in every libc's headers
#endif

static void take_groups(struct http_peer *p, int fd, gid_t own)
{
	socklen_t size = 0;

	// The first call says how much there is.
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size);
	p->groups = g_malloc(size + sizeof(gid_t));
	if (size == 0 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &size) != 0)
		size = 0;
	p->group_count = size / sizeof(gid_t);
	p->groups[p->group_count++] = own;
}

struct http_peer *http_peer_new(int fd, char *text)
{
	struct http_peer *p = g_new0(struct http_peer, 1);
	struct sockaddr_storage at = {0};
	socklen_t at_size = sizeof(at);
	struct ucred who;
	socklen_t size = sizeof(who);

	p->text = text;
	if (getsockname(fd, (struct sockaddr *)&at, &at_size) != 0 || at.ss_family != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
		return p;
	p->kind = HTTP_PEER_UNIX;
	p->uid = who.uid;
	take_groups(p, fd, who.gid);
	return p;
}

void http_peer_free(struct http_peer **where)
{
	struct http_peer *p = *where;

	*where = NULL;
	if (p == NULL)
		return;
	g_free(p->text);
	g_free(p->groups);
	g_strfreev(p->names);
	g_free(p);
}

static char *name_text(const GENERAL_NAME *name)
{
	char host[INET6_ADDRSTRLEN];
	int type;
	void *value = GENERAL_NAME_get0_value(name, &type);

	if (type == GEN_IPADD) {
		const ASN1_OCTET_STRING *address = value;
		int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;

		return g_strdup(
			inet_ntop(family, ASN1_STRING_get0_data(address), host, sizeof(host)));
	}
	if (type != GEN_DNS && type != GEN_URI)
		return NULL;
	const char *text = (const char *)ASN1_STRING_get0_data(value);
	int size = ASN1_STRING_length(value);
	char *copy = g_strndup(text, (gsize)size);
	// One that ends early for some and not for others is no name.
	if (strlen(copy) != (size_t)size)
		g_clear_pointer(&copy, g_free);
	return copy;
}

void http_peer_take_certificate(struct http_peer *p, const SSL *ssl)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	GPtrArray *names = g_ptr_array_new();

	if (certificate == NULL || SSL_get_verify_result(ssl) != X509_V_OK) {
		g_ptr_array_unref(names);
		return;
	}
	GENERAL_NAMES *sans = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
		char *text = name_text(sk_GENERAL_NAME_value(sans, i));

		if (text != NULL)
			g_ptr_array_add(names, text);
	}
	GENERAL_NAMES_free(sans);
	g_ptr_array_add(names, NULL);
	p->names = (char **)g_ptr_array_free(names, FALSE);
}

bool http_peer_in_group(const struct http_peer *p, gid_t group)
{
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i] == group)
			return true;
	return false;
}
