// The cosine and sine of an angle in degrees.
vec2 turned(float degrees) {
#ifdef GL_ES
    // Browsers' own are off by 1e-5 and more. A power series for the part within 45 degrees of a quarter turn is exact.
    float quarters = floor(degrees / 90.0 + 0.5), x = radians(degrees - 90.0 * quarters), y = x * x;
    float c = 1.0 - y * (0.5 - y * (1.0 / 24.0 - y * (1.0 / 720.0 - y / 40320.0)));
    float s = x * (1.0 - y * (1.0 / 6.0 - y * (1.0 / 120.0 - y * (1.0 / 5040.0 - y / 362880.0))));
    int quarter = int(quarters) & 3;
    vec2 own = (quarter & 1) == 0 ? vec2(c, s) : vec2(-s, c);
    return quarter < 2 ? own : -own;
#else
    return vec2(cos(radians(degrees)), sin(radians(degrees)));
#endif
}
