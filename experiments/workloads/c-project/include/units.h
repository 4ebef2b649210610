#ifndef UNITS_H
#define UNITS_H

#include "pocket.h"
#include "text.h"

/* One line of data/units.txt. The table itself is in unit_table.h, which tools/mkunits.c writes. */
typedef struct {
    const char *name;
    double factor; /* how many base units it is */
    Dimension dimension;
    const char *meaning;
} Unit;

/* The unit of that name, or NULL. */
const Unit *unit_find(Text name);

#endif
