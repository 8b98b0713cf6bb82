// The largest |number| of a state in some rows of a column, as bits: those of float32 are in the order of the numbers, NaN
// above infinity.
uniform ivec2 size;   // of the grid, in cells
uniform int channels; // of the state; the last layer may have more
uniform int rows;     // that are looked at

uint largest_in(int column, int first) {
    uvec4 found = uvec4(0u);
    for (int row = first; row < min(first + rows, size.y); row++)
        for (int k = 0; k < (channels + 3) / 4; k++) {
            uvec4 bits = floatBitsToUint(LOAD(state, ivec2(column, row), k)) & 0x7FFFFFFFu;
            found = max(found, bits * uvec4(lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(channels))));
        }
    return max(max(found.x, found.y), max(found.z, found.w));
}
