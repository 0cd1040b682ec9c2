/* SPDX-License-Identifier: Apache-2.0 */
/* PyPI's zipnn as another process, which takes its turn when it is asked. */
#ifndef CODEC_ZIPNN_H
#define CODEC_ZIPNN_H

#include "codec/num.h"

#include <stddef.h>

struct zipnn; /* NULL: it is not there */

/* Runs `python script`; NULL when that is not there or does not get ready. */
struct zipnn *zipnn_start(const char *python, const char *script);
void zipnn_stop(struct zipnn *z);
/* Whether it knows these numbers. */
bool zipnn_takes(const struct zipnn *z, enum st_num number);
/* The compressed length of a file and processor seconds; exits when the process fails. */
size_t zipnn_run(struct zipnn *z, enum st_num number, const char *path, double *enc, double *dec);

#endif
