// Finds the largest |number| of a state in every few rows of each column; largest.comp finds that of the whole.
#include "state.glsl"

READS(0, STATE, state);         // (layers, height, width) vec4
WRITES_2D(1, rgba32f, largest); // (height / rows, width)

#include "largest.glsl"

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    STORE_2D(largest, at, vec4(uintBitsToFloat(largest_in(at.x, at.y * rows))));
}
