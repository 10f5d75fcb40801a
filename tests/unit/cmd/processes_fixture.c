/* SPDX-License-Identifier: Apache-2.0 */
/* See processes_fixture.h. */
#include "processes_fixture.h"

#include "writers/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct hst_process_image *fixture_add(
	struct fixture *f, uint32_t parent, uint32_t previous, uint32_t pid, const char *command)
{
	uint32_t number = (uint32_t)f->processes.image_count++;
	struct hst_process_image *image;

	if (f->processes.image_count > f->room) {
		f->room = f->room == 0 ? 16 : 2 * f->room;
		f->images = realloc(f->images, f->room * sizeof *f->images);
		f->processes.images = f->images;
	}
	image = &f->images[number];
	*image = (struct hst_process_image){ .pid = pid,
		.ppid = 1,
		.process = pid,
		.parent = parent,
		.previous = previous,
		.next = HST_PROCESS_NONE,
		.first_child = HST_PROCESS_NONE,
		.next_sibling = HST_PROCESS_NONE,
		.waited_by = HST_PROCESS_NONE,
		.culprit = HST_PROCESS_NONE,
		.unit = number,
		.exe = "",
		.cwd = "/src/app",
		.file = "",
		.build_id = "",
		.command = command,
		.began = HST_PROCESS_BEGAN_SPAWN,
		.ended = HST_PROCESS_ENDED_PARENT,
		.loaded_ns = HST_PROCESS_UNKNOWN,
		.hwm_bytes = HST_PROCESS_UNKNOWN,
		.uid = 1000,
		.gid = 1000,
		.verdict = "OK",
		.evidence = "",
		.tool = "",
		.language = "",
		.tree_images = 1,
		.flags = HST_PROCESS_LAST };
	memset(&image->limits, 0xff, sizeof image->limits);
	if (previous != HST_PROCESS_NONE) {
		f->images[previous].next = number;
		f->images[previous].ended = HST_PROCESS_ENDED_EXEC;
		f->images[previous].flags &= ~(uint32_t)HST_PROCESS_LAST;
		image->began = HST_PROCESS_BEGAN_EXEC;
	} else if (parent != HST_PROCESS_NONE) {
		uint32_t *link = &f->images[parent].first_child;

		while (*link != HST_PROCESS_NONE) {
			link = &f->images[*link].next_sibling;
		}
		*link = number;
	}
	return image;
}

void fixture_times(struct fixture *f, uint32_t number, uint64_t begin, uint64_t end, uint64_t cpu)
{
	struct hst_process_image *image = &f->images[number];

	image->start_ns = begin * MS;
	image->end_ns = end * MS;
	image->loaded_ns = begin * MS + 100000;
	image->wall_ns = (end - begin) * MS;
	image->cpu_ns = cpu * MS;
	image->usage.user_ns = cpu * MS * 3 / 4;
	image->usage.system_ns = cpu * MS / 4;
	f->processes.cpu_ns += cpu * MS;
	for (;;) {
		f->images[number].tree_cpu_ns += cpu * MS;
		if (f->images[number].previous != HST_PROCESS_NONE) {
			number = f->images[number].previous;
		} else if (f->images[number].parent != HST_PROCESS_NONE) {
			number = f->images[number].parent;
		} else {
			break;
		}
	}
}

void fixture_argv(struct fixture *f, uint32_t number, const char *const *argv)
{
	f->images[number].argv = argv;
	f->images[number].argc = 0;
	while (argv[f->images[number].argc] != NULL) {
		f->images[number].argc++;
	}
}

static void hwm(struct fixture *f, uint32_t number, uint64_t bytes, enum hst_process_hwm source)
{
	f->images[number].hwm_bytes = bytes;
	f->images[number].hwm_source = source;
}

