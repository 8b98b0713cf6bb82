// PCG4D integer hash (Jarzynski & Olano, JCGT 9(3), 2020); the same as ncaengine/core/pcg.py.
#ifndef PCG4D
#define PCG4D
uvec4 pcg4d(uvec4 v) {
    v = v * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> 16u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}
#endif
