/* Finds a unit by its name: the generated table is sorted, so halving it is enough. */
#include "units.h"

#include "unit_table.h"

const Unit *unit_find(Text name)
{
    size_t low = 0, high = UNIT_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = text_compare(name, unit_table[middle].name);
        if (order == 0)
            return &unit_table[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
