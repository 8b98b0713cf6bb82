// Copies the state of some cells into an image; gather.comp copies it into a buffer.
#include "state.glsl"

READS(0, STATE, state);     // (layers, height, width) vec4
READS_2D(1, rg32f, cells);  // (rows, columns): column and row of each cell
WRITES(2, rgba32f, values); // (layers, rows, columns) vec4

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy), cell = ivec2(LOAD_2D(cells, at).xy);

    //@ store
}
