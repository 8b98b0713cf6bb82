// Which cells fire; the same as fire_mask in ncaengine/core/pcg.py.
#include "pcg4d.glsl"

uniform uint step_number;    // steps since the seed
uniform uint rng_seed;
uniform uint fire_threshold; // a cell fires if its hash is smaller; 0xFFFFFFFF: all cells fire

// Whether a cell with this hash fires. rate: its factor of the fire rate.
bool fires(uint hash, float rate) {
    bool plain = fire_threshold == 0xFFFFFFFFu || hash < fire_threshold;
#ifdef FIELDS
    // The upper 24 bits as a float, exactly: 2^-24 times a whole number.
    PRECISE float chance = fire_rate * rate;
    return rate == 1.0 ? plain : float(hash >> 8u) * 5.9604644775390625e-8 < chance;
#else
    return plain;
#endif
}
