// Sets the state of some cells; blend.comp also mixes.
#include "state.glsl"

flat in int number; // of the cell in the list

READS(0, rgba32f, values); // (layers, rows, COLUMNS) vec4
WRITES(1, STATE, state);   // (layers, height, width) vec4

void main() {
    ivec2 at = ivec2(number % COLUMNS, number / COLUMNS);

    //@ store
}
