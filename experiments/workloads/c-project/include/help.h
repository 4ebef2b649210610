#ifndef HELP_H
#define HELP_H

#include <stdio.h>

#include "pocket.h"

/* Lists every unit, one a line. */
void help_units(FILE *output);

#endif
