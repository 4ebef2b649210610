/* Arithmetic with what is measured: to multiply quantities is to add their exponents. */
#include "dimension.h"

bool dimension_equal(Dimension a, Dimension b)
{
    for (int base = 0; base < BASE_COUNT; base++)
        if (a.exponent[base] != b.exponent[base])
            return false;
    return true;
}

bool dimension_none(Dimension a)
{
    return dimension_equal(a, (Dimension){{0}});
}

Dimension dimension_times(Dimension a, Dimension b)
{
    for (int base = 0; base < BASE_COUNT; base++)
        a.exponent[base] += b.exponent[base];
    return a;
}

Dimension dimension_power(Dimension a, int exponent)
{
    for (int base = 0; base < BASE_COUNT; base++)
        a.exponent[base] *= exponent;
    return a;
}

bool dimension_root(Dimension a, Dimension *root)
{
    for (int base = 0; base < BASE_COUNT; base++) {
        if (a.exponent[base] % 2 != 0)
            return false;
        root->exponent[base] = a.exponent[base] / 2;
    }
    return true;
}

void dimension_write(Dimension a, Buffer *buffer)
{
    static const char *const symbol[BASE_COUNT] = {"m", "kg", "s", "B"};
    const char *between = "";
    for (int base = 0; base < BASE_COUNT; base++) {
        if (a.exponent[base] == 0)
            continue;
        buffer_add(buffer, between);
        buffer_add(buffer, symbol[base]);
        if (a.exponent[base] != 1) {
            buffer_add(buffer, "^");
            buffer_add_int(buffer, a.exponent[base]);
        }
        between = " ";
    }
}
