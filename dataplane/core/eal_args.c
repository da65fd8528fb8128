// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/eal_args.c - builds the argument vector of rte_eal_init().
#include "dataplane/core/eal_args.h"
#include "proto/shm/abi.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool add(struct eal_args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool add(struct eal_args *a, const char *format, ...)
{
	va_list ap;
	char *text;

	if (a->count == EAL_ARGS_MAX)
		return false;
	va_start(ap, format);
	int size = vasprintf(&text, format, ap);
	va_end(ap);
	if (size < 0)
		return false;
	a->argv[a->count++] = text;
	a->argv[a->count] = NULL;
	return true;
}

// True if the user gives any of the options in 'names' (NULL at the end).
static bool given(const struct config *c, const char *const *names)
{
	for (; *names != NULL; names++) {
		size_t size = strlen(*names);
		for (int i = 0; i < c->eal_count; i++) {
			const char *arg = c->eal[i];
			// "-l0-3" and "--lcores=0-3" as well as the word alone.
			if (strncmp(arg, *names, size) == 0 &&
			    (arg[size] == 0 || arg[size] == '=' || (*names)[1] != '-'))
				return true;
		}
	}
	return false;
}
#define GIVEN(c, ...) given((c), (const char *const[]){__VA_ARGS__, NULL})

bool eal_args_is_pci(const char *devargs)
{
	unsigned domain, bus, device, function;
	int end = 0;

	if (sscanf(devargs, "%x:%x:%x.%x%n", &domain, &bus, &device, &function, &end) == 4)
		return devargs[end] == 0 || devargs[end] == ',';
	if (sscanf(devargs, "%x:%x.%x%n", &bus, &device, &function, &end) == 3)
		return devargs[end] == 0 || devargs[end] == ',';
	return strncmp(devargs, "pci:", 4) == 0;
}

bool eal_args_allowed_cpus(char *list, size_t size)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[1024];
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "Cpus_allowed_list:", 18) != 0)
			continue;
		const char *from = line + 18 + strspn(line + 18, " \t");
		found = snprintf(list, size, "%.*s", (int)strcspn(from, "\n"), from) < (int)size;
	}
	fclose(f);
	return found;
}

static bool add_lcores(struct eal_args *a, const struct config *c, const char *allowed)
{
	unsigned cpus[SHM_WORKERS_MAX];
	char map[512];
	int count = config_cpus(c->worker_cores, cpus, SHM_WORKERS_MAX);

	if (count != (int)c->workers) // shared: lcores are threads that may run anywhere
		return add(a, "--lcores=(0-%u)@(%s)", c->workers, allowed);
	int size = snprintf(map, sizeof(map), "0@(%s)", allowed);
	for (unsigned i = 0; i < c->workers && size < (int)sizeof(map); i++)
		size += snprintf(map + size, sizeof(map) - (size_t)size, ",%u@%u", i + 1, cpus[i]);
	return size < (int)sizeof(map) && add(a, "--lcores=%s", map);
}

static bool add_memory(struct eal_args *a, const struct config *c, unsigned memory_mb)
{
	// No second process ever joins, so nothing needs to be found by name.
	if (!GIVEN(c, "--no-huge", "--huge-dir", "--huge-unlink", "--legacy-mem", "--in-memory"))
		return add(a, "--in-memory");
	if (!GIVEN(c, "--no-shconf", "--in-memory") && !add(a, "--no-shconf"))
		return false;
	if (GIVEN(c, "--no-huge") && !GIVEN(c, "-m", "--socket-mem"))
		return add(a, "-m") && add(a, "%u", memory_mb);
	return true;
}

bool eal_args_make(struct eal_args *a, const struct config *c, unsigned memory_mb,
		   const char *allowed)
{
	bool ok;

	*a = (struct eal_args){0};
	ok = add(a, "sluice-dataplane");
	if (ok && eal_args_is_pci(c->wire))
		ok = add(a, "-a") && add(a, "%s", c->wire);
	else if (ok && !GIVEN(c, "--no-pci", "-a", "--allow", "-b", "--block"))
		ok = add(a, "--no-pci");
	if (ok && !GIVEN(c, "--file-prefix"))
		ok = add(a, "--file-prefix=sluice-%d", (int)getpid());
	if (ok && !GIVEN(c, "--lcores", "-l", "-c"))
		ok = add_lcores(a, c, allowed);
	if (ok && !GIVEN(c, "--log-level"))
		ok = add(a, "--log-level=warning");
	ok = ok && add_memory(a, c, memory_mb);
	for (int i = 0; ok && i < c->eal_count; i++)
		ok = add(a, "%s", c->eal[i]);
	if (!ok)
		eal_args_free(a);
	return ok;
}

void eal_args_free(struct eal_args *a)
{
	for (int i = 0; i < a->count; i++)
		free(a->argv[i]);
	*a = (struct eal_args){0};
}
