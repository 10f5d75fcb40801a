/* SPDX-License-Identifier: Apache-2.0 */
/* The environment to struct hst_options, by the table of options.def. */
#include "core/options.h"

#include "core/text.h"

#include "core/poison.h"

static void read_flag(const char *value, bool *ret_flag)
{
	*ret_flag = !(value[0] == '\0' || hst_text_equal(value, "0"));
}

static void read_choice(const char *value, enum hst_choice *ret_choice)
{
	bool yes;

	read_flag(value, &yes);
	if (value[0] != '\0') {
		*ret_choice = yes ? HST_CHOICE_YES : HST_CHOICE_NO;
	}
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

static void read_disable(const char *value, enum hst_disabled *ret_disabled)
{
	bool all;

	read_flag(value, &all);
	if (hst_text_equal(value, "memo")) {
		*ret_disabled = HST_DISABLED_MEMO;
	} else {
		*ret_disabled = all ? HST_DISABLED_ALL : HST_DISABLED_NOTHING;
	}
}

static void read_mode(const char *value, bool *ret_profile)
{
	*ret_profile = hst_text_equal(value, "profile");
}

/* "5%" or "0.5%", in millionths. What cannot be read, or is "off", leaves it off. */
static void read_share(const char *value, uint64_t *ret_ppm)
{
	uint64_t ppm = 0;
	uint64_t unit = 10000;
	const char *c = value;

	for (; *c >= '0' && *c <= '9' && ppm < 1000000000; c++) {
		ppm = ppm * 10 + (uint64_t)(*c - '0') * unit;
	}
	if (c == value) {
		return;
	}
	for (c += *c == '.' ? 1 : 0; *c >= '0' && *c <= '9'; c++) {
		unit /= 10;
		ppm += (uint64_t)(*c - '0') * unit;
	}
	c += *c == '%' ? 1 : 0;
	if (*c == '\0') {
		*ret_ppm = ppm;
	}
}

static void read_variable(const char *variable, struct hst_options *options)
{
#define HST_READ_FLAG    read_flag
#define HST_READ_NUMBER  read_number
#define HST_READ_CHOICE  read_choice
#define HST_READ_STRING  read_string
#define HST_READ_MODE    read_mode
#define HST_READ_DISABLE read_disable
#define HST_READ_SHARE   read_share
#define HST_OPTION(NAME, kind, field, text)                  \
 if (hst_text_starts(variable, #NAME "=")) {                 \
  HST_READ_##kind(variable + sizeof #NAME, &options->field); \
  return;                                                    \
 }
#include "hasten/options.def"
#undef HST_OPTION
#undef HST_READ_FLAG
#undef HST_READ_NUMBER
#undef HST_READ_CHOICE
#undef HST_READ_STRING
#undef HST_READ_MODE
#undef HST_READ_DISABLE
#undef HST_READ_SHARE
}

void hst_options_read(char **environment, struct hst_options *ret_options)
{
	struct hst_options options = {
		.children = true,
		.cpu = true,
		.patch = true,
		.record = true,
		.overhead_ppm = HST_OVERHEAD_OFF,
		.limit_bytes = HST_LIMIT_DEFAULT,
		.seccomp = UINT64_MAX,
	};

	for (; environment != NULL && *environment != NULL; environment++) {
		/* One compare for the many variables that are not ours. */
		if ((*environment)[0] == 'H' && (*environment)[1] == 'A') {
			read_variable(*environment, &options);
		}
	}
	/* No limit to the hooks of functions takes away what allocations cost: with one they are recorded if that is asked for. */
	options.memory = options.memory_said == HST_CHOICE_NONE
				 ? options.overhead_ppm == HST_OVERHEAD_OFF
				 : options.memory_said == HST_CHOICE_YES;
	options.memory &= options.record;
	options.seccomp_known = options.seccomp != UINT64_MAX;
	*ret_options = options;
}
