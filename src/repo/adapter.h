/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adapters of low rank as PEFT writes them: adapter_config.json beside adapter_model.safetensors or
 * adapter_model.bin. Of a module NAME (behind "base_model.model.") there are
 *
 *	NAME.lora_A.weight	r x in		and NAME.lora_B.weight, out x r
 *	NAME.lora_embedding_A	r x rows	and NAME.lora_embedding_B, columns x r
 *	NAME.base_layer.weight	what the factors are added to, where it was trained too
 *
 * and any other name is that of a whole tensor, which takes the place of the model's: of
 * modules_to_save, a bias. What says more than that is refused: nothing of an adapter is left out
 * silently.
 */
#ifndef ST_REPO_ADAPTER_H
#define ST_REPO_ADAPTER_H

#include "repo/mergefile.h"

#define ST_ADAPTER_CONFIG_MAX ((size_t)16 << 20) /* bytes */

struct st_adapter_alpha { /* of modules whose name the pattern matches */
	const char *pattern;
	double alpha;
};
struct st_adapter_rank {
	const char *pattern;
	bool maybe; /* a regular expression: nobody knows which modules it matches */
	uint64_t rank;
};

struct st_adapter_config {
	struct st_arena arena;
	bool is_lora, has_alpha;
	double alpha;
	bool root;			 /* alpha is divided by the root of the rank */
	bool transposed;		 /* fan_in_fan_out: weights are in x out */
	struct st_adapter_alpha *alphas; /* the first that matches decides */
	size_t nalphas, cap_alphas;
	struct st_adapter_rank *ranks; /* likewise */
	size_t nranks, cap_ranks;
	uint64_t rank; /* of modules that no pattern matches; 0: any */
};
/* Released after a failure too. ST_EREFUSED: it says what strata cannot apply exactly; ST_EFORMAT:
 * something has a wrong type or value. */
ST_MUST int st_adapter_config_parse(struct st_adapter_config *c, const void *p, size_t len,
				    struct st_err *e);
ST_MUST int st_adapter_config_load(struct st_adapter_config *c, const char *path, struct st_err *e);
void st_adapter_config_release(struct st_adapter_config *c);
/* What the factors of a module are multiplied by. */
double st_adapter_scale(const struct st_adapter_config *c, const char *module, size_t len,
			uint64_t rank);
/*
 * May the factors of a module have this rank? If not, *said is another one, of this pattern or,
 * NULL, of all.
 */
bool st_adapter_rank_fits(const struct st_adapter_config *c, const char *module, size_t len,
			  uint64_t rank, struct st_adapter_rank *said);

struct st_adapter_part { /* tensors of the adapter for one of the model; ST_MF_NONE: none */
	size_t a, b;	 /* factors */
	size_t start;	 /* to which they are added instead of to the model's */
	size_t whole;
	bool embedding; /* of the factors */
	struct st_blend_factors how;
};

struct st_adapter {
	const char *name;		 /* for people; */
	const struct st_side *side;	 /* its tensors, */
	struct st_adapter_config config; /* which the caller fills in */
	struct st_arena arena;
	struct st_adapter_part *part; /* of each tensor of the model it fits */
};
void st_adapter_init(struct st_adapter *a);
void st_adapter_release(struct st_adapter *a);
/* Which tensors of the model, whose numbers are in names, it changes, and how; once. ST_EREFUSED:
 * not all of it can be applied. */
ST_MUST int st_adapter_fit(struct st_adapter *a, const struct st_side *model,
			   const struct st_map *names, struct st_err *e);

#endif
