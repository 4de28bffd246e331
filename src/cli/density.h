/* density.h - how dense points lie, on a grid. */
#ifndef CLI_DENSITY_H
#define CLI_DENSITY_H

#include "cli/cli.h"

/* A kernel density estimate of points xy [n][2] in the cells of a grid whose edges are low and high: cells
   [height][width], whatever they held. As wide a Gaussian as predicts left-out points well (likelihood
   cross-validation: Habbema, Hermans & van den Broek 1974; Duin, IEEE Trans. Comput. 25, 1976). */
void density_estimate(const double *xy, size_t n, const double low[2], const double high[2], size_t width,
                      size_t height, double *cells);

#endif
