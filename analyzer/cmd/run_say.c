/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences of the launcher. They share stderr with the program, so each is one write of one line:
 * two writers may alternate, but not mix.
 */
#include "cmd/run_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

static bool wants_color(enum hst_say_color color)
{
	const char *term = getenv("TERM");

	if (color != HST_SAY_COLOR_AUTO) {
		return color == HST_SAY_COLOR_ALWAYS;
	}
	if (is_set("NO_COLOR")) {
		return false;
	}
	if (is_set("FORCE_COLOR") || is_set("CLICOLOR_FORCE")) {
		return true;
	}
	return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

void hst_say_init(struct hst_say *say, enum hst_say_color color, bool quiet)
{
	say->quiet = quiet;
	say->color = wants_color(color);
}

void hst_say_clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		}
	}
}

static void say_line(const struct hst_say *say, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void say_line(const struct hst_say *say, const char *fmt, va_list args)
{
	char text[LINE_BYTES];
	char line[LINE_BYTES + 32];
	int length;

	if (vsnprintf(text, sizeof text, fmt, args) < 0) {
		return;
	}
	hst_say_clean(text);
	length = snprintf(line, sizeof line, "%s %s\n",
		say->color ? "\x1b[1mhasten:\x1b[0m" : "hasten:", text);
	if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0) {
		/* Nobody is left to be told. */
		return;
	}
}

void hst_say_note(const struct hst_say *say, const char *fmt, ...)
{
	va_list args;

	if (say->quiet) {
		return;
	}
	va_start(args, fmt);
	say_line(say, fmt, args);
	va_end(args);
}

void hst_say_error(const struct hst_say *say, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_line(say, fmt, args);
	va_end(args);
}

static void scaled(
	unsigned long long value, const char *const *units, size_t count, char *buffer, size_t size)
{
	double number = (double)value;
	size_t unit = 0;

	/* 999.5 would be printed as "1000" of the smaller unit. */
	while (unit + 1 < count && number >= 999.5) {
		number /= 1000.0;
		unit++;
	}
	snprintf(buffer, size, "%.*f%s", unit > 0 && number < 99.95 ? 1 : 0, number, units[unit]);
}

void hst_say_bytes(unsigned long long bytes, char *buffer, size_t size)
{
	static const char *const units[] = { " B", " kB", " MB", " GB", " TB" };

	scaled(bytes, units, sizeof units / sizeof units[0], buffer, size);
}

void hst_say_count(unsigned long long count, char *buffer, size_t size)
{
	static const char *const units[] = { "", " k", " M", " G", " T" };

	if (count < 10000) {
		snprintf(buffer, size, "%llu", count);
		return;
	}
	scaled(count, units, sizeof units / sizeof units[0], buffer, size);
}