static void fill_images(struct fixture *f)
{
	static const char *const make[] = { "make", "-j2", "all", NULL };
	static const char *const shell[] = { "/bin/sh", "-c", "exec gcc -c a.c", NULL };
	static const char *const gcc[] = { "gcc", "-c", "a.c", NULL };
	static const char *const cc1[] = { "/usr/lib/gcc/12/cc1", "-quiet", "a.c", "-o",
		"/tmp/ccAb12Xy.s", NULL };
	static const char *const gcc_b[] = { "gcc", "-c", "b.c", NULL };
	static const char *const cc1_b[] = { "/usr/lib/gcc/12/cc1", "-quiet", "/src/app/b.c", "-o",
		"/tmp/ccqwerty.s", NULL };
	static const char *const python[] = { "python3", "gen.py", "two words", NULL };

	(void)fixture_add(f, HST_PROCESS_NONE, HST_PROCESS_NONE, 100, "make");
	(void)fixture_add(f, MAKE, HST_PROCESS_NONE, 101, "sh");
	(void)fixture_add(f, MAKE, SHELL, 101, "gcc");
	(void)fixture_add(f, GCC, HST_PROCESS_NONE, 102, "cc1");
	(void)fixture_add(f, MAKE, HST_PROCESS_NONE, 103, "gcc");
	(void)fixture_add(f, GCC_B, HST_PROCESS_NONE, 104, "cc1");
	(void)fixture_add(f, MAKE, HST_PROCESS_NONE, 105, "busybox");
	(void)fixture_add(f, MAKE, HST_PROCESS_NONE, 106, "make");
	(void)fixture_add(f, MAKE, FORKED, 106, "python3");
	fixture_argv(f, MAKE, make);
	fixture_argv(f, SHELL, shell);
	fixture_argv(f, GCC, gcc);
	fixture_argv(f, CC1, cc1);
	fixture_argv(f, GCC_B, gcc_b);
	fixture_argv(f, CC1_B, cc1_b);
	fixture_argv(f, FORKED, make);
	fixture_argv(f, PYTHON, python);
	f->images[FORKED].began = HST_PROCESS_BEGAN_FORK;
	f->images[MAKE].began = HST_PROCESS_BEGAN_ROOT;
	fixture_times(f, MAKE, 0, 1000, 20);
	fixture_times(f, SHELL, 10, 12, 1);
	fixture_times(f, GCC, 12, 300, 4);
	fixture_times(f, CC1, 20, 295, 250);
	fixture_times(f, GCC_B, 10, 500, 8);
	fixture_times(f, CC1_B, 20, 490, 450);
	fixture_times(f, BUSYBOX, 500, 510, 6);
	fixture_times(f, FORKED, 510, 511, 0);
	fixture_times(f, PYTHON, 511, 990, 100);
	hwm(f, MAKE, 3 * MIB, HST_PROCESS_HWM_EXACT);
	hwm(f, CC1, 40 * MIB, HST_PROCESS_HWM_EXACT);
	hwm(f, CC1_B, 64 * MIB, HST_PROCESS_HWM_EXACT);
	hwm(f, BUSYBOX, 2 * MIB, HST_PROCESS_HWM_UPPER);
	hwm(f, PYTHON, 9 * MIB, HST_PROCESS_HWM_LOWER);
}

/* Who failed, and what is in doubt. */
static void fill_ends(struct fixture *f)
{
	static const char *const probes[] = { "/usr/local/bin/python3", NULL };
	struct hst_process_image *images = f->images;

	images[CC1].class = images[GCC].class = images[MAKE].class = HST_PROCESS_CLASS_CE;
	images[CC1].culprit = images[GCC].culprit = images[MAKE].culprit = CC1;
	images[CC1].verdict = images[GCC].verdict = images[MAKE].verdict = "CE cc1";
	images[CC1].exit_status = images[GCC].exit_status = 1;
	images[MAKE].exit_status = 2;
	images[CC1].evidence = "cc1 exited with status 1";
	images[MAKE].evidence = "make exited with status 2 after cc1 (pid 102) failed";
	images[BUSYBOX].blind = HST_PROCESS_BLIND_STATIC;
	images[BUSYBOX].flags |= HST_PROCESS_USAGE_ESTIMATED;
	images[PYTHON].flags |= HST_PROCESS_END_UNKNOWN;
	images[PYTHON].probes = probes;
	images[PYTHON].probe_count = 1;
	images[PYTHON].limits.cpu_seconds = 10;
	images[PYTHON].waited_by = MAKE;
	images[CC1].language = images[CC1_B].language = images[GCC].language = "C";
	images[CC1].tool = images[CC1_B].tool = "cc1";
	images[CC1].phase = images[CC1_B].phase = images[GCC].phase = HST_PROCESS_PHASE_COMPILE;
	images[CC1].exe = images[CC1_B].exe = "/usr/lib/gcc/12/cc1";
	images[CC1].build_id = "0123abcd";
	images[CC1_B].critical_ns = 470 * MS;
}

