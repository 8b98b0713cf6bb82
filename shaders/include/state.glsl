// How the images of a state hold its numbers (ncaengine/backends/gl/storage.py): as float32, or with HALF as float16.
#ifdef HALF
#define STATE rgba16f

// What is stored of a number: the nearest of 11 bits (Veltkamp's splitting). Left to themselves, drivers may cut the
// others off (Mesa does), twice the error and each time towards 0.
vec4 held(vec4 x) {
    precise vec4 high = 8193.0 * x;
    precise vec4 rounded = high - (high - x);
    return rounded;
}
#else
#define STATE rgba32f

vec4 held(vec4 x) { return x; }
#endif
