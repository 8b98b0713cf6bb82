// floor(a / b) by float division, then corrected: integer division is slow on llvmpipe.
#ifndef FLOOR_DIV
#define FLOOR_DIV
int floor_div(int a, int b) {
    int q = int(floor(float(a) / float(b)));
    int r = a - q * b;
    return q + (r < 0 ? -1 : r >= b ? 1 : 0);
}
#endif