static void fill_tables(struct fixture *f)
{
	f->commands[0] = (struct hst_process_command){ "cc1", "C", HST_PROCESS_PHASE_COMPILE, 2, 1,
		745 * MS, 700 * MS, 470 * MS, 64 * MIB, 470 * MS };
	f->commands[1] = (struct hst_process_command){ "python3", "Python", HST_PROCESS_PHASE_RUN,
		1, 0, 479 * MS, 100 * MS, 479 * MS, 9 * MIB, 0 };
	f->commands[2] = (struct hst_process_command){ "busybox", "", HST_PROCESS_PHASE_OTHER, 1, 0,
		10 * MS, 6 * MS, 10 * MS, HST_PROCESS_UNKNOWN, 0 };
	f->phases[0] = (struct hst_process_phase_row){ .language = "C",
		.phase = HST_PROCESS_PHASE_COMPILE,
		.count = 2,
		.images = 4,
		.failed = 1,
		.classes = { [HST_PROCESS_CLASS_OK] = 1, [HST_PROCESS_CLASS_CE] = 1 },
		.wall_ns = 780 * MS,
		.cpu_ns = 712 * MS,
		.wall = { 288 * MS, 490 * MS, 490 * MS, 490 * MS, 490 * MS, 2 },
		.cpu = { 254 * MS, 458 * MS, 458 * MS, 458 * MS, 458 * MS, 2 },
		.hwm = { 40 * MIB, 64 * MIB, 64 * MIB, 64 * MIB, 64 * MIB, 2 },
		.cpu_share = 0.85,
		.wall_share = 0.49 };
	f->phases[1] = (struct hst_process_phase_row){ .language = "",
		.phase = HST_PROCESS_PHASE_BUILD,
		.count = 1,
		.images = 1,
		.classes = { [HST_PROCESS_CLASS_OK] = 1 },
		.wall = { .p50 = 1000 * MS, .p90 = 1000 * MS, .p99 = 1000 * MS, .count = 1 },
		.cpu = { .p50 = 20 * MS, .p90 = 20 * MS, .p99 = 20 * MS, .count = 1 },
		.hwm = { .p50 = HST_PROCESS_UNKNOWN,
			.p95 = HST_PROCESS_UNKNOWN,
			.max = HST_PROCESS_UNKNOWN } };
	f->wastes[0] = (struct hst_process_waste_row){ HST_PROCESS_WASTE_CHAIN, "sh", "gcc", 1, 1,
		2 * MS, 1 * MS, GCC };
	f->wastes[1] = (struct hst_process_waste_row){ HST_PROCESS_WASTE_PROBES, "PATH", "python3",
		1, 1, 1 * MS, 0, PYTHON };
	f->repeat = (struct hst_process_repeat){ GCC_B, 2, 0, 980 * MS, 16 * MS };
	f->steps[0] = (struct hst_process_step){ MAKE, 0, 20 * MS };
	f->steps[1] = (struct hst_process_step){ CC1_B, 20 * MS, 490 * MS };
	f->steps[2] = (struct hst_process_step){ MAKE, 490 * MS, 1000 * MS };
	f->stretch = (struct hst_process_stretch){ 510 * MS, 990 * MS, PYTHON };
	f->exec_failures[0] = (struct hst_process_exec_failure){ MAKE, 995 * MS, "execvp",
		"no-such-tool", 2, false, 5, false };
	f->exec_failures[1] = (struct hst_process_exec_failure){ FORKED, 510 * MS, "execve",
		"/usr/local/bin/python3", 2, true, 0, false };
	f->shell = (struct hst_process_shell){ MAKE, SHELL, 10 * MS, 300 * MS, "system",
		"exec gcc -c a.c", 0, 1, 0 };
	f->no_memory = (struct hst_process_no_memory){ CC1, 200 * MS, 512 * MIB, 900 * MIB };
}

static void fill_samples(struct fixture *f)
{
	for (uint32_t i = 0; i < 4; i++) {
		f->samples[i] = (struct hst_system_sample){ .at_ns = 333 * MS * i,
			.span_ns = i == 0 ? 0 : 333 * MS,
			.user = 200 * i,
			.system = 100,
			.pressure_io = HST_SYSTEM_UNKNOWN32,
			.memory_total = 1024 * MIB,
			.memory_used = (100 + i) * MIB,
			.memory_available = (924 - i) * MIB,
			.read_bytes_s = i * MIB,
			.written_bytes_s = HST_SYSTEM_UNKNOWN,
			.context_switches_s = 100,
			.load_1000 = 1250,
			.processors = 2,
			.running = i };
	}
	for (uint32_t i = 0; i < 3; i++) {
		f->process_samples[i] = (struct hst_process_sample){ .at_ns = 333 * MS * i,
			.span_ns = i == 0 ? 0 : 333 * MS,
			.pid = i < 2 ? 104 : 106,
			.image = i < 2 ? CC1_B : PYTHON,
			.name = i < 2 ? "cc1" : "python3",
			.cpu = 950,
			.threads = 1,
			.state = 'R',
			.rss_bytes = (i + 1) * MIB,
			.hwm_bytes = HST_SYSTEM_UNKNOWN,
			.read_bytes_s = HST_SYSTEM_UNKNOWN };
	}
	f->processes.system = (struct hst_system){ .samples = f->samples,
		.sample_count = 4,
		.processes = f->process_samples,
		.process_count = 3,
		.interval_ns = 333 * MS,
		.sampling_ns = 2 * MS,
		.oom_kills = 0 };
}

