/* The `:units` command: the generated table, for people. */
#include "help.h"

#include "dimension.h"
#include "units.h"

#include "unit_table.h"

void help_units(FILE *output)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        const Unit *unit = &unit_table[i];
        Buffer base;
        buffer_clear(&base);
        dimension_write(unit->dimension, &base);
        fprintf(output, "%-8s %.*g %s (%s)\n", unit->name, POCKET_DIGITS, unit->factor, base.bytes, unit->meaning);
    }
}
