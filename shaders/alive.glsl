// After a step: a cell lives on if it or a neighbour was alive before and is alive now; else all its channels become 0.
#include "state.glsl"

// (layers, height, width) vec4, four channels a layer
READS(0, STATE, before);
READS(1, STATE, stepped); // after the step
WRITES(2, STATE, after);  // what lives of it

uniform ivec2 size;    // (width, height) in cells
uniform int row_shift; // columns: how far the torus is shifted where it closes over the top edge

#include "invocation.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ find_life

    //@ store
}
