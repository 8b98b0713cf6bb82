// After a step of pairs by fragment shaders, which can write a state only at their own places: brings the cells that fired
// to their places, and copies the others.
#include "state.glsl"

READS(0, STATE, before);  // (layers, height, width) vec4, four channels a layer
READS(1, rgba32f, fired); // (layers, height, width of the first half): what fired, at the first cell of each pair
WRITES(2, STATE, after);  // as before

uniform ivec2 size; // (width, height) in cells
uniform uint step_number, rng_seed;

#include "invocation.glsl"
#include "pairs.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size), first = cell - pair_offset;
    bool second = all(greaterThanEqual(first, ivec2(0)));
    first = second ? first : cell;
    bool fires = fires_first(first, step_number, rng_seed) != second;

    //@ store
}
