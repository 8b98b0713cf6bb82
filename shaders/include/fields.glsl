// (height, width) vec4: rate, scale, angle in degrees and model of each cell (ncaengine/core/fields.py). Cells beyond the
// image take its edge, so a small image can hold the defaults.
READS_2D(3, rgba32f, fields);

uniform float fire_rate;  // 0 to 1, for cells whose rate is not 1; others compare with fire_threshold
uniform int model_count;  // models of the grid; cells with a larger number run the last
uniform int slot;         // the number of this model

vec4 field_of(ivec2 cell) { return LOAD_2D(fields, min(cell, SIZE_2D(fields) - 1)); }

// Whether a cell with these fields runs this model.
bool runs_this_model(vec4 field) { return clamp(int(field.w + 0.5), 0, model_count - 1) == slot; }
