/* SPDX-License-Identifier: Apache-2.0 */
/* strata: version control for neural networks. This header is the whole interface. */
#ifndef STRATA_H
#define STRATA_H

#include <strata/diff.h>
#include <strata/error.h>
#include <strata/history.h>
#include <strata/json.h>
#include <strata/maintain.h>
#include <strata/merge.h>
#include <strata/model.h>
#include <strata/parent.h>
#include <strata/refs.h>
#include <strata/repo.h>
#include <strata/rewind.h>
#include <strata/stage.h>
#include <strata/version.h>

#endif
