/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the public interface calls, one function a verb, with the public headers' structures:
 * src/api adds argument checks and handle rules, nothing else. Contracts are in include/strata.
 */
#ifndef ST_REPO_VERBS_H
#define ST_REPO_VERBS_H

#include "repo/repo.h"

#include <strata/strata.h>

#define ST_ADD_FOR_COMMIT 0x10000u /* beside enum strata_add_flags: the first half of commit -a */
ST_MUST int st_verb_add(struct st_repo *r, const char *const *paths, size_t n, unsigned flags,
			int (*cb)(void *arg, char what, const char *path), void *arg,
			strata_add_result *res, struct st_err *e);
ST_MUST int st_verb_rm(struct st_repo *r, const char *const *paths, size_t n, unsigned flags,
		       int (*cb)(void *arg, char what, const char *path), void *arg,
		       struct st_err *e);
ST_MUST int st_verb_mv(struct st_repo *r, const char *const *paths, size_t n, bool force,
		       struct st_err *e);
ST_MUST int st_verb_status(struct st_repo *r, const char *const *paths, size_t n, unsigned flags,
			   int (*cb)(void *arg, const strata_status_entry *en), void *arg,
			   struct st_err *e);
ST_MUST int st_verb_restore(struct st_repo *r, const char *source, const char *const *paths,
			    size_t n, unsigned flags, strata_checkout_result *res,
			    struct st_err *e);
ST_MUST int st_verb_checkout(struct st_repo *r, const char *rev, const strata_checkout_options *o,
			     strata_checkout_result *res, struct st_err *e);
ST_MUST int st_verb_branch_list(struct st_repo *r, int (*cb)(void *arg, const strata_branch *b),
				void *arg, struct st_err *e);
ST_MUST int st_verb_branch_create(struct st_repo *r, const char *name, const char *start,
				  bool force, struct st_err *e);
ST_MUST int st_verb_branch_delete(struct st_repo *r, const char *const *names, size_t n, bool force,
				  int (*was)(void *arg, const strata_branch *b), void *arg,
				  struct st_err *e);
ST_MUST int st_verb_branch_rename(struct st_repo *r, const char *from, const char *to, bool force,
				  struct st_err *e);
ST_MUST int st_verb_tag_list(struct st_repo *r, int (*cb)(void *arg, const strata_tag *t),
			     void *arg, struct st_err *e);
ST_MUST int st_verb_tag_create(struct st_repo *r, const char *name, const char *rev,
			       const char *message, bool force, struct st_err *e);
ST_MUST int st_verb_tag_delete(struct st_repo *r, const char *const *names, size_t n,
			       int (*was)(void *arg, const strata_tag *t), void *arg,
			       struct st_err *e);
ST_MUST int st_verb_switch(struct st_repo *r, const char *name, const strata_switch_options *o,
			   strata_checkout_result *res, struct st_err *e);
ST_MUST int st_verb_merge(struct st_repo *r, const char *const *revs, size_t n,
			  const strata_merge_options *o, strata_merge_result *res,
			  struct st_err *e);
ST_MUST int st_verb_merge_files(const struct st_ctx *ctx, const strata_merge_files_options *o,
				int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
				strata_merge_files_result *res, struct st_err *e);
ST_MUST int st_verb_merge_message(struct st_repo *r, const char *const *revs, size_t n,
				  int (*cb)(void *arg, const char *message), void *arg,
				  struct st_err *e);
ST_MUST int st_verb_conflicts(struct st_repo *r,
			      int (*state)(void *arg, const strata_merge_state *s),
			      int (*cb)(void *arg, const strata_conflict *c), void *arg,
			      struct st_err *e);
ST_MUST int st_verb_settle(struct st_repo *r, const char *const *globs, size_t n,
			   const strata_settle_options *o, uint64_t *settled, uint64_t *open,
			   struct st_err *e);
ST_MUST int st_verb_merge_continue(struct st_repo *r, const strata_merge_options *o,
				   strata_commit_result *res, struct st_err *e);
ST_MUST int st_verb_merge_abort(struct st_repo *r, strata_checkout_result *res, struct st_err *e);
ST_MUST int st_verb_merge_show(struct st_repo *r, const char *rev,
			       int (*info)(void *arg, const strata_merge_info *i),
			       int (*cb)(void *arg, const strata_merge_input *i), void *arg,
			       struct st_err *e);
ST_MUST int st_verb_merge_replay(struct st_repo *r, const char *rev,
				 int (*cb)(void *arg, const char *path), void *arg,
				 strata_replay_result *res, struct st_err *e);
ST_MUST int st_verb_merge_recipe(const struct st_ctx *ctx, const strata_merge_recipe_options *o,
				 int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
				 strata_merge_files_result *res, struct st_err *e);
ST_MUST int st_verb_commit_check(struct st_repo *r, const strata_commit_options *o,
				 struct st_err *e);
ST_MUST int st_verb_commit(struct st_repo *r, const strata_commit_options *o,
			   strata_commit_result *res, struct st_err *e);
ST_MUST int st_verb_log(struct st_repo *r, const strata_log_options *o,
			int (*cb)(void *arg, const strata_version *v), void *arg, struct st_err *e);
