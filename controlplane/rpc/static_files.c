// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/static_files.c - see static_files.h.
#include "controlplane/rpc/static_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/rpc/route.h"

struct static_file {
	GBytes *bytes;
	const char *type;
	char *etag;
};

struct static_files {
	GHashTable *by_path; // "/assets/app.js" -> struct static_file
	size_t byte_count;
};

static const struct {
	const char *ending, *type;
} static_types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".map", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".wasm", "application/wasm"},
	{".txt", "text/plain; charset=utf-8"},
};

// Everything the page needs comes from here; it uses the camera, is framed by nobody.
static const struct http_field static_security[] = {
	{"content-security-policy",
	 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
	 "font-src 'self'; media-src 'self' blob: mediastream:; connect-src 'self'; "
	 "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
	 "frame-ancestors 'none'"},
	{"permissions-policy", "camera=(self), microphone=(self), display-capture=(self)"},
	{"x-content-type-options", "nosniff"},
	{"referrer-policy", "no-referrer"},
	{"cross-origin-opener-policy", "same-origin"},
	{"cross-origin-resource-policy", "same-origin"},
	{"cache-control", "no-cache"}, // ask each time; the etag makes that cheap
};

enum { STATIC_FIELDS_MAX = G_N_ELEMENTS(static_security) + 3 };

static const char *static_type(const char *path)
{
	for (size_t i = 0; i < G_N_ELEMENTS(static_types); i++)
		if (g_str_has_suffix(path, static_types[i].ending))
			return static_types[i].type;
	return "application/octet-stream";
}

static void static_file_free(gpointer data)
{
	struct static_file *file = data;

	g_bytes_unref(file->bytes);
	g_free(file->etag);
	g_free(file);
}

static bool static_set_error(GError **error, const char *path, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "web_directory: %s: %s", path, why);
	return false;
}

static bool static_add(struct static_files *files, const char *disk_path, const char *path,
		       GError **error)
{
	struct static_file *file;
	char *bytes, *sum;
	gsize size;

	if (!g_file_get_contents(disk_path, &bytes, &size, error))
		return false;
	file = g_new0(struct static_file, 1);
	file->bytes = g_bytes_new_take(bytes, size);
	file->type = static_type(path);
	sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, file->bytes);
	file->etag = g_strdup_printf("\"%.32s\"", sum);
	g_free(sum);
	g_hash_table_insert(files->by_path, g_strdup(path), file);
	files->byte_count += size;
	if (g_hash_table_size(files->by_path) > STATIC_FILES_MAX ||
	    files->byte_count > STATIC_BYTES_MAX)
		return static_set_error(error, disk_path,
					"more than 512 files or 32 MiB below; is this the page?");
	return true;
}

static bool static_add_directory(struct static_files *files, const char *disk_path,
				 const char *path, unsigned depth, GError **error);

static bool static_add_entry(struct static_files *files, const char *disk_path, const char *path,
			     unsigned depth, GError **error)
{
	struct stat st;

	if (lstat(disk_path, &st) != 0)
		return static_set_error(error, disk_path, g_strerror(errno));
	if (S_ISDIR(st.st_mode))
		return static_add_directory(files, disk_path, path, depth + 1, error);
	return !S_ISREG(st.st_mode) || static_add(files, disk_path, path, error);
}

static bool static_add_directory(struct static_files *files, const char *disk_path,
				 const char *path, unsigned depth, GError **error)
{
	DIR *dir = depth < STATIC_DEPTH_MAX ? opendir(disk_path) : NULL;
	const struct dirent *entry;
	bool ok = true;

	if (dir == NULL)
		return static_set_error(error, disk_path,
					depth < STATIC_DEPTH_MAX ? g_strerror(errno) : "too deep");
	while (ok && (entry = readdir(dir)) != NULL) {
		char *disk_child, *child;

		if (entry->d_name[0] == '.')
			continue;
		disk_child = g_build_filename(disk_path, entry->d_name, NULL);
		child = g_strconcat(path, "/", entry->d_name, NULL);
		ok = static_add_entry(files, disk_child, child, depth, error);
		g_free(disk_child);
		g_free(child);
	}
	closedir(dir);
	return ok;
}

struct static_files *static_files_load(const char *directory, GError **error)
{
	struct static_files *files = g_new0(struct static_files, 1);
	bool ok;

	files->by_path = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, static_file_free);
	ok = static_add_directory(files, directory, "", 0, error);
	if (ok && !g_hash_table_contains(files->by_path, "/index.html"))
		ok = static_set_error(error, directory, "has no index.html; build the page first");
	if (!ok)
		static_files_free(&files);
	return files;
}

void static_files_free(struct static_files **where)
{
	struct static_files *files = *where;

	if (files == NULL)
		return;
	*where = NULL;
	g_hash_table_unref(files->by_path);
	g_free(files);
}

static const struct static_file *static_find(const struct static_files *files, const char *path)
{
	size_t size = strcspn(path, "?#");
	char *plain = size == 1 ? g_strdup("/index.html") : g_strndup(path, size);
	const struct static_file *file = g_hash_table_lookup(files->by_path, plain);

	g_free(plain);
	return file;
}

static bool static_matches(const struct http_exchange *x, const struct static_file *file)
{
	const char *tags = http_field_get(x, "if-none-match");

	return tags != NULL && (g_str_equal(tags, "*") || strstr(tags, file->etag) != NULL);
}

void static_files_answer(const struct static_files *files, struct http_exchange *x)
{
	const struct static_file *file = static_find(files, x->path);
	struct http_field fields[STATIC_FIELDS_MAX];
	size_t count = G_N_ELEMENTS(static_security);
	bool head = g_str_equal(x->method, "HEAD");
	char size[24];

	if (file == NULL) {
		route_refuse(x, 404, NULL, "there is no such page\n");
		return;
	}
	memcpy(fields, static_security, sizeof(static_security));
	fields[count++] = (struct http_field){"etag", file->etag};
	if (static_matches(x, file)) {
		http_answer(x, 304, fields, count, true);
		return;
	}
	g_snprintf(size, sizeof(size), "%" G_GSIZE_FORMAT, g_bytes_get_size(file->bytes));
	fields[count++] = (struct http_field){"content-type", file->type};
	fields[count++] = (struct http_field){"content-length", size};
	http_answer(x, 200, fields, count, head);
	if (!head) {
		http_body(x, g_bytes_ref(file->bytes));
		http_end(x, NULL, 0);
	}
}
