// How the images of a state hold its numbers (ncaengine/backends/gl/storage.py): as float32, or with HALF as float16.
#ifdef HALF
#define STATE rgba16f

// Rounds to the nearest number of 11 bits (Veltkamp's splitting). Drivers may cut the other bits off instead (Mesa does),
// which doubles the error and always moves numbers towards 0.
vec4 to_storage(vec4 x) {
    precise vec4 high = 8193.0 * x;
    precise vec4 rounded = high - (high - x);
    return rounded;
}
#else
#define STATE rgba32f

vec4 to_storage(vec4 x) { return x; }
#endif
