// SPDX-License-Identifier: Apache-2.0
// Limits: lines "key number". The file is opened and read for every single question.
#include "grader.h"

#include <fstream>
#include <stdexcept>
#include <string>

static long number_in(const std::string &text)
{
	size_t end = 0;
	long number = std::stol(text, &end);

	if (end != text.size()) {
		throw std::invalid_argument("not a number: " + text);
	}
	return number;
}

static bool find(const char *path, const std::string &key, std::string &value)
{
	std::ifstream file(path);
	std::string name;

	while (file >> name >> value) {
		if (name == key) {
			return true;
		}
	}
	return false;
}

/* Throws when the file has no such key or no number behind it. */
static long read_limit(const char *path, const std::string &key)
{
	std::string value;

	if (!find(path, key, value)) {
		throw std::out_of_range(key);
	}
	return number_in(value);
}

long limit_of(const char *path, const char *key, long fallback)
{
	try {
		return read_limit(path, key);
	} catch (const std::exception &) {
		return fallback;
	}
}
