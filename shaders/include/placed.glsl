// A place at most one cell beyond a lattice of a size brought back into it: wrapped on the torus (TORUS), which
// closes over its top edge with a shift of `shift` columns, 0 ... width - 1; else held at the edge.
ivec2 placed(ivec2 cell, ivec2 size, int shift) {
#ifdef TORUS
    cell.x += cell.y < 0 ? -shift : cell.y >= size.y ? shift : 0;
    cell.y += cell.y < 0 ? size.y : cell.y >= size.y ? -size.y : 0;
    cell.x += cell.x < 0 ? size.x : 0;
    cell.x -= cell.x >= size.x ? size.x : 0;
    return cell;
#else
    return clamp(cell, ivec2(0), size - 1);
#endif
}
