// SPDX-License-Identifier: Apache-2.0
// tests/system/relay/count_allocations.c - LD_PRELOAD: how many allocations are alive, and how
// often freed memory was given back, in a file that the test maps.
//
// Place    between a process under test and the C library; ALLOCATIONS_FILE names the file.
// Counts   first word: malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign up, free
//          down. Second: calls of malloc_trim that have returned.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The C library's own, under names that stay theirs.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *old);

static _Atomic int64_t before_start;
static _Atomic(_Atomic int64_t *) alive;

static void add(int64_t n)
{
	_Atomic int64_t *where = atomic_load(&alive);

	atomic_fetch_add(where != NULL ? where : &before_start, n);
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("ALLOCATIONS_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *page = mmap(NULL, 2 * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return;
	atomic_store(&alive, page);
	add(atomic_exchange(&before_start, 0));
}

static void *counted(void *p)
{
	add(p != NULL);
	return p;
}

void *malloc(size_t size)
{
	return counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
	void *p = __libc_realloc(old, size);

	if (old == NULL)
		add(p != NULL);
	else if (size == 0)
		add(-1);
	return p;
}

void *memalign(size_t alignment, size_t size)
{
	return counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = __libc_memalign(alignment, size);

	if (p == NULL)
		return ENOMEM;
	*out = counted(p);
	return 0;
}

void free(void *old)
{
	add(-(old != NULL));
	__libc_free(old);
}

int malloc_trim(size_t pad)
{
	int (*next)(size_t) = NULL;
	_Atomic int64_t *words = atomic_load(&alive);

	*(void **)&next = dlsym(RTLD_NEXT, "malloc_trim"); // as dlopen(3) has it
	int given = next != NULL ? next(pad) : 0;

	if (words != NULL)
		atomic_fetch_add(words + 1, 1);
	return given;
}
