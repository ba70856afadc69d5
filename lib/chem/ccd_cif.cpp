#include "chem/ccd_cif.h"

#if __has_include(<gemmi/cif.hpp>) && __has_include(<tao/pegtl.hpp>)

#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include <gemmi/cif.hpp>
#include <gemmi/numb.hpp>

#include "chem/dative.h"
#include "chem/residues.h"

namespace cif = gemmi::cif;

namespace
{

/* a component that is CIF but cannot be stored */
struct refused {
	std::string what;
};

enum column { ID, SYMBOL, CHARGE, LEAVING, AROMATIC, IDEAL, MODEL = IDEAL + 3, COLUMNS = MODEL + 3 };

/* a copy in mem on one line: some names of the dictionary are broken text fields */
char *
keep(const std::string &s, struct bp_arena *mem, struct bp_err *err)
{
	char *p = bp_strndup(mem, s.data(), s.size(), err);

	if (!p)
		throw std::bad_alloc();
	for (char *c = p; *c; c++)
		if (static_cast<unsigned char>(*c) < ' ')
			*c = ' ';
	return p;
}

std::string
field(const cif::Table::Row &row, int i)
{
	return row.has2(static_cast<size_t>(i)) ? cif::as_string(row[static_cast<size_t>(i)]) : std::string();
}

void
read_xyz(float *x, const cif::Table::Row &row, int first)
{
	for (int k = 0; k < 3; k++) {
		double v = row.has(static_cast<size_t>(first + k)) ? cif::as_number(row[static_cast<size_t>(first + k)])
		                                                   : NAN;
		x[k] = std::isfinite(v) ? static_cast<float>(v) : 0;
	}
}

void
read_atom(struct bp_ccd_atom &a, const cif::Table::Row &row)
{
	std::string name = field(row, ID), symbol = field(row, SYMBOL), charge = field(row, CHARGE);
	int z, q = 0;

	if (name.empty() || name.size() >= sizeof a.name)
		throw refused { "atom name '" + name + "' is empty or longer than seven letters" };
	std::memcpy(a.name, name.c_str(), name.size());
	if (symbol.size() > 2)
		symbol.resize(2);
	if ((z = bp_element_number(symbol.c_str())) < 0)
		throw refused { "atom " + name + ": unknown element '" + symbol + "'" };
	a.element = static_cast<uint8_t>(z);
	if (!charge.empty() && charge.size() <= 4) /* as_int does not look for overflow */
		q = cif::as_int(charge, 0);
	if (q < INT8_MIN || q > INT8_MAX || charge.size() > 4)
		throw refused { "atom " + name + ": charge " + charge };
	a.charge = static_cast<int8_t>(q);
	if (field(row, LEAVING) == "Y")
		a.flags |= BP_CCD_LEAVING;
	if (field(row, AROMATIC) == "Y")
		a.flags |= BP_CCD_AROMATIC;
}

/* the ideal coordinates, or the model's: by the x column, as upstream's oracle chooses */
enum bp_ccd_xyz
choose(cif::Table &t)
{
	size_t no_ideal = 0, no_model = 0;

	for (const cif::Table::Row &row : t) {
		no_ideal += !row.has2(IDEAL);
		no_model += !row.has2(MODEL);
	}
	return !no_ideal ? BP_XYZ_IDEAL : !no_model ? BP_XYZ_MODEL : BP_XYZ_PARTIAL;
}

struct bp_ccd_atom *
read_atoms(struct bp_ccd_comp &c, const float (*&model)[3], cif::Table &t, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_ccd_atom *atom;
	float(*m)[3];
	int i = 0;

	if (t.length() > UINT16_MAX)
		throw refused { "more than 65535 atoms" };
	c.n_atoms = static_cast<int>(t.length());
	atom = static_cast<struct bp_ccd_atom *>(bp_calloc(mem, t.length(), sizeof *atom, err));
	m = static_cast<float(*)[3]>(bp_calloc(mem, t.length(), sizeof *m, err));
	if (!atom || !m)
		throw std::bad_alloc();
	model = m;
	c.xyz = choose(t);
	for (const cif::Table::Row &row : t) {
		read_atom(atom[i], row);
		read_xyz(m[i], row, MODEL);
		read_xyz(atom[i++].x, row, c.xyz == BP_XYZ_MODEL ? MODEL : IDEAL);
	}
	return atom;
}

uint8_t
bond_type(const std::string &order)
{
	return gemmi::iequal(order, "sing") ? BP_BOND_SINGLE
	    : gemmi::iequal(order, "doub")  ? BP_BOND_DOUBLE
	    : gemmi::iequal(order, "trip")  ? BP_BOND_TRIPLE
	                                    : BP_BOND_OTHER;
}

struct bp_ccd_bond *
read_bonds(struct bp_ccd_comp &c, cif::Table &t, struct bp_arena *mem, struct bp_err *err)
{
	std::unordered_map<std::string, int> number;
	std::set<std::pair<int, int>> seen;
	struct bp_ccd_bond *bond = static_cast<struct bp_ccd_bond *>(bp_calloc(mem, t.length(), sizeof *bond, err));

	if (!bond)
		throw std::bad_alloc();
	for (int i = 0; i < c.n_atoms; i++)
		number.emplace(c.atom[i].name, i);
	for (const cif::Table::Row &row : t) {
		auto a = number.find(cif::as_string(row[0])), b = number.find(cif::as_string(row[1]));

		if (a == number.end() || b == number.end() || a->second == b->second
		    || !seen.insert(std::minmax(a->second, b->second)).second)
			continue;
		if (c.n_bonds == UINT16_MAX)
			throw refused { "more than 65535 bonds" };
		struct bp_ccd_bond &out = bond[c.n_bonds++];
		std::string stereo = field(row, 4);
		out.a = static_cast<uint16_t>(a->second);
		out.b = static_cast<uint16_t>(b->second);
		out.type = bond_type(field(row, 2));
		out.flags = field(row, 3) == "Y" ? BP_CCD_AROMATIC : 0;
		out.stereo = stereo == "E" ? BP_STEREO_E : stereo == "Z" ? BP_STEREO_Z : BP_STEREO_NONE;
	}
	return bond;
}

void
read_component(struct bp_ccd_comp &c, const float (*&model)[3], cif::Block &b, struct bp_arena *mem, struct bp_err *err)
{
	const std::string *name = b.find_value("_chem_comp.name"), *type = b.find_value("_chem_comp.type");
	cif::Table atoms = b.find("_chem_comp_atom.",
	    { "atom_id", "type_symbol", "?charge", "?pdbx_leaving_atom_flag", "?pdbx_aromatic_flag",
	        "?pdbx_model_Cartn_x_ideal", "?pdbx_model_Cartn_y_ideal", "?pdbx_model_Cartn_z_ideal", "?model_Cartn_x",
	        "?model_Cartn_y", "?model_Cartn_z" });
	cif::Table bonds = b.find("_chem_comp_bond.",
	    { "atom_id_1", "atom_id_2", "value_order", "?pdbx_aromatic_flag", "?pdbx_stereo_config" });

	if (b.name.empty() || b.name.size() >= sizeof c.code)
		throw refused { "its code is empty or longer than seven letters" };
	if (!atoms.ok() && b.find_mmcif_category("_chem_comp_atom.").ok())
		throw refused { "_chem_comp_atom lacks atom_id or type_symbol" };
	std::memcpy(c.code, b.name.c_str(), b.name.size());
	c.name = keep(name ? cif::as_string(*name) : std::string(), mem, err);
	c.type = keep(type ? cif::as_string(*type) : std::string(), mem, err);
	if (atoms.ok())
		c.atom = read_atoms(c, model, atoms, mem, err);
	if (atoms.ok() && bonds.ok()) {
		struct bp_ccd_bond *bond = read_bonds(c, bonds, mem, err);
		if (bp_make_dative(bond, c.n_bonds, c.atom, c.n_atoms, mem, err) != BP_OK)
			throw std::bad_alloc();
		c.bond = bond;
	}
}

} // namespace

