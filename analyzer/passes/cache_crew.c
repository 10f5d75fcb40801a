/* SPDX-License-Identifier: Apache-2.0 */
/* Most work on a log has nothing to do with other logs: some threads take one after the other. */
#include "passes/cache_pass.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* More would need more memory, too: each has one log unpacked. */
#define THREADS_MAX 4u

struct crew {
	const uint32_t *order;
	size_t count;
	hst_cache_task *task;
	void *context;
	atomic_size_t next;
	atomic_int status; /* of one that failed */
};

static void *take_turns(void *context)
{
	struct crew *crew = context;
	size_t at = atomic_fetch_add(&crew->next, 1);

	while (at < crew->count && atomic_load(&crew->status) == HST_OK) {
		enum hst_status status = crew->task(crew->context, crew->order[at]);

		if (status != HST_OK) {
			atomic_store(&crew->status, (int)status);
		}
		at = atomic_fetch_add(&crew->next, 1);
	}
	return NULL;
}

static size_t count_helpers(size_t tasks)
{
	cpu_set_t cpus;
	size_t most = tasks < THREADS_MAX ? tasks : THREADS_MAX;
	size_t count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;

	count = count < most ? count : most;
	return count > 1 ? count - 1 : 0;
}

static int compare(const void *left, const void *right, void *context)
{
	const size_t *sizes = context;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	if (sizes[a] != sizes[b]) {
		return sizes[a] > sizes[b] ? -1 : 1;
	}
	return a < b ? -1 : a > b;
}

enum hst_status hst_cache_share_out(
	size_t *sizes, size_t count, hst_cache_task *task, void *context)
{
	struct crew crew = { .count = count, .task = task, .context = context };
	uint32_t *order = calloc(count + 1, sizeof *order);
	pthread_t threads[THREADS_MAX];
	size_t wanted = count_helpers(count);
	size_t helpers = 0;

	if (order == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = (uint32_t)i;
	}
	/* The largest first: nobody waits for one at the end. */
	qsort_r(order, count, sizeof *order, compare, sizes);
	crew.order = order;
	while (helpers < wanted &&
		pthread_create(&threads[helpers], NULL, take_turns, &crew) == 0) {
		helpers++;
	}
	(void)take_turns(&crew);
	while (helpers > 0) {
		(void)pthread_join(threads[--helpers], NULL);
	}
	free(order);
	return (enum hst_status)atomic_load(&crew.status);
}
