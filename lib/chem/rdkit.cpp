/* The steps of pdbeccdutils 0.8.5 (mol_tools.sanitize, fix_molecule) and of upstream's data/parse/schema.py
 * (parse_ccd_residue, compute_*_constraints), in their order, as the results depend on it. */
#include "chem/rdkit.h"

#ifdef BP_HAVE_RDKIT

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <DistGeom/BoundsMatrix.h>
#include <DistGeom/TriangleSmooth.h>
#include <GraphMol/Chirality.h>
#include <GraphMol/DistGeomHelpers/BoundsMatrixBuilder.h>
#include <GraphMol/GraphMol.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/Substruct/SubstructMatch.h>
#include <RDGeneral/versions.h>

#include "chem/residues.h"

using namespace RDKit;

namespace
{

using place = std::vector<int>; /* atom -> heavy atom, -1 for hydrogens */

Bond::BondType
order_of(const struct bp_ccd_bond &b)
{
	return b.type == BP_BOND_SINGLE ? Bond::SINGLE
	    : b.type == BP_BOND_DOUBLE  ? Bond::DOUBLE
	    : b.type == BP_BOND_TRIPLE  ? Bond::TRIPLE
	                                : Bond::DATIVE;
}

uint8_t
type_of(Bond::BondType t)
{
	return t == Bond::SINGLE ? BP_BOND_SINGLE
	    : t == Bond::DOUBLE  ? BP_BOND_DOUBLE
	    : t == Bond::TRIPLE  ? BP_BOND_TRIPLE
	                         : BP_BOND_OTHER;
}

/* more than one atom at the origin: coordinates that are not there (mol_tools.is_degenerate_conformer) */
bool
degenerate(const Conformer &conf)
{
	int zero = 0;

	for (const RDGeom::Point3D &p : conf.getPositions())
		zero += p.lengthSq() == 0;
	return zero > 1;
}

/* molecule with two conformers: 0 the component's own coordinates, 1 the model's */
std::unique_ptr<RWMol>
build(const struct bp_ccd_comp &c, const float (*model)[3])
{
	auto mol = std::make_unique<RWMol>();
	auto *own = new Conformer(static_cast<unsigned>(c.n_atoms)),
	     *other = new Conformer(static_cast<unsigned>(c.n_atoms));

	for (int i = 0; i < c.n_atoms; i++) {
		auto *atom = new Atom(c.atom[i].element);
		const float *x = c.atom[i].x, *y = model[i];

		atom->setFormalCharge(c.atom[i].charge);
		mol->addAtom(atom, false, true);
		own->setAtomPos(static_cast<unsigned>(i), RDGeom::Point3D(x[0], x[1], x[2]));
		other->setAtomPos(static_cast<unsigned>(i), RDGeom::Point3D(y[0], y[1], y[2]));
	}
	mol->addConformer(own, true);
	mol->addConformer(other, true);
	for (int i = 0; i < c.n_bonds; i++)
		mol->addBond(c.bond[i].a, c.bond[i].b, order_of(c.bond[i]));
	for (Atom *a : mol->atoms()) {
		bool no_h = true;

		if (a->getAtomicNum() == 1)
			continue;
		for (const Atom *b : mol->atomNeighbors(a))
			no_h = no_h && b->getAtomicNum() != 1;
		a->setNoImplicit(no_h);
	}
	return mol;
}

void
clean_up(RWMol &mol)
{
	unsigned failed;

	MolOps::sanitizeMol(mol, failed, MolOps::SANITIZE_CLEANUP);
}

const char metals[] = "[Li,Na,K,Rb,Cs,Fr,Be,Mg,Ca,Sr,Ba,Ra,Sc,Ti,V,Cr,Mn,Fe,Co,Ni,Cu,Zn,Al,Ga,Y,Zr,Nb,Mo,Tc,Ru,Rh,Pd,"
                      "Ag,Cd,In,Sn,Hf,Ta,W,Re,Os,Ir,Pt,Au,Hg,Tl,Pb,Bi]~[";

/* Bonds from a metal to an atom of this element and (too high) valence become dative, towards the metal. */
void
make_dative(RWMol &mol, const std::string &element, int valence)
{
	std::unique_ptr<RWMol> query(SmartsToMol(metals + element + "]"));
	std::vector<MatchVectType> hits;

	if (!query)
		return;
	SubstructMatch(mol, *query, hits);
	clean_up(mol);
	for (const MatchVectType &hit : hits) {
		unsigned metal = static_cast<unsigned>(hit[0].second), other = static_cast<unsigned>(hit[1].second);

		if (mol.getAtomWithIdx(other)->getExplicitValence() != valence)
			continue;
		mol.removeBond(metal, other);
		mol.addBond(other, metal, Bond::DATIVE);
	}
	mol.updatePropertyCache(true);
}

/* "Explicit valence for atom # 12 N, 4, is greater than permitted": each letter or two, comma, number */
void
read_complaints(std::vector<std::pair<std::string, int>> &out, const std::string &log)
{
	for (size_t comma = log.find(", "); comma != std::string::npos; comma = log.find(", ", comma + 1)) {
		size_t from = comma, digit = comma + 2;

		while (from > 0 && comma - from < 2 && std::isalpha(static_cast<unsigned char>(log[from - 1])))
			from--;
		if (from < comma && digit < log.size() && std::isdigit(static_cast<unsigned char>(log[digit])))
			out.emplace_back(log.substr(from, comma - from), std::atoi(log.c_str() + digit));
	}
}

/* mol_tools.fix_molecule; its complaints gather over the attempts, as the log does that it reads */
bool
fix(RWMol &mol)
{
	std::vector<std::pair<std::string, int>> seen;

	for (int attempt = 10; attempt >= 0; attempt--) {
		std::string log;

		try {
			MolOps::sanitizeMol(mol);
			return true;
		} catch (const MolSanitizeException &e) {
			log = e.what();
		}
		read_complaints(seen, log);
		if (seen.empty())
			return false;
		for (const auto &s : seen)
			make_dative(mol, s.first, s.second);
	}
	return false;
}

/* mol_tools.sanitize: fixed, kekulized, with stereo from the coordinates; or cleaned up only */
std::unique_ptr<RWMol>
sanitize(std::unique_ptr<RWMol> mol)
{
	try {
		auto copy = std::make_unique<RWMol>(*mol);

		if (fix(*copy)) {
			int conf = !degenerate(copy->getConformer(1)) ? 1 : !degenerate(copy->getConformer(0)) ? 0 : -1;

			MolOps::Kekulize(*copy, false);
			MolOps::assignStereochemistryFrom3D(*copy, conf, true);
			return copy;
		}
	} catch (const std::exception &) { /* as upstream: go on with what there is */
	}
	clean_up(*mol);
	return mol;
}

template <class T>
T *
copy_of(const std::vector<T> &v, struct bp_arena *mem, struct bp_err *err)
{
	void *p = bp_calloc(mem, v.size(), sizeof(T), err);

	if (!p)
		throw std::bad_alloc();
	if (!v.empty())
		std::memcpy(p, v.data(), v.size() * sizeof(T));
	return static_cast<T *>(p);
}

/* The hits of a pattern, at most 1000 and each set of atoms once, as upstream's calls have it. */
std::vector<MatchVectType>
matches(const ROMol &mol, const char *smarts)
{
	std::unique_ptr<RWMol> query(SmartsToMol(smarts));
	std::vector<MatchVectType> hits;

	SubstructMatch(mol, *query, hits, true, true, false, false, 1000);
	return hits;
}

std::set<std::pair<int, int>>
pairs(const ROMol &mol, const char *smarts)
{
	std::set<std::pair<int, int>> found;

	for (const MatchVectType &m : matches(mol, smarts))
		found.insert(std::minmax({ m.front().second, m.back().second }));
	return found;
}

/* compute_geometry_constraints */
void
bounds(struct bp_ccd_comp &c, ROMol &mol, const std::vector<int> &heavy, struct bp_arena *mem, struct bp_err *err)
{
	std::vector<float> lower, upper;
	std::vector<uint8_t> kind;

	if (mol.getNumAtoms() <= 1)
		return;
	mol.updatePropertyCache(false);
	MolOps::symmetrizeSSSR(mol);
	DistGeom::BoundsMatPtr mat(new DistGeom::BoundsMatrix(mol.getNumAtoms()));
	DGeomHelpers::initBoundsMat(mat);
	DGeomHelpers::setTopolBounds(mol, mat, true, true, false);
	DistGeom::triangleSmoothBounds(mat.get());
	auto bonds = pairs(mol, "*~*"), angles = pairs(mol, "*~*~*");
	for (size_t i = 0; i < heavy.size(); i++)
		for (size_t j = i + 1; j < heavy.size(); j++) {
			std::pair<int, int> ij(heavy[i], heavy[j]);
			unsigned a = static_cast<unsigned>(ij.first), b = static_cast<unsigned>(ij.second);

			lower.push_back(static_cast<float>(mat->getLowerBound(a, b)));
			upper.push_back(static_cast<float>(mat->getUpperBound(a, b)));
			kind.push_back(static_cast<uint8_t>(
			    (bonds.count(ij) ? BP_CCD_IS_BOND : 0) | (angles.count(ij) ? BP_CCD_IS_ANGLE : 0)));
		}
	c.t.n_pairs = static_cast<int>(lower.size());
	c.t.lower = copy_of(lower, mem, err);
	c.t.upper = copy_of(upper, mem, err);
	c.t.kind = copy_of(kind, mem, err);
}

/* neighbours of an atom but `not_this`, by falling CIP rank, ties in bond order */
std::vector<int>
ranked(const ROMol &mol, const Atom *a, int not_this)
{
	std::vector<std::pair<int, int>> n; /* rank, atom */
	std::vector<int> out;

	for (const Atom *b : mol.atomNeighbors(a))
		if (static_cast<int>(b->getIdx()) != not_this)
			n.emplace_back(
			    static_cast<int>(b->getProp<unsigned>(common_properties::_CIPRank)), b->getIdx());
	std::stable_sort(n.begin(), n.end(), [](const auto &p, const auto &q) { return p.first > q.first; });
	for (const auto &p : n)
		out.push_back(p.second);
	return out;
}

/* the atoms as heavy ones; false if one is a hydrogen */
template <size_t N>
bool
placed(uint16_t (&out)[N], const std::array<int, N> &atoms, const place &at)
{
	for (size_t i = 0; i < N; i++) {
		if (at[static_cast<size_t>(atoms[i])] < 0)
			return false;
		out[i] = static_cast<uint16_t>(at[static_cast<size_t>(atoms[i])]);
	}
	return true;
}

void
add_chiral(
    std::vector<struct bp_ccd_chiral> &out, const std::array<int, 4> &atoms, bool reference, bool r, const place &at)
{
	struct bp_ccd_chiral row = { {}, reference, r };

	if (placed(row.atom, atoms, at))
		out.push_back(row);
}

/* compute_chiral_atom_constraints */
std::vector<struct bp_ccd_chiral>
chiral_atoms(ROMol &mol, const place &at)
{
	std::vector<struct bp_ccd_chiral> out;

	MolOps::assignStereochemistry(mol, true, true, false);
	for (const Atom *a : mol.atoms()) {
		std::string code;
		int centre = static_cast<int>(a->getIdx());

		if (!a->getPropIfPresent(common_properties::_CIPCode, code))
			continue;
		std::vector<int> n = ranked(mol, a, -1);
		bool r = code == "R";
		if (n.size() < 3 || n.size() > 4 || a->getHybridization() != Atom::SP3)
			continue;
		add_chiral(out, { n[0], n[1], n[2], centre }, true, r, at);
		if (n.size() < 4)
			continue;
		add_chiral(out, { n[3], n[2], n[1], centre }, false, r, at);
		add_chiral(out, { n[0], n[2], n[3], centre }, false, r, at);
		add_chiral(out, { n[3], n[1], n[0], centre }, false, r, at);
	}
	return out;
}

/* compute_stereo_bond_constraints */
std::vector<struct bp_ccd_stereo>
stereo_bonds(const ROMol &mol, const place &at)
{
	std::vector<struct bp_ccd_stereo> out;

	for (const Bond *b : mol.bonds()) {
		int i = static_cast<int>(b->getBeginAtomIdx()), j = static_cast<int>(b->getEndAtomIdx());
		bool e = b->getStereo() == Bond::STEREOE;
		struct bp_ccd_stereo row = { {}, 1, e };

		if (!e && b->getStereo() != Bond::STEREOZ)
			continue;
		std::vector<int> m = ranked(mol, b->getBeginAtom(), j), n = ranked(mol, b->getEndAtom(), i);
		if (m.empty() || n.empty())
			continue;
		if (placed(row.atom, { m[0], i, j, n[0] }, at))
			out.push_back(row);
		row.is_check = 0;
		if (m.size() == 2 && n.size() == 2 && placed(row.atom, { m[1], i, j, n[1] }, at))
			out.push_back(row);
	}
	return out;
}

/* compute_flatness_constraints: rows of n heavy atoms */
template <size_t N>
int
flat(const uint16_t (*&ret)[N], const ROMol &mol, const char *smarts, const place &at, struct bp_arena *mem,
    struct bp_err *err)
{
	std::vector<std::array<uint16_t, N>> out;

