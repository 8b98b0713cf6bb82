// How the images of a state hold its numbers (ncaengine/backends/gl/storage.py): as float32, or with HALF as float16.
#ifdef HALF
#define STATE rgba16f

// Rounds to the nearest number of 11 bits, halves to even. Drivers may cut the other bits off instead (Mesa does), which
// doubles the error and always moves numbers towards 0. In integers: floats would have to be `precise`, which keeps a
// compiler from fusing multiplications and additions in all that leads to them, perhaps the whole network.
vec4 to_storage(vec4 x) {
    uvec4 bits = floatBitsToUint(x);
    return uintBitsToFloat((bits + 0xFFFu + (bits >> 13u & 1u)) & 0xFFFFE000u);
}
#else
#define STATE rgba32f

vec4 to_storage(vec4 x) { return x; }
#endif
