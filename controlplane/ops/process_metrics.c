// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/process_metrics.c - see process_metrics.h. Fields by proc(5).
#include "controlplane/ops/process_metrics.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

// Fields of /proc/self/stat, counted from the state, which is the third.
enum {
	STAT_UTIME = 11,
	STAT_STIME = 12,
	STAT_THREADS = 17,
	STAT_START = 19,
	STAT_VSIZE = 20,
	STAT_RSS = 21,
	STAT_FIELDS
};

static bool read_stat(uint64_t field[STAT_FIELDS])
{
	char *text, *at;
	char **words;
	bool ok;

	if (!g_file_get_contents("/proc/self/stat", &text, NULL, NULL))
		return false;
	at = strrchr(text, ')'); // the command's name may hold anything
	words = g_strsplit(at != NULL ? at + 2 : "", " ", STAT_FIELDS + 1);
	ok = g_strv_length(words) > STAT_FIELDS;
	for (size_t i = 1; ok && i < STAT_FIELDS; i++)
		field[i] = g_ascii_strtoull(words[i], NULL, 10);
	g_strfreev(words);
	g_free(text);
	return ok;
}

static unsigned open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	if (directory == NULL)
		return 0;
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count > 3 ? count - 3 : 0; // ".", ".." and the one that reads
}

// Unix time of boot. The two clocks are read one after the other: asked once, so that the start of
// the process never seems to move.
static double boot_time(void)
{
	static double boot;
	struct timespec now, up;

	if (boot > 0)
		return boot;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	boot = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
	return boot;
}

void process_metrics_collect(struct metrics_page *page, void *data)
{
	double ticks = (double)sysconf(_SC_CLK_TCK), page_bytes = (double)sysconf(_SC_PAGESIZE);
	uint64_t stat[STAT_FIELDS] = {0};
	struct rlimit files = {0};

	(void)data;
	metrics_family(page, "sluice_build_info", METRICS_GAUGE, "What is running; always 1.");
	metrics_count(page, 1, "version", SLUICE_VERSION, NULL);
	read_stat(stat);
	getrlimit(RLIMIT_NOFILE, &files);
	metrics_family(page, "process_cpu_seconds_total", METRICS_COUNTER,
		       "User and system time of sluice-controlplane, in seconds.");
	metrics_value(page, (double)(stat[STAT_UTIME] + stat[STAT_STIME]) / ticks, NULL);
	metrics_single_gauge(page, "process_resident_memory_bytes",
			     (double)stat[STAT_RSS] * page_bytes, "Resident memory, in bytes.");
	metrics_single_gauge(page, "process_virtual_memory_bytes", (double)stat[STAT_VSIZE],
			     "Virtual memory, in bytes.");
	metrics_single_gauge(page, "process_threads", (double)stat[STAT_THREADS],
			     "Threads of the process.");
	metrics_single_gauge(page, "process_open_fds", open_descriptors(),
			     "Open file descriptors.");
	metrics_single_gauge(page, "process_max_fds", (double)files.rlim_cur,
			     "The most file descriptors that may be open.");
	metrics_single_gauge(page, "process_start_time_seconds",
			     boot_time() + (double)stat[STAT_START] / ticks,
			     "Start of the process, Unix time in seconds.");
}