	for (const MatchVectType &m : matches(mol, smarts)) {
		std::array<int, N> atoms;
		uint16_t row[N];

		for (size_t i = 0; i < N; i++)
			atoms[i] = m[i].second;
		if (placed(row, atoms, at)) {
			out.emplace_back();
			std::copy(row, row + N, out.back().begin());
		}
	}
	ret = reinterpret_cast<const uint16_t(*)[N]>(copy_of(out, mem, err));
	return static_cast<int>(out.size());
}

/* the derived bonds and chirality tags back into the component */
void
put_back(struct bp_ccd_comp &c, const ROMol &mol, struct bp_arena *mem, struct bp_err *err)
{
	std::vector<struct bp_ccd_atom> atoms(c.atom, c.atom + c.n_atoms);
	std::vector<struct bp_ccd_bond> bonds;

	for (const Atom *a : mol.atoms())
		atoms[a->getIdx()].chirality
		    = static_cast<uint8_t>(a->getChiralTag() == Atom::CHI_TETRAHEDRAL_CW ? BP_CHI_TETRAHEDRAL_CW
		            : a->getChiralTag() == Atom::CHI_TETRAHEDRAL_CCW             ? BP_CHI_TETRAHEDRAL_CCW
		            : a->getChiralTag() == Atom::CHI_SQUAREPLANAR                ? BP_CHI_SQUAREPLANAR
		            : a->getChiralTag() == Atom::CHI_OCTAHEDRAL                  ? BP_CHI_OCTAHEDRAL
		            : a->getChiralTag() == Atom::CHI_TRIGONALBIPYRAMIDAL         ? BP_CHI_TRIGONALBIPYRAMIDAL
		            : a->getChiralTag() == Atom::CHI_UNSPECIFIED                 ? BP_CHI_UNSPECIFIED
		                                                                         : BP_CHI_OTHER);
	for (const Bond *b : mol.bonds()) {
		struct bp_ccd_bond row = { static_cast<uint16_t>(b->getBeginAtomIdx()),
			static_cast<uint16_t>(b->getEndAtomIdx()), type_of(b->getBondType()), 0, 0, 0 };

		for (int i = 0; i < c.n_bonds; i++)
			if (std::minmax(c.bond[i].a, c.bond[i].b) == std::minmax(row.a, row.b)) {
				row.flags = c.bond[i].flags;
				row.stereo = c.bond[i].stereo;
			}
		bonds.push_back(row);
	}
	c.atom = copy_of(atoms, mem, err);
	c.bond = copy_of(bonds, mem, err);
	c.n_bonds = static_cast<int>(bonds.size());
}

void
derive(struct bp_ccd_comp &c, const float (*model)[3], struct bp_arena *mem, struct bp_err *err)
{
	std::unique_ptr<RWMol> mol = sanitize(build(c, model));
	place at(static_cast<size_t>(c.n_atoms), -1);
	std::vector<int> heavy;
	int counted = 0;

	put_back(c, *mol, mem, err);
	for (int i = 0; i < c.n_atoms; i++) {
		counted += c.atom[i].element > 1;
		if (c.atom[i].element != 1) {
			at[static_cast<size_t>(i)] = static_cast<int>(heavy.size());
			heavy.push_back(i);
		}
	}
	if (counted != 1) { /* upstream's path for one heavy atom derives nothing */
		bool cip = true;

		for (const Atom *a : mol->atoms())
			cip = cip && a->hasProp(common_properties::_CIPRank);
		bounds(c, *mol, heavy, mem, err);
		if (cip) {
			auto chiral = chiral_atoms(*mol, at);
			auto stereo = stereo_bonds(*mol, at);

			c.t.n_chiral = static_cast<int>(chiral.size());
			c.t.chiral = copy_of(chiral, mem, err);
			c.t.n_stereo = static_cast<int>(stereo.size());
			c.t.stereo = copy_of(stereo, mem, err);
		}
		c.t.n_planar_bond = flat(c.t.planar_bond, *mol, "[C;X3;^2](*)(*)=[C;X3;^2](*)(*)", at, mem, err);
		c.t.n_ring5 = flat(c.t.ring5, *mol, "[ar5^2]1[ar5^2][ar5^2][ar5^2][ar5^2]1", at, mem, err);
		c.t.n_ring6 = flat(c.t.ring6, *mol, "[ar6^2]1[ar6^2][ar6^2][ar6^2][ar6^2][ar6^2]1", at, mem, err);
	}
	c.has_tables = true;
}

} // namespace

