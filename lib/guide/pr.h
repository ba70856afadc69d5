/* lib/guide/pr.h: the distances in a conformer: the largest, and their distribution P(r), straight from the coordinates
 * (not an inverse of the curve). Units: A. */
#ifndef BP_PR_H
#define BP_PR_H

/* The largest distance between two of n >= 1 points x [n,3]; 0 for one. */
double bp_dmax(const double *x, int n);

/* p [bins] = the distribution of r_ij over i < j, weights w_i w_j (w [n], NULL: 1), in bins of width h from 0, shared
 * linearly between the two nearest bin centres k h; its integral (sum p h) is 1 where the weights allow. Distances
 * beyond the last bin are left out. */
void bp_pr(double *p, int bins, double h, const double *x, const double *w, int n);

#endif
