#include "structure/read.h"

#if __has_include(<gemmi/cif.hpp>) && __has_include(<tao/pegtl.hpp>)

#include <climits>
#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include <gemmi/cif.hpp>
#include <gemmi/numb.hpp>

#include "chem/residues.h"

namespace cif = gemmi::cif;

namespace
{

enum column {
	NAME,
	X,
	Y,
	Z,
	GROUP,
	SYMBOL,
	ALT,
	RES,
	CHAIN,
	SEQ,
	ICODE,
	OCC,
	B,
	AUTH_SEQ,
	AUTH_CHAIN,
	AUTH_RES,
	MODEL
};

struct wrong {
	std::string what;
};

std::string
text(const cif::Table::Row &row, int i)
{
	return row.has2(static_cast<size_t>(i)) ? cif::as_string(row[static_cast<size_t>(i)]) : std::string();
}

double
number(const cif::Table::Row &row, int i, double otherwise)
{
	double v;

	if (!row.has2(static_cast<size_t>(i)))
		return otherwise;
	v = cif::as_number(row[static_cast<size_t>(i)]);
	if (!std::isfinite(v))
		throw wrong { "'" + row[static_cast<size_t>(i)] + "' where a number is wanted" };
	return v;
}

int
whole(const cif::Table::Row &row, int i, int otherwise)
{
	double v = number(row, i, otherwise);

	if (v != std::floor(v) || v < INT_MIN || v > INT_MAX)
		throw wrong { "'" + row[static_cast<size_t>(i)] + "' where a whole number is wanted" };
	return static_cast<int>(v);
}

/* a copy in mem, but for what the site before has already: chains and residues come in runs */
const char *
keep(const std::string &s, const char *before, struct bp_arena *mem, struct bp_err *err)
{
	const char *p = before && s == before ? before : bp_strndup(mem, s.data(), s.size(), err);

	if (!p)
		throw std::bad_alloc();
	return p;
}

void
read_site(struct bp_site &s, const struct bp_site *before, const cif::Table::Row &row, struct bp_arena *mem,
    struct bp_err *err)
{
	std::string name = text(row, NAME), alt = text(row, ALT), icode = text(row, ICODE), symbol = text(row, SYMBOL);
	std::string chain = text(row, CHAIN), auth = text(row, AUTH_CHAIN), res = text(row, RES),
	            other = text(row, AUTH_RES);
	int z = bp_element_number(symbol.c_str());

	if (name.empty() || name.size() >= sizeof s.name)
		throw wrong { "atom name '" + name + "' is empty or longer than seven letters" };
	std::memcpy(s.name, name.c_str(), name.size());
	s.label_chain = keep(chain.empty() ? auth : chain, before ? before->label_chain : NULL, mem, err);
	s.chain = keep(auth.empty() ? chain : auth, before ? before->chain : NULL, mem, err);
	s.res = keep(res.empty() ? other : res, before ? before->res : NULL, mem, err);
	s.label_seq = whole(row, SEQ, 0);
	s.seq = whole(row, AUTH_SEQ, s.label_seq);
	s.icode = icode.empty() ? 0 : icode[0];
	s.alt = alt.empty() ? 0 : alt[0];
	s.element = static_cast<uint8_t>(z < 0 ? 0 : z);
	s.hetero = text(row, GROUP) == "HETATM";
	s.model = whole(row, MODEL, 1);
	for (int k = 0; k < 3; k++) {
		if (!row.has2(static_cast<size_t>(X + k)))
			throw wrong { "an atom without coordinates" };
		s.x[k] = number(row, X + k, 0);
	}
	s.occupancy = static_cast<float>(number(row, OCC, 1));
	s.b = static_cast<float>(number(row, B, 0));
}

void
read_block(struct bp_sites &ret, cif::Table &t, struct bp_arena *mem, struct bp_err *err)
{
	if (t.length() > INT_MAX)
		throw wrong { "too many atoms" };
	ret.site = static_cast<struct bp_site *>(bp_calloc(mem, t.length(), sizeof *ret.site, err));
	if (!ret.site)
		throw std::bad_alloc();
	for (const cif::Table::Row &row : t) {
		try {
			read_site(ret.site[ret.n], ret.n ? &ret.site[ret.n - 1] : NULL, row, mem, err);
		} catch (const wrong &w) {
			throw wrong { "row " + std::to_string(ret.n + 1) + " of _atom_site: " + w.what };
		}
		ret.n++;
	}
}

} // namespace

extern "C" int
bp_sites_read_cif(
    struct bp_sites *ret, const char *text, size_t n, const char *name, struct bp_arena *mem, struct bp_err *err)
{
	try {
		cif::Document doc = cif::read_memory(text, n, name);

		for (cif::Block &b : doc.blocks) {
			cif::Table t = b.find("_atom_site.",
			    { "label_atom_id", "Cartn_x", "Cartn_y", "Cartn_z", "?group_PDB", "?type_symbol",
			        "?label_alt_id", "?label_comp_id", "?label_asym_id", "?label_seq_id",
			        "?pdbx_PDB_ins_code", "?occupancy", "?B_iso_or_equiv", "?auth_seq_id", "?auth_asym_id",
			        "?auth_comp_id", "?pdbx_PDB_model_num" });
			if (t.ok()) {
				read_block(*ret, t, mem, err);
				return BP_OK;
			}
		}
		return BP_FAIL(
		    err, BP_EINPUT, "a structure is wanted", "%s: no _atom_site with names and coordinates", name);
	} catch (const wrong &w) {
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: %s", name, w.what.c_str());
	} catch (const std::bad_alloc &) {
		return BP_FAIL(err, BP_EMEM, NULL, "%s: no memory", name);
	} catch (const std::exception &e) { /* pegtl's and gemmi's messages start with the file's name */
		return BP_FAIL(err, BP_EINPUT, NULL, "%s", e.what());
	}
}

#else

extern "C" int
bp_sites_read_cif(
    struct bp_sites *ret, const char *text, size_t n, const char *name, struct bp_arena *mem, struct bp_err *err)
{
	(void)ret, (void)text, (void)n, (void)mem;
	return BP_FAIL(err, BP_EUNSUP,
	    "install gemmi's headers (Debian: gemmi-dev, tao-pegtl-dev) and build again, or give PDB",
	    "%s: this build reads no mmCIF: gemmi was missing", name);
}

#endif
