/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the reader says about bad traces and bad data directories: one line per case. The
 * lines are compared with sentences.txt, so that a change of wording is seen and reviewed.
 */
#include "reader/decode.h"
#include "reader/session.h"
#include "tracegen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct bytes {
	uint8_t *data;
	size_t count;
};

/* Three threads, small chunks; all chunks whole and in order unless `tails`. */
static struct bytes make_trace(bool tails)
{
	struct tracegen_options options = { .chunk_bytes = 512, .no_tails = !tails };
	struct tracegen *gen = tracegen_create(&options);
	struct tracegen_stream *streams[3];
	struct bytes bytes;
	uint64_t ticks = 1000;
	size_t i;

	tracegen_module(gen, "/usr/bin/app", 0, 0x400000, 0x410000, NULL, 0);
	for (i = 0; i < 3; i++) {
		streams[i] = tracegen_thread(gen, 4711 + (uint32_t)i, HST_LANE_MAIN, NULL);
	}
	for (i = 0; i < 1800; i++) {
		struct tracegen_stream *stream = streams[i / 20 % 3];

		ticks += 100;
		if (i % 2 == 0) {
			tracegen_enter(stream, ticks, 0x401000 + i % 5 * 64, 0x401000);
		} else {
			tracegen_exit(stream, ticks);
		}
	}
	tracegen_end(gen, ticks, HST_END_EXIT, 0);
	(void)tracegen_bytes(gen, &bytes.count);
	bytes.data = malloc(bytes.count);
	if (bytes.data == NULL) {
		abort();
	}
	memcpy(bytes.data, tracegen_bytes(gen, &bytes.count), bytes.count);
	tracegen_destroy(gen);
	return bytes;
}

/* Decodes all streams; prints the first damage, if any. */
static void print_damage(const struct hst_trace_file *file)
{
	static uint8_t buffer[HST_CHUNK_BYTES_MAX];
	struct hst_diag diag = { "" };
	struct hst_event events[128];
	struct hst_sites sites;
	size_t got;
	size_t i;
	size_t j;

	if (hst_sites_init(&sites) != HST_OK) {
		abort();
	}
	for (i = 0; i < file->stream_count && diag.text[0] == '\0'; i++) {
		const struct hst_stream_ref *stream = &file->streams[i];
		struct hst_decoder *decoder = hst_decoder_create(&file->header, &sites);

		for (j = 0; j < stream->chunk_count && diag.text[0] == '\0'; j++) {
			if (hst_trace_file_read_chunk(file, stream, &stream->chunks[j], buffer,
				    &got, &diag) != HST_OK ||
				hst_decoder_begin(decoder, buffer, got, &diag) != HST_OK) {
				continue;
			}
			while (hst_decode_batch(decoder, events, 128, &got, &diag) == HST_OK &&
				got != 0) {
			}
		}
		hst_decoder_destroy(decoder);
	}
	(void)printf("    decoding: %s\n", diag.text[0] == '\0' ? "no damage" : diag.text);
	hst_sites_finish(&sites);
}

static void try_trace(const char *name, struct bytes bytes)
{
	struct hst_trace_file file;
	struct hst_diag diag = { "" };
	int fd = memfd_create("bad", MFD_CLOEXEC);
	enum hst_status status;

	if (fd < 0 || write(fd, bytes.data, bytes.count) != (ssize_t)bytes.count) {
		abort();
	}
	status = hst_trace_file_open_fd(fd, "4711.1.hst", &file, &diag);
	(void)printf("%s\n", name);
	if (status != HST_OK) {
		(void)printf("    %s: %s\n", hst_status_text(status), diag.text);
		return;
	}
	(void)printf("    missing: %s\n", file.missing[0] == '\0' ? "nothing" : file.missing);
	print_damage(&file);
	hst_trace_file_close(&file);
}

static struct hst_file_header *header_of(struct bytes bytes)
{
	return (struct hst_file_header *)(void *)bytes.data;
}

