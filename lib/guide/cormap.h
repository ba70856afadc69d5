/* lib/guide/cormap.h: is a fit's residual noise? The longest run of residuals of one sign, and how likely so long a run
 * is by chance, whatever the errors are: the correlation map test (Franke, Jeffries & Svergun, Nature Methods 12 (2015)
 * 419; Schilling, The College Mathematics Journal 21 (1990) 196). */
#ifndef BP_CORMAP_H
#define BP_CORMAP_H

struct bp_cormap {
	int run;  /* residuals of one sign in a row; a residual of 0 has none */
	double p; /* that the longest run is at least this long; < 0.01: the curves differ */
};

void bp_cormap(struct bp_cormap *ret, const double *residual, int n);

/* P(the longest run of equal sides in n tosses of a fair coin is at least run); 1 for run <= 1 */
double bp_cormap_p(int n, int run);

#endif