static void fill_totals(struct fixture *f)
{
	struct hst_processes *p = &f->processes;

	p->root = MAKE;
	p->launcher_pid = 99;
	p->commands = f->commands;
	p->command_count = 3;
	p->phases = f->phases;
	p->phase_count = 2;
	p->wastes = f->wastes;
	p->waste_count = 2;
	p->repeats = &f->repeat;
	p->repeat_count = 1;
	p->steps = f->steps;
	p->step_count = 3;
	p->stretches = &f->stretch;
	p->stretch_count = 1;
	p->exec_failures = f->exec_failures;
	p->exec_failure_count = 2;
	p->shells = &f->shell;
	p->shell_count = 1;
	p->no_memories = &f->no_memory;
	p->no_memory_count = 1;
	p->processes = 7;
	p->failed = 3;
	p->classes[HST_PROCESS_CLASS_OK] = 4;
	p->classes[HST_PROCESS_CLASS_CE] = 3;
	p->wall_ns = 1000 * MS;
	p->serial_ns = 510 * MS;
	p->concurrency = 1.25;
	p->concurrency_max = 2;
	p->blind = 1;
	p->finished = true;
	p->complete = true;
	f->notes[0] = (struct hst_note){ false, (char *)(uintptr_t) "python3 was not waited for" };
	p->notes = f->notes;
	p->note_count = 1;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	(void)setenv("COLUMNS", "120", 1);
	fill_images(f);
	fill_ends(f);
	fill_tables(f);
	fill_samples(f);
	fill_totals(f);
	f->reading.command = "processes";
	f->reading.session.dir = "data";
	f->reading.session.command = "make -j2 all";
	f->reading.options = (struct hst_options){
		.dir = "data", .rows = UINT64_MAX, .color = HST_COLOR_NEVER, .no_pager = true
	};
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	hst_filter_destroy(f->reading.filter);
	free(f->images);
	free(f->output);
	free(f->errors);
	free(f);
	return 0;
}

/* What came out behind a file descriptor since it was moved there. */
static char *taken(int memory, int saved, int fd)
{
	off_t bytes = lseek(memory, 0, SEEK_END);
	char *text = calloc(1, (size_t)bytes + 1);

	(void)dup2(saved, fd);
	close(saved);
	if (text == NULL || pread(memory, text, (size_t)bytes, 0) != bytes) {
		abort();
	}
	close(memory);
	return text;
}

int show(struct fixture *f)
{
	struct hst_show_scratch scratch;
	struct hst_show shown = { .reading = &f->reading, .processes = &f->processes };
	int out = memfd_create("out", 0);
	int err = memfd_create("err", 0);
	int saved_out;
	int saved_err;
	int status;

	(void)fflush(stdout);
	(void)fflush(stderr);
	saved_out = dup(STDOUT_FILENO);
	saved_err = dup(STDERR_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	status = hst_show_begin(&shown, &scratch) == HST_OK ? hst_show_processes(&shown) : -1;
	hst_show_end(&shown);
	(void)fflush(stdout);
	(void)fflush(stderr);
	free(f->output);
	free(f->errors);
	f->output = taken(out, saved_out, STDOUT_FILENO);
	f->errors = taken(err, saved_err, STDERR_FILENO);
	return status;
}

bool has(const struct fixture *f, const char *line)
{
	char *squeezed = calloc(1, strlen(f->output) + 1);
	size_t used = 0;
	bool found;

	for (const char *at = f->output; *at != '\0'; at++) {
		if (*at != ' ' || used == 0 ||
			(squeezed[used - 1] != ' ' && squeezed[used - 1] != '\n')) {
			squeezed[used++] = *at;
		}
	}
	found = strstr(squeezed, line) != NULL;
	if (!found) {
		fprintf(stderr, "not found: %s\n%.20000s\n", line, squeezed);
	}
	free(squeezed);
	return found;
}

bool said(const struct fixture *f, const char *sentence)
{
	bool found = strstr(f->errors, sentence) != NULL;

	if (!found) {
		fprintf(stderr, "not said: %s\nbut: %s\n", sentence, f->errors);
	}
	return found;
}

size_t longest_line(const char *text)
{
	size_t longest = 0;
	char line[4096];

	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		size_t kept = length < sizeof line ? length : sizeof line - 1;
		size_t width;

		memcpy(line, text, kept);
		line[kept] = '\0';
		width = hst_text_width(line);
		longest = width > longest ? width : longest;
		text += length + (text[length] == '\n');
	}
	return longest;
}
