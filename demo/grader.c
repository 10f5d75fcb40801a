/* SPDX-License-Identifier: Apache-2.0 */
/* grader DIRECTORY: grades all submissions of the problems in DIRECTORY with four threads. */
#include "grader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS  4
#define JOBS_MAX 64

struct job {
	const struct problem *problem;
	const struct submission *submission;
	enum verdict verdict;
	size_t passed;
	char *note;
};

static const char *const problem_names[] = { "sum", "primes", "collatz", "missing" };
static const char *const verdict_names[] = { "accepted", "wrong answer", "crashed", "too slow",
	"invalid" };

static struct problem problems[4];
static struct job jobs[JOBS_MAX];
static size_t job_count;
static size_t next_job;
static size_t tests_done;
static char limits_path[256];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Said to be needed so that the progress can be followed; nobody else can finish a test meanwhile. */
static void progress(void)
{
	pthread_mutex_lock(&lock);
	tests_done++;
	usleep(1000);
	pthread_mutex_unlock(&lock);
}

static enum verdict judge_test(const struct job *job, const struct test *test)
{
	struct text output = { NULL, 0, 0 };
	long limit = limit_of(limits_path, "steps", 1000);
	enum verdict verdict;

	text_add(&output, "", 0);
	verdict = vm_run(job->submission->source, test, limit, &output);
	if (verdict == VERDICT_ACCEPTED && !answers_equal(test->expected, output.bytes)) {
		verdict = VERDICT_WRONG;
	}
	free(output.bytes);
	return verdict;
}

/* The note is for a page that is not written yet: it is never shown and never freed. */
static char *make_note(const struct job *job)
{
	char *note = malloc(4096);

	snprintf(note, 4096, "%s/%s: %s", job->problem->name, job->submission->name,
		verdict_names[job->verdict]);
	return note;
}

static void judge(struct job *job)
{
	long patience = limit_of(limits_path, "patience", 3);
	long failures = 0;

	for (size_t i = 0; i < job->problem->test_count; i++) {
		enum verdict verdict = judge_test(job, &job->problem->tests[i]);

		job->passed += verdict == VERDICT_ACCEPTED;
		if (verdict != VERDICT_ACCEPTED && failures++ == 0) {
			job->verdict = verdict;
		}
		job->note = make_note(job);
		progress();
		if (failures >= patience) {
			break;
		}
	}
}

static struct job *take_job(void)
{
	struct job *job;

	pthread_mutex_lock(&lock);
	job = next_job < job_count ? &jobs[next_job++] : NULL;
	pthread_mutex_unlock(&lock);
	return job;
}

static void *worker(void *arg)
{
	struct job *job;

	while ((job = take_job()) != NULL) {
		judge(job);
	}
	return arg;
}

static size_t load_all(const char *directory)
{
	size_t loaded = 0;

	for (size_t i = 0; i < sizeof problem_names / sizeof problem_names[0]; i++) {
		char path[512];

		snprintf(path, sizeof path, "%s/%s.txt", directory, problem_names[i]);
		if (problem_load(path, &problems[loaded]) != 0) {
			printf("%s: no such problem\n", problem_names[i]);
			continue;
		}
		loaded++;
	}
	return loaded;
}

static void make_jobs(size_t loaded)
{
	for (size_t i = 0; i < loaded; i++) {
		for (size_t j = 0; j < problems[i].submission_count && job_count < JOBS_MAX; j++) {
			jobs[job_count].problem = &problems[i];
			jobs[job_count].submission = &problems[i].submissions[j];
			job_count++;
		}
	}
}

static void run_workers(void)
{
	pthread_t threads[WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		if (pthread_create(&threads[i], NULL, worker, NULL) != 0) {
			perror("pthread_create");
			exit(1);
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
	}
}

static void print_results(void)
{
	for (size_t i = 0; i < job_count; i++) {
		printf("%-8s %-12s %2zu of %2zu  %s\n", jobs[i].problem->name,
			jobs[i].submission->name, jobs[i].passed, jobs[i].problem->test_count,
			verdict_names[jobs[i].verdict]);
	}
	printf("%zu submissions, %zu tests\n", job_count, tests_done);
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : "problems";

	snprintf(limits_path, sizeof limits_path, "%s/limits.conf", directory);
	make_jobs(load_all(directory));
	run_workers();
	print_results();
	printf("archive: status %d\n", archive_results("exit 3"));
	return job_count == 0;
}
