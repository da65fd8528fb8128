// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/seeds_main.c - runs a fuzz target over every file of the directories named, as an
// ordinary test: for builds without libFuzzer. A directory that is not there is said and skipped.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(const char *path)
{
	struct stat st;
	FILE *f = fopen(path, "rb");

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		perror(path);
		exit(1);
	}
	// Exactly as large as the input, so that a sanitizer sees one byte too far.
	size_t size = (size_t)st.st_size;
	uint8_t *bytes = malloc(size == 0 ? 1 : size);
	if (bytes == NULL || fread(bytes, 1, size, f) != size) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	fclose(f);
}

static unsigned run_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned count = 0;

	if (d == NULL) {
		printf("skipped: no seeds at %s\n", path);
		return 0;
	}
	while ((e = readdir(d)) != NULL) {
		char file[4096];
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		struct stat st;
		if (stat(file, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		run_file(file);
		count++;
	}
	closedir(d);
	return count;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++)
		count += run_directory(argv[i]);
	printf("%u seeds\n", count);
	return count == 0 ? 77 : 0; // 77: meson's word for skipped
}
