// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/http_metrics.c - see http_metrics.h.
#include "controlplane/rpc/http_metrics.h"

static const char *const methods[] = {
	"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "other",
};
static const char *const codes[] = {
	"200", "201", "204", "400", "401", "403", "404", "405", "406",	 "409",
	"412", "413", "415", "422", "428", "429", "500", "503", "other",
};
G_STATIC_ASSERT(G_N_ELEMENTS(methods) == HTTP_COUNTS_METHODS);
G_STATIC_ASSERT(G_N_ELEMENTS(codes) == HTTP_COUNTS_CODES);

// Where it stands; the last place is for what is not listed.
static size_t place(const char *const *list, size_t count, const char *word)
{
	size_t i = 0;

	while (i < count - 1 && !g_str_equal(list[i], word))
		i++;
	return i;
}

void http_counts_add(struct http_counts *c, const char *method, unsigned status)
{
	char code[12];

	g_snprintf(code, sizeof(code), "%u", status);
	c->answered[place(methods, HTTP_COUNTS_METHODS, method)]
		   [place(codes, HTTP_COUNTS_CODES, code)]++;
}

void http_counts_collect(struct metrics_page *page, const struct http_counts *c, const char *label,
			 const char *value)
{
	for (size_t m = 0; m < HTTP_COUNTS_METHODS; m++)
		for (size_t s = 0; s < HTTP_COUNTS_CODES; s++)
			metrics_count(page, c->answered[m][s], label, value, "method", methods[m],
				      "code", codes[s], NULL);
}
