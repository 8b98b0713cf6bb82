// Rate, scale, angle in degrees and model of each cell (ncaengine/core/fields.py). Beyond the image its
// edge goes on, so that a small one serves for defaults.
layout(binding = 3, rgba32f) readonly uniform image2D fields;

uniform float fire_rate;     // that of fire_threshold, for cells of another rate than 1
uniform int models;          // of the grid; cells of a higher number run the last
uniform int slot;            // the number of this one

vec4 field_of(ivec2 cell) { return imageLoad(fields, min(cell, imageSize(fields) - 1)); }

// Whether a cell of these fields runs this model.
bool ours(vec4 field) { return clamp(int(field.w + 0.5), 0, models - 1) == slot; }
