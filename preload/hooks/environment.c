/* SPDX-License-Identifier: Apache-2.0 */
/* What this process was started with, and environments that lack it. */
#include "hooks/environment.h"

#include "core/attr.h"
#include "core/process.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/file.h"
#include "sink/journal.h"

#include <link.h>
#include <string.h>
#include <unistd.h>

#include "core/symbol.h"

#include "core/poison.h"

#define PRELOAD    "LD_PRELOAD="
#define SANITIZER  "ASAN_OPTIONS="
#define NO_ORDER   "verify_asan_link_order=0"
#define OURS       "HASTEN_"
#define DATA       "HASTEN_DATA="
#define DISABLE    "HASTEN_DISABLE="
#define SETTINGS   64u /* bits of hst_environment.present */
#define TEXT_BYTES 8192u

enum known_state {
	KNOWN_NOT = 0,
	KNOWN_SOON = 1,
	KNOWN = 2,
	KNOWN_NEVER = 3, /* it cannot be written into an environment */
};

static struct {
	uint32_t
		state; /* enum known_state, atomic; what follows is not changed any more once it is KNOWN */
	uint32_t settings_count;
	const char *settings[SETTINGS]; /* "HASTEN_...=value", without HASTEN_DATA */
	const char *data_given;         /* the same of HASTEN_DATA if it is relative */
	char *room; /* what is left of `texts`, or of a mapping for more than fits there */
	char library[HST_PATH_BYTES]; /* as LD_PRELOAD is to name it */
	char file[HST_PATH_BYTES];    /* where it lies */
	char data[sizeof DATA + HST_PATH_BYTES];
} known HST_LARGE;

/* The program may overwrite what it was started with (the titles that ps shows), so all of it is copied. */
static HST_LARGE char texts[TEXT_BYTES];

static size_t name_length(const char *entry)
{
	size_t length = 0;

	while (entry[length] != '\0' && entry[length] != '=') {
		length++;
	}
	return length;
}

static bool same_name(const char *a, const char *b)
{
	size_t length = name_length(a);

	return length == name_length(b) && memcmp(a, b, length) == 0;
}

static bool separates(char c)
{
	return c == ':' || c == ' ';
}

/* The loader takes blanks and colons between names, so no name has one. */
static bool can_be_named(const char *path)
{
	size_t length = 0;

	while (path[length] != '\0' && !separates(path[length])) {
		length++;
	}
	return path[0] == '/' && path[length] == '\0';
}

/* Length of our library's name in a value of LD_PRELOAD, and where it is; 0: not there. By its path or its file name. */
static size_t find_library(const char *value, const char **ret_item)
{
	const char *name = hst_text_base(known.file);
	size_t name_bytes = hst_text_length(name);

	while (*value != '\0') {
		size_t length = 0;

		while (value[length] != '\0' && !separates(value[length])) {
			length++;
		}
		if (length >= name_bytes &&
			memcmp(value + length - name_bytes, name, name_bytes) == 0 &&
			(length == name_bytes || value[length - name_bytes - 1] == '/')) {
			*ret_item = value;
			return length;
		}
		value += length + (value[length] != '\0');
	}
	return 0;
}

static int visit_self(struct dl_phdr_info *module, size_t size, void *data)
{
	struct hst_text path;

	(void)size;
	(void)data;
	if (!hst_symbol_within(module, &known)) {
		return 0;
	}
	path = hst_text_begin(known.file, sizeof known.file);
	hst_text_add(&path, module->dlpi_name);
	return 1;
}

/* The loader has the name as LD_PRELOAD had it; one that is relative would be another file after a chdir. */
static bool know_file(void)
{
	struct hst_range range;

	(void)dl_iterate_phdr(visit_self, NULL);
	if (known.file[0] != '/' && !hst_procfs_mapping((uint64_t)&find_library, &range, known.file,
					    sizeof known.file)) {
		return false;
	}
	return can_be_named(known.file);
}

/* As it was named, if that holds everywhere: with $LIB it may be there for other machines too. */
static void know_library(const char *value)
{
	struct hst_text path = hst_text_begin(known.library, sizeof known.library);
	const char *item = NULL;
	size_t length = value != NULL ? find_library(value, &item) : 0;

	if (length == 0 || item[0] != '/' || length >= sizeof known.library) {
		hst_text_add(&path, known.file);
		return;
	}
	memcpy(known.library, item, length);
	known.library[length] = '\0';
}

