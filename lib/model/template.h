/* lib/model/template.h: the template module (TemplateV2Module of trunkv2.py). */
#ifndef BP_TEMPLATE_H
#define BP_TEMPLATE_H

#include "model/feats.h"
#include "model/pairformer.h"

struct bp_template {
	int c;                                 /* template_dim                   */
	struct bp_weight z_norm, z_norm_b, z_proj; /* [tz], [tz], [c,tz]         */
	struct bp_weight v_norm, v_norm_b;     /* [c]                            */
	struct bp_weight a_proj, u_proj;       /* [c,109], [tz,c]                */
	struct bp_pair_stack pairformer;
};
void bp_template_bind(struct bp_template *t, struct bp_bind *b, int tz, const char *name);

/* out [n,n,tz] += the module's output for z [n,n,tz]; out may be z. Adds nothing when no template has an aligned token,
 * as upstream's output is exactly 0 then. f has the groups TOKEN and TEMPLATE. */
int bp_template_run(struct bp_ctx *cx, const struct bp_template *t, const struct bp_feats *f, const float *z,
    float *out) BP_MUST_USE;

#endif
