// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/listener.c - see listener.h.
#include "controlplane/rpc/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LISTENER_BACKLOG = 512,
	LISTENER_ACCEPTS_PER_TURN = 16,
	LISTENER_PAUSE_MS = 500, // when file descriptors have run out
};

struct listener {
	int fd;
	uint16_t port;
	char *unix_path;
	listener_accepted_fn accepted;
	void *data;
	GSource *source;
};

bool listener_parse(const char *address, char **host, uint16_t *port)
{
	const char *colon = strrchr(address, ':');
	guint64 number;
	size_t size;

	if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &number, NULL))
		return false;
	size = (size_t)(colon - address);
	if (size >= 2 && address[0] == '[' && colon[-1] == ']')
		*host = g_strndup(address + 1, size - 2);
	else
		*host = g_strndup(address, size);
	*port = (uint16_t)number;
	if (g_hostname_is_ip_address(*host) && (strchr(*host, ':') != NULL) == (address[0] == '['))
		return true;
	g_free(*host);
	*host = NULL;
	return false;
}

static char *listener_peer(const struct sockaddr_storage *from)
{
	char host[INET6_ADDRSTRLEN];

	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;

		return g_strdup_printf("%s:%u",
				       inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)),
				       ntohs(in->sin_port));
	}
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)from;

		return g_strdup_printf("[%s]:%u",
				       inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)),
				       ntohs(in6->sin6_port));
	}
	return g_strdup("unix");
}

// A peer that is gone without a word must not hold its calls for ever.
static void listener_tune(int fd)
{
	const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},	 {SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 30}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},	 {IPPROTO_TCP, TCP_USER_TIMEOUT, 60000},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

static void listener_watch(struct listener *l);

static gboolean listener_resume(gpointer data)
{
	listener_watch(data);
	return G_SOURCE_REMOVE;
}

static void listener_set_source(struct listener *l, GSource *source, GSourceFunc function)
{
	if (l->source != NULL) {
		g_source_destroy(l->source);
		g_source_unref(l->source);
	}
	l->source = source;
	g_source_set_callback(source, function, l, NULL);
	g_source_attach(source, g_main_context_get_thread_default());
}

static gboolean listener_ready(int fd, GIOCondition condition, gpointer data)
{
	struct listener *l = data;

	(void)condition;
	for (int i = 0; i < LISTENER_ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage from = {0};
		socklen_t size = sizeof(from);
		int conn =
			accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		char *peer;

		if (conn < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			listener_set_source(l, g_timeout_source_new(LISTENER_PAUSE_MS),
					    listener_resume);
			return G_SOURCE_CONTINUE;
		}
		if (conn < 0)
			break;
		if (l->unix_path == NULL)
			listener_tune(conn);
		peer = listener_peer(&from);
		l->accepted(l, conn, peer, l->data);
		g_free(peer);
	}
	return G_SOURCE_CONTINUE;
}

static void listener_watch(struct listener *l)
{
	GSource *source = g_unix_fd_source_new(l->fd, G_IO_IN);

	listener_set_source(l, source, G_SOURCE_FUNC(listener_ready));
}

static struct listener *listener_set_error(GError **error, const char *where, int errnum, int fd)
{
	g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(errnum),
		    "cannot listen on %s: %s", where, g_strerror(errnum));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static struct listener *listener_new(int fd, listener_accepted_fn accepted, void *data)
{
	struct listener *l = g_new0(struct listener, 1);

	l->fd = fd;
	l->accepted = accepted;
	l->data = data;
	listener_watch(l);
	return l;
}

static int listener_bind(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0)
		return -1;
	if (address->sa_family != AF_UNIX) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		// The SFU's address comes and goes with the kernel port.
		(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	}
	if (address->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, address, size) == 0 && listen(fd, LISTENER_BACKLOG) == 0)
		return fd;
	size = (socklen_t)errno;
	close(fd);
	errno = (int)size;
	return -1;
}

struct listener *listener_open_tcp(const char *address, listener_accepted_fn accepted, void *data,
				   GError **error)
{
	struct sockaddr_storage to = {0};
	socklen_t size = sizeof(to);
	GSocketAddress *parsed;
	struct listener *l;
	uint16_t port;
	char *host;
	int fd;

	if (!listener_parse(address, &host, &port))
		return listener_set_error(error, address, EINVAL, -1);
	parsed = g_inet_socket_address_new_from_string(host, port);
	g_free(host);
	size = (socklen_t)g_socket_address_get_native_size(parsed);
	g_socket_address_to_native(parsed, &to, sizeof(to), NULL);
	g_object_unref(parsed);
	fd = listener_bind((struct sockaddr *)&to, size);
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&to, &size) != 0)
		return listener_set_error(error, address, errno, fd);
	l = listener_new(fd, accepted, data);
	// The port has the same place in both families.
	l->port = ntohs(((const struct sockaddr_in *)(const void *)&to)->sin_port);
	return l;
}

// A path left by a process that was killed is taken over; one with somebody behind it is not.
static bool listener_unix_is_free(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool taken = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0;
	struct stat st;

	if (fd >= 0)
		close(fd);
	if (!taken && lstat(to->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(to->sun_path);
	return !taken;
}

struct listener *listener_open_unix(const char *path, listener_accepted_fn accepted, void *data,
				    GError **error)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct listener *l;
	int fd;

	if (strlen(path) >= sizeof(to.sun_path))
		return listener_set_error(error, path, ENAMETOOLONG, -1);
	strcpy(to.sun_path, path);
	if (!listener_unix_is_free(&to))
		return listener_set_error(error, path, EADDRINUSE, -1);
	fd = listener_bind((const struct sockaddr *)&to, sizeof(to));
	if (fd < 0 || chmod(path, 0660) != 0)
		return listener_set_error(error, path, errno, fd);
	l = listener_new(fd, accepted, data);
	l->unix_path = g_strdup(path);
	return l;
}

uint16_t listener_port(const struct listener *l)
{
	return l->port;
}

void listener_free(struct listener **where)
{
	struct listener *l = *where;

	if (l == NULL)
		return;
	*where = NULL;
	g_source_destroy(l->source);
	g_source_unref(l->source);
	close(l->fd);
	if (l->unix_path != NULL)
		(void)unlink(l->unix_path);
	g_free(l->unix_path);
	g_free(l);
}
