/* pair_move: what moving one atom alone does to its Debye sums: for move m, atom i of sample b from x_i to y,
 * D[m, t, k] = sum over atoms j of type t, j != i, of sinc(q_k |y - x_j|) - sinc(q_k |x_i - x_j|),
 * D[m, ntypes, k] = the same over all j, weighted with a_j (only with a).  optimized: differences in fp64, many q at
 * once. */
#ifndef BP_OP_PAIR_MOVE_H
#define BP_OP_PAIR_MOVE_H

#include "ops/pairs.h"

struct bp_pair_move {
	struct bp_pairs p;
	int nq, moves, sample;
	const double *q;     /* [nq] 1/A, >= 0                  */
	const int32_t *atom; /* [moves] host memory, 0 .. n - 1 */
	const double *y;     /* [moves,3] A                     */
	double *D;           /* [moves, ntypes (+ 1), nq] out   */
};
typedef int bp_pair_move_fn(struct bp_ctx *cx, const struct bp_pair_move *a);
bp_pair_move_fn bp_pair_move_cpu, bp_pair_move_cpu_opt, bp_pair_move_cuda;

#endif