/* The header cases: each is a change of a sound file. */
static void try_headers(void)
{
	struct bytes bytes = make_trace(true);
	struct hst_file_header header = *header_of(bytes);
	size_t whole = bytes.count;

	try_trace("sound", bytes);
	bytes.count = 0;
	try_trace("empty", bytes);
	bytes.count = 1000;
	try_trace("cut within the header", bytes);
	bytes.count = whole;
	header_of(bytes)->major = 2;
	header_of(bytes)->minor = 3;
	try_trace("future version", bytes);
	*header_of(bytes) = header;
	header_of(bytes)->endian = 0x04030201u;
	try_trace("big-endian", bytes);
	*header_of(bytes) = header;
	header_of(bytes)->pointer_bytes = 4;
	try_trace("32-bit", bytes);
	*header_of(bytes) = header;
	header_of(bytes)->time_shift = 99;
	try_trace("clock that cannot be", bytes);
	memset(header_of(bytes), 0, sizeof header);
	try_trace("header of zeros", bytes);
	memcpy(bytes.data, "\177ELF\2\1\1", 8);
	try_trace("an ELF file", bytes);
	memcpy(bytes.data, "HSTN\n\x1a\n", 7);
	try_trace("text mode", bytes);
	free(bytes.data);
}

static void try_cuts(void)
{
	struct bytes bytes = make_trace(false);
	struct bytes tails = make_trace(true);
	size_t whole = bytes.count;

	bytes.count = 4096 + 112 + 700;
	try_trace("cut in a chunk", bytes);
	bytes.count = whole - 5;
	try_trace("cut at the end", bytes);
	bytes.count = 4096;
	try_trace("only the header", bytes);
	tails.count -= 1500;
	try_trace("cut with tails", tails);
	free(bytes.data);
	free(tails.data);
}

static void try_damage(void)
{
	struct bytes bytes = make_trace(false);
	struct hst_chunk *chunk = (struct hst_chunk *)(void *)(bytes.data + 4096 + 112);
	struct hst_chunk sound;

	memcpy(&sound, chunk, sizeof sound);
	chunk->block.magic = 0x12345678;
	try_trace("a chunk without its magic", bytes);
	memcpy(chunk, &sound, sizeof sound);
	chunk->block.type = 50;
	chunk->block.flags = HST_BLOCK_REQUIRED;
	try_trace("a required block of a newer version", bytes);
	memcpy(chunk, &sound, sizeof sound);
	chunk->frames = 60;
	try_trace("more frames than depth", bytes);
	memcpy(chunk, &sound, sizeof sound);
	memset(chunk + 1, 0, 16);
	try_trace("an end mark in the middle", bytes);
	memset(chunk + 1, 0xbf, 16);
	try_trace("exits of nothing", bytes);
	free(bytes.data);
}

static void try_sessions(void)
{
	static const char *const texts[] = { "", "hasten-data 2\n", "uftrace\n",
		"hasten-data x\n" };
	struct hst_session session = { 0 };
	struct hst_diag diag;
	size_t i;

	for (i = 0; i < sizeof texts / sizeof *texts; i++) {
		enum hst_status status = hst_session_parse(
			texts[i], strlen(texts[i]), "hasten.data", &session, &diag);

		(void)printf("session %zu\n    %s: %s\n", i, hst_status_text(status), diag.text);
		hst_session_close(&session);
	}
	(void)printf("no directory\n    %s: %s\n",
		hst_status_text(hst_session_open("/nonexistent/hasten.data", &session, &diag)),
		diag.text);
	(void)printf("not a directory\n    %s: %s\n",
		hst_status_text(hst_session_open("/dev/null", &session, &diag)), diag.text);
	(void)printf("directory of something else\n    %s: %s\n",
		hst_status_text(hst_session_open("/dev", &session, &diag)), diag.text);
	hst_session_close(&session);
}

int main(void)
{
	try_headers();
	try_cuts();
	try_damage();
	try_sessions();
	return 0;
}