static const char *keep(const char *entry)
{
	size_t bytes = hst_text_length(entry) + 1;
	char *copy = known.room;

	memcpy(copy, entry, bytes);
	known.room += bytes;
	return copy;
}

/* What is not recorded as a setting: the data directory, which has to be absolute. */
static void know_setting(const char *entry)
{
	if (hst_text_starts(entry, DATA)) {
		known.data_given = entry[sizeof DATA - 1] != '/' ? keep(entry) : NULL;
	} else if (known.settings_count < SETTINGS) {
		known.settings[known.settings_count++] = keep(entry);
	}
}

static bool know_room(char *const *environment)
{
	size_t bytes = 0;

	for (; *environment != NULL; environment++) {
		bytes +=
			hst_text_starts(*environment, OURS) ? hst_text_length(*environment) + 1 : 0;
	}
	known.room = texts;
	if (bytes > sizeof texts) {
		known.room = hst_sys_mmap(NULL, hst_sys_whole_pages(bytes), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	return known.room != NULL;
}

static bool know(char *const *environment)
{
	struct hst_text data = hst_text_begin(known.data, sizeof known.data);
	const char *preload = NULL;

	if (hst_sink_path.directory == 0 || hst_sink_path.directory >= HST_PATH_BYTES ||
		!know_room(environment) || !know_file()) {
		return false;
	}
	for (; *environment != NULL; environment++) {
		if (hst_text_starts(*environment, OURS)) {
			know_setting(*environment);
		} else if (hst_text_starts(*environment, PRELOAD)) {
			preload = *environment + sizeof PRELOAD - 1;
		}
	}
	know_library(preload);
	hst_text_add(&data, DATA);
	/* Behind the directory there may be the name of the trace file. */
	memcpy(known.data + data.length, hst_sink_path.text, hst_sink_path.directory);
	known.data[data.length + hst_sink_path.directory] = '\0';
	return true;
}

/* Once, in the constructor; a hook that runs before that does it itself, if it can. */
static bool environment_known(char *const *environment)
{
	uint32_t state = __atomic_load_n(&known.state, __ATOMIC_ACQUIRE);

	if (!hst_process.options.children) {
		return false;
	}
	/* Before libc's own constructor there is no `environ`. */
	if (state == KNOWN_NOT && environment != NULL &&
		__atomic_compare_exchange_n(&known.state, &state, KNOWN_SOON, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		state = know(environment) ? KNOWN : KNOWN_NEVER;
		__atomic_store_n(&known.state, state, __ATOMIC_RELEASE);
	}
	return state == KNOWN;
}

/* Behind the one of start.c: the data directory has been found. */
static __attribute__((constructor(102))) void environment_start(
	int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	if (hst_journal_on()) {
		(void)environment_known(environment != NULL ? environment : environ);
	}
}

static void look_at_ours(struct hst_environment *plan, const char *entry)
{
	if (hst_text_starts(entry, DATA)) {
		plan->data = true;
		if (known.data_given != NULL && hst_text_equal(entry, known.data_given)) {
			plan->relative = plan->count;
		} else {
			plan->foreign |= !hst_text_equal(entry, known.data);
		}
	} else if (hst_text_starts(entry, DISABLE)) {
		const char *value = entry + sizeof DISABLE - 1;

		plan->foreign |= value[0] != '\0' && !hst_text_equal(value, "0") &&
				 !hst_text_equal(value, "memo");
	}
	for (uint32_t i = 0; i < known.settings_count; i++) {
		plan->present |= same_name(entry, known.settings[i]) ? 1ull << i : 0;
	}
}

static bool contains(const char *text, const char *part)
{
	for (; *text != '\0'; text++) {
		if (hst_text_starts(text, part)) {
			return true;
		}
	}
	return false;
}

static struct hst_environment_part part_of(
	const struct hst_environment *plan, const char *entry, bool good)
{
	return (struct hst_environment_part){ plan->count, hst_text_length(entry), good };
}

static void look_at(struct hst_environment *plan, const char *entry)
{
	const char *item;

	if (hst_text_starts(entry, PRELOAD)) {
		plan->preload =
			part_of(plan, entry, find_library(entry + sizeof PRELOAD - 1, &item) != 0);
	} else if (hst_text_starts(entry, SANITIZER)) {
		/* Whatever the program says of it. */
		plan->sanitizer = part_of(plan, entry, contains(entry, "verify_asan_link_order"));
	} else if (hst_text_starts(entry, OURS)) {
		look_at_ours(plan, entry);
	}
	plan->count++;
}

/* In a chroot it is not; the loader of the new image would complain on stderr. */
static bool library_is_there(void)
{
	return hst_sys6(SYS_faccessat, AT_FDCWD, (long)known.file, R_OK, 0, 0, 0) == 0;
}

static uint64_t all_settings(void)
{
	return known.settings_count == SETTINGS ? UINT64_MAX : (1ull << known.settings_count) - 1;
}

/* Bytes of the text that join() makes. */
static size_t joined_bytes(
	const struct hst_environment_part *part, const char *name, const char *ours)
{
	size_t given = part->at != HST_ENVIRONMENT_NONE ? part->bytes : hst_text_length(name);

	return given + 1 + hst_text_length(ours) + 1;
}

size_t hst_environment_needs(struct hst_environment *plan, char *const *given)
{
	const struct hst_environment_part none = { .at = HST_ENVIRONMENT_NONE };
	size_t texts_bytes = 0;

	*plan = (struct hst_environment){
		.given = given,
		.preload = none,
		.sanitizer = none,
		.relative = HST_ENVIRONMENT_NONE,
	};
	if (hst_sys_closed != 0 || !environment_known(environ)) {
		return 0;
	}
	for (; given != NULL && *given != NULL; given++) {
		look_at(plan, *given);
	}
	/* Most environments are complete, and nobody is asked. */
	if (plan->foreign ||
		(plan->preload.good && plan->data && plan->relative == HST_ENVIRONMENT_NONE &&
			plan->present == all_settings()) ||
		!library_is_there()) {
		return 0;
	}
	if (!plan->preload.good) {
		texts_bytes = joined_bytes(&plan->preload, PRELOAD, known.library) +
			      joined_bytes(&plan->sanitizer, SANITIZER, NO_ORDER);
	}
	/* The three that are no settings, and the NULL. */
	return (plan->count + known.settings_count + 4) * sizeof(char *) + texts_bytes;
}

/* An environment that is being made. */
struct making {
	char **list;
	size_t count;
	char *text; /* room for the next text */
};

/* What is there, a colon, ours. */
static void join(struct making *making, const struct hst_environment *plan,
	const struct hst_environment_part *part, const char *name, const char *ours)
{
	bool there = part->at != HST_ENVIRONMENT_NONE;
	size_t name_bytes = hst_text_length(name);
	size_t ours_bytes = hst_text_length(ours) + 1;
	size_t length = there ? part->bytes : name_bytes;
	char *text = making->text;

	memcpy(text, there ? plan->given[part->at] : name, length);
	if (length > name_bytes) {
		text[length++] = ':';
	}
	memcpy(text + length, ours, ours_bytes);
	making->list[there ? part->at : making->count++] = text;
	making->text = text + length + ours_bytes;
}

char **hst_environment_make(const struct hst_environment *plan, void *room)
{
	struct making making = {
		.list = room,
		.count = plan->count,
		.text = (char *)((char **)room + plan->count + known.settings_count + 4),
	};

	for (size_t i = 0; i < plan->count; i++) {
		making.list[i] = plan->given[i];
	}
	if (!plan->preload.good) {
		join(&making, plan, &plan->preload, PRELOAD, known.library);
	}
	if (!plan->preload.good && !plan->sanitizer.good) {
		join(&making, plan, &plan->sanitizer, SANITIZER, NO_ORDER);
	}
	if (!plan->data || plan->relative != HST_ENVIRONMENT_NONE) {
		making.list[plan->data ? plan->relative : making.count++] = known.data;
	}
	for (uint32_t i = 0; i < known.settings_count; i++) {
		if ((plan->present >> i & 1) == 0) {
			making.list[making.count++] = (char *)(uintptr_t)known.settings[i];
		}
	}
	making.list[making.count] = NULL;
	return making.list;
}

/* As libc has it: getenv takes the first of several, confstr has the default. */
const char *hst_environment_path(const char *file)
{
	if (file == NULL) {
		return NULL;
	}
	for (; *file != '\0'; file++) {
		if (*file == '/') {
			return NULL;
		}
	}
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		if (hst_text_starts(*entry, "PATH=")) {
			return *entry + sizeof "PATH=" - 1;
		}
	}
	return "/bin:/usr/bin";
}
