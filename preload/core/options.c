/* SPDX-License-Identifier: Apache-2.0 */
/* The environment to struct hst_options, by the table of options.def. */
#include "core/options.h"

#include "core/text.h"

#include "core/poison.h"

static void read_flag(const char *value, bool *ret_flag)
{
	*ret_flag = !(value[0] == '\0' || hst_text_equal(value, "0"));
}

static void read_number(const char *value, uint64_t *ret_number)
{
	uint64_t number;

	if (hst_text_number(value, &number)) {
		*ret_number = number;
	}
}

static void read_string(const char *value, const char **ret_string)
{
	*ret_string = value[0] == '\0' ? NULL : value;
}

static void read_mode(const char *value, bool *ret_profile)
{
	*ret_profile = hst_text_equal(value, "profile");
}

static void read_variable(const char *variable, struct hst_options *options)
{
#define HST_READ_FLAG   read_flag
#define HST_READ_NUMBER read_number
#define HST_READ_STRING read_string
#define HST_READ_MODE   read_mode
#define HST_OPTION(NAME, kind, field, text)                  \
 if (hst_text_starts(variable, #NAME "=")) {                 \
  HST_READ_##kind(variable + sizeof #NAME, &options->field); \
  return;                                                    \
 }
#include "hasten/options.def"
#undef HST_OPTION
#undef HST_READ_FLAG
#undef HST_READ_NUMBER
#undef HST_READ_STRING
#undef HST_READ_MODE
}

void hst_options_read(char **environment, struct hst_options *ret_options)
{
	struct hst_options options = {
		.children = true,
		.memory = true,
		.cpu = true,
		.limit_bytes = HST_LIMIT_DEFAULT,
		.seccomp = UINT64_MAX,
	};

	for (; environment != NULL && *environment != NULL; environment++) {
		/* One compare for the many variables that are not ours. */
		if ((*environment)[0] == 'H' && (*environment)[1] == 'A') {
			read_variable(*environment, &options);
		}
	}
	options.seccomp_known = options.seccomp != UINT64_MAX;
	*ret_options = options;
}