ST_MUST int st_verb_blame(struct st_repo *r, const strata_blame_options *o,
			  int (*cb)(void *arg, const strata_blame_line *line), void *arg,
			  struct st_err *e);
ST_MUST int st_verb_show(struct st_repo *r, const char *rev,
			 int (*info)(void *arg, const strata_show_info *i),
			 int (*change)(void *arg, const strata_change *c), void *arg,
			 struct st_err *e);
ST_MUST int st_verb_reflog(struct st_repo *r, const char *ref, uint64_t limit,
			   int (*cb)(void *arg, const strata_ref_move *m), void *arg,
			   struct st_err *e);
ST_MUST int st_verb_reset(struct st_repo *r, const char *rev, strata_reset_mode mode,
			  int (*discarded)(void *arg, const char *path), void *arg,
			  strata_reset_result *res, struct st_err *e);
ST_MUST int st_verb_undo(struct st_repo *r, bool redo, const strata_undo_handler *h, void *arg,
			 strata_undo_result *res, struct st_err *e);
ST_MUST int st_verb_renew(struct st_repo *r, strata_renewal what, const char *rev,
			  const strata_renew_options *o, strata_renew_result *res,
			  struct st_err *e);
ST_MUST int st_verb_renew_message(struct st_repo *r, strata_renewal what, const char *rev,
				  const strata_renew_options *o,
				  int (*cb)(void *arg, const char *message), void *arg,
				  struct st_err *e);
ST_MUST int st_verb_ls(struct st_repo *r, const char *spec,
		       int (*cb)(void *arg, const strata_file *f), void *arg, struct st_err *e);
ST_MUST int st_verb_tensors(struct st_repo *r, const struct st_ctx *ctx, const char *spec,
			    int (*cb)(void *arg, const strata_tensor *t), void *arg,
			    struct st_err *e);
/* Does spec name tensors? */
ST_MUST int st_verb_names_tensor(struct st_repo *r, const char *spec, bool *yes, struct st_err *e);
ST_MUST int st_verb_cat(struct st_repo *r, const struct st_ctx *ctx, const char *spec,
			strata_cat_as as, int (*write)(void *arg, const void *p, size_t n),
			void *arg, struct st_err *e);
ST_MUST int st_verb_summarise(struct st_repo *r, const struct st_ctx *ctx, const char *spec,
			      int (*cb)(void *arg, const strata_summary *s), void *arg,
			      struct st_err *e);
ST_MUST int st_verb_inspect(const struct st_ctx *ctx, const char *path,
			    int (*info)(void *arg, const strata_inspection *i),
			    int (*tensor)(void *arg, const strata_tensor *t), void *arg,
			    struct st_err *e);
ST_MUST int st_verb_hash(const struct st_ctx *ctx, const char *path, char hex[STRATA_HEX],
			 struct st_err *e);
ST_MUST int st_verb_hash_tensors(const struct st_ctx *ctx, const char *path,
				 int (*tensor)(void *arg, const strata_tensor *t), void *arg,
				 struct st_err *e);
ST_MUST int st_verb_patch(const struct st_ctx *ctx, const char *path,
			  const strata_tensor_edit *edits, size_t n, const char *out,
			  struct st_err *e);
/* setting: the value of scan.allow, or NULL. */
ST_MUST int st_verb_scan(const struct st_ctx *ctx, const char *path, const strata_scan_options *o,
			 const char *setting, int (*cb)(void *arg, const strata_scan_find *f),
			 void *arg, strata_scan_result *res, struct st_err *e);
/* Total is filled on success. */
ST_MUST int st_verb_diff(struct st_repo *r, const struct st_ctx *ctx, const char *a, const char *b,
			 const strata_diff_options *o, const strata_diff_handler *h, void *arg,
			 strata_diff_total *total, struct st_err *e);
ST_MUST int st_verb_distance(struct st_repo *r, const struct st_ctx *ctx, const char *a,
			     const char *b, const double *weights, strata_distance *out,
			     struct st_err *e);
/* config may be NULL. */
ST_MUST int st_verb_distance_weights(const struct st_config *config, const char *file,
				     double *weights, struct st_err *e);
ST_MUST int st_verb_parent(struct st_repo *r, const struct st_ctx *ctx, const char *file,
			   const strata_parent_options *o,
			   int (*cb)(void *arg, const strata_parent_candidate *c), void *arg,
			   strata_parent_result *res, struct st_err *e);
ST_MUST int st_verb_fsck(struct st_repo *r, unsigned flags,
			 int (*cb)(void *arg, const strata_fault *f), void *arg,
			 strata_fsck_result *res, struct st_err *e);
ST_MUST int st_verb_gc(struct st_repo *r, const strata_gc_options *o, strata_gc_result *res,
		       struct st_err *e);
ST_MUST int st_verb_repack(struct st_repo *r, const strata_repack_options *o,
			   strata_repack_result *res, struct st_err *e);
ST_MUST int st_verb_stats(struct st_repo *r, const char *rev,
			  int (*cb)(void *arg, const strata_stats *s), void *arg, struct st_err *e);

#endif
