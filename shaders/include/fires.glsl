// Which cells fire; ncaengine/core/pcg.py's fire_mask.
#include "pcg4d.glsl"

uniform uint step_number;
uniform uint rng_seed;
uniform uint fire_threshold; // a cell fires if its hash is smaller; 0xFFFFFFFF: all fire

// Whether a hash says so, for a cell that multiplies the fire rate by `rate`.
bool fires(uint word, float rate) {
    bool plain = fire_threshold == 0xFFFFFFFFu || word < fire_threshold;
#ifdef FIELDS
    // The upper 24 bits as a float, exactly: 2^-24 times a whole number.
    precise float chance = fire_rate * rate;
    return rate == 1.0 ? plain : float(word >> 8u) * 5.9604644775390625e-8 < chance;
#else
    return plain;
#endif
}
