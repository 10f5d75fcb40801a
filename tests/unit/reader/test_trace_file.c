/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint64_t app = 0x555500000000;
static const uint64_t plugin = 0x7f0000000000;

static void test_trace_file_modules_are_found_by_generation(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_trace_file file;
	const struct hst_module *module;

	(void)state;
	tracegen_module(gen, "/bin/app", app, app, app + 0x10000, "\x12\x34", 2);
	tracegen_module(gen, "/lib/a.so", plugin, plugin, plugin + 0x2000, NULL, 0);
	tracegen_gone(gen, plugin, plugin, 500);
	tracegen_module(gen, "/lib/b.so", plugin, plugin, plugin + 0x1000, NULL, 0);
	tracegen_module(gen, "/lib/c.so", plugin, plugin + 0x4000, plugin + 0x5000, NULL, 0);
	open_trace(gen, &file);
	assert_int_equal(file.module_count, 4);
	assert_true(file.modules[0].main);
	assert_int_equal(file.modules[0].build_id_bytes, 2);
	assert_memory_equal(file.modules[0].build_id, "\x12\x34", 2);
	assert_int_equal(file.modules[0].gone, UINT32_MAX);
	module = hst_trace_file_module(&file, app + 0xffff, 1);
	assert_string_equal(module->path, "/bin/app");
	assert_string_equal(hst_trace_file_module(&file, app, 99)->path, "/bin/app");
	assert_null(hst_trace_file_module(&file, app + 0x10000, 1));
	assert_null(hst_trace_file_module(&file, app - 1, 1));
	assert_null(hst_trace_file_module(&file, app, 0));
	assert_null(hst_trace_file_module(&file, plugin, 1));
	assert_string_equal(hst_trace_file_module(&file, plugin, 2)->path, "/lib/a.so");
	assert_null(hst_trace_file_module(&file, plugin, 3));
	assert_string_equal(hst_trace_file_module(&file, plugin, 4)->path, "/lib/b.so");
	assert_null(hst_trace_file_module(&file, plugin + 0x1000, 4));
	assert_string_equal(hst_trace_file_module(&file, plugin + 0x4000, 5)->path, "/lib/c.so");
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_trace_file_long_paths_and_region_names(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_trace_file file;
	char path[1000];
	size_t i;

	(void)state;
	memset(path, 'p', sizeof path);
	path[sizeof path - 1] = '\0';
	tracegen_module(gen, path, app, app, app + 1, NULL, 0);
	for (i = 0; i < 20; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "region %zu", 20 - i);
		tracegen_region(gen, (uint32_t)(20 - i), name);
	}
	open_trace(gen, &file);
	assert_string_equal(file.modules[0].path, path);
	assert_int_equal(file.name_count, 20);
	assert_string_equal(hst_trace_file_region(&file, HST_REGION_BASE + 16 * 7), "region 7");
	assert_string_equal(hst_trace_file_region(&file, HST_REGION_BASE + 16 * 20), "region 20");
	assert_null(hst_trace_file_region(&file, HST_REGION_BASE));
	assert_null(hst_trace_file_region(&file, HST_REGION_BASE + 7));
	assert_null(hst_trace_file_region(&file, app));
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_trace_file_unknown_blocks_optional_and_required(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream;
	struct hst_trace_file file;
	uint8_t payload[40] = { 1, 2, 3 };

	(void)state;
	(void)tracegen_block(gen, 99, 0, payload, sizeof payload);
	stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_rollover(stream);
	open_trace(gen, &file);
	assert_int_equal(file.stream_count, 1);
	assert_string_equal(file.missing, "");
	hst_trace_file_close(&file);
	(void)tracegen_block(gen, 77, HST_BLOCK_REQUIRED, payload, sizeof payload);
	tracegen_module(gen, "/bin/app", app, app, app + 1, NULL, 0);
	open_trace(gen, &file);
	assert_int_equal(file.stream_count, 1);
	assert_int_equal(file.module_count, 0);
	assert_non_null(strstr(file.missing, "newer hasten"));
	assert_non_null(strstr(file.missing, "type 77"));
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

/* The header's copy for one test case: `change` is applied to a sound file. */
static enum hst_status open_changed(void (*change)(struct hst_file_header *), size_t cut,
	struct hst_trace_file *ret_file, struct hst_diag *diag)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	enum hst_status status;
	size_t bytes;
	const uint8_t *data;

	tracegen_enter(stream, 100, 0x100, 0x10);
	data = tracegen_bytes(gen, &bytes);
	change(tracegen_header(gen));
	diag->text[0] = '\0';
	status = open_bytes(data, cut < bytes ? cut : bytes, ret_file, diag);
	tracegen_destroy(gen);
	return status;
}

static void change_nothing(struct hst_file_header *header)
{
	(void)header;
}

static void change_major(struct hst_file_header *header)
{
	header->major = HST_TRACE_MAJOR + 1;
}

static void change_minor(struct hst_file_header *header)
{
	header->minor = HST_TRACE_MINOR + 7;
}

static void change_magic(struct hst_file_header *header)
{
	header->magic[0] = 'X';
}

static void change_line_end(struct hst_file_header *header)
{
	memmove(header->magic + 4, header->magic + 5, 3);
}

static void change_endian(struct hst_file_header *header)
{
	header->endian = 0x04030201u;
}

static void change_pointer(struct hst_file_header *header)
{
	header->pointer_bytes = 4;
}

static void change_shift(struct hst_file_header *header)
{
	header->time_shift = 200;
}

static void change_all_zero(struct hst_file_header *header)
{
	memset(header, 0, sizeof *header);
}

static void test_trace_file_wrong_headers_get_a_sentence(void **state)
{
	static const struct {
		void (*change)(struct hst_file_header *);
		size_t cut;
		enum hst_status status;
		const char *says;
	} cases[] = {
		{ change_nothing, SIZE_MAX, HST_OK, "" },
		{ change_minor, SIZE_MAX, HST_OK, "" },
		{ change_major, SIZE_MAX, HST_E_VERSION, "update hasten" },
		{ change_magic, SIZE_MAX, HST_E_NOT_OURS, "not a trace" },
		{ change_line_end, SIZE_MAX, HST_E_DAMAGED, "text-mode" },
		{ change_endian, SIZE_MAX, HST_E_UNSUPPORTED, "big-endian" },
		{ change_pointer, SIZE_MAX, HST_E_UNSUPPORTED, "32-bit" },
		{ change_shift, SIZE_MAX, HST_E_DAMAGED, "damaged" },
		{ change_all_zero, SIZE_MAX, HST_E_DAMAGED, "never written" },
		{ change_nothing, 0, HST_E_DAMAGED, "empty" },
		{ change_nothing, 5, HST_E_DAMAGED, "byte 5" },
		{ change_nothing, 4095, HST_E_DAMAGED, "byte 4095" },
		{ change_magic, 3, HST_E_NOT_OURS, "not a trace" },
		{ change_nothing, 4096, HST_OK, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hst_trace_file file;
		struct hst_diag diag;
		enum hst_status status = open_changed(cases[i].change, cases[i].cut, &file, &diag);

		if (status != cases[i].status || strstr(diag.text, cases[i].says) == NULL) {
			print_error("case %zu: %d, %s\n", i, (int)status, diag.text);
			fail();
		}
		hst_trace_file_close(&file);
	}
}

static void test_trace_file_open_refuses_what_is_no_regular_file(void **state)
{
	char dir[] = "/tmp/hst-trace-XXXXXX";
	char path[64];
	char link_path[64];
	struct hst_trace_file file;
	struct hst_diag diag;
	struct tracegen *gen = tracegen_create(NULL);

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/1.1.hst", dir);
	(void)snprintf(link_path, sizeof link_path, "%s/2.1.hst", dir);
	assert_int_equal(hst_trace_file_open(path, &file, &diag), HST_E_NOT_FOUND);
	assert_int_equal(hst_trace_file_open(dir, &file, &diag), HST_E_NOT_OURS);
	assert_true(tracegen_save(gen, path));
	assert_int_equal(hst_trace_file_open(path, &file, &diag), HST_OK);
	hst_trace_file_close(&file);
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(hst_trace_file_open(link_path, &file, &diag), HST_E_NOT_OURS);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(hst_trace_file_open(path, &file, &diag), HST_E_NOT_OURS);
	(void)unlink(path);
	(void)unlink(link_path);
	(void)rmdir(dir);
	tracegen_destroy(gen);
}

static void test_trace_file_close_accepts_nothing(void **state)
{
	struct hst_trace_file file = { 0 };

	(void)state;
	hst_trace_file_close(NULL);
	hst_trace_file_close(&file);
	assert_true(fcntl(0, F_GETFD) != -1 || fcntl(1, F_GETFD) != -1);
}

/* A running process: the tail is closed and used again between index and read. */
static void test_trace_file_live_tail_is_followed_to_its_new_place(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	uint8_t *buffer = malloc(HST_CHUNK_BYTES_MAX);
	struct hst_trace_file file;
	struct hst_diag diag = { "" };
	struct hst_chunk chunk;
	const uint8_t *data;
	size_t bytes;
	size_t got;
	int fd;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	open_trace(gen, &file);
	fd = file.fd;
	tracegen_rollover(stream);
	tracegen_enter(stream, 300, 0x100, 0x10);
	data = tracegen_bytes(gen, &bytes);
	assert_int_equal(pwrite(fd, data, bytes, 0), bytes);
	assert_int_equal(hst_trace_file_read_chunk(&file, &file.streams[0],
				 &file.streams[0].chunks[0], buffer, &got, &diag),
		HST_OK);
	memcpy(&chunk, buffer, sizeof chunk);
	assert_int_equal(chunk.seq, 1);
	assert_int_equal(chunk.block.flags, 0);
	/* And when it is nowhere any more, that is said. */
	assert_int_equal(ftruncate(fd, HST_HEADER_BYTES + 4096), 0);
	assert_int_equal(hst_trace_file_read_chunk(&file, &file.streams[0],
				 &file.streams[0].chunks[0], buffer, &got, &diag),
		HST_E_DAMAGED);
	assert_non_null(strstr(diag.text, "chunk 1 of thread 1"));
	hst_trace_file_close(&file);
	free(buffer);
	tracegen_destroy(gen);
}

static void test_trace_file_rate_takes_the_best_source(void **state)
{
	struct hst_trace_file file = { 0 };
	struct hst_clock_rate rate;

	(void)state;
	rate = hst_trace_file_rate(&file, 0);
	assert_true(rate.estimated && rate.ns_per_tick == 1.0);
	rate = hst_trace_file_rate(&file, 2000000000u);
	assert_true(!rate.estimated && rate.ns_per_tick == 0.5);
	file.header.start = (struct hst_clock_pair){ 1000, 1000 };
	file.header.sync[1] = (struct hst_clock_pair){ 1000 + 4000, 1000 + 1000 };
	file.header.sync_index = 1;
	rate = hst_trace_file_rate(&file, 0);
	assert_true(rate.estimated && rate.ns_per_tick == 0.25);
	rate = hst_trace_file_rate(&file, 2000000000u);
	assert_true(!rate.estimated && rate.ns_per_tick == 0.5);
	file.newest = (struct hst_clock_pair){ 1000 + 80000000, 1000 + 20000000 };
	rate = hst_trace_file_rate(&file, 0);
	assert_true(!rate.estimated && rate.ns_per_tick == 0.25);
	file.header.end = (struct hst_clock_pair){ 1000 + 300000000, 1000 + 100000000 };
	rate = hst_trace_file_rate(&file, 3010000000u);
	assert_true(rate.ns_per_tick > 0.3333 && rate.ns_per_tick < 0.3334);
	assert_true(rate.error < 0.001);
	/* A pair that contradicts the frequency by far is damage. */
	rate = hst_trace_file_rate(&file, 1000000000u);
	assert_true(rate.ns_per_tick == 1.0);
	file.header.clock = HST_CLOCK_MONO;
	rate = hst_trace_file_rate(&file, 3010000000u);
	assert_true(rate.ns_per_tick == 1.0 && !rate.estimated && rate.error == 0.0);
}

static void test_trace_file_hundred_streams_are_ordered(void **state)
{
	struct tracegen_options options = { .chunk_bytes = 512 };
	struct tracegen *gen = tracegen_create(&options);
	struct tracegen_stream *streams[100];
	struct hst_trace_file file;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < 100; i++) {
		streams[i] = tracegen_thread(gen, 1000 + (uint32_t)i, HST_LANE_MAIN, NULL);
	}
	for (j = 0; j < 10; j++) {
		for (i = 0; i < 100; i++) {
			tracegen_enter(streams[99 - i], j * 100, 0x100, 0x10);
			tracegen_rollover(streams[99 - i]);
		}
	}
	open_trace(gen, &file);
	assert_int_equal(file.stream_count, 100);
	for (i = 0; i < 100; i++) {
		assert_int_equal(file.streams[i].stream, i + 1);
		assert_int_equal(file.streams[i].tid, 1000 + i);
		assert_int_equal(file.streams[i].chunk_count, 10);
		for (j = 0; j < 10; j++) {
			assert_int_equal(file.streams[i].chunks[j].seq, j + 1);
		}
	}
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace_file_modules_are_found_by_generation),
		cmocka_unit_test(test_trace_file_long_paths_and_region_names),
		cmocka_unit_test(test_trace_file_unknown_blocks_optional_and_required),
		cmocka_unit_test(test_trace_file_wrong_headers_get_a_sentence),
		cmocka_unit_test(test_trace_file_open_refuses_what_is_no_regular_file),
		cmocka_unit_test(test_trace_file_close_accepts_nothing),
		cmocka_unit_test(test_trace_file_live_tail_is_followed_to_its_new_place),
		cmocka_unit_test(test_trace_file_rate_takes_the_best_source),
		cmocka_unit_test(test_trace_file_hundred_streams_are_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
