// The cells that fire in a step, which pick.comp lists for step.glsl. Of the two turns one is in use; the other is reset
// meanwhile.
layout(std430, binding = 8) LISTED_ACCESS buffer Listed {
    uvec4 turns[2]; // x, y, z: the workgroups that step.glsl needs; w: the length of the list
    uint listed[];  // column + 65536 * row of each cell
};

uniform int turn; // the one in use
