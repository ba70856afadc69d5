/* lib/ops/rotation.h: the rotation that fits best, from a 3x3 covariance: used by align on every device, and by superposition. */
#ifndef BP_ROTATION_H
#define BP_ROTATION_H

#include <math.h>
#include <stdbool.h>

#include "ops/host_device.h"

/* One-sided Jacobi: columns of H (changed to U S) are made orthogonal by rotations gathered in V, so that H V = U S. It
 * keeps the relative accuracy of small singular values, which forming H^T H would lose. */
static inline BP_HOST_DEVICE void
bp_jacobi3(double H[3][3], double V[3][3])
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			V[i][j] = i == j;
	for (int sweep = 0; sweep < 40; sweep++) {
		bool done = true;
		for (int p = 0; p < 2; p++)
			for (int q = p + 1; q < 3; q++) {
				double a = 0, b = 0, g = 0;
				for (int i = 0; i < 3; i++)
					a += H[i][p] * H[i][p], b += H[i][q] * H[i][q], g += H[i][p] * H[i][q];
				if (!(fabs(g) > 1e-16 * sqrt(a * b)))
					continue;
				done = false;
				double z = (b - a) / (2 * g), t = copysign(1 / (fabs(z) + hypot(1.0, z)), z);
				double c = 1 / hypot(1.0, t), s = c * t;
				for (int i = 0; i < 3; i++) {
					double h = H[i][p], v = V[i][p];
					H[i][p] = c * h - s * H[i][q], H[i][q] = s * h + c * H[i][q];
					V[i][p] = c * v - s * V[i][q], V[i][q] = s * v + c * V[i][q];
				}
			}
		if (done)
			return;
	}
}

static inline BP_HOST_DEVICE void
bp_cross(double o[3], const double a[3], const double b[3])
{
	o[0] = a[1] * b[2] - a[2] * b[1];
	o[1] = a[2] * b[0] - a[0] * b[2];
	o[2] = a[0] * b[1] - a[1] * b[0];
}

/* make b orthogonal to the unit vector a and a unit vector itself; any such vector when b has no such part */
static inline BP_HOST_DEVICE void
bp_orthonormal(double b[3], const double a[3], double scale)
{
	double n = hypot(hypot(b[0], b[1]), b[2]), dot;

	if (!(n > 1e-14 * scale)) {
		int least = fabs(a[0]) < fabs(a[1]) ? 0 : 1;
		if (fabs(a[2]) < fabs(a[least]))
			least = 2;
		b[0] = b[1] = b[2] = 0;
		b[least] = n = 1;
	}
	for (int i = 0; i < 3; i++)
		b[i] /= n;
	dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
	for (int i = 0; i < 3; i++)
		b[i] -= dot * a[i];
	n = hypot(hypot(b[0], b[1]), b[2]);
	for (int i = 0; i < 3; i++)
		b[i] /= n;
}

/* R = U diag(1, 1, det(U V^T)) V^T of H (destroyed). Whatever the sign of the third vectors, this is
 * u1 v1^T + u2 v2^T + (u1 x u2)(v1 x v2)^T with those of the two larger singular values: the third never has to be
 * divided by. */
static inline BP_HOST_DEVICE void
bp_best_rotation(double R[3][3], double H[3][3])
{
	double V[3][3], s[3], u[3][3], v[3][3];
	int k[3] = { 0, 1, 2 };

	bp_jacobi3(H, V);
	for (int j = 0; j < 3; j++)
		s[j] = hypot(hypot(H[0][j], H[1][j]), H[2][j]);
	for (int pass = 0; pass < 3; pass++) {
		int j = pass % 2, t = k[j];
		if (s[k[j]] < s[k[j + 1]])
			k[j] = k[j + 1], k[j + 1] = t;
	}
	if (s[k[0]] == 0) { /* nothing to turn: one point, or all in one place */
		for (int i = 0; i < 3; i++)
			for (int j = 0; j < 3; j++)
				R[i][j] = i == j;
		return;
	}
	for (int i = 0; i < 3; i++) {
		u[0][i] = H[i][k[0]] / s[k[0]], v[0][i] = V[i][k[0]];
		u[1][i] = H[i][k[1]], v[1][i] = V[i][k[1]];
	}
	bp_orthonormal(u[1], u[0], s[k[0]]);
	bp_cross(u[2], u[0], u[1]);
	bp_cross(v[2], v[0], v[1]);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			R[i][j] = u[0][i] * v[0][j] + u[1][i] * v[1][j] + u[2][i] * v[2][j];
}

#endif