extern "C" const char *
bp_rdkit_version(void)
{
	return rdkitVersion;
}

extern "C" int
bp_rdkit_derive(struct bp_ccd_comp *c, const float (*model)[3], struct bp_arena *mem, struct bp_err *err)
{
	if (!c->n_atoms)
		return BP_FAIL(err, BP_ENUM, NULL, "component %s: no atoms", c->code);
	try {
		derive(*c, model, mem, err);
		return BP_OK;
	} catch (const std::bad_alloc &) {
		return BP_FAIL(err, BP_EMEM, NULL, "component %s: no memory", c->code);
	} catch (const std::exception &e) {
		c->t = (struct bp_ccd_tables) {};
		return BP_FAIL(err, BP_ENUM, NULL, "component %s: RDKit: %s", c->code, e.what());
	}
}

#else

extern "C" const char *
bp_rdkit_version(void)
{
	return NULL;
}

extern "C" int
bp_rdkit_derive(struct bp_ccd_comp *c, const float (*model)[3], struct bp_arena *mem, struct bp_err *err)
{
	(void)model;
	(void)mem;
	return BP_FAIL(err, BP_EUNSUP, "install RDKit (Debian: librdkit-dev) and build again",
	    "component %s: this build derives no tables: RDKit was missing", c->code);
}

#endif
