// Finds the largest |number| of a state; largest.frag does so without compute shaders.
#include "state.glsl"

READS(0, STATE, state);                                       // (layers, height, width) vec4
layout(std430, binding = 3) buffer Largest { uint largest; }; // its bits; 0 at first

#include "largest.glsl"

void main() {
    int i = int(gl_GlobalInvocationID.x);
    uint most = largest_in(i % size.x, i / size.x * rows);
    if (most > 0u)
        atomicMax(largest, most);
}
