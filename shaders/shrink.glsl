// Resamples a state to a coarser scale: each new cell lies between four old ones (bilinear, as torch's interpolate
// without aligned corners).
#include "state.glsl"

READS(0, STATE, before);   // (LAYERS, height, width) vec4 of fine_size
WRITES(1, rgba32f, after); // (LAYERS, height, width) vec4 of size

uniform ivec2 size;         // (width, height) of the coarser state
uniform ivec2 fine_size;    // (width, height) of the state
uniform int fine_row_shift; // the state's row_shift

#include "invocation.glsl"
#include "bring_inside.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);
    vec2 at = (vec2(cell) + 0.5) * (vec2(fine_size) / vec2(size)) - 0.5;
    ivec2 low = ivec2(floor(at));
    at -= floor(at);
    ivec2 p00 = bring_inside(low, fine_size, fine_row_shift);
    ivec2 p01 = bring_inside(low + ivec2(1, 0), fine_size, fine_row_shift);
    ivec2 p10 = bring_inside(low + ivec2(0, 1), fine_size, fine_row_shift);
    ivec2 p11 = bring_inside(low + 1, fine_size, fine_row_shift);
    //@ store
}
