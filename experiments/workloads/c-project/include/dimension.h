#ifndef DIMENSION_H
#define DIMENSION_H

#include "pocket.h"
#include "text.h"

bool dimension_equal(Dimension a, Dimension b);
bool dimension_none(Dimension a); /* a plain number */
Dimension dimension_times(Dimension a, Dimension b);
Dimension dimension_power(Dimension a, int exponent);

/* The square root, where there is one: lengths have none, areas do. */
bool dimension_root(Dimension a, Dimension *root);

/* Writes `m s^-2`. */
void dimension_write(Dimension a, Buffer *buffer);

#endif
