/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a quantised block (tensor/quant.h): like values of all blocks belong together. A
 * part's values have up to 8 bits, which lie in one or two places of the block; every bit of a
 * block belongs to one part. Private to src/codec.
 */
#ifndef ST_CODEC_BLOCKS_H
#define ST_CODEC_BLOCKS_H

#include "codec/num.h"
#include "tensor/quant.h"

#define ST_PART_VALUES 128 /* of a part in one block, at most */
#define ST_BLOCK_PARTS 8
#define ST_BLOCK_BYTES 210 /* the largest block that has parts */

/* The low bits of a value, and those above them. */
struct st_place {
	uint8_t at, shift, bits;
	uint8_t at2, shift2, bits2; /* bits2 0: there are none */
};

struct st_part {
	unsigned count;	    /* values in a block, fewer than the block has bytes */
	unsigned width;	    /* of the numbers that they are bytes of: 1 or 2 */
	enum st_num number; /* what these are */
	uint8_t centre;	    /* the value that means 0; it is taken off modulo 256 */
	struct st_place place[ST_PART_VALUES];
};

struct st_block_parts {
	unsigned bytes, nparts;
	struct st_part part[ST_BLOCK_PARTS];
};

/* False: there is no such type, or its parts are not known. */
bool st_block_parts(unsigned quant, struct st_block_parts *out);
/* The values of one part of n blocks, block after block. */
void st_part_take(const struct st_block_parts *b, const struct st_part *part, const uint8_t *p,
		  size_t n, uint8_t *out);
/* The other way, into blocks that are zero there; false when a value has too many bits. */
bool st_part_put(const struct st_block_parts *b, const struct st_part *part, const uint8_t *values,
		 size_t n, uint8_t *p);

#endif