extern "C" int
bp_ccd_cif_read(struct bp_ccd_comp *ret, const float (**model)[3], const struct bp_cif_block *block, const char *file,
    struct bp_arena *mem, struct bp_err *err)
{
	*ret = (struct bp_ccd_comp) {};
	*model = NULL;
	try {
		tao::pegtl::memory_input<> in(
		    block->text, block->text + block->n, std::string(file), 0, static_cast<size_t>(block->line), 1);
		cif::Document doc = cif::read_input(in);
		read_component(*ret, *model, doc.sole_block(), mem, err);
		return BP_OK;
	} catch (const refused &r) {
		return BP_FAIL(
		    err, BP_EUNSUP, NULL, "%s:%ld: component %s: %s", file, block->line, block->name, r.what.c_str());
	} catch (const std::bad_alloc &) {
		return BP_FAIL(err, BP_EMEM, NULL, "%s:%ld: component %s: no memory", file, block->line, block->name);
	} catch (const tao::pegtl::parse_error &e) { /* "file:line:column: what" */
		return BP_FAIL(err, BP_EINPUT, NULL, "%s (in block %s)", e.what(), block->name);
	} catch (const std::exception &e) { /* gemmi: duplicate or missing values */
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "%s:%ld: in block %s: %s", file, block->line, block->name, e.what());
	}
}

extern "C" bool
bp_ccd_cif_built(void)
{
	return true;
}

#else

extern "C" int
bp_ccd_cif_read(struct bp_ccd_comp *ret, const float (**model)[3], const struct bp_cif_block *block, const char *file,
    struct bp_arena *mem, struct bp_err *err)
{
	(void)mem;
	*ret = (struct bp_ccd_comp) {};
	*model = NULL;
	return BP_FAIL(err, BP_EUNSUP, "install gemmi's headers (Debian: gemmi-dev) and build again",
	    "%s:%ld: this build reads no CIF: gemmi was missing", file, block->line);
}

extern "C" bool
bp_ccd_cif_built(void)
{
	return false;
}

#endif
