/* SPDX-License-Identifier: Apache-2.0 */
/* What a branch says of the value that was compared with a number before it, wherever copies of it are. */
#include "symbols/purity_walk.h"

#define LOW32 UINT64_C(0xffffffff)

enum relation {
	BELOW,
	BELOW_EQUAL,
	ABOVE,
	ABOVE_EQUAL,
	EQUAL,
	NOT_EQUAL,
	LESS,
	LESS_EQUAL,
	GREATER,
	GREATER_EQUAL,
	NOTHING,
};

static enum relation relation_of(ZydisMnemonic mnemonic)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	switch ((int)mnemonic) {
	case ZYDIS_MNEMONIC_JB:
		return BELOW;
	case ZYDIS_MNEMONIC_JBE:
		return BELOW_EQUAL;
	case ZYDIS_MNEMONIC_JNBE:
		return ABOVE;
	case ZYDIS_MNEMONIC_JNB:
		return ABOVE_EQUAL;
	case ZYDIS_MNEMONIC_JZ:
		return EQUAL;
	case ZYDIS_MNEMONIC_JNZ:
		return NOT_EQUAL;
	case ZYDIS_MNEMONIC_JL:
		return LESS;
	case ZYDIS_MNEMONIC_JLE:
		return LESS_EQUAL;
	case ZYDIS_MNEMONIC_JNLE:
		return GREATER;
	case ZYDIS_MNEMONIC_JNL:
		return GREATER_EQUAL;
	default:
		return NOTHING;
	}
}

static enum relation opposite(enum relation relation)
{
	static const enum relation opposites[] = { ABOVE_EQUAL, ABOVE, BELOW_EQUAL, BELOW,
		NOT_EQUAL, EQUAL, GREATER_EQUAL, GREATER, LESS_EQUAL, LESS, NOTHING };

	return opposites[relation];
}

/* js and jns say something only of a comparison with zero: there the sign is that of the value. */
static enum relation by_sign(ZydisMnemonic mnemonic, uint64_t number, enum relation relation)
{
	if (number != 0) {
		return relation;
	}
	if (mnemonic == ZYDIS_MNEMONIC_JNS) {
		return GREATER_EQUAL;
	}
	return mnemonic == ZYDIS_MNEMONIC_JS ? LESS : relation;
}

/* The bounds [*lo, *hi] of a value of which the relation to the number holds; `sign` is the first negative number. */
static bool narrow_signed(
	enum relation relation, uint64_t number, uint64_t sign, uint64_t *lo, uint64_t *hi)
{
	bool natural = *hi < sign;

	if (number >= sign) {
		return true;
	}
	switch ((int)relation) {
	case GREATER_EQUAL:
	case GREATER:
		if (relation == GREATER) {
			number++;
		}
		if (number >= sign) {
			return false;
		}
		*lo = *lo > number ? *lo : number;
		*hi = *hi < sign - 1 ? *hi : sign - 1;
		break;
	case LESS:
	case LESS_EQUAL:
		if (!natural) {
			break;
		}
		if (relation == LESS && number == 0) {
			return false;
		}
		number -= relation == LESS;
		*hi = *hi < number ? *hi : number;
		break;
	default:
		break;
	}
	return *lo <= *hi;
}

/* false: it cannot hold */
static bool narrow(
	enum relation relation, uint64_t number, uint64_t sign, uint64_t *lo, uint64_t *hi)
{
	switch ((int)relation) {
	case BELOW:
		if (number == 0) {
			return false;
		}
		*hi = *hi < number - 1 ? *hi : number - 1;
		break;
	case BELOW_EQUAL:
		*hi = *hi < number ? *hi : number;
		break;
	case ABOVE:
		if (number == 2 * sign - 1) {
			return false;
		}
		*lo = *lo > number + 1 ? *lo : number + 1;
		break;
	case ABOVE_EQUAL:
		*lo = *lo > number ? *lo : number;
		break;
	case EQUAL:
		*lo = *lo > number ? *lo : number;
		*hi = *hi < number ? *hi : number;
		break;
	case NOT_EQUAL:
		if (*lo == number && *hi == number) {
			return false;
		}
		*lo += *lo == number;
		*hi -= *hi == number;
		break;
	case NOTHING:
		break;
	case LESS:
	case LESS_EQUAL:
	case GREATER:
	case GREATER_EQUAL:
	default:
		return narrow_signed(relation, number, sign, lo, hi);
	}
	return *lo <= *hi;
}

static bool narrow_value(
	struct hst_pval *value, const struct hst_compared *compared, enum relation relation)
{
	uint64_t lo = value->lo32;
	uint64_t hi = value->hi32;
	bool whole = compared->width == 8;

	if (value->kind != HST_PVAL_DATA && value->kind != HST_PVAL_INIT) {
		return true;
	}
	if (whole && compared->id != 0 && value->id == compared->id) {
		if (!narrow(relation, compared->number, UINT64_C(1) << 63, &value->lo,
			    &value->hi)) {
			return false;
		}
		if (value->hi <= LOW32) {
			value->lo32 = (uint32_t)value->lo;
			value->hi32 = (uint32_t)value->hi;
		}
		return true;
	}
	if (compared->width != 4 || compared->id32 == 0 || value->id32 != compared->id32) {
		return true;
	}
	if (!narrow(relation, compared->number & LOW32, UINT64_C(1) << 31, &lo, &hi)) {
		return false;
	}
	value->lo32 = (uint32_t)lo;
	value->hi32 = (uint32_t)hi;
	if (value->hi <= LOW32) {
		value->lo = lo;
		value->hi = hi;
	}
	return true;
}

bool hst_pwalk_branch(struct hst_pwalk *walk, ZydisMnemonic mnemonic, bool taken)
{
	const struct hst_compared compared = walk->state.compared;
	enum relation relation = relation_of(mnemonic);

	if (compared.width == 0) {
		return true;
	}
	relation = by_sign(mnemonic, compared.number, relation);
	relation = taken ? relation : opposite(relation);
	for (unsigned i = 0; i < HST_REGS; i++) {
		if (!narrow_value(&walk->state.regs[i], &compared, relation)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < walk->state.cell_count; i++) {
		if (!narrow_value(&walk->state.cells[i].value, &compared, relation)) {
			return false;
		}
	}
	return true;
}
