// The cells that fire in a step, as pick.comp lists them for step.comp. There are two turns, one of which is made
// ready while the other is in use: x, y and z are the groups that step.comp needs, w the length of the list.
layout(std430, binding = 8) LISTED_ACCESS buffer Listed {
    uvec4 turns[2];
    uint listed[]; // column + 65536 * row of each
};

uniform int turn; // the one in use
