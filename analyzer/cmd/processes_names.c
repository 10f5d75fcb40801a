/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of images: for people, and keys that are the same in another run. What compilers, mktemp and shells call their
 * temporary files becomes "*" with the suffix kept, the working directory of the recording is left out.
 */
#include "cmd/processes.h"
#include "util/map.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define HASH_BYTES 18 /* "#" and 16 digits, NUL */

void hst_show_command(
	char buffer[HST_FIELD_CELL], const struct hst_process_image *image, bool original)
{
	bool given = original && image->original != NULL;
	const char *const *argv = given ? image->original : image->argv;
	size_t argc = given ? image->original_count : image->argc;
	const char *first = argc == 0 ? image->command : hst_base_name(argv[0]);
	size_t used = hst_command_line(buffer, HST_FIELD_CELL, &first, 1);

	/* The folder of a program is long and says little; --of and JSON have it. */
	if (argc > 1 && used + 1 < HST_FIELD_CELL) {
		buffer[used++] = ' ';
		(void)hst_command_line(buffer + used, HST_FIELD_CELL - used, argv + 1, argc - 1);
	}
}

void hst_show_name(char *buffer, size_t size, const struct hst_process_image *image)
{
	if (image == NULL) {
		(void)snprintf(buffer, size, "?");
	} else {
		(void)snprintf(
			buffer, size, "%.200s (pid %" PRIu32 ")", image->command, image->pid);
	}
}

const char *hst_show_blind(enum hst_process_blind blind)
{
	return blind == HST_PROCESS_BLIND_NOT_SEEN ? "of unknown kind"
						   : hst_process_blind_text(blind);
}

void hst_show_status(char *buffer, size_t size, const struct hst_process_image *image)
{
	static const char *const blind[HST_PROCESS_BLINDS] = {
		[HST_PROCESS_BLIND_NONE] = "",
		[HST_PROCESS_BLIND_STATIC] = " (static)",
		[HST_PROCESS_BLIND_PRIVILEGED] = " (setuid)",
		[HST_PROCESS_BLIND_FOREIGN] = " (foreign)",
		[HST_PROCESS_BLIND_NOT_SEEN] = " (not seen)",
	};
	bool replaced =
		image->ended == HST_PROCESS_ENDED_EXEC && image->class == HST_PROCESS_CLASS_OK;

	(void)snprintf(buffer, size, "%s%s%s", replaced ? "exec" : image->verdict,
		image->core ? " core" : "",
		image->blind < HST_PROCESS_BLINDS ? blind[image->blind] : "");
}

/* Collects a key and the hash of all that belongs to it. */
struct key {
	char *buffer;
	size_t used;
	bool cut;
	uint64_t hash;
};

static void put(struct key *key, const char *text, size_t bytes)
{
	size_t room = HST_SHOW_KEY_BYTES - HASH_BYTES - key->used;

	for (size_t i = 0; i < bytes; i++) {
		key->hash = (key->hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	}
	key->cut |= bytes > room;
	bytes = bytes > room ? room : bytes;
	memcpy(key->buffer + key->used, text, bytes);
	key->used += bytes;
}

static size_t alnum_span(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) || text[length] == '_') {
		length++;
	}
	return length;
}

/*
 * How much of a file name's beginning differs from run to run: "ccAb12Xy", "tmp.8sKq20aB", "tmpk3j_a8"; 0 nothing. `sure`: it
 * lies in a folder for such files.
 */
static size_t temporary(const char *name, size_t length, bool sure)
{
	static const struct {
		const char *prefix;
		size_t least, most; /* letters behind it */
	} forms[] = { { "cc", 6, 6 }, { "tmp.", 6, 16 }, { "tmp", 6, 10 } };

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		size_t prefix = strlen(forms[i].prefix);
		size_t letters;
		bool odd = sure;

		if (length < prefix || strncmp(name, forms[i].prefix, prefix) != 0) {
			continue;
		}
		letters = alnum_span(name + prefix);
		letters = letters > length - prefix ? length - prefix : letters;
		/* "tmpfiles" and "ccompile" are names, not draws. */
		for (size_t c = prefix; c < prefix + letters; c++) {
			odd |= isdigit((unsigned char)name[c]) || isupper((unsigned char)name[c]);
		}
		if (odd && letters >= forms[i].least && letters <= forms[i].most &&
			(prefix + letters == length || name[prefix + letters] == '.')) {
			return prefix + letters;
		}
	}
	return 0;
}

/* A word, part by part of its paths. */
static void put_word(struct key *key, const char *word, const char *cwd)
{
	size_t cwd_length = strlen(cwd);
	bool sure = false;

	while (*word != '\0') {
		size_t length = strcspn(word, "/=,:");
		size_t gone = temporary(word, length, sure);

		if (length == 0 && cwd_length > 1 && strncmp(word, cwd, cwd_length) == 0 &&
			(word[cwd_length] == '/' || word[cwd_length] == '\0')) {
			put(key, ".", 1);
			word += cwd_length;
		} else if (length == 0) {
			put(key, word, 1);
			word++;
		} else {
			put(key, "*", gone != 0);
			put(key, word + gone, length - gone);
			sure = length == 3 && strncmp(word, "tmp", 3) == 0;
			word += length;
		}
	}
}

void hst_show_key(char buffer[HST_SHOW_KEY_BYTES], const struct hst_show *show,
	const struct hst_process_image *image)
{
	const struct hst_process_image *root = hst_show_image(show, show->processes->root);
	const char *cwd = root != NULL ? root->cwd : show->reading->session.cwd;
	struct key key = { .buffer = buffer, .hash = UINT64_C(0xcbf29ce484222325) };

	put_word(&key, image->command, "");
	for (uint32_t i = 1; i < image->argc; i++) {
		put(&key, " ", 1);
		put_word(&key, image->argv[i], cwd == NULL ? "" : cwd);
	}
	if (key.cut) {
		key.used += (size_t)snprintf(
			buffer + key.used, HASH_BYTES, "#%016" PRIx64, hst_map_hash(key.hash));
	}
	buffer[key.used] = '\0';
}
