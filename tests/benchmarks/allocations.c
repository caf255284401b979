/* Counts what Python allocates: a library that `tests.benchmarks.budget` builds and loads.

   The allocator of objects and the one of memory are wrapped, for the whole process. Each thread
   counts for itself, so that a server and a client in one process can be told apart. */

#include <stddef.h>

typedef struct {
    void *ctx;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *);
} Allocator; /* Python's PyMemAllocatorEx */

enum { MEM = 1, OBJ = 2 }; /* Python's PyMemAllocatorDomain */

extern void PyMem_GetAllocator(int, Allocator *);
extern void PyMem_SetAllocator(int, Allocator *);

static Allocator originals[3];
static long total;
static _Thread_local long mine;

static void count(void) {
    mine++;
    __atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
}

static void *counted_malloc(void *ctx, size_t size) {
    Allocator *inner = ctx;
    count();
    return inner->malloc(inner->ctx, size);
}

static void *counted_calloc(void *ctx, size_t number, size_t size) {
    Allocator *inner = ctx;
    count();
    return inner->calloc(inner->ctx, number, size);
}

static void *counted_realloc(void *ctx, void *memory, size_t size) {
    Allocator *inner = ctx;
    count();
    return inner->realloc(inner->ctx, memory, size);
}

static void plain_free(void *ctx, void *memory) {
    Allocator *inner = ctx;
    inner->free(inner->ctx, memory);
}

void start_counting(void) {
    for (int domain = MEM; domain <= OBJ; domain++) {
        PyMem_GetAllocator(domain, &originals[domain]);
        Allocator wrapper = {&originals[domain], counted_malloc, counted_calloc, counted_realloc,
                             plain_free};
        PyMem_SetAllocator(domain, &wrapper);
    }
}

long counted_here(void) { return mine; }
long counted_everywhere(void) { return __atomic_load_n(&total, __ATOMIC_RELAXED); }
