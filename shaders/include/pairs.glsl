// With pairs, one of two cells fires: a cell of the first half, or the one at an offset from it.
#include "pcg4d.glsl"

uniform ivec2 pair_offset; // (columns, rows) from each cell of the first half to the other one

// Whether a cell of the first half fires.
bool fires_first(ivec2 cell, uint step_number, uint rng_seed) {
    return pcg4d(uvec4(cell, step_number, rng_seed)).x < 0x80000000u;
}
